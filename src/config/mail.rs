//! The settings of mail: the mail server and the sender.
//!
//! Owns the forms of the URL and of the sender. Connects to nothing and creates nothing.

use std::fmt;
use std::path::PathBuf;

use url::{Host, Url};

use super::errors::Wrong;
use super::reader::Reader;
use super::settings as s;
use crate::base::Secret;
use crate::domain::email_address::EmailAddress;
use crate::domain::user::is_display_name;

const URL_FORMS: &str = "Type smtps://USER@HOST:465, smtp://USER@HOST:587 (STARTTLS), \
                         smtp://localhost:25?tls=none, or file:/DIRECTORY";
const FROM_FORMS: &str =
    "Type an address such as signet@example.com, or a name with one: Example <signet@example.com>";
/// The port of SMTP with implicit TLS (RFC 8314 §3.3).
const SUBMISSIONS: u16 = 465;
/// The port of SMTP with STARTTLS (RFC 6409 §3.1).
const SUBMISSION: u16 = 587;
/// The port of SMTP between servers (RFC 5321 §4.5.4.2).
const RELAY: u16 = 25;

/// How mail leaves the server.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// The route of mail.
    pub route: MailRoute,
    /// The name and the address in `From`.
    pub from: MailFrom,
}

/// The route of mail.
#[derive(Debug, Clone)]
pub enum MailRoute {
    /// To an SMTP server that delivers it.
    Smtp(SmtpServer),
    /// To a directory, one file for each mail.
    Files(PathBuf),
}

/// An SMTP server.
#[derive(Debug, Clone)]
pub struct SmtpServer {
    /// A domain name or an IP address, without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: SmtpTls,
    /// The user to authenticate as, and the password.
    pub login: Option<(String, Secret<String>)>,
}

/// How the connection to an SMTP server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// With TLS from the beginning (RFC 8314 §3.3).
    Implicit,
    /// With STARTTLS (RFC 3207), without which nothing is sent.
    StartTls,
    /// Not encrypted, within this machine only.
    None,
}

/// The sender of mail.
#[derive(Clone, PartialEq, Eq)]
pub struct MailFrom {
    /// The name that is shown.
    pub name: Option<String>,
    /// The address in the `From` header.
    pub address: EmailAddress,
}

impl MailSettings {
    /// Mail of a demo: written to a directory, never delivered.
    #[must_use]
    pub fn to_files(directory: PathBuf) -> Self {
        let address = EmailAddress::localhost();
        Self { route: MailRoute::Files(directory), from: MailFrom { name: None, address } }
    }
}

impl fmt::Display for MailRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(directory) => write!(f, "files in {}", directory.display()),
            Self::Smtp(server) => server.fmt(f),
        }
    }
}

impl fmt::Display for SmtpServer {
    /// The user is not shown: some providers use a secret as the name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, how) = match self.tls {
            SmtpTls::Implicit => ("smtps", "TLS"),
            SmtpTls::StartTls => ("smtp", "STARTTLS"),
            SmtpTls::None => ("smtp", "not encrypted"),
        };
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let login = if self.login.is_some() { "with" } else { "without" };
        write!(f, "{scheme}://{host}:{} ({how}, {login} authentication)", self.port)
    }
}

impl fmt::Display for MailFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} <{}>", self.address.delivery()),
            None => f.write_str(self.address.delivery()),
        }
    }
}

impl fmt::Debug for MailFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The settings of mail; `None` if it is off. The reader records mistakes.
pub(super) fn read(read: &mut Reader<'_>) -> Option<MailSettings> {
    let url = read.typed(&s::SMTP_URL, route);
    let password = read.typed(&s::SMTP_PASSWORD, |text| Ok(Secret::new(text.to_owned())));
    let from = read.typed(&s::MAIL_FROM, from);
    if let Some(from) = &from {
        read.show(&s::MAIL_FROM, from.to_string());
    }
    let has_user = url.as_ref().is_some_and(|(_, user)| user.is_some());
    read.require(
        &[&s::SMTP_PASSWORD, &s::SMTP_URL],
        has_user || password.is_none(),
        "there is a password but no user",
        format!("Type the user in {}: smtps://USER@HOST", s::SMTP_URL.name),
    );
    read.require(
        &[&s::SMTP_PASSWORD, &s::SMTP_URL],
        !has_user || password.is_some(),
        "there is a user but no password",
        format!("Type the password in {}", s::SMTP_PASSWORD.name),
    );
    let ((mut route, user), from) = read.together((&s::SMTP_URL, url), (&s::MAIL_FROM, from))?;
    if let MailRoute::Smtp(server) = &mut route {
        server.login = user.zip(password);
    }
    Some(MailSettings { route, from })
}

/// The route, and the user to authenticate as.
fn route(text: &str) -> Result<(MailRoute, Option<String>), Wrong> {
    let wrong = |because: &str| Err(Wrong::new(because, URL_FORMS));
    if let Some(path) = text.strip_prefix("file:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return match path.strip_prefix('/') {
            Some(rest) if !rest.is_empty() => Ok((MailRoute::Files(PathBuf::from(path)), None)),
            _ => wrong("is not file: with the absolute path of a directory"),
        };
    }
    let Ok(url) = Url::parse(text) else { return wrong("is not a URL") };
    let encrypted = match url.scheme() {
        "smtps" => SmtpTls::Implicit,
        "smtp" => SmtpTls::StartTls,
        _ => return wrong("starts with neither smtps://, smtp:// nor file:/"),
    };
    if url.password().is_some() {
        return Err(Wrong::new(
            "contains a password",
            format!("Type the password in {} and only the user here", s::SMTP_PASSWORD.name),
        ));
    }
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return wrong("has characters after the port");
    }
    // The parser does not normalise the host of a URL with another scheme than http.
    let host = url.host_str().unwrap_or_default();
    let Ok(host) = Host::parse(host) else { return wrong("has no valid host") };
    let tls = match url.query() {
        None => encrypted,
        Some("tls=none") if encrypted == SmtpTls::StartTls => SmtpTls::None,
        Some(_) => return wrong("has a parameter other than ?tls=none"),
    };
    if tls == SmtpTls::None && !is_loopback(&host) {
        return Err(Wrong::new(
            "sends mail unencrypted to another machine",
            "Leave ?tls=none out (STARTTLS is then required), or type smtps://; \
             only localhost, 127.0.0.0/8 and [::1] may be unencrypted",
        ));
    }
    let port = url.port().unwrap_or(match tls {
        SmtpTls::Implicit => SUBMISSIONS,
        SmtpTls::StartTls => SUBMISSION,
        SmtpTls::None => RELAY,
    });
    let Some(user) = percent_decoded(url.username()) else {
        return wrong("has a user that is not UTF-8 or has control characters");
    };
    let host = host.to_string().trim_matches(['[', ']']).to_owned();
    let server = SmtpServer { host, port, tls, login: None };
    Ok((MailRoute::Smtp(server), Some(user).filter(|user| !user.is_empty())))
}

fn is_loopback(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// The decoded user of a URL. `None` if it is not UTF-8 or has control characters.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte.filter(|_| first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    let decoded = String::from_utf8(bytes).ok()?;
    (!decoded.chars().any(char::is_control)).then_some(decoded)
}

fn from(text: &str) -> Result<MailFrom, Wrong> {
    let wrong = |because: &str| Wrong::new(because, FROM_FORMS);
    let (name, address) = match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((name, address)) => (name.trim_matches(' '), address),
        None => ("", text),
    };
    let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
    // A line break in the name would begin another header field.
    if !name.is_empty() && !is_display_name(name) {
        return Err(wrong("has a name that is too long or not printable"));
    }
    let address = EmailAddress::parse(address).map_err(|_| wrong("has no valid e-mail address"))?;
    Ok(MailFrom { name: Some(name.to_owned()).filter(|name| !name.is_empty()), address })
}

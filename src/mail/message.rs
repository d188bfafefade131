//! The form of a message: headers, parts and envelope.
//!
//! Owns every header field. The only user input in them is the recipient, a checked address.

use std::time::{Duration, SystemTime};

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, MultiPartKind, SinglePart};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message as Letter};
use url::{Host, Url};

use super::texts::Texts;
use super::{Draft, Mailer};
use crate::base::Timestamp;
use crate::base::id::MailId;
use crate::domain::email_address::EmailAddress;
use crate::domain::outcome::Fault;

/// A message with its envelope.
pub struct Message {
    /// The id of its mail.
    pub(super) id: MailId,
    /// The sender in the envelope, to which bounces go.
    pub(super) from: Address,
    /// The recipient.
    pub(super) to: Address,
    /// The message (RFC 5322): ASCII, lines that end with CR LF.
    pub(super) bytes: Vec<u8>,
}

/// The host of the issuer in the form of EHLO: a domain or an address literal (RFC 5321 §4.1.3).
pub(super) fn host_of(issuer: &str) -> ClientId {
    match Url::parse(issuer).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(domain)) => ClientId::Domain(domain.to_owned()),
        Some(Host::Ipv4(address)) => ClientId::Ipv4(address),
        Some(Host::Ipv6(address)) => ClientId::Ipv6(address),
        None => ClientId::Domain("localhost".to_owned()),
    }
}

/// The message with these texts. Its Message-ID is derived from the id of the mail, so that a mail that is sent
/// twice is one message.
pub(super) fn compose(
    mailer: &Mailer,
    draft: &Draft<'_>,
    texts: Texts,
    now: Timestamp,
) -> Result<Message, Fault> {
    let (from, to) = (address(&mailer.from.address)?, address(draft.to)?);
    let since_epoch = Duration::from_secs(u64::try_from(now.secs()).unwrap_or(0));
    let parts = MultiPart::builder()
        .kind(MultiPartKind::Alternative)
        .boundary(format!("signet-{}", draft.id))
        .singlepart(SinglePart::plain(texts.text))
        .singlepart(SinglePart::html(texts.html));
    let letter = Letter::builder()
        .from(Mailbox::new(mailer.from.name.clone(), from.clone()))
        .to(Mailbox::new(None, to.clone()))
        .subject(texts.subject)
        .date(SystemTime::UNIX_EPOCH + since_epoch)
        .message_id(Some(format!("<{}@{}>", draft.id, mailer.host)))
        // Prevents automatic replies (RFC 3834 §5).
        .raw_header(field("Auto-Submitted", "auto-generated"))
        // RFC 3282.
        .raw_header(field("Content-Language", draft.locale.lang()))
        .multipart(parts)
        .map_err(|error| Fault::internal("composing a mail").with_source(error))?;
    Ok(Message { id: draft.id, from, to, bytes: letter.formatted() })
}

fn field(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn address(address: &EmailAddress) -> Result<Address, Fault> {
    let (local, domain) = address.delivery().rsplit_once('@').unwrap_or_default();
    Address::new(local, domain)
        .map_err(|error| Fault::internal("addressing a mail").with_source(error))
}

//! How a delivery fails.
//!
//! Owns the stages of a delivery and which failures are permanent: a mail is abandoned at once only if the server
//! refused this mail. A server that refuses the connection or the authentication refuses every mail, until an
//! operator repairs it.

use std::error::Error;
use std::fmt;
use std::io;

use lettre::transport::smtp::Error as SmtpError;

use crate::text_enum;

text_enum! {
    /// The stages of a delivery.
    pub enum Stage {
        /// The name of the server is resolved.
        Resolve = "name_lookup",
        /// A connection is established.
        Connect = "connection",
        /// The server greets and answers EHLO (RFC 5321 §3.1).
        Greeting = "greeting",
        /// The connection is encrypted.
        Tls = "tls",
        /// The client authenticates (RFC 4954).
        Authenticate = "authentication",
        /// The server accepts the sender (`MAIL FROM`).
        Sender = "sender",
        /// The server accepts the recipient (`RCPT TO`).
        Recipient = "recipient",
        /// The server accepts the message (`DATA`), or its file is written.
        Message = "message",
    }
}

/// Why a mail was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendError {
    /// The stage that failed.
    pub stage: Stage,
    /// The reply code of the server (RFC 5321 §4.2).
    pub code: Option<u16>,
    /// Its enhanced status code (RFC 3463).
    pub enhanced: Option<String>,
    /// The cause. It may contain the text of the server, which may repeat the recipient: not for logs.
    pub text: String,
    /// Whether an operator must change something before a retry can succeed.
    pub needs_operator: bool,
}

impl SendError {
    /// A failure without a reply of the server.
    pub(super) fn local(stage: Stage, text: impl Into<String>) -> Self {
        let (code, enhanced) = (None, None);
        Self { stage, code, enhanced, text: text.into(), needs_operator: false }
    }

    /// The same, but a retry alone cannot succeed.
    pub(super) fn needs_operator(mut self) -> Self {
        self.needs_operator = true;
        self
    }

    /// A failure that the SMTP library reports.
    pub(super) fn of(stage: Stage, error: &SmtpError) -> Self {
        let code = error.status().map(u16::from);
        let text = innermost(error);
        let enhanced = code.and_then(|code| enhanced_code(code, &text));
        let tls_fault = tls_fault(error);
        let stage = match (stage, tls_fault) {
            // The library connects, encrypts and greets in one call.
            (Stage::Connect, Some(_)) => Stage::Tls,
            (Stage::Connect, None) if code.is_some() || error.is_response() => Stage::Greeting,
            _ => stage,
        };
        let invalid_tls = stage == Stage::Tls && tls_fault == Some(TlsFault::Invalid);
        let needs_operator = error.is_permanent() || error.is_client() || invalid_tls;
        Self { stage, code, enhanced, text, needs_operator }
    }

    /// Whether the server refused this mail permanently.
    #[must_use]
    pub fn is_final(&self) -> bool {
        let of_mail = matches!(self.stage, Stage::Sender | Stage::Recipient | Stage::Message);
        of_mail && self.code.is_some_and(|code| (500..600).contains(&code))
    }

    /// The failure without any text of the server: `recipient 550 5.1.1`.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut summary = self.stage.to_string();
        match (self.code, &self.enhanced) {
            (Some(code), Some(enhanced)) => summary.push_str(&format!(" {code} {enhanced}")),
            (Some(code), None) => summary.push_str(&format!(" {code}")),
            (None, _) => summary.push_str(&format!(": {}", self.text)),
        }
        summary
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "{code} {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// The text of the last error in the chain: those before it only name the library.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Why a TLS handshake failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TlsFault {
    /// The certificate, or the server does not speak TLS.
    Invalid,
    /// The server closed the connection.
    Ended,
}

/// The error of the TLS library, if it is among the causes. An I/O error hides its inner error.
fn tls_fault(error: &(dyn Error + 'static)) -> Option<TlsFault> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let wrapper = error.downcast_ref::<io::Error>();
        let inner = wrapper.and_then(io::Error::get_ref);
        if error.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return Some(TlsFault::Invalid);
        }
        if wrapper.is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof) {
            return Some(TlsFault::Ended);
        }
        cause = error.source();
    }
    None
}

/// The enhanced status code at the start of a reply's text. Its class must be that of the reply code (RFC 2034 §4).
fn enhanced_code(code: u16, text: &str) -> Option<String> {
    let word = text.split_ascii_whitespace().next()?;
    let parts: Vec<&str> = word.split('.').collect();
    let digits = |part: &&str| {
        (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let fits = parts.len() == 3
        && parts.iter().all(digits)
        && parts.first().is_some_and(|class| *class == (code / 100).to_string());
    fits.then(|| word.to_owned())
}

#[cfg(test)]
#[path = "outcome_tests.rs"]
mod tests;

//! E-mail addresses: login names that can receive mail.
//!
//! Owns which texts are addresses, how two are compared (`key`) and the form for the SMTP envelope and the `To`
//! field (`delivery`).

use std::fmt;

use super::login_name::{LoginName, LoginNameError};
use super::outcome::Fault;
use crate::text_enum;

text_enum! {
    /// Why a text is not an address that mail can be sent to.
    pub enum EmailAddressError {
        /// Empty, apart from outer spaces.
        Empty = "empty",
        /// The text breaks a rule of login names, or has no `@`.
        Invalid = "email_invalid",
        /// The local part has characters beyond ASCII. Every server on the way would have to support
        /// SMTPUTF8 (RFC 6531).
        Unsupported = "email_unsupported",
    }
}

impl EmailAddressError {
    /// The stable code of this refusal, for answers and tests.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.as_str()
    }

    /// An English sentence about what to change. It never quotes the text.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Empty => "Enter an e-mail address.",
            Self::Invalid => "This is not a valid e-mail address. Example: ada@example.com.",
            Self::Unsupported => {
                "Messages can only be sent to addresses with ASCII characters before the @ sign."
            }
        }
    }
}

impl std::error::Error for EmailAddressError {}

/// An e-mail address that mail can be sent to.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailAddress {
    delivery: String,
    key: String,
}

impl EmailAddress {
    /// Parses typed text: a [`LoginName`] with an `@`.
    ///
    /// # Errors
    /// An [`EmailAddressError`], which does not quote the text.
    pub fn parse(raw: &str) -> Result<Self, EmailAddressError> {
        let login = LoginName::parse(raw).map_err(|error| match error {
            LoginNameError::Empty => EmailAddressError::Empty,
            _ => EmailAddressError::Invalid,
        })?;
        let local = login.local_part().ok_or(EmailAddressError::Invalid)?;
        // Behind the `@` of the normal form: the domain in lower-case A-labels.
        let domain = login.key().get(local.len()..).ok_or(EmailAddressError::Invalid)?;
        // The `@` may have been typed in its wide form. Before it only ASCII is delivered, so that the
        // rules of login names leave a dot-atom (RFC 5322 §3.2.3).
        let typed = login.raw().split(['@', '\u{ff20}']).next().unwrap_or_default();
        if !typed.is_ascii() {
            return Err(EmailAddressError::Unsupported);
        }
        Ok(Self { delivery: format!("{typed}{domain}"), key: login.key().to_owned() })
    }

    /// An address as it was stored.
    ///
    /// # Errors
    /// When it is invalid.
    pub fn stored(address: &str) -> Result<Self, Fault> {
        Self::parse(address).map_err(|_| Fault::internal("a stored e-mail address is invalid"))
    }

    /// The sender of a server that sends no mail beyond this machine.
    #[must_use]
    pub fn localhost() -> Self {
        let address = "signet@localhost".to_owned();
        Self { key: address.clone(), delivery: address }
    }

    /// The address for delivery: the local part as typed, because only its host may ignore case (RFC 5321 §2.4),
    /// and the domain in A-labels.
    #[must_use]
    pub fn delivery(&self) -> &str {
        &self.delivery
    }

    /// The normal form: equal for two spellings of one address. Dots and plus tags stay.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The domain, in lower-case A-labels.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.key.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl fmt::Debug for EmailAddress {
    // Debug output may end up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress([..])")
    }
}

#[cfg(test)]
#[path = "email_address_tests.rs"]
mod tests;

//! The e-mail address of a user: verified or not, and its changes.
//!
//! Owns the disclosure of an address and the changes by administrators. The form of addresses is in
//! `email_address`; storage ensures that only one user owns an address.

use crate::base::Timestamp;

use super::email_address::{EmailAddress, EmailAddressError};

/// The address of a user, as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct UserEmail {
    /// The address as typed, or in its delivery form if characters beyond ASCII were typed.
    pub address: String,
    /// When it was verified, if it is.
    pub verified_at: Option<Timestamp>,
}

impl std::fmt::Debug for UserEmail {
    // Debug output may end up in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserEmail").field("verified_at", &self.verified_at).finish_non_exhaustive()
    }
}

impl UserEmail {
    /// The address if it is verified. No other may be disclosed to clients, because they link accounts by it and
    /// many ignore `email_verified`.
    #[must_use]
    pub fn verified(&self) -> Option<&str> {
        self.verified_at.map(|_| self.address.as_str())
    }
}

/// An address to be stored.
#[derive(Clone, PartialEq, Eq)]
pub struct NewEmail {
    /// As in [`UserEmail::address`].
    pub address: String,
    /// The normal form.
    pub key: String,
    /// As in [`UserEmail::verified_at`].
    pub verified_at: Option<Timestamp>,
}

impl NewEmail {
    /// Reads an address that is not verified yet.
    ///
    /// # Errors
    /// When mail cannot be sent to it.
    pub fn parse(raw: &str) -> Result<Self, EmailAddressError> {
        let parsed = EmailAddress::parse(raw)?;
        let typed = raw.trim_matches(' ');
        let address = if typed.is_ascii() { typed } else { parsed.delivery() };
        Ok(Self { address: address.to_owned(), key: parsed.key().to_owned(), verified_at: None })
    }
}

/// A change of address; `None` keeps the present value.
#[derive(Clone, Default)]
pub struct EmailChange {
    /// The address as typed, or no address.
    pub address: Option<Option<String>>,
    /// Whether the address is verified.
    pub verified: Option<bool>,
}

/// Why a change is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailChangeError {
    /// Mail cannot be sent to the address.
    Address(EmailAddressError),
    /// There is no address to verify.
    NoAddress,
}

impl EmailChangeError {
    /// The field at fault, by its name on the wire.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Address(_) => "email",
            Self::NoAddress => "email_verified",
        }
    }

    /// A stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Address(error) => error.code(),
            Self::NoAddress => "no_address",
        }
    }

    /// The error message.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Address(error) => error.message(),
            Self::NoAddress => "The user has no e-mail address to verify. Set email.",
        }
    }
}

impl EmailChange {
    /// Whether the change is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.address.is_none() && self.verified.is_none()
    }

    /// The change without values that are already stored. A verification together with another address is
    /// kept, because it verifies the new one.
    #[must_use]
    pub fn without_unchanged(mut self, current: Option<&UserEmail>) -> Self {
        let stored = current.map(|email| &email.address);
        self.address = self.address.filter(|address| address.as_ref() != stored);
        if self.address.is_none() {
            let is_verified = current.is_some_and(|email| email.verified_at.is_some());
            self.verified = self.verified.filter(|verified| *verified != is_verified);
        }
        self
    }

    /// The address after the change. Another address is unverified unless the change verifies it; another spelling
    /// of the same address keeps its state.
    ///
    /// # Errors
    /// When mail cannot be sent to the address, or there is none to verify.
    pub fn applied_to(
        &self,
        current: Option<&UserEmail>,
        now: Timestamp,
    ) -> Result<Option<NewEmail>, EmailChangeError> {
        let typed = match &self.address {
            Some(typed) => typed.as_deref(),
            None => current.map(|email| &*email.address),
        };
        let Some(typed) = typed else {
            return match self.verified {
                Some(true) => Err(EmailChangeError::NoAddress),
                _ => Ok(None),
            };
        };
        let new = NewEmail::parse(typed).map_err(EmailChangeError::Address)?;
        let is_same = |email: &&UserEmail| {
            EmailAddress::parse(&email.address).is_ok_and(|stored| stored.key() == new.key)
        };
        let verified_before = current.filter(is_same).and_then(|email| email.verified_at);
        let verified_at = match self.verified {
            Some(true) => verified_before.or(Some(now)),
            Some(false) => None,
            None => verified_before,
        };
        Ok(Some(NewEmail { verified_at, ..new }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: Timestamp = Timestamp::from_secs(1);
    const NOW: Timestamp = Timestamp::from_secs(2);

    fn stored(address: &str, verified_at: Option<Timestamp>) -> UserEmail {
        UserEmail { address: address.to_owned(), verified_at }
    }

    fn change(address: Option<Option<&str>>, verified: Option<bool>) -> EmailChange {
        EmailChange { address: address.map(|typed| typed.map(str::to_owned)), verified }
    }

    /// The new address and the time of its verification.
    fn after(
        current: Option<&UserEmail>,
        change: &EmailChange,
    ) -> Option<(String, Option<Timestamp>)> {
        let new = change.applied_to(current, NOW).unwrap();
        new.map(|email| (email.address, email.verified_at))
    }

    #[test]
    fn another_address_is_verified_only_where_the_change_says_so() {
        let verified = stored("ada@x.org", Some(THEN));
        for (current, address, said, expected) in [
            (None, "ada@y.org", None, None),
            (None, "ada@y.org", Some(true), Some(NOW)),
            (Some(&verified), "ada@y.org", None, None),
            (Some(&verified), "ada@y.org", Some(true), Some(NOW)),
            (Some(&verified), "Ada@X.org", None, Some(THEN)),
            (Some(&verified), "Ada@X.org", Some(true), Some(THEN)),
            (Some(&verified), "Ada@X.org", Some(false), None),
        ] {
            let got = after(current, &change(Some(Some(address)), said));
            assert_eq!(got, Some((address.to_owned(), expected)), "{address} {said:?}");
        }
        assert_eq!(after(Some(&verified), &change(Some(None), Some(false))), None);
    }

    #[test]
    fn an_address_is_needed_to_verify_one() {
        for current in [None, Some(&stored("ada@x.org", Some(THEN)))] {
            let error = change(Some(None), Some(true)).applied_to(current, NOW).err();
            assert_eq!(error, Some(EmailChangeError::NoAddress));
        }
        let unsupported = stored("é@x.org", None);
        let error = change(None, Some(true)).applied_to(Some(&unsupported), NOW).err();
        assert_eq!(error, Some(EmailChangeError::Address(EmailAddressError::Unsupported)));
    }

    #[test]
    fn stored_values_are_no_change() {
        let unverified = stored("é@x.org", None);
        let same = change(Some(Some("é@x.org")), Some(false)).without_unchanged(Some(&unverified));
        assert!(same.is_empty());
        assert!(change(Some(None), Some(false)).without_unchanged(None).is_empty());
        let verified = stored("ada@x.org", Some(THEN));
        let moved = change(Some(Some("ada@y.org")), Some(true)).without_unchanged(Some(&verified));
        assert_eq!(moved.verified, Some(true), "it is about the other address");
    }

    #[test]
    fn an_address_beyond_ascii_is_stored_in_the_form_that_mail_is_sent_to() {
        for (typed, address, key) in [
            (" Ada@Example.COM ", "Ada@Example.COM", "ada@example.com"),
            ("Ada\u{ff20}x.org", "Ada@x.org", "ada@x.org"),
            ("Ada@b\u{fc}cher.example", "Ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ] {
            let new = NewEmail::parse(typed).unwrap();
            assert_eq!((&*new.address, &*new.key), (address, key), "{typed}");
        }
    }
}

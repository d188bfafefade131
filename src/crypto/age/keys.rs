//! Identities: the private keys that decrypt files.

use std::str::FromStr;

use aws_lc_rs::agreement::{PrivateKey, X25519};

use super::crypto;
use crate::domain::age_key::{NotAKey, Recipient, decode};

const IDENTITY: &str = "age-secret-key-";

/// The private key of a [`Recipient`]: `AGE-SECRET-KEY-1…`.
pub struct Identity {
    pub(super) key: PrivateKey,
    pub(super) recipient: Recipient,
}

impl FromStr for Identity {
    type Err = NotAKey;
    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let expected = "an age identity (AGE-SECRET-KEY-1 and 58 characters) is expected";
        let bytes = decode(text, IDENTITY, expected)?;
        let key = PrivateKey::from_private_key(&X25519, &*bytes).map_err(|_| NotAKey(expected))?;
        let public = key.compute_public_key().map_err(|_| NotAKey(expected))?;
        let recipient = <[u8; 32]>::try_from(public.as_ref()).map_err(|_| NotAKey(expected))?;
        Ok(Self { key, recipient: Recipient::new(recipient) })
    }
}

impl Identity {
    /// Reads the identity from a file as `age-keygen` writes it: one key, besides comments and empty lines.
    ///
    /// # Errors
    /// If it contains no key, more than one, or anything else.
    pub fn from_file(text: &str) -> Result<Self, NotAKey> {
        let is_key = |line: &&str| !line.is_empty() && !line.starts_with('#');
        let mut keys = text.lines().map(str::trim).filter(is_key);
        match (keys.next(), keys.next()) {
            (Some(key), None) => key.parse(),
            (None, _) => Err(NotAKey("the file holds no identity (AGE-SECRET-KEY-1…)")),
            _ => Err(NotAKey("the file holds more than one identity: name a file with one")),
        }
    }

    /// The public half.
    #[must_use]
    pub const fn recipient(&self) -> Recipient {
        self.recipient
    }
}

/// A single-use key.
pub(super) fn ephemeral() -> std::io::Result<PrivateKey> {
    PrivateKey::generate(&X25519).map_err(crypto)
}

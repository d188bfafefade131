//! Keys of the age file format as text: X25519 keys in Bech32 (C2SP `age.md`).

use std::fmt;
use std::str::FromStr;

use bech32::{Bech32, Hrp};
use zeroize::Zeroizing;

const RECIPIENT: &str = "age";

/// A public key to which backups are encrypted: `age1…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipient([u8; 32]);

/// The text is not a key of this kind; contains the expected form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAKey(pub &'static str);

impl fmt::Display for NotAKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Decodes a key of 32 bytes with this human-readable prefix, in lower case.
///
/// # Errors
/// `expected`, for any other text.
pub fn decode(
    text: &str,
    prefix: &str,
    expected: &'static str,
) -> Result<Zeroizing<[u8; 32]>, NotAKey> {
    let (found, bytes) = bech32::decode(text).map_err(|_| NotAKey(expected))?;
    let bytes = Zeroizing::new(bytes);
    let key = <[u8; 32]>::try_from(bytes.as_slice()).map(Zeroizing::new);
    let key = key.map_err(|_| NotAKey(expected))?;
    // The decoder also accepts the checksum of Bech32m, which age does not use: only with Bech32's does the key
    // encode to the same text again.
    let again = bech32::encode_lower::<Bech32>(found, &*key).map(Zeroizing::new);
    let is_bech32 = again.is_ok_and(|again| again.eq_ignore_ascii_case(text));
    let is_wanted = found.to_lowercase() == prefix;
    if is_wanted && is_bech32 { Ok(key) } else { Err(NotAKey(expected)) }
}

impl Recipient {
    /// From the bytes of the key.
    #[must_use]
    pub const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The bytes of the key.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for Recipient {
    type Err = NotAKey;
    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let expected = "an age recipient (age1 and 58 characters) is expected";
        decode(text, RECIPIENT, expected).map(|key| Self(*key))
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = Hrp::parse(RECIPIENT).map_err(|_| fmt::Error)?;
        let text = bech32::encode::<Bech32>(prefix, &self.0).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

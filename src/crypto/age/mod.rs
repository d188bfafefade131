//! The age file format, version 1 (C2SP `age.md`), with X25519 recipients: the encryption of backups.
//!
//! Owns encryption and decryption, both compatible with other age programs. Recipients of other types in the
//! header of a file are skipped.

mod header;
mod keys;
mod payload;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, BufRead, Write};

use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

pub use keys::Identity;

use crate::domain::age_key::Recipient;

/// The key of one file: 16 random bytes, wrapped for each recipient.
type FileKey = Zeroizing<[u8; 16]>;

/// Why a file cannot be opened.
#[derive(Debug)]
pub enum OpenError {
    /// It does not begin like an age file.
    NotAge,
    /// It is encrypted for other recipients.
    OtherRecipients,
    /// It is truncated, altered or malformed; contains the part in which that was detected.
    Damaged(&'static str),
    /// It cannot be read, or the plain text cannot be written.
    Io(io::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAge => f.write_str("it is not an age file"),
            Self::OtherRecipients => {
                f.write_str("it is sealed for other recipients than this identity")
            }
            Self::Damaged(part) => write!(f, "its {part} is damaged or cut"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Whether a file begins like an age file.
#[must_use]
pub fn is_sealed(begin: &[u8]) -> bool {
    begin.starts_with(header::INTRO.as_bytes())
}

/// The number of bytes at the beginning of a file that [`is_sealed`] needs.
pub const INTRO_BYTES: usize = header::INTRO.len();

/// Encrypts all of `plain` for all of `recipients`.
///
/// # Errors
/// If reading or writing fails, or the crypto library.
pub fn seal(
    recipients: &[Recipient],
    plain: impl io::Read,
    mut sealed: impl Write,
) -> io::Result<()> {
    let mut key = FileKey::default();
    fill(&mut *key)?;
    sealed.write_all(header::write(recipients, &key)?.as_bytes())?;
    payload::seal(&key, plain, sealed)
}

/// Decrypts a file with `identity`. After an error, the output in `plain` must not be used: it may be truncated.
///
/// # Errors
/// See [`OpenError`].
pub fn open(
    identity: &Identity,
    mut sealed: impl BufRead,
    plain: impl Write,
) -> Result<(), OpenError> {
    let key = header::read(identity, &mut sealed)?;
    payload::open(&key, sealed, plain)
}

/// HKDF-SHA-256 (RFC 5869) with 32 bytes of output.
fn derive(salt: &[u8], secret: &[u8], info: &[u8]) -> io::Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(secret)
        .expand(&[info], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut *key))
        .map_err(crypto)?;
    Ok(key)
}

fn fill(bytes: &mut [u8]) -> io::Result<()> {
    aws_lc_rs::rand::fill(bytes).map_err(crypto)
}

/// An error of the crypto library, which has no text.
fn crypto(_: aws_lc_rs::error::Unspecified) -> io::Error {
    io::Error::other("the crypto library failed")
}

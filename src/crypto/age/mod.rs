//! The age file format, version 1 (C2SP `age.md`), with X25519 recipients: what backups are sealed in.
//!
//! Owns both directions. Any age program opens what is sealed here, and the other way round. Other kinds of
//! recipients in the header of a file are skipped.

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
    /// It does not begin as an age file does.
    NotAge,
    /// It is sealed for others.
    OtherRecipients,
    /// It was cut or changed, or is not of this format: at which part that was seen.
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

/// Whether a file begins as age files do.
#[must_use]
pub fn is_sealed(begin: &[u8]) -> bool {
    begin.starts_with(header::INTRO.as_bytes())
}

/// How many bytes at the beginning of a file [`is_sealed`] needs.
pub const INTRO_BYTES: usize = header::INTRO.len();

/// Seals everything that `plain` has for all of `recipients`.
///
/// # Errors
/// When reading or writing fails, or the crypto library does.
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

/// Opens what was sealed for `identity`. What is written to `plain` before an error must not be used: it may lack its
/// end.
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

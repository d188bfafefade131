//! Encryption at rest: everything secret in the database is sealed under the master key.
//!
//! Owns the sealed form: version 1 ‖ nonce 12 ‖ AES-256-GCM-SIV ciphertext and tag. The key is derived from the
//! master key with HKDF-SHA-256; the purpose of a value is its associated data, so that one value cannot be passed
//! off as another.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

use crate::base::Secret;
use crate::domain::outcome::Fault;

use super::fault;

const VERSION: u8 = 1;
const NONCE: usize = 12;

/// A key for sealing, derived from a master key.
pub struct SealKey {
    key: RandomizedNonceKey,
    pseudonyms: Zeroizing<[u8; 32]>,
}

/// The keys for sealing: one, or two while the master key is being replaced.
pub struct Seals {
    newest: SealKey,
    old: Option<SealKey>,
}

/// The value was sealed under another master key or for another purpose, or it is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CannotOpen;

impl SealKey {
    /// Derives the working keys from the 32-byte master key.
    ///
    /// # Errors
    /// Only when the crypto library fails.
    pub fn derive(master: &Secret<[u8; 32]>) -> Result<Self, Fault> {
        let seal = expand(master, b"signet/seal/v1")?;
        let pseudonyms = expand(master, b"signet/pseudonyms/v1")?;
        let key = RandomizedNonceKey::new(&AES_256_GCM_SIV, &*seal)
            .map_err(fault("deriving the sealing key"))?;
        Ok(Self { key, pseudonyms })
    }

    /// The key for pseudonyms in a database that has none yet.
    #[must_use]
    pub fn first_pseudonym_key(&self) -> &[u8; 32] {
        &self.pseudonyms
    }

    /// Seals `plain` for `purpose`.
    ///
    /// # Errors
    /// Only when the crypto library fails.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut body = plain.to_vec();
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(purpose.as_bytes()), &mut body)
            .map_err(fault("sealing a value"))?;
        let mut sealed = Vec::with_capacity(1 + NONCE + body.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    /// Opens what [`seal`](Self::seal) made for the same purpose.
    ///
    /// # Errors
    /// [`CannotOpen`], without a reason.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
        let (&version, rest) = sealed.split_first().ok_or(CannotOpen)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE>().ok_or(CannotOpen)?;
        if version != VERSION {
            return Err(CannotOpen);
        }
        let mut body = Zeroizing::new(body.to_vec());
        let length = self
            .key
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(purpose.as_bytes()),
                &mut body,
            )
            .map_err(|_| CannotOpen)?
            .len();
        body.truncate(length);
        Ok(body)
    }
}

impl Seals {
    /// The key in force, and the one that it replaces, if any.
    #[must_use]
    pub const fn new(newest: SealKey, old: Option<SealKey>) -> Self {
        Self { newest, old }
    }

    /// Opens a value sealed under either.
    ///
    /// # Errors
    /// [`CannotOpen`] as for one key.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
        let opened = self.newest.open(purpose, sealed);
        match &self.old {
            Some(old) => opened.or_else(|_| old.open(purpose, sealed)),
            None => opened,
        }
    }

    /// The newest.
    #[must_use]
    pub const fn newest(&self) -> &SealKey {
        &self.newest
    }

    /// The one it replaces.
    #[must_use]
    pub const fn old(&self) -> Option<&SealKey> {
        self.old.as_ref()
    }

    /// The key under which this value was sealed.
    #[must_use]
    pub fn of(&self, purpose: &str, sealed: &[u8]) -> Option<&SealKey> {
        let opens = |key: &&SealKey| key.open(purpose, sealed).is_ok();
        [Some(&self.newest), self.old.as_ref()].into_iter().flatten().find(opens)
    }
}

struct Length32;

impl hkdf::KeyType for Length32 {
    fn len(&self) -> usize {
        32
    }
}

fn expand(master: &Secret<[u8; 32]>, purpose: &[u8]) -> Result<Zeroizing<[u8; 32]>, Fault> {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"signet").extract(master.expose());
    let mut key = Zeroizing::new([0; 32]);
    prk.expand(&[purpose], Length32)
        .and_then(|okm| okm.fill(&mut *key))
        .map_err(fault("deriving a key from the master key"))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_with_the_same_key_and_purpose() {
        let one = SealKey::derive(&Secret::new([1; 32])).unwrap();
        let two = SealKey::derive(&Secret::new([2; 32])).unwrap();
        let sealed = one.seal("signing key k1", b"private").unwrap();
        assert_eq!(one.open("signing key k1", &sealed).unwrap().as_slice(), b"private");
        assert!(one.open("signing key k2", &sealed).is_err());
        assert!(two.open("signing key k1", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(one.open("signing key k1", &damaged).is_err(), "byte {at}");
        }
        for length in 0..sealed.len() {
            assert!(one.open("signing key k1", &sealed[..length]).is_err());
        }
        assert_ne!(sealed, one.seal("signing key k1", b"private").unwrap());
    }

    #[test]
    fn while_a_key_is_replaced_both_open() {
        let key = |byte| SealKey::derive(&Secret::new([byte; 32])).unwrap();
        let (one, two) = (key(1), key(2));
        let (by_one, by_two) = (one.seal("k", b"x").unwrap(), two.seal("k", b"x").unwrap());
        let both = Seals::new(key(2), Some(key(1)));
        for sealed in [&by_one, &by_two] {
            assert_eq!(both.open("k", sealed).unwrap().as_slice(), b"x");
            assert!(both.open("other", sealed).is_err());
        }
        assert!(std::ptr::eq(both.of("k", &by_two).unwrap(), both.newest()));
        assert!(std::ptr::eq(both.of("k", &by_one).unwrap(), both.old().unwrap()));
        let alone = Seals::new(key(2), None);
        assert!(alone.open("k", &by_one).is_err() && alone.of("k", &by_one).is_none());
    }
}

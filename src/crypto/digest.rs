//! Hashes and keyed hashes with one purpose each.
//!
//! Owns domain separation: every key is derived for its purpose, or every input begins with it.

use aws_lc_rs::{constant_time, digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::base::opaque_token::TokenHash;

/// SHA-256 of a high-entropy secret: the form in which it may be stored and looked up.
///
/// Only for secrets of 128 random bits and more; passwords go through `crypto::password`.
#[must_use]
pub fn token_hash(secret: &str) -> TokenHash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
    TokenHash::from_digest(hash)
}

/// SHA-256 of `bytes` in base64url, for entity tags and thumbprints.
#[must_use]
pub fn sha256_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, bytes))
}

/// `at_hash`: the left half of the SHA-256 hash of an access token in base64url (OpenID Connect Core §3.1.3.6).
#[must_use]
pub fn at_hash(token: &str) -> String {
    let hash = digest::digest(&digest::SHA256, token.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
}

/// Whether two byte strings are equal, in a time that depends on their lengths only.
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// The SHA-256 of data that is added in parts.
pub struct Sha256Sum(digest::Context);

impl Default for Sha256Sum {
    fn default() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }
}

impl Sha256Sum {
    /// Adds the next part.
    pub fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// The digest in hexadecimal.
    #[must_use]
    pub fn hex(self) -> String {
        self.0.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The digest of `bytes` alone.
    #[must_use]
    pub fn of(bytes: &[u8]) -> [u8; 32] {
        let mut sum = [0; 32];
        sum.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
        sum
    }
}

/// The key of the hashes under which attempts are counted, so that a copy of the database does not reveal whose
/// log-ins failed.
pub struct PseudonymKey(hmac::Key);

impl PseudonymKey {
    /// Wraps the key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The pseudonym of `parts` for `purpose`. Parts are length-prefixed: no two lists collide.
    #[must_use]
    pub fn of(&self, purpose: &str, parts: &[&[u8]]) -> Vec<u8> {
        mac(&self.0, purpose, parts)
    }
}

/// The key of the MACs of short codes. The codes have too few bits to be protected by a plain hash in a stolen
/// database.
pub struct CodeKey(hmac::Key);

impl CodeKey {
    /// Wraps the key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The MAC of `parts` for `purpose`. Parts are length-prefixed: no two lists collide.
    #[must_use]
    pub fn mac(&self, purpose: &str, parts: &[&[u8]]) -> Vec<u8> {
        mac(&self.0, purpose, parts)
    }
}

fn mac(key: &hmac::Key, purpose: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(key);
    context.update(purpose.as_bytes());
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.sign().as_ref().to_vec()
}

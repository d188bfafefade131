//! Private keys as PKCS#8 (RFC 5958), the one form in which they are sealed.
//!
//! Owns writing it; `signing_key` reads it.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair};
use zeroize::Zeroizing;

/// An RSA key.
pub fn rsa_pkcs8(pair: &RsaKeyPair) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    pair.as_der().map(|der| Zeroizing::new(der.as_ref().to_vec()))
}

/// A key on P-256 or P-384.
pub fn ec_pkcs8(pair: &EcdsaKeyPair) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    pair.to_pkcs8v1().map(|der| Zeroizing::new(der.as_ref().to_vec()))
}

/// An Ed25519 key, as version 1, because several parsers do not support version 2, which appends the public key.
pub fn ed25519_pkcs8(pair: &Ed25519KeyPair) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
    pair.to_pkcs8v1().map(|der| Zeroizing::new(der.as_ref().to_vec()))
}

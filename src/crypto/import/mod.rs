//! Converts an administrator's private key from any common form into one that can be sealed.
//!
//! Owns the accepted forms (PEM, DER, JWK) and the consistency of the result: PKCS#8 that [`SigningKey::parse`]
//! accepts. No copy of a secret outlives the call, except for the result.

pub(super) mod der;
mod error;
mod jwk;
mod pem;
#[cfg(test)]
mod tests;

use std::fmt;

use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair,
};
use zeroize::Zeroizing;

use crate::domain::signing_key::SigningAlg;

use super::jwt::SigningKey;
use super::jwt::pkcs8::{ec_pkcs8, ed25519_pkcs8, rsa_pkcs8};
use super::roca;

pub use error::ImportError;

use der::{Algorithm, Shape};

/// A private key that can be sealed.
pub struct Imported {
    /// Its signature algorithm.
    pub alg: SigningAlg,
    /// Its `kid`, if it has one (RFC 7517 §4.5).
    pub kid: Option<String>,
    /// PKCS#8 (RFC 5958), to be sealed and dropped.
    pub pkcs8: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imported")
            .field("alg", &self.alg)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// Reads one private key: PEM (PKCS#8, PKCS#1 or SEC 1), the same in DER, a private JWK, or a JWK
/// set with one private key in it.
///
/// `alg` is the algorithm of an RSA key; without it, that of its JWK, or RS256. For other keys the curve decides.
///
/// # Errors
/// [`ImportError`], with advice. It contains nothing of the key.
pub fn import(bytes: &[u8], alg: Option<SigningAlg>) -> Result<Imported, ImportError> {
    let text = bytes.trim_ascii_start();
    if text.starts_with(b"{") {
        jwk::read(text, alg)
    } else if pem::is_pem(bytes) {
        from_der(&pem::private(bytes)?, alg)
    } else if bytes.first() == Some(&der::SEQUENCE) {
        from_der(bytes, alg)
    } else {
        Err(ImportError::NotAKey)
    }
}

/// Decided by the bytes, not by a PEM label.
fn from_der(bytes: &[u8], alg: Option<SigningAlg>) -> Result<Imported, ImportError> {
    match der::shape(bytes).ok_or(ImportError::Damaged { form: "DER" })? {
        Shape::Pkcs8(Algorithm::Rsa(numbers)) => {
            check_modulus(numbers.modulus)?;
            rsa(RsaKeyPair::from_pkcs8(bytes), None, alg)
        }
        Shape::Pkcs1(numbers) => {
            check_modulus(numbers.modulus)?;
            rsa(RsaKeyPair::from_der(bytes), None, alg)
        }
        Shape::Pkcs8(Algorithm::Ec(curve)) => {
            let (found, curve) = on_curve(curve.map_err(unsupported)?)?;
            ec(found, EcdsaKeyPair::from_pkcs8(curve, bytes), None, alg)
        }
        Shape::Sec1(curve) => {
            let (found, curve) = on_curve(curve.map_err(unsupported)?)?;
            ec(found, EcdsaKeyPair::from_private_key_der(curve, bytes), None, alg)
        }
        Shape::Pkcs8(Algorithm::Ed25519) => ed25519(Ed25519KeyPair::from_pkcs8(bytes), None, alg),
        Shape::Pkcs8(Algorithm::Other(found)) | Shape::Other(found) => Err(unsupported(found)),
        Shape::Encrypted => Err(ImportError::Encrypted),
        Shape::Public(found) => Err(ImportError::Public { found: found.to_owned() }),
    }
}

fn unsupported(found: &str) -> ImportError {
    ImportError::Unsupported { found: found.to_owned() }
}

/// The algorithm for a curve, which is named as in a JWK.
fn on_curve(curve: &str) -> Result<(SigningAlg, &'static EcdsaSigningAlgorithm), ImportError> {
    match curve {
        super::jwk::P256 => Ok((SigningAlg::Es256, &ECDSA_P256_SHA256_FIXED_SIGNING)),
        super::jwk::P384 => Ok((SigningAlg::Es384, &ECDSA_P384_SHA384_FIXED_SIGNING)),
        other => Err(ImportError::curve(other)),
    }
}

/// Refuses a modulus of a size that the library does not accept, and one that can be factored.
fn check_modulus(modulus: &[u8]) -> Result<(), ImportError> {
    match der::bits(modulus) {
        bits @ 0..2048 => Err(ImportError::SmallRsa { bits }),
        2048..=8192 if roca::is_weak(modulus) => Err(ImportError::Roca),
        2048..=8192 => Ok(()),
        bits => Err(unsupported(&format!("an RSA key of {bits} bits"))),
    }
}

/// `said` is the `alg` of the JWK.
fn rsa<E>(
    pair: Result<RsaKeyPair, E>,
    said: Option<&str>,
    asked: Option<SigningAlg>,
) -> Result<Imported, ImportError> {
    let said = match said {
        None => None,
        Some("RS256") => Some(SigningAlg::Rs256),
        Some("PS256") => Some(SigningAlg::Ps256),
        Some(other) => return Err(ImportError::algorithm(other, "an RSA key")),
    };
    let alg = match (asked, said) {
        (Some(asked), Some(said)) if asked != said => {
            return Err(ImportError::algorithm(asked.as_str(), &format!("a key for {said}")));
        }
        (Some(asked @ (SigningAlg::Rs256 | SigningAlg::Ps256)), _) => asked,
        (Some(asked), _) => return Err(ImportError::algorithm(asked.as_str(), "an RSA key")),
        (None, Some(said)) => said,
        (None, None) => SigningAlg::Rs256,
    };
    let pair = pair.map_err(|_| ImportError::Inconsistent)?;
    finished(alg, rsa_pkcs8(&pair).map_err(|_| ImportError::Inconsistent)?)
}

fn ec<E>(
    found: SigningAlg,
    pair: Result<EcdsaKeyPair, E>,
    said: Option<&str>,
    asked: Option<SigningAlg>,
) -> Result<Imported, ImportError> {
    agree(found, &[found.as_str()], said, asked)?;
    let pair = pair.map_err(|_| ImportError::Inconsistent)?;
    finished(found, ec_pkcs8(&pair).map_err(|_| ImportError::Inconsistent)?)
}

fn ed25519<E>(
    pair: Result<Ed25519KeyPair, E>,
    said: Option<&str>,
    asked: Option<SigningAlg>,
) -> Result<Imported, ImportError> {
    // RFC 9864 gave the algorithm a second name.
    agree(SigningAlg::EdDsa, &["EdDSA", "Ed25519"], said, asked)?;
    let pair = pair.map_err(|_| ImportError::Inconsistent)?;
    finished(SigningAlg::EdDsa, ed25519_pkcs8(&pair).map_err(|_| ImportError::Inconsistent)?)
}

/// Checks that the requested algorithm and that of the JWK fit the curve.
fn agree(
    found: SigningAlg,
    names: &[&str],
    said: Option<&str>,
    asked: Option<SigningAlg>,
) -> Result<(), ImportError> {
    let found_key = || format!("a key for {found}");
    if let Some(said) = said.filter(|said| !names.contains(said)) {
        return Err(ImportError::algorithm(said, &found_key()));
    }
    match asked {
        Some(asked) if asked != found => Err(ImportError::algorithm(asked.as_str(), &found_key())),
        _ => Ok(()),
    }
}

fn finished(alg: SigningAlg, pkcs8: Zeroizing<Vec<u8>>) -> Result<Imported, ImportError> {
    SigningKey::parse(alg, &pkcs8).map_err(|_| ImportError::Inconsistent)?;
    Ok(Imported { alg, kid: None, pkcs8 })
}

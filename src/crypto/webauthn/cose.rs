//! Public keys of credentials (COSE_Key, RFC 9053), and signatures by them (WebAuthn §6.5.5).
//!
//! Owns which algorithms are offered and which keys are accepted.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};

use super::Invalid;
use super::cbor::Item;
use crate::crypto::roca;

/// The algorithms that are offered, the preferred one first: ES256, Ed25519, ES384, RS256 (IANA registry of COSE
/// algorithms). Older authenticators of Windows Hello have RS256 alone.
pub const ALGORITHMS: [i32; 4] = [ES256, EDDSA, ES384, RS256];

const ES256: i32 = -7;
const EDDSA: i32 = -8;
const ES384: i32 = -35;
const RS256: i32 = -257;

/// The first byte of an uncompressed point, before x and y (SEC 1 §2.3.3).
const POINT: u8 = 0x04;
/// The sizes of a modulus, in bytes: 2048 to 8192 bits.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;
/// The largest RSA exponent, in bytes; 65537 has three.
const MAX_EXPONENT: usize = 4;

/// A public key.
pub enum PublicKey<'a> {
    /// A point, or an Ed25519 key, for this algorithm.
    Point(&'static dyn VerificationAlgorithm, Vec<u8>),
    /// Modulus and exponent.
    Rsa(PublicKeyComponents<&'a [u8]>),
}

impl<'a> PublicKey<'a> {
    /// Reads a key with an offered algorithm, the members that this needs, and no others.
    ///
    /// # Errors
    /// When it is of another kind, or invalid.
    pub fn parse(cose: &'a [u8]) -> Result<Self, Invalid> {
        let item = Item::parse(cose)?;
        let Item::Map(members) = &item else { return Err(Invalid::Malformed) };
        let number = |label| item.labelled(label).and_then(Item::integer);
        let bytes = |label| item.labelled(label).and_then(Item::bytes).ok_or(Invalid::Key);
        let sized = |label, length| bytes(label).and_then(|found| of_length(found, length));
        let alg = number(3).and_then(|alg| i32::try_from(alg).ok()).ok_or(Invalid::Algorithm)?;
        // 1 is the kind of the key, -1 the curve.
        let is = |kind: i128, curve: Option<i128>, count: usize| {
            let same = number(1) == Some(kind) && (curve.is_none() || number(-1) == curve);
            if same && members.len() == count { Ok(()) } else { Err(Invalid::Key) }
        };
        let key = match alg {
            ES256 | ES384 => {
                let (curve, size, verifier): (_, _, &'static dyn VerificationAlgorithm) = match alg
                {
                    ES256 => (1, 32, &ECDSA_P256_SHA256_ASN1),
                    _ => (2, 48, &ECDSA_P384_SHA384_ASN1),
                };
                is(2, Some(curve), 5)?;
                Self::Point(verifier, [&[POINT], sized(-2, size)?, sized(-3, size)?].concat())
            }
            EDDSA => {
                is(1, Some(6), 4)?;
                Self::Point(&ED25519, sized(-2, 32)?.to_vec())
            }
            RS256 => {
                is(3, None, 4)?;
                Self::Rsa(rsa(bytes(-1)?, bytes(-2)?)?)
            }
            _ => return Err(Invalid::Algorithm),
        };
        if let Self::Point(verifier, point) = &key {
            ParsedPublicKey::new(*verifier, point).map_err(|_| Invalid::Key)?;
        }
        Ok(key)
    }

    /// Whether the holder of this key has signed `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Point(verifier, point) => {
                UnparsedPublicKey::new(*verifier, point).verify(message, signature).is_ok()
            }
            Self::Rsa(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok(),
        }
    }
}

fn of_length(bytes: &[u8], length: usize) -> Result<&[u8], Invalid> {
    if bytes.len() == length { Ok(bytes) } else { Err(Invalid::Key) }
}

/// An RSA key whose private key cannot be computed from it. With an exponent of 1 signatures could be forged.
fn rsa<'a>(n: &'a [u8], e: &'a [u8]) -> Result<PublicKeyComponents<&'a [u8]>, Invalid> {
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
    let plain = |number: &[u8]| number.first().is_some_and(|byte| *byte != 0);
    let is_exponent = plain(e) && odd(e) && e != [1] && e.len() <= MAX_EXPONENT;
    if !is_exponent || !plain(n) || !odd(n) || !MODULUS.contains(&n.len()) || roca::is_weak(n) {
        return Err(Invalid::Key);
    }
    Ok(PublicKeyComponents { n, e })
}

//! Public keys as JSON Web Keys (RFC 7517) and their names (RFC 7638).
//!
//! Owns the members that are published and their order. Never sees a private member.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::domain::signing_key::SigningAlg;

use super::digest::sha256_base64url;

/// The public half of a signing key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum PublicJwk {
    /// An RSA key (RFC 7518 §6.3).
    #[serde(rename = "RSA")]
    Rsa {
        /// The modulus, base64url.
        n: String,
        /// The exponent, base64url.
        e: String,
    },
    /// An elliptic-curve key (RFC 7518 §6.2).
    #[serde(rename = "EC")]
    Ec {
        /// The curve.
        crv: String,
        /// The x coordinate, padded to the curve's size, base64url.
        x: String,
        /// The y coordinate, likewise.
        y: String,
    },
}

/// One entry of the JWKS; the member order is what people see.
#[derive(Debug, Serialize)]
pub struct Entry {
    kty: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
    r#use: &'static str,
    alg: SigningAlg,
    kid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
}

impl PublicJwk {
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Self {
        Self::Rsa { n: URL_SAFE_NO_PAD.encode(modulus), e: URL_SAFE_NO_PAD.encode(exponent) }
    }

    pub(super) fn p256(x: &[u8], y: &[u8]) -> Self {
        let crv = "P-256".to_owned();
        Self::Ec { crv, x: URL_SAFE_NO_PAD.encode(x), y: URL_SAFE_NO_PAD.encode(y) }
    }

    /// The SHA-256 thumbprint of RFC 7638, which is the key's `kid`.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        // RFC 7638 §3: required members only, in lexicographic order, without white space. All
        // values are base64url or a curve name, so nothing needs escaping.
        let canonical = match self {
            Self::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
            Self::Ec { crv, x, y } => {
                format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
        };
        sha256_base64url(canonical.as_bytes())
    }

    /// This key as an entry of the JWKS.
    #[must_use]
    pub fn entry(&self, kid: &str, alg: SigningAlg) -> Entry {
        let (kid, r#use) = (kid.to_owned(), "sig");
        let (mut crv, mut n, mut e, mut x, mut y) = (None, None, None, None, None);
        let kty = match self.clone() {
            Self::Rsa { n: modulus, e: exponent } => {
                (n, e) = (Some(modulus), Some(exponent));
                "RSA"
            }
            Self::Ec { crv: curve, x: x_coordinate, y: y_coordinate } => {
                (crv, x, y) = (Some(curve), Some(x_coordinate), Some(y_coordinate));
                "EC"
            }
        };
        Entry { kty, crv, r#use, alg, kid, n, e, x, y }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_of_rfc_7638_section_3_1() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6\
                 tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v\
                 -65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08q\
                 NLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8aw\
                 apJzKnqDKgw";
        let jwk = PublicJwk::Rsa { n: n.to_owned(), e: "AQAB".to_owned() };
        assert_eq!(jwk.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }
}

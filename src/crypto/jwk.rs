//! Public keys as JSON Web Keys (RFC 7517) and their names (RFC 7638).
//!
//! Owns the members that are published and their order. Never sees a private member.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::domain::signing_key::SigningAlg;

use super::digest::sha256_base64url;

/// The supported curves of RFC 7518 §6.2.1.1 and RFC 8037 §2.
pub(super) const P256: &str = "P-256";
pub(super) const P384: &str = "P-384";
pub(super) const ED25519: &str = "Ed25519";

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
        /// The curve name, `P-256` or `P-384`.
        crv: String,
        /// The x coordinate, padded to the curve's size, base64url.
        x: String,
        /// The y coordinate, likewise.
        y: String,
    },
    /// An Edwards-curve key (RFC 8037 §2).
    #[serde(rename = "OKP")]
    Okp {
        /// The curve name, `Ed25519`.
        crv: String,
        /// The public key, base64url.
        x: String,
    },
}

/// One entry of the JWKS, in the order of its members.
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
        Self::ec(P256, x, y)
    }

    pub(super) fn p384(x: &[u8], y: &[u8]) -> Self {
        Self::ec(P384, x, y)
    }

    fn ec(crv: &str, x: &[u8], y: &[u8]) -> Self {
        let crv = crv.to_owned();
        Self::Ec { crv, x: URL_SAFE_NO_PAD.encode(x), y: URL_SAFE_NO_PAD.encode(y) }
    }

    pub(super) fn ed25519(x: &[u8]) -> Self {
        Self::Okp { crv: ED25519.to_owned(), x: URL_SAFE_NO_PAD.encode(x) }
    }

    /// Whether this is a key for `alg`: of its kind, on its curve, members as wide as they must be, and RSA with
    /// 2048 bits or more (RFC 7518 §3.3). A point is checked against its curve when it is used.
    #[must_use]
    pub fn fits(&self, alg: SigningAlg) -> bool {
        let width = |member: &str| URL_SAFE_NO_PAD.decode(member).map(|bytes| bytes.len());
        match (alg, self) {
            (SigningAlg::Rs256 | SigningAlg::Ps256, Self::Rsa { n, e }) => {
                let modulus = URL_SAFE_NO_PAD.decode(n).unwrap_or_default();
                let first = modulus.iter().position(|byte| *byte != 0).unwrap_or(modulus.len());
                let bits = modulus.get(first..).and_then(|bytes| {
                    Some(bytes.len() * 8 - bytes.first()?.leading_zeros() as usize)
                });
                bits.is_some_and(|bits| bits >= 2048) && width(e).is_ok_and(|bytes| bytes > 0)
            }
            (SigningAlg::Es256, Self::Ec { crv, x, y }) => {
                crv == P256 && width(x) == Ok(32) && width(y) == Ok(32)
            }
            (SigningAlg::Es384, Self::Ec { crv, x, y }) => {
                crv == P384 && width(x) == Ok(48) && width(y) == Ok(48)
            }
            (SigningAlg::EdDsa, Self::Okp { crv, x }) => crv == ED25519 && width(x) == Ok(32),
            _ => false,
        }
    }

    /// The SHA-256 thumbprint of RFC 7638, which is the default `kid` of a key.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        // RFC 7638 §3: required members only, in lexicographic order, without white space. All
        // values are base64url or a curve name, so nothing needs escaping.
        let canonical = match self {
            Self::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
            Self::Ec { crv, x, y } => {
                format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            // RFC 8037 §2.
            Self::Okp { crv, x } => format!(r#"{{"crv":"{crv}","kty":"OKP","x":"{x}"}}"#),
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
            Self::Okp { crv: curve, x: key } => {
                (crv, x) = (Some(curve), Some(key));
                "OKP"
            }
        };
        Entry { kty, crv, r#use, alg, kid, n, e, x, y }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::test_vectors::{ED25519_X, RFC_7517_N};
    use super::*;

    #[test]
    fn the_thumbprint_of_rfc_7638_section_3_1() {
        let jwk = PublicJwk::Rsa { n: RFC_7517_N.to_owned(), e: "AQAB".to_owned() };
        assert_eq!(jwk.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn the_thumbprint_of_rfc_8037_appendix_a_3() {
        let jwk = PublicJwk::Okp { crv: "Ed25519".to_owned(), x: ED25519_X.to_owned() };
        assert_eq!(jwk.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn entries_have_their_members_in_one_order_and_are_read_back() {
        for (jwk, alg, members) in [
            (
                PublicJwk::rsa(&[1; 256], &[1, 0, 1]),
                SigningAlg::Ps256,
                &["kty", "use", "alg", "kid", "n", "e"][..],
            ),
            (
                PublicJwk::p384(&[1; 48], &[2; 48]),
                SigningAlg::Es384,
                &["kty", "crv", "use", "alg", "kid", "x", "y"],
            ),
            (
                PublicJwk::ed25519(&[1; 32]),
                SigningAlg::EdDsa,
                &["kty", "crv", "use", "alg", "kid", "x"],
            ),
        ] {
            let entry = json!(jwk.entry("name", alg));
            let found: Vec<&String> = entry.as_object().unwrap().keys().collect();
            assert_eq!(found, members);
            assert_eq!((&entry["alg"], &entry["kid"]), (&json!(alg), &json!("name")));
            assert_eq!(serde_json::from_value::<PublicJwk>(entry).unwrap(), jwk);
        }
    }

    #[test]
    fn a_key_fits_algorithms_of_its_kind_only() {
        let modulus = |bits: usize| {
            let mut modulus = vec![0xff; bits / 8];
            if !bits.is_multiple_of(8) {
                modulus.insert(0, (1 << (bits % 8)) - 1);
            }
            modulus
        };
        let rsa = [SigningAlg::Rs256, SigningAlg::Ps256];
        for (jwk, algs) in [
            (PublicJwk::rsa(&modulus(2048), &[1, 0, 1]), &rsa[..]),
            (PublicJwk::rsa(&modulus(4096), &[3]), &rsa),
            (PublicJwk::rsa(&modulus(2047), &[1, 0, 1]), &[]),
            (PublicJwk::rsa(&[&[0; 200][..], &modulus(1024)].concat(), &[1, 0, 1]), &[]),
            (PublicJwk::rsa(&[0; 256], &[1, 0, 1]), &[]),
            (PublicJwk::rsa(&modulus(2048), &[]), &[]),
            (PublicJwk::p256(&[1; 32], &[1; 32]), &[SigningAlg::Es256]),
            (PublicJwk::p256(&[1; 31], &[1; 33]), &[]),
            (PublicJwk::p384(&[1; 48], &[1; 48]), &[SigningAlg::Es384]),
            (PublicJwk::p384(&[1; 32], &[1; 32]), &[]),
            (PublicJwk::ed25519(&[1; 32]), &[SigningAlg::EdDsa]),
            (PublicJwk::ed25519(&[1; 31]), &[]),
            (PublicJwk::Okp { crv: "X25519".to_owned(), x: ED25519_X.to_owned() }, &[]),
            (PublicJwk::Okp { crv: "Ed25519".to_owned(), x: "%".to_owned() }, &[]),
        ] {
            for alg in SigningAlg::ALL.iter().copied() {
                assert_eq!(jwk.fits(alg), algs.contains(&alg), "{alg} {jwk:?}");
            }
        }
    }
}

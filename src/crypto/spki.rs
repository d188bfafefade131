//! Public keys as SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) in PEM (RFC 7468 §13).
//!
//! Converts a JWK into the form that verifiers without JWKS support read.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::domain::outcome::Fault;
use crate::domain::signing_key::SigningAlg;

use super::fault;
use super::jwk::PublicJwk;

/// Characters in a line of base64 (RFC 7468 §2).
const LINE: usize = 64;
/// The first byte of an uncompressed point, before x and y (SEC 1 §2.3.3).
const POINT: u8 = 0x04;
const DOING: &str = "encoding a public key";

/// The key as one PEM block, with a newline at its end.
///
/// # Errors
/// When the members are not those of a public key.
pub fn pem(jwk: &PublicJwk) -> Result<String, Fault> {
    let text = STANDARD.encode(der(jwk)?.as_ref());
    let mut pem = String::with_capacity(text.len() + text.len() / LINE + 60);
    pem.push_str("-----BEGIN PUBLIC KEY-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, next) = rest.split_at(rest.len().min(LINE));
        pem.push_str(line);
        pem.push('\n');
        rest = next;
    }
    pem.push_str("-----END PUBLIC KEY-----\n");
    Ok(pem)
}

fn der(jwk: &PublicJwk) -> Result<PublicKeyX509Der<'static>, Fault> {
    let bytes = |text: &str| {
        URL_SAFE_NO_PAD.decode(text).map_err(|error| Fault::internal(DOING).with_source(error))
    };
    match jwk {
        PublicJwk::Rsa { n, e } => {
            PublicKeyComponents { n: bytes(n)?, e: bytes(e)? }.as_der().map_err(fault(DOING))
        }
        PublicJwk::Ec { x, y, .. } if jwk.fits(SigningAlg::Es256) => {
            parsed(&ECDSA_P256_SHA256_FIXED, &[vec![POINT], bytes(x)?, bytes(y)?].concat())
        }
        PublicJwk::Ec { x, y, .. } if jwk.fits(SigningAlg::Es384) => {
            parsed(&ECDSA_P384_SHA384_FIXED, &[vec![POINT], bytes(x)?, bytes(y)?].concat())
        }
        PublicJwk::Okp { x, .. } if jwk.fits(SigningAlg::EdDsa) => parsed(&ED25519, &bytes(x)?),
        PublicJwk::Ec { .. } | PublicJwk::Okp { .. } => Err(Fault::internal(DOING)),
    }
}

fn parsed(
    alg: &'static dyn VerificationAlgorithm,
    key: &[u8],
) -> Result<PublicKeyX509Der<'static>, Fault> {
    ParsedPublicKey::new(alg, key)
        .map_err(|rejected| Fault::internal(DOING).with_source(rejected.to_string()))?
        .as_der()
        .map_err(fault(DOING))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::jwt::SigningKey;
    use crate::crypto::test_vectors::ED25519_X;

    /// `SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING { point } }`.
    const P256: [u8; 26] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
        0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    /// `SEQUENCE { SEQUENCE { id-ecPublicKey, secp384r1 }, BIT STRING { point } }`.
    const P384: [u8; 23] = [
        0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05,
        0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
    ];
    /// `SEQUENCE { SEQUENCE { rsaEncryption, NULL }, BIT STRING { SEQUENCE { n, e } } }`, n with
    /// 2048 bits.
    const RSA2048: [u8; 33] = [
        0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,
        0x01, 0x01, 0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a, 0x02, 0x82,
        0x01, 0x01, 0x00,
    ];
    const RSA_E: [u8; 5] = [0x02, 0x03, 0x01, 0x00, 0x01];

    fn block(alg: SigningAlg) -> (PublicJwk, Vec<u8>) {
        let jwk = SigningKey::generate(alg).unwrap().key.public;
        let pem = pem(&jwk).unwrap();
        let body = pem
            .strip_prefix("-----BEGIN PUBLIC KEY-----\n")
            .and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----\n"))
            .unwrap();
        assert!(body.lines().all(|line| line.len() <= 64));
        (jwk, STANDARD.decode(body.replace('\n', "")).unwrap())
    }

    #[test]
    fn a_p256_key_byte_for_byte() {
        let (PublicJwk::Ec { x, y, .. }, der) = block(SigningAlg::Es256) else { panic!("no EC") };
        let point = [URL_SAFE_NO_PAD.decode(x).unwrap(), URL_SAFE_NO_PAD.decode(y).unwrap()];
        assert_eq!(der, [&P256[..], &[0x04], &point.concat()].concat());
    }

    #[test]
    fn a_p384_key_byte_for_byte() {
        let (PublicJwk::Ec { x, y, .. }, der) = block(SigningAlg::Es384) else { panic!("no EC") };
        let point = [URL_SAFE_NO_PAD.decode(x).unwrap(), URL_SAFE_NO_PAD.decode(y).unwrap()];
        assert_eq!(der, [&P384[..], &[0x04], &point.concat()].concat());
    }

    #[test]
    fn the_ed25519_key_of_rfc_8037_in_the_form_of_rfc_8410() {
        let jwk = PublicJwk::Okp { crv: "Ed25519".to_owned(), x: ED25519_X.to_owned() };
        assert_eq!(
            pem(&jwk).unwrap(),
            "-----BEGIN PUBLIC KEY-----\n\
             MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
             -----END PUBLIC KEY-----\n"
        );
    }

    #[test]
    fn an_rsa_key_byte_for_byte() {
        for alg in [SigningAlg::Rs256, SigningAlg::Ps256] {
            let (PublicJwk::Rsa { n, .. }, der) = block(alg) else { panic!("no RSA") };
            let n = URL_SAFE_NO_PAD.decode(n).unwrap();
            assert_eq!(der, [&RSA2048[..], &n, &RSA_E].concat());
        }
    }

    #[test]
    fn a_point_off_the_curve_is_refused() {
        for jwk in [
            PublicJwk::p256(&[0; 32], &[0; 32]),
            PublicJwk::p384(&[0; 48], &[0; 48]),
            PublicJwk::p384(&[1; 32], &[1; 32]),
            PublicJwk::ed25519(&[1; 31]),
            PublicJwk::Okp { crv: "X25519".to_owned(), x: ED25519_X.to_owned() },
        ] {
            assert!(pem(&jwk).is_err(), "{jwk:?}");
        }
    }
}

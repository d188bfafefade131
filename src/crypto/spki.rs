//! Public keys as SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) in PEM (RFC 7468 §13).
//!
//! Owns the way from a JWK to the form that verifiers without JWKS support read. Never sees a
//! private member.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::domain::stop::Fault;

use super::fault;
use super::jwk::PublicJwk;

/// Characters in a line of base64 (RFC 7468 §2).
const LINE: usize = 64;

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
    let doing = "encoding a public key";
    let bytes = |text: &str| {
        URL_SAFE_NO_PAD.decode(text).map_err(|error| Fault::internal(doing).because(error))
    };
    match jwk {
        PublicJwk::Rsa { n, e } => {
            PublicKeyComponents { n: bytes(n)?, e: bytes(e)? }.as_der().map_err(fault(doing))
        }
        PublicJwk::Ec { x, y, .. } => {
            // SEC 1 §2.3.3, an uncompressed point: 0x04 ‖ x ‖ y.
            let point = [vec![0x04], bytes(x)?, bytes(y)?].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .map_err(|rejected| Fault::internal(doing).because(rejected.to_string()))?
                .as_der()
                .map_err(fault(doing))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::jwt::SigningKey;
    use crate::domain::signing_key::SigningAlg;

    /// `SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING { point } }`.
    const P256: [u8; 26] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
        0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
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
    fn an_rsa_key_byte_for_byte() {
        let (PublicJwk::Rsa { n, .. }, der) = block(SigningAlg::Rs256) else { panic!("no RSA") };
        let n = URL_SAFE_NO_PAD.decode(n).unwrap();
        assert_eq!(der, [&RSA2048[..], &n, &RSA_E].concat());
    }

    #[test]
    fn what_is_no_point_is_refused() {
        let zero = URL_SAFE_NO_PAD.encode([0; 32]);
        let jwk = PublicJwk::Ec { crv: "P-256".to_owned(), x: zero.clone(), y: zero };
        assert!(pem(&jwk).is_err());
    }
}

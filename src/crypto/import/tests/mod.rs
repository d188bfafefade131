//! Keys in every form, for the tests of accepted and refused keys.
//!
//! The forms are cut out of keys from the crypto library, so that the parser is not tested with its own code.

mod accepted;
mod refused;

use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
    KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;
use crate::crypto::jwk::PublicJwk;
use crate::crypto::jwt::GeneratedKey;
use crate::crypto::spki;
use crate::crypto::test_vectors::{
    ED25519_X, RFC_7515_EC, RFC_7515_RS256, RFC_7515_RSA, RFC_7517_EC, RFC_7517_RSA,
    RFC_8037_EDDSA, RFC_8037_OKP, ROCA_PKCS8, SHORT_RSA,
};

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The content of the element at `path`, whose steps are indices of nested elements.
fn inside<'a>(der: &'a [u8], path: &[usize]) -> &'a [u8] {
    let content = |bytes: &'a [u8], index: usize| {
        let mut rest = bytes;
        for _ in 0..index {
            rest = &rest[element(rest)..];
        }
        let whole = &rest[..element(rest)];
        &whole[header(whole)..]
    };
    path.iter().fold(der, |bytes, index| content(bytes, *index))
}

fn header(der: &[u8]) -> usize {
    if der[1] < 0x80 { 2 } else { 2 + usize::from(der[1] & 0x7f) }
}

fn element(der: &[u8]) -> usize {
    let header = header(der);
    let length =
        der[2..header].iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
    header + if header == 2 { usize::from(der[1]) } else { length }
}

/// A key in all its forms.
struct Forms {
    alg: SigningAlg,
    public: PublicJwk,
    pkcs8: Vec<u8>,
    /// The older form with its label, where there is one.
    older: Option<(&'static str, Vec<u8>)>,
    jwk: Value,
}

impl Forms {
    fn new(alg: SigningAlg) -> Self {
        let GeneratedKey { key, pkcs8 } = SigningKey::generate(alg).unwrap();
        let mut jwk = json!(key.public);
        let mut private = |name: &str, bytes: &[u8]| {
            jwk[name] = json!(URL_SAFE_NO_PAD.encode(bytes));
        };
        let older = match alg {
            SigningAlg::Rs256 | SigningAlg::Ps256 => {
                let pkcs1 = inside(&pkcs8, &[0, 2]).to_vec();
                for (index, name) in ["d", "p", "q", "dp", "dq", "qi"].into_iter().enumerate() {
                    private(name, der::trimmed(inside(&pkcs1, &[0, index + 3])));
                }
                Some(("RSA PRIVATE KEY", pkcs1))
            }
            SigningAlg::Es256 | SigningAlg::Es384 => {
                let pair = EcdsaKeyPair::from_pkcs8(curve(alg), &pkcs8).unwrap();
                private("d", pair.private_key().as_be_bytes().unwrap().as_ref());
                let sec1 = pair.private_key().as_der().unwrap().as_ref().to_vec();
                Some(("EC PRIVATE KEY", sec1))
            }
            SigningAlg::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).unwrap();
                private("d", pair.seed().unwrap().as_be_bytes().unwrap().as_ref());
                None
            }
        };
        Self { alg, public: key.public, pkcs8: pkcs8.to_vec(), older, jwk }
    }

    fn all() -> impl Iterator<Item = Self> {
        SigningAlg::ALL.iter().copied().map(Self::new)
    }

    /// The algorithm to request: nothing in an RSA key indicates PS256.
    fn asked(&self) -> Option<SigningAlg> {
        (self.alg == SigningAlg::Ps256).then_some(self.alg)
    }

    fn texts(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut texts = vec![
            ("PKCS#8 in PEM", pem("PRIVATE KEY", &self.pkcs8).into_bytes()),
            ("PKCS#8 in DER", self.pkcs8.clone()),
            ("JWK", self.jwk.to_string().into_bytes()),
            ("JWK set", json!({"keys": [self.jwk]}).to_string().into_bytes()),
        ];
        if let Some((label, der)) = &self.older {
            texts.push(("the older form in PEM", pem(label, der).into_bytes()));
            texts.push(("the older form in DER", der.clone()));
        }
        texts
    }

    /// The private JWK with some members changed; `null` removes one.
    fn jwk_with(&self, changes: Value) -> Vec<u8> {
        let mut jwk = self.jwk.clone();
        for (name, value) in changes.as_object().unwrap() {
            jwk[name] = value.clone();
        }
        jwk.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        jwk.to_string().into_bytes()
    }
}

fn curve(alg: SigningAlg) -> &'static EcdsaSigningAlgorithm {
    match alg {
        SigningAlg::Es256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        SigningAlg::Es384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        other => panic!("{other} has no curve"),
    }
}

fn parsed(imported: &Imported) -> SigningKey {
    SigningKey::parse(imported.alg, &imported.pkcs8).unwrap()
}

fn refused(bytes: impl AsRef<[u8]>) -> ImportError {
    import(bytes.as_ref(), None).unwrap_err()
}

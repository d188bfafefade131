//! Private keys as JWK (RFC 7517, RFC 7518 §6, RFC 8037 §2), alone or in a set.
//!
//! Owns the private members: they are read into memory that is wiped, and compared with the public ones.

use std::fmt;

use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{IgnoredAny, Visitor};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::crypto::jwk::ED25519;
use crate::domain::signing_key::{SigningAlg, is_kid};

use super::error::ImportError;
use super::{Imported, check_modulus, der, ec, ed25519, on_curve, rsa};

/// A key or a set of keys; which of the two is determined later. One type, because reading either through an
/// untagged enum would keep copies of the private members.
#[derive(Deserialize)]
struct Jwk {
    keys: Option<Vec<Jwk>>,
    kty: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<Member>,
    e: Option<Member>,
    x: Option<Member>,
    y: Option<Member>,
    d: Option<Member>,
    p: Option<Member>,
    q: Option<Member>,
    dp: Option<Member>,
    dq: Option<Member>,
    qi: Option<Member>,
    oth: Option<IgnoredAny>,
}

/// A member's text, wiped when it is dropped.
struct Member(Zeroizing<String>);

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Member;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Member, E> {
                Ok(Member(Zeroizing::new(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Reads the only private key in `text`.
pub fn read(text: &[u8], asked: Option<SigningAlg>) -> Result<Imported, ImportError> {
    // The library's error may quote the text, so it is not passed on.
    let mut document: Jwk =
        serde_json::from_slice(text).map_err(|_| ImportError::Damaged { form: "JSON" })?;
    let keys = match document.keys.take() {
        Some(keys) => keys,
        None => vec![document],
    };
    let is_secret = |key: &Jwk| key.kty.as_deref() == Some("oct");
    let private: Vec<&Jwk> = keys.iter().filter(|key| key.d.is_some()).collect();
    match private.as_slice() {
        [key] => key.import(asked),
        [] if keys.iter().any(is_secret) => {
            Err(ImportError::Unsupported { found: "a shared secret (kty oct)".to_owned() })
        }
        [] if keys.iter().any(|key| key.kty.is_some()) => {
            Err(ImportError::Public { found: "a public JWK".to_owned() })
        }
        [] => Err(ImportError::NotAKey),
        several => Err(ImportError::Several { found: several.len() }),
    }
}

impl Jwk {
    fn import(&self, asked: Option<SigningAlg>) -> Result<Imported, ImportError> {
        let signs = |ops: &Vec<String>| ops.iter().any(|op| op == "sign");
        if self.r#use.as_ref().is_some_and(|r#use| r#use != "sig")
            || self.key_ops.as_ref().is_some_and(|ops| !signs(ops))
        {
            return Err(ImportError::NotForSigning);
        }
        if self.kid.as_ref().is_some_and(|kid| !is_kid(kid)) {
            return Err(ImportError::Name);
        }
        let said = self.alg.as_deref();
        let imported = match self.kty.as_deref() {
            Some("RSA") => self.rsa(said, asked),
            Some("EC") => self.ec(said, asked),
            Some("OKP") => self.okp(said, asked),
            Some(_) => Err(ImportError::Unsupported { found: "a key of unknown kty".to_owned() }),
            None => Err(ImportError::Member { name: "kty" }),
        }?;
        Ok(Imported { kid: self.kid.clone(), ..imported })
    }

    fn rsa(&self, said: Option<&str>, asked: Option<SigningAlg>) -> Result<Imported, ImportError> {
        if self.oth.is_some() {
            let found = "an RSA key of more than two primes".to_owned();
            return Err(ImportError::Unsupported { found });
        }
        let (n, e) = (number("n", self.n.as_ref())?, number("e", self.e.as_ref())?);
        let d = number("d", self.d.as_ref())?;
        let (p, q) = (number("p", self.p.as_ref())?, number("q", self.q.as_ref())?);
        let (dp, dq) = (number("dp", self.dp.as_ref())?, number("dq", self.dq.as_ref())?);
        let qi = number("qi", self.qi.as_ref())?;
        check_modulus(&n)?;
        let pair = RsaKeyPair::from_components(&KeyPairComponents {
            // RFC 7518 §6.3.1.1 mentions libraries that add a leading zero.
            public_key: PublicKeyComponents { n: der::trimmed(&n), e: der::trimmed(&e) },
            d: d.as_slice(),
            p: &p,
            q: &q,
            dP: &dp,
            dQ: &dq,
            qInv: &qi,
        });
        rsa(pair, said, asked)
    }

    fn ec(&self, said: Option<&str>, asked: Option<SigningAlg>) -> Result<Imported, ImportError> {
        let (found, curve) =
            on_curve(self.crv.as_deref().ok_or(ImportError::Member { name: "crv" })?)?;
        let width = if found == SigningAlg::Es256 { 32 } else { 48 };
        let d = bytes("d", self.d.as_ref(), width)?;
        let (x, y) = (bytes("x", self.x.as_ref(), width)?, bytes("y", self.y.as_ref(), width)?);
        let point = [&[0x04][..], &x, &y].concat();
        ec(found, EcdsaKeyPair::from_private_key_and_public_key(curve, &d, &point), said, asked)
    }

    fn okp(&self, said: Option<&str>, asked: Option<SigningAlg>) -> Result<Imported, ImportError> {
        match self.crv.as_deref() {
            Some(ED25519) => {}
            Some(other) => return Err(ImportError::curve(other)),
            None => return Err(ImportError::Member { name: "crv" }),
        }
        let (d, x) = (bytes("d", self.d.as_ref(), 32)?, bytes("x", self.x.as_ref(), 32)?);
        ed25519(Ed25519KeyPair::from_seed_and_public_key(&d, &x), said, asked)
    }
}

/// A member that is a positive number.
fn number(name: &'static str, member: Option<&Member>) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    decoded(member)
        .filter(|bytes| !der::trimmed(bytes).is_empty())
        .ok_or(ImportError::Member { name })
}

/// A member of this many bytes.
fn bytes(
    name: &'static str,
    member: Option<&Member>,
    width: usize,
) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    decoded(member).filter(|bytes| bytes.len() == width).ok_or(ImportError::Member { name })
}

fn decoded(member: Option<&Member>) -> Option<Zeroizing<Vec<u8>>> {
    let Member(text) = member?;
    let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
    let length = URL_SAFE_NO_PAD.decode_slice(text.as_bytes(), &mut bytes).ok()?;
    bytes.truncate(length);
    Some(bytes)
}

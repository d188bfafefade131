//! Public keys (RFC 7517) and the signatures that they verify.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The supported algorithms (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alg {
    Es256,
    Rs256,
    Ps256,
    EdDsa,
}

impl Alg {
    /// The algorithm of this name. Case-sensitive.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "ES256" => Some(Self::Es256),
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// A key and its only algorithm.
pub(crate) struct PublicKey {
    pub alg: Alg,
    key: ParsedPublicKey,
}

impl PublicKey {
    /// A key of a key set, with its `kid`. A key for another use or algorithm is skipped, because it is not for
    /// access tokens.
    pub fn of_set(entry: &Value) -> Option<(String, Self)> {
        let members = entry.as_object()?;
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        if members.contains_key("use") && text("use") != Some("sig") {
            return None;
        }
        let alg = Alg::named(text("alg")?)?;
        Some((text("kid")?.to_owned(), Self::of_jwk(members, alg)?))
    }

    /// A key for an algorithm.
    pub fn of_jwk(jwk: &Map<String, Value>, alg: Alg) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        let is = |kty: &str, crv: Option<&str>| text("kty") == Some(kty) && text("crv") == crv;
        let key = match alg {
            Alg::Es256 if is("EC", Some("P-256")) => {
                let (x, y) = (bytes("x")?, bytes("y")?);
                if x.len() != 32 || y.len() != 32 {
                    return None;
                }
                // SEC 1 §2.3.3: an uncompressed point.
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [&[4_u8][..], &x, &y].concat()).ok()?
            }
            Alg::EdDsa if is("OKP", Some("Ed25519")) => {
                ParsedPublicKey::new(&ED25519, bytes("x")?).ok()?
            }
            Alg::Rs256 | Alg::Ps256 if is("RSA", None) => {
                let components = RsaPublicKeyComponents { n: bytes("n")?, e: bytes("e")? };
                let parameters = match alg {
                    Alg::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
                    _ => &RSA_PSS_2048_8192_SHA256,
                };
                components.to_parsed_public_key(parameters).ok()?
            }
            _ => return None,
        };
        Some(Self { alg, key })
    }

    /// Whether the signature of `message` was made with this key.
    pub fn made(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

/// The SHA-256 thumbprint of a public key (RFC 7638 §3), if it has the required members.
pub(crate) fn thumbprint(jwk: &Map<String, Value>) -> Option<String> {
    // The members of the thumbprint, in their order. Base64url and curve names need no escaping.
    let names: &[&str] = match jwk.get("kty")?.as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    let members = names.iter().map(|name| {
        let value = jwk.get(*name)?.as_str()?;
        let is_plain =
            value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        is_plain.then(|| format!("\"{name}\":\"{value}\""))
    });
    let members: Vec<String> = members.collect::<Option<_>>()?;
    Some(sha256_base64url(format!("{{{}}}", members.join(",")).as_bytes()))
}

/// The SHA-256 of `bytes` as base64url.
pub(crate) fn sha256_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, bytes))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_thumbprint_of_rfc_8037_appendix_a_3() {
        let jwk = json!({"kty": "OKP", "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let found = thumbprint(jwk.as_object().unwrap()).unwrap();
        assert_eq!(found, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_key_is_for_the_algorithm_it_names() {
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "kid": "a", "alg": "EdDSA", "use": "sig",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        assert!(PublicKey::of_set(&ed).is_some());
        for (member, value) in [
            ("alg", json!("ES256")),
            ("alg", json!("HS256")),
            ("alg", json!(null)),
            ("use", json!("enc")),
            ("kid", json!(7)),
            ("crv", json!("X25519")),
            ("x", json!("11qY")),
        ] {
            let mut other = ed.clone();
            other[member] = value.clone();
            assert!(PublicKey::of_set(&other).is_none(), "{member} {value}");
        }
        let secret = json!({"kty": "oct", "k": "AA", "kid": "a", "alg": "HS256"});
        assert!(PublicKey::of_set(&secret).is_none());
    }
}

//! The known attacks on JWS verifiers, for every algorithm.
//!
//! The forger signs any header and payload with a genuine key, so that each test changes one thing of an otherwise
//! valid token.

#[path = "verify_claims_tests.rs"]
mod payload;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Expected, GeneratedKey, Signer, SigningKey, UnverifiedHeader, VerifyingKey};
use crate::crypto::spki;
use crate::domain::claims::{TokenType, VerifiedClaims};
use crate::domain::signing_key::SigningAlg;

const ISSUER: &str = "https://auth.example.com";
const AUDIENCE: &str = "https://api.example.com";

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A key, its verifier, and a way to sign what the signer would refuse.
struct Forger {
    alg: SigningAlg,
    signer: Signer,
    pkcs8: Vec<u8>,
    verifier: VerifyingKey,
}

impl Forger {
    fn new(alg: SigningAlg) -> Self {
        let GeneratedKey { key, pkcs8 } = SigningKey::generate(alg).unwrap();
        let verifier = VerifyingKey::new(alg, &key.public).unwrap();
        Self { alg, signer: Signer::new(key), pkcs8: pkcs8.to_vec(), verifier }
    }

    fn all() -> impl Iterator<Item = Self> {
        SigningAlg::ALL.iter().copied().map(Self::new)
    }

    fn kid(&self) -> &str {
        &self.signer.key().kid
    }

    fn header(&self) -> String {
        format!(r#"{{"alg":"{}","kid":"{}","typ":"at+jwt"}}"#, self.alg, self.kid())
    }

    fn good(&self) -> String {
        self.signer.sign(TokenType::AtJwt, &claims()).unwrap()
    }

    /// A token of this header and payload with a valid signature.
    fn sign(&self, header: &str, payload: &str) -> String {
        let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
        self.sign_message(&format!("{}.{}", encoded(header), encoded(payload)))
    }

    fn sign_message(&self, message: &str) -> String {
        let signature = self.signer.key().sign(message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn accepts(&self, token: &str) -> bool {
        accepts(&self.verifier, token, TokenType::AtJwt)
    }

    fn refuses(&self, what: &str, token: &str) {
        assert!(!self.accepts(token), "{}: {what}: {token}", self.alg);
    }

    /// Asserts that the valid token with another signature is refused.
    fn refuses_signature(&self, what: &str, signature: &[u8]) {
        let good = self.good();
        let (message, _) = good.rsplit_once('.').unwrap();
        self.refuses(what, &format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)));
    }
}

/// Like Signet's endpoints: the claims must also be those of an access token.
fn accepts(verifier: &VerifyingKey, token: &str, typ: TokenType) -> bool {
    let expected = Expected { issuer: ISSUER, audience: AUDIENCE, typ };
    UnverifiedHeader::read(token).is_some_and(|header| {
        verifier.verify::<VerifiedClaims>(token, &header, &expected).is_some()
    })
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "ada", "aud": AUDIENCE, "exp": 1_784_247_000_i64,
        "iat": 1_784_246_400_i64, "sid": "s", "scope": "",
    })
}

/// The valid claims with one of them changed, as JSON text, because not every JSON number is a `Value`.
fn changed(name: &str, value: &str) -> String {
    let good = claims();
    let mut members: Vec<String> = good
        .as_object()
        .unwrap()
        .iter()
        .filter(|(member, _)| *member != name)
        .map(|(member, value)| format!("{}:{value}", json!(member)))
        .collect();
    members.push(format!("{}:{value}", json!(name)));
    format!("{{{}}}", members.join(","))
}

fn signature(token: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(token.rsplit_once('.').unwrap().1).unwrap()
}

#[test]
fn a_valid_token_passes_and_so_does_a_copy_of_the_same_form() {
    for forger in Forger::all() {
        assert!(forger.accepts(&forger.good()));
        assert!(forger.accepts(&forger.sign(&forger.header(), &claims().to_string())));
        assert!(forger.accepts(&forger.sign(&forger.header(), &changed("exp", "0"))));
        assert!(forger.accepts(&forger.sign(&forger.header(), &changed("exp", "253402300799"))));
        // White space and the order of members do not change the header.
        let header =
            format!(r#"{{ "typ":"at+jwt", "kid":"{}", "alg":"{}" }}"#, forger.kid(), forger.alg);
        assert!(forger.accepts(&forger.sign(&header, &claims().to_string())));
    }
}

#[test]
fn a_signature_of_another_length_or_with_another_bit_is_refused() {
    for forger in Forger::all() {
        let genuine = signature(&forger.good());
        for length in [0, 1, genuine.len() / 2, genuine.len() - 1] {
            forger.refuses_signature("truncated", &genuine[..length]);
        }
        forger.refuses_signature("truncated in front", &genuine[1..]);
        for extra in [0, 1, 0xff] {
            forger.refuses_signature("extended", &[&genuine[..], &[extra]].concat());
            forger.refuses_signature("extended in front", &[&[extra], &genuine[..]].concat());
        }
        forger.refuses_signature("twice", &[&genuine[..], &genuine].concat());
        for length in [1, 32, 64, 96, 132, 256, 512] {
            forger.refuses_signature("zeros", &vec![0; length]);
            forger.refuses_signature("ones", &vec![0xff; length]);
        }
        let good = forger.good();
        let (message, _) = good.rsplit_once('.').unwrap();
        let genuine = signature(&good);
        for byte in 0..genuine.len() {
            let mut other = genuine.clone();
            other[byte] ^= 1 << (byte % 8);
            let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(other));
            forger.refuses("one bit changed", &token);
        }
    }
}

#[test]
fn an_ecdsa_signature_out_of_range_is_refused() {
    // The orders of the groups (SEC 2 §2.4.2, §2.5.1), big-endian.
    let orders = [
        (
            SigningAlg::Es256,
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551".to_owned(),
        ),
        (
            SigningAlg::Es384,
            format!(
                "{}c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
                "ffffffffffffffffffffffffffffffffffffffffffffffff"
            ),
        ),
    ];
    for (alg, order) in orders {
        let order: Vec<u8> = (0..order.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&order[at..at + 2], 16).unwrap())
            .collect();
        let width = order.len();
        let small = |value: u8| [vec![0; width - 1], vec![value]].concat();
        let beyond = |by: u8| {
            let mut beyond = order.clone();
            *beyond.last_mut().unwrap() += by;
            beyond
        };
        let forger = Forger::new(alg);
        let genuine = signature(&forger.good());
        let (r, s) = genuine.split_at(width);
        for (what, r, s) in [
            ("r = s = 0, which bare arithmetic accepts for every message", small(0), small(0)),
            ("r = 0", small(0), s.to_vec()),
            ("s = 0", r.to_vec(), small(0)),
            ("r = n", order.clone(), s.to_vec()),
            ("s = n", r.to_vec(), order.clone()),
            ("r = s = n", order.clone(), order.clone()),
            ("r = n + 1", beyond(1), s.to_vec()),
            ("s = n + 1", r.to_vec(), beyond(1)),
            ("r = s = 1", small(1), small(1)),
            ("r = 1, s = 0", small(1), small(0)),
            ("the highest r and s", vec![0xff; width], vec![0xff; width]),
            ("r and s exchanged", s.to_vec(), r.to_vec()),
            ("both one byte wider", [&[0], r].concat(), [&[0], s].concat()),
        ] {
            forger.refuses_signature(what, &[r, s].concat());
        }
    }
}

#[test]
fn an_ecdsa_signature_in_der_is_refused() {
    for (alg, der) in [
        (SigningAlg::Es256, &ECDSA_P256_SHA256_ASN1_SIGNING),
        (SigningAlg::Es384, &ECDSA_P384_SHA384_ASN1_SIGNING),
    ] {
        let forger = Forger::new(alg);
        let good = forger.good();
        let (message, _) = good.rsplit_once('.').unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(der, &forger.pkcs8).unwrap();
        let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
        forger.refuses("a right signature in DER", &token);
    }
}

#[test]
fn another_key_of_the_same_kind_is_refused() {
    for forger in Forger::all() {
        let stranger = Forger::new(forger.alg);
        forger.refuses("a stranger's token", &stranger.good());
        // Another key whose token claims the known key's `kid`.
        let token = stranger.sign(&forger.header(), &claims().to_string());
        forger.refuses("a stranger's signature under our kid", &token);
        assert!(stranger.accepts(&token), "the signature itself is right");
    }
}

#[test]
fn a_header_of_another_algorithm_is_refused() {
    for forger in Forger::all() {
        let others = SigningAlg::ALL.iter().map(|alg| alg.as_str());
        let strange = ["none", "None", "", "HS256", "RS512", "ES512", "es256", "Ed25519", "RS256 "];
        for alg in others.chain(strange).filter(|alg| *alg != forger.alg.as_str()) {
            let header = format!(r#"{{"alg":"{alg}","kid":"{}","typ":"at+jwt"}}"#, forger.kid());
            forger.refuses(alg, &forger.sign(&header, &claims().to_string()));
        }
        let header = format!(r#"{{"alg":"none","kid":"{}","typ":"at+jwt"}}"#, forger.kid());
        let unsigned = [header, claims().to_string()].map(|part| URL_SAFE_NO_PAD.encode(part));
        forger.refuses("no signature", &format!("{}.", unsigned.join(".")));
        forger.refuses("no third part", &unsigned.join("."));
    }
}

#[test]
fn one_rsa_key_does_not_verify_both_paddings() {
    for (alg, other) in
        [(SigningAlg::Rs256, SigningAlg::Ps256), (SigningAlg::Ps256, SigningAlg::Rs256)]
    {
        let forger = Forger::new(alg);
        let twin = SigningKey::parse(other, &forger.pkcs8).unwrap();
        let verifier = VerifyingKey::new(other, &twin.public).unwrap();
        assert!(!accepts(&verifier, &forger.good(), TokenType::AtJwt), "{alg} as {other}");
        // The header claims the padding that the verifier expects, the signature has the other.
        let header = forger.header().replace(alg.as_str(), other.as_str());
        let token = forger.sign(&header, &claims().to_string());
        assert!(!accepts(&verifier, &token, TokenType::AtJwt), "{alg} relabelled {other}");
        // The signature has the padding that the verifier expects, the header claims the other.
        let message = forger.good();
        let (message, _) = message.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.encode(twin.sign(message.as_bytes()).unwrap());
        assert!(!accepts(&verifier, &format!("{message}.{signature}"), TokenType::AtJwt));
        // The token of the twin is valid by itself.
        let sound = Signer::new(twin).sign(TokenType::AtJwt, &claims()).unwrap();
        assert!(accepts(&verifier, &sound, TokenType::AtJwt));
    }
}

#[test]
fn a_public_key_is_no_shared_secret() {
    for forger in Forger::all() {
        let public = &forger.signer.key().public;
        let pem = spki::pem(public).unwrap();
        for secret in [pem.as_str(), pem.trim_end(), &serde_json::to_string(public).unwrap()] {
            for alg in ["HS256", forger.alg.as_str()] {
                let header =
                    format!(r#"{{"alg":"{alg}","kid":"{}","typ":"at+jwt"}}"#, forger.kid());
                let message = [header, claims().to_string()]
                    .map(|part| URL_SAFE_NO_PAD.encode(part))
                    .join(".");
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
                let tag = hmac::sign(&key, message.as_bytes());
                let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag));
                forger.refuses("HMAC with the public key", &token);
            }
        }
    }
}

#[test]
fn a_header_with_more_less_or_doubled_members_is_refused() {
    for forger in Forger::all() {
        let (alg, kid) = (forger.alg.as_str(), forger.kid().to_owned());
        let good = forger.header();
        let with = |more: &str| format!("{},{more}}}", good.trim_end_matches('}'));
        let jwk = serde_json::to_string(&forger.signer.key().public).unwrap();
        for header in [
            with(r#""crit":["exp"]"#),
            with(r#""crit":[]"#),
            with(r#""crit":null"#),
            with(r#""b64":false,"crit":["b64"]"#),
            with(r#""b64":false"#),
            with(r#""b64":true"#),
            with(r#""zip":"DEF""#),
            with(r#""cty":"JWT""#),
            with(r#""jku":"https://evil.example""#),
            with(r#""x5u":"https://evil.example""#),
            with(&format!(r#""jwk":{jwk}"#)),
            with(&format!(r#""alg":"{alg}""#)),
            with(&format!(r#""kid":"{kid}""#)),
            with(r#""typ":"at+jwt""#),
            with(r#""\u0061lg":"none""#),
            format!(r#"{{"alg":"none",{}"#, good.trim_start_matches('{')),
            format!(r#"{{"alg":"{alg}","typ":"at+jwt"}}"#),
            format!(r#"{{"alg":"{alg}","kid":"{kid}"}}"#),
            format!(r#"{{"kid":"{kid}","typ":"at+jwt"}}"#),
            format!(r#"{{"alg":["{alg}"],"kid":"{kid}","typ":"at+jwt"}}"#),
            format!(r#"{{"alg":"{alg}","kid":1,"typ":"at+jwt"}}"#),
            format!(r#"["{alg}","{kid}"]"#),
            format!("{good} x"),
            format!("{good}{good}"),
            "null".to_owned(),
            String::new(),
        ] {
            forger.refuses(&header, &forger.sign(&header, &claims().to_string()));
        }
    }
}

#[test]
fn another_type_is_refused() {
    for forger in Forger::all() {
        let token = |typ: &str| {
            let header =
                format!(r#"{{"alg":"{}","kid":"{}","typ":"{typ}"}}"#, forger.alg, forger.kid());
            forger.sign(&header, &claims().to_string())
        };
        for typ in ["JWT", "jwt", "AT+JWT", "application/at+jwt", "at+jwt ", "dpop+jwt", ""] {
            forger.refuses(typ, &token(typ));
        }
        assert!(accepts(&forger.verifier, &token("JWT"), TokenType::Jwt));
        assert!(!accepts(&forger.verifier, &forger.good(), TokenType::Jwt));
    }
}

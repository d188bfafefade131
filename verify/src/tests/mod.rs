//! The verifier with an issuer in memory, and an injected time.

mod feeds;
mod keys;
mod proofs;
mod tokens;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_executor::block_on;
use serde_json::{Value, json};

use crate::*;

pub const NOW: i64 = 1_800_000_000;
pub const ISSUER: &str = "https://id.example.com";
pub const API: &str = "https://api.example.com";

enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// A private key.
pub struct Key {
    pub kid: String,
    pub alg: &'static str,
    pair: Pair,
}

impl Key {
    pub fn new(kid: &str, alg: &'static str) -> Arc<Self> {
        let pair = match alg {
            "ES256" => Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()),
            "EdDSA" => Pair::Ed(Ed25519KeyPair::generate().unwrap()),
            _ => Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
        };
        Arc::new(Self { kid: kid.to_owned(), alg, pair })
    }

    /// The public half, without `kid`, `alg` and `use`.
    pub fn public(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.pair {
            Pair::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)})
            }
            Pair::Rsa(pair) => {
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                json!({"kty": "RSA", "n": text(n.big_endian_without_leading_zero()),
                    "e": text(e.big_endian_without_leading_zero())})
            }
            Pair::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref())})
            }
        }
    }

    /// The key as an entry of a key set.
    pub fn entry(&self) -> Value {
        let mut entry = self.public();
        (entry["kid"], entry["alg"], entry["use"]) =
            (json!(self.kid), json!(self.alg), json!("sig"));
        entry
    }

    pub fn thumbprint(&self) -> String {
        crate::key::thumbprint(self.public().as_object().unwrap()).unwrap()
    }

    /// A token with these parts.
    pub fn sign(&self, header: &Value, payload: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", part(&header.to_string()), part(payload));
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Ec(pair) => pair.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let padding: &'static dyn aws_lc_rs::signature::RsaEncoding =
                    if self.alg == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                pair.sign(padding, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub fn typed(&self, typ: &str, claims: &Value) -> String {
        let header = json!({"alg": self.alg, "kid": self.kid, "typ": typ});
        self.sign(&header, &claims.to_string())
    }
}

/// An issuer in memory: its documents, and how often they were fetched.
#[derive(Clone)]
pub struct Issuer {
    pub key: Arc<Key>,
    served: Arc<Mutex<HashMap<String, String>>>,
    asked: Arc<Mutex<Vec<String>>>,
    unplugged: Arc<AtomicBool>,
}

impl Issuer {
    pub fn new(alg: &'static str) -> Self {
        let issuer = Self {
            key: Key::new("one", alg),
            served: Arc::default(),
            asked: Arc::default(),
            unplugged: Arc::default(),
        };
        issuer.serve(
            "/.well-known/openid-configuration",
            json!({"issuer": ISSUER, "jwks_uri": format!("{ISSUER}/jwks"),
                "signet_revocations_uri": format!("{ISSUER}/feed")}),
        );
        issuer.publish(&[&issuer.key]);
        issuer.serve_feed(NOW, |_| ());
        issuer
    }

    pub fn serve(&self, path: &str, document: Value) {
        let text = match document {
            Value::String(text) => text,
            value => value.to_string(),
        };
        self.served.lock().unwrap().insert(path.to_owned(), text);
    }

    pub fn publish(&self, keys: &[&Key]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.entry()).collect();
        self.serve("/jwks", json!({ "keys": keys }));
    }

    /// A feed of a time, with changes to its claims.
    pub fn feed(&self, iat: i64, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = json!({"iss": ISSUER, "iat": iat, "exp": iat + 60, "poll": 10,
            "covers": 600, "sid": {}, "jti": {}, "cut": [], "kid": []});
        change(&mut claims);
        self.key.typed("revocations+jwt", &claims)
    }

    pub fn serve_feed(&self, iat: i64, change: impl FnOnce(&mut Value)) {
        self.serve("/feed", json!(self.feed(iat, change)));
    }

    pub fn unplug(&self, unplugged: bool) {
        self.unplugged.store(unplugged, Ordering::Relaxed);
    }

    /// The queries of the requests for a path.
    pub fn asked(&self, path: &str) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let queries = asked.iter().filter_map(|url| url.strip_prefix(ISSUER)?.strip_prefix(path));
        queries.map(str::to_owned).collect()
    }

    pub fn claims(&self) -> Value {
        json!({"iss": ISSUER, "aud": API, "sub": "ada", "client_id": "shop", "scope": "read write",
            "jti": "t1", "sid": "s1", "iat": NOW, "exp": NOW + 600})
    }

    /// A token with changed claims.
    pub fn token(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims();
        change(&mut claims);
        self.key.typed("at+jwt", &claims)
    }

    /// A verifier that has polled once, unless the policy does not read the feed.
    pub fn verifier(&self, revocations: Revocations) -> Verifier {
        let verifier = self.started(revocations);
        let _ = block_on(verifier.poll(NOW));
        verifier
    }

    /// A verifier that has fetched nothing.
    pub fn started(&self, revocations: Revocations) -> Verifier {
        let trust = Trust {
            issuer: ISSUER.to_owned(),
            audience: API.to_owned(),
            name: "orders".to_owned(),
            revocations,
        };
        Verifier::with_warnings(trust, self.clone(), |_| ()).unwrap()
    }
}

/// A future that is ready when it is polled for the second time.
struct Later(bool);

impl Future for Later {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Fetch for Issuer {
    fn get(&self, url: String, limit: usize) -> FetchFuture {
        let issuer = self.clone();
        Box::pin(async move {
            issuer.asked.lock().unwrap().push(url.clone());
            // Not immediately ready, like a network.
            Later(false).await;
            if issuer.unplugged.load(Ordering::Relaxed) {
                return Err(FetchError("unplugged".to_owned()));
            }
            let path = url.strip_prefix(ISSUER).unwrap().split('?').next().unwrap();
            let body = issuer.served.lock().unwrap().get(path).cloned();
            let body = body.ok_or_else(|| FetchError("404".to_owned()))?.into_bytes();
            assert!(body.len() <= limit);
            Ok(Fetched { body, max_age: Some(300) })
        })
    }
}

/// The code with which a token is refused; `None` if it is accepted.
pub fn code(verifier: &Verifier, token: &str, now: i64) -> Option<Code> {
    let value = format!("Bearer {token}");
    let request: &[&[u8]] = &[value.as_bytes()];
    block_on(verifier.verify(&Request::bearer(request), now)).err().map(|refused| refused.code)
}

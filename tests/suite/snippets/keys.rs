//! How snippets fetch keys: rarely, and without losing the cached ones.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures_util::future::join_all;
use serde_json::json;
use signet::crypto::jwt::SigningKey;
use signet::domain::signing_key::SigningAlg;

use super::is_chosen;
use super::printed::Edition;
use crate::hostile::forge::{Forge, sign};
use crate::hostile::issuer::{StandIn, WELL_KNOWN_JWKS};
use crate::hostile::runner::AUDIENCE;

/// Every snippet with its own code for fetching keys. Those with the feed share the code of `node` and `python`.
const SNIPPETS: [&str; 13] = [
    "node",
    "express",
    "express-oauth2-jwt-bearer",
    "fastify",
    "hono",
    "jsonwebtoken",
    "python",
    "fastapi",
    "flask",
    "django",
    "fastmcp",
    "go",
    "ruby",
];

/// A thousand tokens with keys that do not exist cause at most two fetches in 30 seconds.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_keys_cause_few_fetches() {
    for name in SNIPPETS.into_iter().filter(|name| is_chosen(name)) {
        let issuer = StandIn::start().await;
        let forge = Forge::new(&issuer, AUDIENCE, SigningAlg::Es256).await;
        let began = Instant::now();
        let Some(running) = Edition::of(name, &issuer.base).start().await else { continue };
        for round in 0..50 {
            let tokens: Vec<String> = (0..20)
                .map(|at| {
                    forge.with(|header, _| header["kid"] = json!(format!("made-up-{round}-{at}")))
                })
                .collect();
            let answers = join_all(tokens.iter().map(|token| running.status(token))).await;
            assert!(answers.iter().all(|status| *status == 401), "{name}: {answers:?}");
        }
        assert_eq!(running.status(&forge.good()).await, 200, "{name}");
        let pauses = usize::try_from(began.elapsed().as_secs() / 30).unwrap();
        let asked = issuer.asked(WELL_KNOWN_JWKS);
        assert!((1..=2 + pauses).contains(&asked), "{name}: {asked} fetches");
    }
}

/// Without any keys the response is 503. Cached keys are kept while the issuer is down or serves none, and new ones
/// are found. No valid token is refused during a rotation.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_kept_and_rotated() {
    for name in SNIPPETS.into_iter().filter(|name| is_chosen(name)) {
        let issuer = StandIn::start().await;
        issuer.unplug(true);
        let edition = Edition { waits: false, ..Edition::of(name, &issuer.base) };
        let Some(running) = edition.start().await else { continue };
        let forge = Forge::new(&issuer, AUDIENCE, SigningAlg::Es256).await;
        let good = forge.good();
        let (status, challenge, retry_after) = running.ask(Some(&good)).await;
        assert_eq!((status, &*challenge), (503, ""), "{name}");
        assert!(
            retry_after.parse::<u32>().is_ok_and(|seconds| seconds > 0),
            "{name}: {retry_after}"
        );
        assert_eq!(running.ask(None).await.0, 401, "{name}");

        issuer.unplug(false);
        assert_eq!(running.status(&good).await, 200, "{name}");
        let unknown = forge.with(|header, _| header["kid"] = json!("never-published"));
        issuer.unplug(true);
        for (token, status) in [(&good, 200), (&unknown, 401), (&good, 200)] {
            assert_eq!(running.status(token).await, status, "{name}: the issuer is down");
        }
        issuer.unplug(false);
        for jwks in [json!({"keys": []}), json!({"error": "try again"}), json!([])] {
            issuer.publish_value(jwks.clone());
            assert_eq!(running.status(&good).await, 200, "{name}: {jwks}");
        }

        // The next key is published and signs, and the previous one is removed.
        let (es, rs) = (&issuer.keys.es, &issuer.keys.rs);
        let next = SigningKey::generate(SigningAlg::Es256).unwrap().key;
        let by_next = sign(
            &next,
            &json!({"alg": "ES256", "typ": "at+jwt", "kid": next.kid}),
            forge.claims().to_string().as_bytes(),
        );
        issuer.publish(&[es, rs]);
        let over = AtomicBool::new(false);
        let load = async {
            let mut refused = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let tokens: Vec<String> = (0..4).map(|_| forge.good()).collect();
                let answers = join_all(tokens.iter().map(|token| running.status(token))).await;
                refused.extend(answers.into_iter().filter(|status| *status != 200));
            }
            refused
        };
        let rotate = async {
            issuer.publish(&[es, rs, &next]);
            for _ in 0..10 {
                assert_eq!(running.status(&by_next).await, 200, "{name}: the new key");
            }
            over.store(true, Ordering::Relaxed);
        };
        let (refused, ()) = tokio::join!(load, rotate);
        assert_eq!(refused, [0; 0], "{name}: refused while keys rotated");
        issuer.publish(&[&next, rs]);
        assert_eq!(running.status(&by_next).await, 200, "{name}");
        assert_eq!(running.status(&good).await, 401, "{name}: the key left the set");
    }
}

//! Snippets that read the revocation feed.

use serde_json::{Value, json};
use signet::crypto::jwt::SigningKey;
use signet::domain::signing_key::SigningAlg;

use super::printed::{Edition, Running};
use crate::hostile::forge::{Forge, SESSION};
use crate::hostile::issuer::{FEED, StandIn, now};
use crate::hostile::runner::AUDIENCE;
use crate::support::process::until;

const SNIPPETS: [&str; 2] = ["node-revocations", "python-revocations"];
const OTHER_SESSION: &str = "0190f3a1-0000-7000-8000-0000000000bb";

/// Serves a feed until it was fetched.
async fn serve(issuer: &StandIn, feed: Option<String>) {
    issuer.fix_feed(feed);
    let asked = issuer.asked(FEED);
    until("the feed is read", async || issuer.asked(FEED) > asked).await;
}

/// Serves a feed that must be ignored, and an expired one after it: when the second is fetched, the first was
/// processed.
async fn serve_one(issuer: &StandIn, wrong: String, expired: &str) {
    serve(issuer, Some(wrong)).await;
    serve(issuer, Some(expired.to_owned())).await;
}

async fn is_revoked(running: &Running, token: &str) -> bool {
    let (status, challenge, _) = running.ask(Some(token)).await;
    let says_so = challenge.contains("error=\"invalid_token\", error_description=\"revoked\"");
    assert_eq!(status == 401, says_so, "{status} {challenge}");
    says_so
}

async fn until_revoked(running: &Running, token: &str) {
    until("the token is refused", async || is_revoked(running, token).await).await;
}

/// Ended sessions are refused from the next fetch on, also when older copies of the feed are served afterwards or the
/// issuer is unreachable.
#[tokio::test(flavor = "multi_thread")]
async fn ended_sessions_are_refused_from_the_next_fetch_on() {
    for name in SNIPPETS {
        let issuer = StandIn::start().await;
        let es = Forge::new(&issuer, AUDIENCE, SigningAlg::Es256).await;
        let rs = Forge::new(&issuer, AUDIENCE, SigningAlg::Rs256).await;
        let Some(running) = Edition::of(name, &issuer.base).start().await else { continue };
        let before = issuer.feed_at(now() - 30);
        let ended = es.good();
        let elsewhere = |change: &str, value: &str| {
            es.with(|_, claims| {
                claims["sid"] = json!(OTHER_SESSION);
                claims[change] = json!(value);
            })
        };
        let [revoked, exchanged, other] =
            ["one", "one.two", "onetwo"].map(|jti| elsewhere("jti", jti));
        let cut = elsewhere("client_id", "billing");
        for token in [&ended, &revoked, &exchanged, &other, &cut] {
            assert_eq!(running.status(token).await, 200, "{name}");
        }

        issuer.feed(|feed| {
            feed.sid.insert(SESSION.to_owned(), now() + 600);
            feed.jti.insert("one".to_owned(), now() + 600);
            feed.cut.push(json!({"client_id": "billing", "iat": now(), "until": now() + 600}));
        });
        for token in [&ended, &revoked, &exchanged, &cut] {
            until_revoked(&running, token).await;
        }
        assert!(!is_revoked(&running, &other).await, "{name}: a jti that only begins alike");
        let later = es.with(|_, claims| {
            claims["sid"] = json!(OTHER_SESSION);
            claims["client_id"] = json!("billing");
            claims["iat"] = json!(now() + 4);
        });
        assert!(!is_revoked(&running, &later).await, "{name}: issued after the cut");

        // An older copy removes no entry, and neither does an unreachable issuer.
        serve(&issuer, Some(before.clone())).await;
        serve(&issuer, Some(before)).await;
        for token in [&ended, &revoked, &exchanged, &cut] {
            assert!(is_revoked(&running, token).await, "{name}: after an older feed");
        }
        issuer.unplug(true);
        assert!(is_revoked(&running, &ended).await, "{name}: without the issuer");
        issuer.unplug(false);

        // A withdrawn key, and a cut of all tokens.
        issuer.fix_feed(None);
        issuer.feed(|feed| feed.kid.push(es.key().kid.clone()));
        until_revoked(&running, &other).await;
        let by_rsa = rs.with(|_, claims| claims["sid"] = json!(OTHER_SESSION));
        assert!(!is_revoked(&running, &by_rsa).await, "{name}: the other key");
        issuer.feed(|feed| feed.cut.push(json!({"iat": now() + 1, "until": now() + 600})));
        until_revoked(&running, &by_rsa).await;
    }
}

/// Without a recent feed, `closed` refuses with 503, `open` accepts, and both refuse entries of an old feed. A feed of
/// another key or issuer, an access token, one from the future and one that is too long are ignored.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_recent_feed_the_choice_decides() {
    for name in SNIPPETS {
        let issuer = StandIn::start().await;
        let forge = Forge::new(&issuer, AUDIENCE, SigningAlg::Es256).await;
        let (good, ended) =
            (forge.with(|_, claims| claims["sid"] = json!(OTHER_SESSION)), forge.good());
        issuer.feed(|feed| {
            feed.sid.insert(SESSION.to_owned(), now() + 600);
        });
        let expired = issuer.feed_at(now() - 120);
        issuer.fix_feed(Some(expired.clone()));
        let edition = Edition::of(name, &issuer.base);
        let Some(closed) = edition.start().await else { continue };
        let open = Edition { when_stale: "open", ..edition }.start().await.unwrap();
        let stale = async |what: &str| {
            let (status, challenge, retry_after) = closed.ask(Some(&good)).await;
            assert_eq!((status, &*challenge), (503, ""), "{name}: {what}");
            assert!(retry_after.parse::<u32>().is_ok_and(|seconds| seconds > 0), "{name}: {what}");
            assert_eq!(open.status(&good).await, 200, "{name}: {what}");
        };
        stale("an expired feed").await;
        for running in [&closed, &open] {
            assert!(is_revoked(running, &ended).await, "{name}: listed by an expired feed");
        }
        drop(open);

        // The content of these lists the other session as well.
        issuer.feed(|feed| {
            feed.sid.insert(OTHER_SESSION.to_owned(), now() + 600);
        });
        let feed = |key: &SigningKey, typ: &str, claim: &str, value: Value| {
            issuer.feed_with(key, typ, |claims| {
                if !claim.is_empty() {
                    claims[claim] = value;
                }
            })
        };
        let (own, nothing) = (issuer.feed_key(), json!(null));
        let typ = "revocations+jwt";
        for (what, wrong) in [
            ("an unknown key", feed(&issuer.keys.foreign[0], typ, "", nothing.clone())),
            ("another issuer", feed(own, typ, "iss", json!("https://id.example.com"))),
            ("an access token", feed(own, "at+jwt", "", nothing)),
            ("the future", feed(own, typ, "iat", json!(now() + 3_600))),
            ("too long", "x".repeat((16 << 20) + 1)),
        ] {
            serve_one(&issuer, wrong, &expired).await;
            let (status, challenge, _) = closed.ask(Some(&good)).await;
            assert_eq!((status, &*challenge), (503, ""), "{name}: {what}");
        }
        issuer.feed(|feed| {
            feed.sid.remove(OTHER_SESSION);
        });
        issuer.fix_feed(None);
        until("the feed is recent", async || closed.status(&good).await == 200).await;
    }
}

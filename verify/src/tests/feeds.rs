//! The effect of a feed, and invalid feeds.

use serde_json::json;

use super::*;

fn listed(claims: &mut serde_json::Value) {
    claims["sid"] = json!({"s1": NOW + 700});
}

#[test]
fn listed_sessions_stay_refused() {
    let issuer = Issuer::new("ES256");
    let verifier = issuer.verifier(Revocations::Open);
    let token = issuer.token(|_| ());
    assert_eq!(code(&verifier, &token, NOW), None);
    issuer.serve_feed(NOW + 10, listed);
    assert_eq!(block_on(verifier.poll(NOW + 10)), Ok(10));
    assert_eq!(code(&verifier, &token, NOW + 10), Some(Code::Revoked));
    // An unreachable issuer, an older feed and a newer one without the entry change nothing.
    issuer.unplug(true);
    assert!(matches!(block_on(verifier.poll(NOW + 20)), Err(PollError::NotFetched(_))));
    assert_eq!(code(&verifier, &token, NOW + 20), Some(Code::Revoked));
    issuer.unplug(false);
    for iat in [NOW - 30, NOW + 30] {
        issuer.serve_feed(iat, |_| ());
        assert_eq!(block_on(verifier.poll(NOW + 30)), Ok(10));
        assert_eq!(code(&verifier, &token, NOW + 30), Some(Code::Revoked));
    }
    // A stale feed does not turn a refusal into a 503.
    assert_eq!(code(&verifier, &token, NOW + 500), Some(Code::Revoked));
    // By the verifier's own clock.
    let _ = block_on(verifier.poll(NOW + 699));
    assert_eq!(verifier.stats().revoked, 1);
    let _ = block_on(verifier.poll(NOW + 700));
    assert_eq!(verifier.stats().revoked, 0);
}

#[test]
fn tokens_clients_apis_and_keys_are_refused() {
    for (name, value) in [
        ("jti", json!({"t1": NOW + 700})),
        ("cut", json!([{"client_id": "shop", "iat": NOW, "until": NOW + 700}])),
        ("cut", json!([{"aud": API, "iat": NOW, "until": NOW + 700}])),
        ("cut", json!([{"sub": "ada", "iat": NOW, "until": NOW + 700}])),
        ("cut", json!([{"iat": NOW, "until": NOW + 700}])),
    ] {
        let issuer = Issuer::new("ES256");
        issuer.serve_feed(NOW, |claims| claims[name] = value.clone());
        let verifier = issuer.verifier(Revocations::Closed);
        let refused = code(&verifier, &issuer.token(|_| ()), NOW);
        assert_eq!(refused, Some(Code::Revoked), "{name} {value}");
        let later = issuer.token(|claims| {
            (claims["iat"], claims["jti"]) = (json!(NOW + 1), json!("t2"));
        });
        assert_eq!(code(&verifier, &later, NOW + 1), None, "{name} {value}");
    }
}

/// A withdrawn key verifies neither tokens nor feeds from then on.
#[test]
fn a_withdrawn_key_is_never_trusted_again() {
    let issuer = Issuer::new("ES256");
    let next = Key::new("two", "ES256");
    issuer.publish(&[&issuer.key, &next]);
    let verifier = issuer.verifier(Revocations::Open);
    let token = issuer.token(|_| ());
    // A feed cannot withdraw its own key: a thief of the key could sign such a feed with any other content.
    issuer.serve_feed(NOW, |claims| claims["kid"] = json!(["one"]));
    assert_eq!(block_on(verifier.poll(NOW)), Err(PollError::Ignored(Code::KeyRetired)));
    assert_eq!(code(&verifier, &token, NOW), None);
    let by_next = Issuer { key: Arc::clone(&next), ..issuer.clone() };
    by_next.serve_feed(NOW + 10, |claims| claims["kid"] = json!(["one"]));
    assert_eq!(block_on(verifier.poll(NOW + 10)), Ok(10));
    assert_eq!(code(&verifier, &token, NOW + 10), Some(Code::KeyRetired));
    issuer.serve_feed(NOW + 20, |_| ());
    assert_eq!(block_on(verifier.poll(NOW + 20)), Err(PollError::Ignored(Code::KeyRetired)));
}

#[test]
fn invalid_feeds_are_ignored() {
    let issuer = Issuer::new("ES256");
    let verifier = issuer.verifier(Revocations::Closed);
    let token = issuer.token(|_| ());
    let stranger = Issuer { key: Key::new("one", "ES256"), ..issuer.clone() };
    let unknown = Issuer { key: Key::new("two", "ES256"), ..issuer.clone() };
    for (feed, expected) in [
        (unknown.feed(NOW, listed), Code::UnknownKey),
        (stranger.feed(NOW, listed), Code::BadSignature),
        (
            issuer.feed(NOW, |claims| claims["iss"] = json!("https://other.example.com")),
            Code::WrongIssuer,
        ),
        (issuer.feed(NOW + 61, listed), Code::IssuedInFuture),
        (token.clone(), Code::WrongType),
        (issuer.feed(NOW, |claims| claims["sid"] = json!(["s1"])), Code::IncompleteClaims),
        (issuer.feed(NOW, |claims| claims["cut"] = json!([{"iat": NOW}])), Code::IncompleteClaims),
        (issuer.feed(NOW, |claims| claims["kid"] = json!([7])), Code::IncompleteClaims),
        ("x".to_owned(), Code::Malformed),
        (String::new(), Code::Malformed),
    ] {
        issuer.serve("/feed", json!(feed));
        assert_eq!(block_on(verifier.poll(NOW)), Err(PollError::Ignored(expected)), "{feed}");
        assert_eq!(code(&verifier, &token, NOW), None);
    }
    // A feed is not accepted as an access token.
    assert_eq!(code(&verifier, &issuer.feed(NOW, |_| ()), NOW), Some(Code::WrongType));
    assert_eq!(verifier.stats().revoked, 0);
}

#[test]
fn a_feed_that_is_not_recent_is_a_choice() {
    let issuer = Issuer::new("ES256");
    let token = issuer.token(|_| ());
    for (policy, stale) in [
        (Revocations::Closed, Some(Code::FeedStale)),
        (Revocations::Open, None),
        (Revocations::NotRead, None),
    ] {
        let verifier = issuer.verifier(policy);
        assert_eq!(code(&verifier, &token, NOW + 65), None, "{policy:?}");
        assert_eq!(code(&verifier, &token, NOW + 66), stale, "{policy:?}");
        let counted = u64::from(policy == Revocations::Open);
        assert_eq!(verifier.stats().accepted_while_stale, counted, "{policy:?}");
        // A token that is invalid anyway is refused, not answered with 503.
        let expired = issuer.token(|claims| claims["exp"] = json!(NOW));
        assert_eq!(code(&verifier, &expired, NOW + 66), Some(Code::Expired));
        // An older feed makes it no more recent.
        issuer.serve_feed(NOW - 600, |_| ());
        let _ = block_on(verifier.poll(NOW + 66));
        assert_eq!(code(&verifier, &token, NOW + 66), stale, "{policy:?}");
        issuer.serve_feed(NOW, |_| ());
    }
    // Before the first fetch the feed is stale, too.
    issuer.unplug(true);
    let verifier = issuer.verifier(Revocations::Closed);
    issuer.unplug(false);
    assert_eq!(code(&verifier, &token, NOW + 5), Some(Code::FeedStale));
}

/// With clocks that differ by 90 seconds, the feed is stale or from the future, and earlier entries stay.
#[test]
fn clocks_that_are_wrong_lose_no_entry() {
    let issuer = Issuer::new("ES256");
    let token = issuer.token(|claims| claims["sid"] = json!("s2"));
    let ended = issuer.token(|_| ());
    for skew in [-90, 90] {
        issuer.serve_feed(NOW, listed);
        let verifier = issuer.verifier(Revocations::Closed);
        issuer.serve_feed(NOW + 10, |_| ());
        let polled = block_on(verifier.poll(NOW + 10 + skew));
        assert_eq!(polled.is_err(), skew < 0, "{skew}");
        assert!(code(&verifier, &ended, NOW + 10).is_some_and(|code| code == Code::Revoked));
        if skew > 0 {
            assert_eq!(code(&verifier, &token, NOW + 10 + skew), Some(Code::FeedStale));
            assert_eq!(code(&verifier, &ended, NOW + 10 + skew), Some(Code::Revoked));
        }
    }
}

#[test]
fn large_feeds_are_fetched_in_parts_and_whole_once_a_minute() {
    let issuer = Issuer::new("ES256");
    let many = |claims: &mut serde_json::Value| {
        let sid: serde_json::Map<_, _> =
            (0..1_000).map(|nth| (format!("session-{nth}"), json!(NOW + 700))).collect();
        claims["sid"] = json!(sid);
    };
    issuer.serve_feed(NOW, many);
    let verifier = issuer.verifier(Revocations::Closed);
    assert_eq!(verifier.stats().revoked, 1_000);
    issuer.serve_feed(NOW + 10, |claims| {
        claims["since"] = json!(NOW);
        listed(claims);
    });
    assert_eq!(block_on(verifier.poll(NOW + 10)), Ok(10));
    assert_eq!(verifier.stats().revoked, 1_001);
    assert_eq!(verifier.stats().feed_exp, NOW + 70);
    // A part that begins later than the known feed is added, but does not make it recent.
    issuer.serve_feed(NOW + 20, |claims| claims["since"] = json!(NOW + 15));
    assert_eq!(block_on(verifier.poll(NOW + 20)), Ok(10));
    assert_eq!(verifier.stats().feed_exp, NOW + 70);
    issuer.serve_feed(NOW + 60, many);
    assert_eq!(block_on(verifier.poll(NOW + 60)), Ok(10));
    let queries = issuer.asked("/feed");
    let (one, two) = (format!("?since={NOW}"), format!("?since={}", NOW + 10));
    assert_eq!(queries, ["", &one, &two, ""]);
}

#[test]
fn an_issuer_without_a_feed_is_as_one_whose_feed_is_not_recent() {
    let issuer = Issuer::new("ES256");
    issuer.serve(
        "/.well-known/openid-configuration",
        json!({"issuer": ISSUER, "jwks_uri": format!("{ISSUER}/jwks")}),
    );
    let verifier = issuer.verifier(Revocations::Closed);
    assert!(matches!(block_on(verifier.poll(NOW)), Err(PollError::NotFetched(_))));
    assert_eq!(code(&verifier, &issuer.token(|_| ()), NOW), Some(Code::FeedStale));
}

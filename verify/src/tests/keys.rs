//! When keys are fetched, and how long they are cached.

use std::pin::pin;
use std::task::Waker;

use futures_util::future::join_all;
use serde_json::json;

use super::*;

#[test]
fn unknown_keys_cause_one_fetch_in_thirty_seconds() {
    let issuer = Issuer::new("ES256");
    let verifier = issuer.started(Revocations::NotRead);
    assert_eq!(code(&verifier, &issuer.token(|_| ()), NOW), None);
    assert_eq!(issuer.asked("/jwks"), ["?rs=orders"]);
    let forged: Vec<String> = (0..1_000)
        .map(|nth| Key::new(&format!("k{nth}"), "EdDSA").typed("at+jwt", &issuer.claims()))
        .collect();
    for token in &forged[..500] {
        assert_eq!(code(&verifier, token, NOW + 29), Some(Code::UnknownKey));
    }
    assert_eq!(issuer.asked("/jwks").len(), 1);
    for token in &forged[500..] {
        assert_eq!(code(&verifier, token, NOW + 30), Some(Code::UnknownKey));
    }
    assert_eq!(issuer.asked("/jwks").len(), 2);
    // The pause begins with an attempt, whether or not it succeeds.
    for (at, served) in [(60, json!({"keys": []})), (90, json!("no JSON")), (120, json!({}))] {
        issuer.serve("/jwks", served);
        for token in &forged[..3] {
            assert_eq!(code(&verifier, token, NOW + at), Some(Code::UnknownKey));
        }
    }
    assert_eq!(issuer.asked("/jwks").len(), 5);
    assert_eq!(code(&verifier, &issuer.token(|_| ()), NOW + 120), None);
    // Setting the clock back ends the pause.
    assert_eq!(code(&verifier, &forged[0], NOW - 3_600), Some(Code::UnknownKey));
    assert_eq!(issuer.asked("/jwks").len(), 6);
}

#[test]
fn requests_wait_for_one_fetch_together() {
    let issuer = Issuer::new("ES256");
    let verifier = issuer.started(Revocations::NotRead);
    let value = format!("Bearer {}", issuer.token(|_| ()));
    let request: &[&[u8]] = &[value.as_bytes()];
    let presented = Request::bearer(request);
    let all = join_all((0..50).map(|_| verifier.verify(&presented, NOW)));
    let mut all = pin!(all);
    let mut context = Context::from_waker(Waker::noop());
    assert!(all.as_mut().poll(&mut context).is_pending());
    assert!(block_on(async { all.await.into_iter().all(|result| result.is_ok()) }));
    assert_eq!(issuer.asked("/jwks").len(), 1);
}

/// A client that disconnects while its request waits for keys does not cancel the fetch.
#[test]
fn a_fetch_survives_the_request_that_began_it() {
    let issuer = Issuer::new("ES256");
    let verifier = issuer.started(Revocations::NotRead);
    let value = format!("Bearer {}", issuer.token(|_| ()));
    let authorization: &[&[u8]] = &[value.as_bytes()];
    let request = Request::bearer(authorization);
    {
        let mut first = Box::pin(verifier.verify(&request, NOW));
        assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert!(block_on(verifier.verify(&request, NOW)).is_ok());
    assert_eq!(issuer.asked("/.well-known/openid-configuration").len(), 1);
    assert_eq!(issuer.asked("/jwks").len(), 1);
}

#[test]
fn good_keys_outlive_an_issuer_that_is_down() {
    let issuer = Issuer::new("ES256");
    let verifier = issuer.verifier(Revocations::NotRead);
    issuer.unplug(true);
    let day = 86_400;
    let token = issuer.token(|claims| claims["exp"] = json!(NOW + 2 * day));
    for at in [300, 330, day] {
        assert_eq!(code(&verifier, &token, NOW + at), None, "{at}");
    }
    issuer.unplug(false);
    issuer.serve("/jwks", json!({"keys": []}));
    assert_eq!(code(&verifier, &token, NOW + day + 30), None);
    // A set that lacks the key removes it.
    let next = Key::new("two", "ES256");
    issuer.publish(&[&next]);
    assert_eq!(code(&verifier, &token, NOW + day + 60), Some(Code::UnknownKey));
    let by_next = next.typed("at+jwt", &json!({"exp": NOW + 2 * day}));
    assert_ne!(code(&verifier, &by_next, NOW + day + 60), Some(Code::UnknownKey));
}

#[test]
fn without_any_key_a_token_may_be_good() {
    let issuer = Issuer::new("ES256");
    issuer.unplug(true);
    let verifier = issuer.verifier(Revocations::NotRead);
    let token = issuer.token(|_| ());
    assert_eq!(code(&verifier, &token, NOW), Some(Code::KeysUnavailable));
    assert_eq!(Refused::from(Code::KeysUnavailable).status(), 503);
    issuer.unplug(false);
    assert_eq!(code(&verifier, &token, NOW + 4), Some(Code::KeysUnavailable));
    assert_eq!(code(&verifier, &token, NOW + 5), None);
}

#[test]
fn a_rotated_key_is_found_when_it_signs() {
    let issuer = Issuer::new("ES256");
    let verifier = issuer.verifier(Revocations::NotRead);
    let next = Key::new("two", "RS256");
    issuer.publish(&[&issuer.key, &next]);
    let token = next.typed("at+jwt", &issuer.claims());
    assert_eq!(code(&verifier, &token, NOW + 30), None);
    assert_eq!(code(&verifier, &issuer.token(|_| ()), NOW + 30), None);
}

#[test]
fn metadata_of_another_issuer_are_not_believed() {
    let issuer = Issuer::new("ES256");
    issuer.serve(
        "/.well-known/openid-configuration",
        json!({"issuer": format!("{ISSUER}/"), "jwks_uri": format!("{ISSUER}/jwks")}),
    );
    let verifier = issuer.started(Revocations::NotRead);
    assert_eq!(code(&verifier, &issuer.token(|_| ()), NOW), Some(Code::KeysUnavailable));
    assert!(issuer.asked("/jwks").is_empty());
}

/// If keys are published for as long as a verifier may cache the set before they sign, no token is refused.
#[test]
fn rotations_refuse_no_good_token() {
    let issuer = Issuer::new("ES256");
    let verifier = issuer.started(Revocations::NotRead);
    let keys: Vec<_> = (0..5).map(|nth| Key::new(&format!("key-{nth}"), "ES256")).collect();
    for second in 0..2_000_usize {
        let (published, signing) = (second / 500, second.saturating_sub(330) / 500);
        let published: Vec<&Key> = keys[..=published].iter().map(|key| &**key).collect();
        issuer.publish(&published);
        let now = NOW + i64::try_from(second).unwrap();
        let mut claims = issuer.claims();
        (claims["iat"], claims["exp"]) = (json!(now), json!(now + 600));
        let token = keys[signing].typed("at+jwt", &claims);
        assert_eq!(code(&verifier, &token, now), None, "{second}");
    }
    assert!(issuer.asked("/jwks").len() < 10, "{}", issuer.asked("/jwks").len());
}

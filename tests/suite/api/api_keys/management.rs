//! Creating, listing and revoking keys, by users and by administrators.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use super::{API, CLOSED, KEYS, Place, wish};
use crate::support::on_both;
use crate::support::server::Options;

/// A key is shown once, and listed afterwards with everything but its secret.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_and_listed_without_its_secret() {
    on_both("API keys: listed", async |backend| {
        let place = Place::on(backend).await;
        let made = place
            .try_key(json!({"name": "Nightly", "audience": API, "scopes": ["orders:read"]}))
            .await;
        let key = made.is(201).string("key");
        assert!(key.starts_with("spk_") && key.len() == 52, "{key}");
        let listed = place.keys().await;
        let [one] = listed.as_slice() else { panic!("{listed:?}") };
        assert_eq!(one["id"], made.json()["id"]);
        assert_eq!((&one["name"], &one["audience"]), (&json!("Nightly"), &json!(API)));
        assert_eq!(one["scopes"], json!(["orders:read"]));
        assert_eq!((&one["state"], &one["last_used_at"]), (&json!("active"), &Value::Null));
        let days = |name: &str| {
            let text = one[name].as_str().unwrap();
            signet::base::Timestamp::parse(text).unwrap().secs() / 86_400
        };
        assert_eq!(days("expires_at") - days("created_at"), 90);
        assert!(!json!(listed).to_string().contains(&key));
        let events = place.server.events(&place.root, "api_key.created").await;
        assert_eq!(events.len(), 1);
        assert_eq!((&events[0]["user_id"], &events[0]["detail"]), (&json!(place.ada), &one["id"]));
        let export = place.server.get_as("/v1/me/export", &place.tokens.access).await;
        let export = export.is(200).json();
        assert_eq!(export["api_keys"][0]["id"], one["id"]);
        assert!(!export.to_string().contains(&key));
    })
    .await;
}

/// Each invalid member is refused by name, and nothing is stored.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_is_refused_by_its_field() {
    on_both("API keys: refused", async |backend| {
        let place = Place::on(backend).await;
        for (name, value, field, code) in [
            ("name", json!(""), "name", "not_a_name"),
            ("audience", json!("https://unknown.example"), "audience", "unknown"),
            ("audience", json!(CLOSED), "audience", "unknown"),
            ("audience", json!(place.server.base), "audience", "unknown"),
            ("scopes", json!([]), "scopes", "missing"),
            ("scopes", json!(["orders:refund"]), "scopes", "not_allowed"),
            ("scopes", json!(["orders:read", "signet:admin"]), "scopes", "not_allowed"),
            ("scopes", json!(["a b"]), "scopes", "not_allowed"),
            ("expires_in", json!(31_536_001), "expires_in", "out_of_range"),
            ("expires_in", json!(59), "expires_in", "out_of_range"),
            ("expires_in", json!(i64::MAX), "expires_in", "out_of_range"),
            ("expires_in", json!(-1), "expires_in", "out_of_range"),
            ("expires_in", json!("1"), "expires_in", "wrong_type"),
            ("networks", json!(["here"]), "networks", "malformed"),
        ] {
            let mut body = wish(&["orders:read"]);
            body[name] = value.clone();
            let answer = place.try_key(body).await;
            answer.is_problem(422, "validation_failed");
            let error = &answer.json()["errors"][0];
            assert_eq!((&error["field"], &error["code"]), (&json!(field), &json!(code)), "{value}");
        }
        assert!(place.keys().await.is_empty());
        place.server.post(KEYS, wish(&["orders:read"])).await.is(401);
    })
    .await;
}

/// With an older sign-in a key can be revoked, but not created.
#[tokio::test(flavor = "multi_thread")]
async fn making_a_key_needs_a_fresh_sign_in_and_revoking_does_not() {
    on_both("API keys: fresh", async |backend| {
        let place = Place::on(backend).await;
        let (id, _) = place.key(&["orders:read"]).await;
        place.server.advance(TimeSpan::from_mins(6));
        place.try_key(wish(&["orders:read"])).await.is_problem(401, "reauthentication_required");
        place.revoke(&id).await.is(204);
        place.revoke(&id).await.is_problem(404, "not_found");
        assert_eq!(place.keys().await[0]["state"], "revoked");
    })
    .await;
}

/// A user has at most 20 keys; a revoked one no longer counts.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_twenty_keys_at_most() {
    on_both("API keys: twenty", async |backend| {
        let options = Options::on(backend).with("SIGNET_RATE_LIMITS", "off");
        let place = Place::with(options).await;
        let tries = (0..30).map(|_| place.try_key(wish(&["orders:read"])));
        let answers = futures_util::future::join_all(tries).await;
        let made: Vec<String> = answers
            .iter()
            .filter(|answer| answer.status == 201)
            .map(|answer| answer.string("id"))
            .collect();
        assert_eq!(made.len(), 20);
        let refused = answers.iter().find(|answer| answer.status != 201).unwrap();
        refused.is_problem(409, "conflict");
        place.revoke(&made[0]).await.is(204);
        place.key(&["orders:read"]).await;
        place.try_key(wish(&["orders:read"])).await.is_problem(409, "conflict");
    })
    .await;
}

/// Administrators and the helpdesk list and revoke keys of users; other users cannot.
#[tokio::test(flavor = "multi_thread")]
async fn administrators_list_and_revoke_keys_of_users() {
    on_both("API keys: administrators", async |backend| {
        let place = Place::on(backend).await;
        let (id, key) = place.key(&["orders:read"]).await;
        let all = format!("/v1/admin/users/{}/api-keys", place.ada);
        let one = format!("{all}/{id}");
        let listed = place.admin(Method::GET, &all, Value::Null).await;
        assert_eq!(listed.is(200).json()["data"][0]["id"], json!(id));
        assert!(!listed.text.contains(&key));
        place.server.get_as(&all, &place.tokens.access).await.is(403);
        let eve = place.server.register("eve").await;
        let hers = place.server.login("eve").await;
        let path = format!("{KEYS}/{id}");
        let delete = async |path: &str, access: &str| {
            place.server.call_as(Method::DELETE, path, access, Value::Null).await
        };
        delete(&path, &hers.access).await.is_problem(404, "not_found");
        delete(&one, &hers.access).await.is(403);
        let other = format!("/v1/admin/users/{eve}/api-keys/{id}");
        delete(&other, &place.root.access).await.is_problem(404, "not_found");
        place.exchange(&key, &[]).await.is(200);
        delete(&one, &place.root.access).await.is(204);
        delete(&one, &place.root.access).await.is_problem(404, "not_found");
        place.exchange(&key, &[]).await.is(400);
        let events = place.server.events(&place.root, "api_key.revoked").await;
        assert_eq!(events[0]["detail"], json!(id));
        assert!(events[0]["actor_id"].is_string() && events[0]["actor_id"] != json!(place.ada));
    })
    .await;
}

//! Callers who lose their right between the request and the change: the transaction checks it again.

use reqwest::Method;
use serde_json::{Value, json};
use signet::execute;

use super::{Place, client_path};
use crate::support::on_both;

/// Rotating and retiring keys and exporting the audit trail are refused, and change nothing, when the caller's client
/// was disabled in a way that this process has not read yet. The same with a key of that client.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_disabled_elsewhere_changes_nothing() {
    on_both("disabled behind the cache", async |backend| {
        let place = Place::on(backend).await;
        let scopes = ["signet:keys", "signet:audit"];
        let secret = place.service("bot", &scopes).await;
        let token = place.service_token("bot", &secret, &scopes.join(" ")).await;
        let body = json!({"name": "Nightly", "scopes": scopes, "expires_in": 3600});
        let path = format!("{}/keys", client_path("bot"));
        let made = place.call(&place.root.access, Method::POST, &path, body).await;
        let key = made.is(201).string("key");
        let list = place.server.get_as("/v1/admin/keys", &token).await.is(200).json();
        let kid = list["data"][0]["kid"].as_str().unwrap().to_owned();

        let mut tx = place.server.app.db.begin().await.unwrap();
        let now = place.server.now();
        execute!(&mut tx, "UPDATE clients SET disabled_at = $1 WHERE client_id = 'bot'", now)
            .unwrap();
        tx.commit().await.unwrap();
        // For this process the client is still enabled: reading requests are answered.
        place.server.get_as("/v1/admin/keys", &token).await.is(200);
        for access in [&token, &key] {
            for (method, path, body) in [
                (Method::POST, "/v1/admin/keys/rotate".to_owned(), Value::Null),
                (Method::POST, "/v1/admin/keys/rotate".to_owned(), json!({"now": true})),
                (Method::POST, format!("/v1/admin/keys/{kid}/retire"), json!({"now": true})),
                (Method::GET, "/v1/admin/audit/export?format=csv".to_owned(), Value::Null),
                (Method::GET, "/v1/admin/audit/export?format=ndjson".to_owned(), Value::Null),
            ] {
                let refused = place.call(access, method.clone(), &path, body).await;
                assert_eq!(refused.status, 401, "{method} {path}: {}", refused.text);
                refused.is_problem(401, "invalid_token");
            }
        }
        let after = place.server.get_as("/v1/admin/keys", &place.root.access).await.is(200).json();
        assert_eq!(after, list, "no key was made or retired");
        for kind in ["key.created", "key.retired", "audit.exported"] {
            let events = place.events(kind).await;
            assert!(!events.iter().any(|event| event["actor_client_id"] == "bot"), "{kind}");
        }
    })
    .await;
}

//! Administration keys (`sak_`): where they are accepted, and when they end.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use super::{CLIENTS, Place, USERS, by_form, client_path};
use crate::support::on_both;
use crate::support::server::{Answer, Options};

/// Half a year.
const LIFE: i64 = 15_768_000;

fn keys(client_id: &str) -> String {
    format!("{}/keys", client_path(client_id))
}

impl Place {
    async fn try_key(&self, client_id: &str, body: Value) -> Answer {
        self.call(&self.root.access, Method::POST, &keys(client_id), body).await
    }

    /// A key of a client: its id and its secret.
    async fn key(&self, client_id: &str, scope: &str, life: i64) -> (String, String) {
        let body = json!({"name": "Nightly", "scopes": [scope], "expires_in": life});
        let made = self.try_key(client_id, body).await;
        made.is(201);
        (made.string("id"), made.string("key"))
    }
}

/// A key works at `/v1/admin` within its scopes, is stored as a hash only, and is refused everywhere else.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_works_at_the_administration_api_and_nowhere_else() {
    on_both("admin key", async |backend| {
        let place = Place::on(backend).await;
        let secret = place.service("bot", &["signet:users", "signet:read"]).await;
        let (id, key) = place.key("bot", "signet:users", LIFE).await;
        assert!(key.starts_with("sak_") && key.len() == 52, "{key}");
        place.server.get_as(USERS, &key).await.is(200);
        let made = place.call(&key, Method::POST, USERS, json!({"login": "ada"})).await;
        let event = place.event_about("user.created", &made.is(201).string("id")).await;
        assert_eq!(
            (&event["actor_client_id"], &event["actor_key_id"]),
            (&json!("bot"), &json!(id))
        );
        // It has one of the client's scopes.
        place.server.get_as(CLIENTS, &key).await.is_problem(403, "insufficient_scope");
        for path in ["/v1/me", "/v1/sessions", "/v1/factors", "/v1/me/history"] {
            place.server.get_as(path, &key).await.is_problem(401, "invalid_token");
        }
        place.server.get_as("/oauth2/userinfo", &key).await.is(401);
        let form = [("token", &*key)];
        let asked = by_form(&place.server, "/oauth2/introspect", ("bot", &secret), &form).await;
        assert_eq!(asked.is(200).json(), json!({"active": false}));
        let form = [("grant_type", "client_credentials"), ("scope", "signet:users")];
        let token = by_form(&place.server, "/oauth2/token", ("bot", &key), &form).await;
        token.is(401);
        place.server.post("/v1/refresh", json!({ "refresh_token": key })).await.is(401);
        let why = json!({ "token": key });
        let why = place.call(&place.root.access, Method::POST, "/v1/admin/tokens/why", why).await;
        assert_eq!(why.is(200).json()["code"], "api_key");
        let mut wrong = key.clone();
        wrong.replace_range(10..11, if &key[10..11] == "A" { "B" } else { "A" });
        place.server.get_as(USERS, &wrong).await.is_problem(401, "invalid_token");
    })
    .await;
}

/// A key ends when it expires, when it is revoked, and when its client is disabled or deleted; it loses the scopes
/// that its client loses.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_with_its_time_its_client_and_its_revocation() {
    on_both("end of admin keys", async |backend| {
        let place = Place::on(backend).await;
        place.service("bot", &["signet:users"]).await;
        let (id, revoked) = place.key("bot", "signet:users", LIFE).await;
        let (_, short) = place.key("bot", "signet:users", 60).await;
        let (_, long) = place.key("bot", "signet:users", LIFE).await;
        let get = async |key: &str| place.server.get_as(USERS, key).await;
        get(&short).await.is(200);
        place.server.advance(TimeSpan::from_secs(60));
        let expired = get(&short).await;
        expired.is_problem(401, "invalid_token");
        assert!(expired.string("detail").contains("expired"));
        get(&revoked).await.is(200);
        let path = format!("{}/{id}", keys("bot"));
        place.call(&place.root.access, Method::DELETE, &path, Value::Null).await.is(204);
        get(&revoked).await.is_problem(401, "invalid_token");
        place.call(&place.root.access, Method::DELETE, &path, Value::Null).await.is(404);
        get(&long).await.is(200);
        let change = async |body: Value| {
            place.call(&place.root.access, Method::PATCH, &client_path("bot"), body).await
        };
        change(json!({"admin_scopes": []})).await.is(200);
        get(&long).await.is_problem(403, "insufficient_scope");
        // The next grant is a first grant, which ends keys that others may have created.
        change(json!({"admin_scopes": ["signet:users"]})).await.is(200);
        get(&long).await.is_problem(401, "invalid_token");
        let (_, long) = place.key("bot", "signet:users", LIFE).await;
        get(&long).await.is(200);
        let act = async |what: &str| {
            let path = format!("{}/{what}", client_path("bot"));
            place.call(&place.root.access, Method::POST, &path, Value::Null).await.is(200);
        };
        act("disable").await;
        get(&long).await.is_problem(401, "invalid_token");
        act("enable").await;
        get(&long).await.is(200);
        place
            .call(&place.root.access, Method::DELETE, &client_path("bot"), Value::Null)
            .await
            .is(204);
        get(&long).await.is_problem(401, "invalid_token");
        // A later client with the same id has none of its keys.
        place.service("bot", &["signet:users"]).await;
        get(&long).await.is_problem(401, "invalid_token");
    })
    .await;
}

/// A key with networks is accepted only from addresses in them, as reported by trusted proxies.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_works_from_its_networks() {
    on_both("networks of admin keys", async |backend| {
        let options = Options::on(backend).with("SIGNET_TRUSTED_PROXIES", "127.0.0.0/8,::1");
        let place = Place::with(options).await;
        place.service("bot", &["signet:users"]).await;
        let body = json!({"name": "Office", "scopes": ["signet:users"], "expires_in": 60,
            "networks": ["192.0.2.0/24", "2001:db8::7"]});
        let made = place.try_key("bot", body).await;
        assert_eq!(made.is(201).json()["networks"], json!(["192.0.2.0/24", "2001:db8::7/128"]));
        let key = made.string("key");
        for (address, status) in
            [("192.0.2.200", 200), ("2001:db8::7", 200), ("192.0.3.1", 401), ("2001:db8::8", 401)]
        {
            let request = place.server.request(Method::GET, USERS).bearer_auth(&key);
            let answer = place.server.send(request.header("x-forwarded-for", address)).await;
            assert_eq!(answer.status, status, "{address} {}", answer.text);
        }
    })
    .await;
}

/// The last use is recorded to the minute, and lists do not contain the secret.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_use_of_a_key_is_noted_to_the_minute() {
    on_both("last use of admin keys", async |backend| {
        let place = Place::on(backend).await;
        place.service("bot", &["signet:users"]).await;
        let (id, key) = place.key("bot", "signet:users", LIFE).await;
        let listed = async || {
            let list = place.server.get_as(&keys("bot"), &place.root.access).await;
            let text = list.text.clone();
            assert!(!text.contains("sak_"), "{text}");
            list.is(200).json()["data"][0].clone()
        };
        assert_eq!(
            (&listed().await["id"], &listed().await["last_used_at"]),
            (&json!(id), &Value::Null)
        );
        place.server.advance(TimeSpan::from_secs(59));
        place.server.get_as(USERS, &key).await.is(200);
        let first = listed().await["last_used_at"].clone();
        assert!(first.as_str().unwrap().contains(":00"), "{first}");
        place.server.get_as(USERS, &key).await.is(200);
        assert_eq!(listed().await["last_used_at"], first);
        place.server.advance(TimeSpan::from_secs(60));
        place.server.get_as(USERS, &key).await.is(200);
        assert_ne!(listed().await["last_used_at"], first);
    })
    .await;
}

/// A key has an expiry within a year, scopes of its client, and valid networks; only an administrator with a fresh
/// sign-in can create one.
#[tokio::test(flavor = "multi_thread")]
async fn admin_keys_have_an_end_scopes_and_networks() {
    on_both("new admin keys", async |backend| {
        let place = Place::on(backend).await;
        let secret = place.service("bot", &["signet:admin", "signet:users"]).await;
        place.service("none", &[]).await;
        let good = json!({"name": "Nightly", "scopes": ["signet:users"], "expires_in": 31_536_000});
        let with = |field: &str, value: Value| {
            let mut body = good.clone();
            body[field] = value;
            body
        };
        for (field, value) in [
            ("expires_in", json!(31_536_001)),
            ("expires_in", json!(i64::MAX)),
            ("expires_in", json!(0)),
            ("expires_in", Value::Null),
            ("scopes", json!([])),
            ("scopes", json!(["signet:keys"])),
            ("scopes", json!(["read"])),
            ("networks", json!(["everywhere"])),
            ("networks", json!(["192.0.2.0/33"])),
            ("name", json!("")),
        ] {
            let refused = place.try_key("bot", with(field, value.clone())).await;
            assert_eq!(refused.is(422).json()["errors"][0]["field"], field, "{value}");
        }
        place.try_key("none", good.clone()).await.is_problem(409, "conflict");
        place.try_key("nothing", good.clone()).await.is(404);
        let token = place.service_token("bot", &secret, "signet:admin").await;
        let by_client = place.call(&token, Method::POST, &keys("bot"), good.clone()).await;
        by_client.is_problem(403, "forbidden");
        let made = place.try_key("bot", good.clone()).await;
        made.is(201);
        place.server.advance(TimeSpan::from_mins(6));
        let stale = place.server.refresh(&place.root.refresh).await.is(200).string("access_token");
        let refused = place.call(&stale, Method::POST, &keys("bot"), good).await;
        refused.is_problem(401, "reauthentication_required");
        let path = format!("{}/{}", keys("bot"), made.string("id"));
        place.call(&stale, Method::DELETE, &path, Value::Null).await.is(204);
        let fresh = place.log_in("root", "signet:admin").await;
        for kind in ["admin_key.created", "admin_key.revoked"] {
            let event = place.server.events(&fresh, kind).await.remove(0);
            assert_eq!(
                (&event["client_id"], &event["detail"]),
                (&json!("bot"), &json!(made.string("id")))
            );
        }
    })
    .await;
}

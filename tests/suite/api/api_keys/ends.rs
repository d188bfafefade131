//! The end of keys: expiry, users, APIs; and how they are stored.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use super::{API, HALF_A_YEAR, Place};
use crate::support::on_both;
use crate::support::relying_party::error_of;
use crate::support::server::PASSWORD;

impl Place {
    /// Whether the key is accepted at the token endpoint and at gateways, which must agree. Returns a token of it.
    async fn works(&self, key: &str) -> bool {
        let exchanged = self.exchange(key, &[]).await;
        let passed = self.gateway("", key).await;
        match exchanged.status {
            200 => passed.is(200),
            _ => {
                assert_eq!(error_of(&exchanged, 400), "invalid_grant");
                passed.is(401)
            }
        };
        exchanged.status == 200
    }

    async fn on_user(&self, what: &str) {
        let path = format!("/v1/admin/users/{}/{what}", self.ada);
        self.admin(Method::POST, &path, Value::Null).await.is(200);
    }

    async fn state(&self) -> String {
        let path = format!("/v1/admin/users/{}/api-keys", self.ada);
        let listed = self.admin(Method::GET, &path, Value::Null).await;
        listed.is(200).json()["data"][0]["state"].as_str().unwrap().to_owned()
    }
}

/// A key ends when it expires and when it is revoked, and its tokens with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_with_its_time_and_its_revocation() {
    on_both("API keys: time", async |backend| {
        let place = Place::on(backend).await;
        let (id, key) = place.key(&["orders:read"]).await;
        assert!(place.works(&key).await);
        let token = place.exchange(&key, &[]).await.string("access_token");
        place.gateway("", &token).await.is(200);
        place.revoke(&id).await.is(204);
        assert!(!place.works(&key).await);
        place.gateway("", &token).await.is(401);
        // The feed lists the key, whose id is the prefix of the ids of its tokens.
        place.server.advance(TimeSpan::from_secs(1));
        let feed = place.server.get("/.well-known/revocations").await;
        let feed = signet::crypto::jwt::decode_unverified(&feed.is(200).text).claims.unwrap();
        assert!(json!(feed).to_string().contains(&id), "{feed:?}");
        assert_eq!(place.state().await, "revoked");

        let (_, key) = place.key(&["orders:read"]).await;
        place.server.advance(TimeSpan::from_secs(HALF_A_YEAR - 1));
        assert!(place.works(&key).await);
        place.server.advance(TimeSpan::from_secs(1));
        assert!(!place.works(&key).await);
    })
    .await;
}

/// Keys end with everything that ends all sessions of the user: disabling, which enabling does not undo, a new
/// password, the end of all sessions, the loss of a role; and the end of all sessions of all users.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_with_everything_of_its_user() {
    on_both("API keys: user", async |backend| {
        let mut place = Place::on(backend).await;
        let (_, key) = place.key(&["orders:read"]).await;
        let token = place.exchange(&key, &[]).await.string("access_token");
        place.on_user("disable").await;
        assert!(!place.works(&key).await);
        place.gateway("", &token).await.is(401);
        place.on_user("enable").await;
        assert!(!place.works(&key).await);
        assert_eq!(place.state().await, "ended");

        place.tokens = place.server.login("ada").await;
        let (_, key) = place.key(&["orders:read"]).await;
        assert!(place.works(&key).await);
        let body = json!({"current_password": PASSWORD, "new_password": "another long password 7"});
        let access = &place.tokens.access;
        place.server.call_as(Method::POST, "/v1/password", access, body).await.is(204);
        assert!(!place.works(&key).await);

        let role = async |role: &str| {
            let path = format!("/v1/admin/users/{}", place.ada);
            place.admin(Method::PATCH, &path, json!({ "role": role })).await.is(200);
        };
        role("admin").await;
        let (_, key) = place.key(&["orders:read"]).await;
        assert!(place.works(&key).await);
        role("user").await;
        assert!(!place.works(&key).await);

        let log_in = json!({"login": "ada", "password": "another long password 7"});
        let answer = place.server.post("/v1/login", log_in).await;
        place.tokens = crate::support::server::Tokens::of(answer.is(200));
        let (_, key) = place.key(&["orders:read"]).await;
        let path = format!("/v1/admin/sessions?user_id={}", place.ada);
        place.admin(Method::DELETE, &path, Value::Null).await;
        assert!(!place.works(&key).await);
    })
    .await;
}

/// A key ends with its user.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_dies_with_its_user() {
    on_both("API keys: deleted user", async |backend| {
        let place = Place::on(backend).await;
        let (_, key) = place.key(&["orders:read"]).await;
        let token = place.exchange(&key, &[]).await.string("access_token");
        let path = format!("/v1/admin/users/{}", place.ada);
        place.admin(Method::DELETE, &path, Value::Null).await.is(204);
        assert!(!place.works(&key).await);
        place.gateway("", &token).await.is(401);
    })
    .await;
}

/// A key ends with its API, also if another API is registered under the identifier; and it loses the scopes that the
/// API no longer allows for keys.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_dies_with_its_api_and_loses_scopes_with_it() {
    on_both("API keys: API", async |backend| {
        let place = Place::on(backend).await;
        let (_, key) = place.key(&["orders:read", "orders:write"]).await;
        let apis = place.admin(Method::GET, "/v1/admin/apis", Value::Null).await.is(200).json();
        let all = apis["data"].as_array().unwrap();
        let id = all.iter().find(|api| api["identifier"] == API).unwrap()["id"].as_str().unwrap();
        let path = format!("/v1/admin/apis/{id}");
        let body = json!({"key_scopes": ["orders:read"]});
        place.admin(Method::PATCH, &path, body).await.is(200);
        assert_eq!(place.exchange(&key, &[]).await.is(200).json()["scope"], "orders:read");
        let wide = place.exchange(&key, &[("scope", "orders:write")]).await;
        assert_eq!(error_of(&wide, 400), "invalid_scope");
        place.gateway("&scope=orders:write", &key).await.is(403);
        // A scope that the API no longer offers is lost as well.
        let body = json!({"scopes": ["orders:write"]});
        let answer = place.admin(Method::PATCH, &path, body).await;
        assert_eq!(answer.is(200).json()["key_scopes"], json!([]));
        let body = json!({"key_scopes": ["orders:read"]});
        place.admin(Method::PATCH, &path, body).await.is_problem(422, "validation_failed");
        let body = json!({"scopes": ["orders:read"], "key_scopes": ["orders:read"]});
        place.admin(Method::PATCH, &path, body).await.is(200);
        assert!(place.works(&key).await);

        place.admin(Method::DELETE, &path, Value::Null).await.is(204);
        assert_eq!(error_of(&place.exchange(&key, &[]).await, 400), "invalid_grant");
        place.server.advance(TimeSpan::from_secs(1));
        let body =
            json!({"identifier": API, "scopes": ["orders:read"], "key_scopes": ["orders:read"]});
        place.admin(Method::POST, "/v1/admin/apis", body).await.is(201);
        assert!(!place.works(&key).await);
        assert_eq!(place.state().await, "ended");
    })
    .await;
}

/// A key is exchanged while it is revoked, and while its user is disabled: afterwards no token of it is active.
#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_races_the_end_of_the_key_leaves_no_token() {
    on_both("API keys: race", async |backend| {
        let place = Place::on(backend).await;
        for by_user in [false, true] {
            let (id, key) = place.key(&["orders:read"]).await;
            let tries = futures_util::future::join_all((0..12).map(|_| place.exchange(&key, &[])));
            let end = async {
                if by_user {
                    place.on_user("disable").await;
                } else {
                    place.revoke(&id).await.is(204);
                }
            };
            let (answers, ()) = tokio::join!(tries, end);
            for answer in answers.iter().filter(|answer| answer.status == 200) {
                place.gateway("", &answer.string("access_token")).await.is(401);
            }
            assert_eq!(error_of(&place.exchange(&key, &[]).await, 400), "invalid_grant");
        }
    })
    .await;
}

/// Neither the files of the database nor its rows contain a key.
#[tokio::test(flavor = "multi_thread")]
async fn the_database_holds_no_key() {
    on_both("API keys: stored", async |backend| {
        let place = Place::on(backend).await;
        let mut keys = Vec::new();
        for _ in 0..3 {
            keys.push(place.key(&["orders:read"]).await.1);
        }
        place.exchange(&keys[0], &[]).await.is(200);
        let mut reader = place.server.app.db.reader().await.unwrap();
        let rows =
            signet::fetch_all!(&mut reader, (Vec<u8>,), "SELECT hash FROM api_keys").unwrap();
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().all(|(hash,)| hash.len() == 32));
        drop(reader);
        if place.server.database_url.is_some() {
            return;
        }
        let mut files = 0;
        for entry in std::fs::read_dir(place.server.dir.path().join("data")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            for key in &keys {
                let has = bytes.windows(12).any(|window| window == &key.as_bytes()[..12]);
                assert!(!has, "{}", path.display());
            }
            files += 1;
        }
        assert!(files > 1);
    })
    .await;
}

//! Service clients with administration scopes.

use reqwest::Method;
use serde_json::{Value, json};
use signet::admin::clients::{self, Change};
use signet::base::TimeSpan;
use signet::crypto::jwt::SigningKey;
use signet::domain::client::ClientType;
use signet::domain::signing_key::SigningAlg;
use signet::domain::user::Role;

use super::{CLIENTS, Place, USERS, by_form, client_path, user_path};
use crate::support::on_both;

/// A service client with `signet:users` manages users and is refused clients, APIs, keys and the audit trail; its
/// actions are recorded under its own id.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_client_administers_within_its_scopes() {
    on_both("service client", async |backend| {
        let place = Place::on(backend).await;
        let secret = place.service("joiner", &["signet:users"]).await;
        let answer = place.token_request("joiner", &secret, &[("scope", "signet:users")]).await;
        let access = answer.is(200).string("access_token");
        assert_eq!(answer.json()["scope"], "signet:users");
        assert!(answer.json().get("refresh_token").is_none());
        let tokens =
            crate::support::server::Tokens { access: access.clone(), refresh: String::new() };
        let claims = tokens.claims();
        assert_eq!(claims["aud"], place.server.base);
        assert_eq!((&claims["sub"], &claims["client_id"]), (&json!("joiner"), &json!("joiner")));

        let made = place.call(&access, Method::POST, USERS, json!({"login": "ada"})).await;
        let id = made.is(201).string("id");
        let event = place.event_about("user.created", &id).await;
        assert_eq!(
            (&event["actor_client_id"], &event["actor_id"]),
            (&json!("joiner"), &Value::Null)
        );
        for (method, path, body) in [
            (Method::GET, CLIENTS, Value::Null),
            (Method::POST, CLIENTS, json!({"name": "X", "type": "service"})),
            (Method::GET, "/v1/admin/apis", Value::Null),
            (Method::GET, "/v1/admin/keys", Value::Null),
            (Method::POST, "/v1/admin/keys/rotate", Value::Null),
            (Method::GET, "/v1/admin/audit", Value::Null),
            (Method::POST, "/v1/admin/tokens/why", json!({"token": "x"})),
        ] {
            let refused = place.call(&access, method, path, body).await;
            refused.is_problem(403, "insufficient_scope");
        }
        // It represents no user, and is valid for no API.
        place.server.get_as("/v1/me", &access).await.is_problem(401, "invalid_token");
        place.server.get_as("/v1/sessions", &access).await.is_problem(401, "invalid_token");
        place.server.get_as("/oauth2/userinfo", &access).await.is(401);
    })
    .await;
}

/// Scopes are granted only when requested, only those of the client, and nothing of an API beside them.
#[tokio::test(flavor = "multi_thread")]
async fn administration_scopes_are_granted_when_requested() {
    on_both("requested administration scopes", async |backend| {
        let place = Place::on(backend).await;
        let api = json!({"identifier": "https://api.example.com", "scopes": ["read"]});
        place.call(&place.root.access, Method::POST, "/v1/admin/apis", api).await.is(201);
        let secret = place.service("bot", &["signet:users", "signet:read"]).await;
        let ask = async |form: &[(&str, &str)]| place.token_request("bot", &secret, form).await;
        let issuer = place.server.base.clone();
        let named = ask(&[("scope", "signet:read"), ("resource", &issuer)]).await;
        assert_eq!(named.is(200).json()["scope"], "signet:read");
        let nothing = ask(&[]).await;
        assert_eq!(nothing.is(400).json()["error"], "invalid_scope");
        assert!(nothing.json()["error_description"].as_str().unwrap().contains("signet:users"));
        for scope in
            ["signet:admin", "signet:users signet:keys", "signet:nothing", "signet:users read"]
        {
            let refused = ask(&[("scope", scope)]).await;
            assert!(
                ["invalid_scope", "invalid_target"]
                    .contains(&refused.is(400).json()["error"].as_str().unwrap())
            );
        }
        let with_api =
            ask(&[("scope", "signet:users"), ("resource", "https://api.example.com")]).await;
        assert_eq!(with_api.is(400).json()["error"], "invalid_target");
        // A client without administration scopes gets none.
        let other = place.service("other", &[]).await;
        let refused = place.token_request("other", &other, &[("scope", "signet:users")]).await;
        assert!(refused.is(400).json()["error"].as_str().unwrap().starts_with("invalid_"));
        // API scopes of a client with both kinds are requested as before.
        let both = Change {
            audiences: Some(vec!["https://api.example.com".to_owned()]),
            admin_scopes: Some(vec!["signet:users".to_owned()]),
            ..Change::default()
        };
        let secret = place.client("both", ClientType::Service, both).await;
        let plain = place.token_request("both", &secret, &[]).await.is(200).json();
        assert_eq!(plain["scope"], "read");
        place.service_token("both", &secret, "signet:users").await;
    })
    .await;
}

/// A scope that is removed from a client ends for its existing tokens.
#[tokio::test(flavor = "multi_thread")]
async fn scopes_that_are_taken_away_end_in_tokens_that_exist() {
    on_both("taken administration scopes", async |backend| {
        let place = Place::on(backend).await;
        let secret = place.service("bot", &["signet:users", "signet:read"]).await;
        let access = place.service_token("bot", &secret, "signet:users signet:read").await;
        let create = async |login: &str| {
            place.call(&access, Method::POST, USERS, json!({ "login": login })).await
        };
        create("ada").await.is(201);
        let narrower = json!({"admin_scopes": ["signet:read"]});
        let path = client_path("bot");
        let shown = place.call(&place.root.access, Method::PATCH, &path, narrower).await;
        assert_eq!(shown.is(200).json()["admin_scopes"], json!(["signet:read"]));
        create("eve").await.is_problem(403, "insufficient_scope");
        place.server.get_as(USERS, &access).await.is(200);
        let disable = format!("{path}/disable");
        place.call(&place.root.access, Method::POST, &disable, Value::Null).await.is(200);
        place.server.get_as(USERS, &access).await.is_problem(401, "invalid_token");
    })
    .await;
}

/// Only an administrator with a fresh sign-in, or the command line, can grant administration scopes; a client
/// never can, whatever its scopes are.
#[tokio::test(flavor = "multi_thread")]
async fn administration_scopes_are_given_by_an_administrator_who_has_just_signed_in() {
    on_both("giving administration scopes", async |backend| {
        let place = Place::on(backend).await;
        let secret = place.service("all", &["signet:admin"]).await;
        let access = place.service_token("all", &secret, "signet:admin").await;
        let new = |id: &str| json!({"client_id": id, "name": "Bot", "type": "service", "admin_scopes": ["signet:keys"]});
        let given = async |access: &str, id: &str| place.call(access, Method::POST, CLIENTS, new(id)).await;
        given(&access, "one").await.is_problem(403, "forbidden");
        place.call(&access, Method::GET, &client_path("one"), Value::Null).await.is(404);
        given(&place.root.access, "one").await.is(201);
        place.server.advance(TimeSpan::from_mins(6));
        let stale = place.server.refresh(&place.root.refresh).await.is(200).string("access_token");
        given(&stale, "two").await.is_problem(401, "reauthentication_required");
        let more = json!({"admin_scopes": ["signet:keys", "signet:audit"]});
        let change = async |access: &str, body: Value| {
            place.call(access, Method::PATCH, &client_path("one"), body).await
        };
        change(&stale, more.clone()).await.is_problem(401, "reauthentication_required");
        // A change without a grant needs no fresh sign-in.
        change(&stale, json!({"name": "Other"})).await.is(200);
        change(&stale, json!({"admin_scopes": []})).await.is(200);
        let fresh = place.log_in("root", "signet:admin").await;
        change(&fresh.access, more).await.is(200);
        let mut events = place.server.events(&fresh, "client.admin_granted").await;
        // Events of one moment have no order.
        events.sort_by_key(|event| event["detail"].to_string());
        let details: Vec<&str> = events.iter().map(|event| event["detail"].as_str().unwrap()).collect();
        assert_eq!(details, ["signet:admin", "signet:keys signet:audit", "signet:keys"]);
        assert_eq!(events[1]["client_id"], "one");

        let wrong = json!({"name": "X", "type": "web", "redirect_uris": ["https://x.example/cb"],
            "admin_scopes": ["signet:users"]});
        let refused = place.call(&fresh.access, Method::POST, CLIENTS, wrong).await;
        assert_eq!(refused.is(422).json()["errors"][0]["field"], "admin_scopes");
        let bound = json!({"name": "X", "type": "service", "security_profile": "fapi2",
            "admin_scopes": ["signet:users"]});
        let refused = place.call(&fresh.access, Method::POST, CLIENTS, bound).await.is(422).json();
        let errors = refused["errors"].as_array().unwrap();
        assert!(errors.iter().any(|error| error["code"] == "not_for_this_profile"), "{refused}");
        let unknown = json!({"name": "X", "type": "service", "admin_scopes": ["signet:everything"]});
        let refused = place.call(&fresh.access, Method::POST, CLIENTS, unknown).await;
        assert_eq!(refused.is(422).json()["errors"][0]["field"], "admin_scopes");
    })
    .await;
}

/// With narrow scopes a client cannot change users with a role of Signet's own, first-party clients or clients with
/// administration scopes, cannot create such ones, and cannot turn other objects into them.
#[tokio::test(flavor = "multi_thread")]
async fn narrow_scopes_reach_nothing_that_is_protected() {
    on_both("narrow scopes", async |backend| {
        let place = Place::on(backend).await;
        let secret = place.service("bot", &["signet:users", "signet:clients"]).await;
        let access = place.service_token("bot", &secret, "signet:users signet:clients").await;
        let native = Change { first_party: Some(true), redirect_uris: Some(vec!["com.example.app:/cb".to_owned()]), ..Change::default() };
        place.client("desk", ClientType::Native, native).await;
        let web = json!({"client_id": "shop", "name": "Shop", "type": "web", "redirect_uris": ["https://shop.example/cb"]});
        place.call(&access, Method::POST, CLIENTS, web).await.is(201);
        let vera = place.user("vera", Role::Auditor, None).await;
        let ada = place.user("ada", Role::User, None).await;
        for (method, path, body) in [
            (Method::PATCH, client_path("shop"), json!({"first_party": true})),
            (Method::PATCH, client_path("desk"), json!({"name": "Mine"})),
            (Method::POST, format!("{}/rotate-secret", client_path("bot")), Value::Null),
            (Method::PATCH, client_path("bot"), json!({"admin_scopes": []})),
            (Method::DELETE, client_path("desk"), Value::Null),
            (Method::PATCH, user_path(ada), json!({"role": "signet:auditor"})),
            (Method::PATCH, user_path(vera), json!({"role": "user"})),
            (Method::PATCH, user_path(vera), json!({"email": "x@example.com"})),
            (Method::POST, USERS.to_owned(), json!({"login": "eve", "role": "admin"})),
        ] {
            let refused = place.call(&access, method.clone(), &path, body).await;
            assert_eq!((refused.status, &*refused.code()), (403, "forbidden"), "{method} {path} {}", refused.text);
        }
        let shown = place.server.get_as(&client_path("shop"), &place.root.access).await.is(200).json();
        assert_eq!(shown["first_party"], false);
        place.call(&access, Method::PATCH, &client_path("shop"), json!({"name": "New"})).await.is(200);
    })
    .await;
}

/// A token of a user cannot be exchanged for one with administration scopes.
#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_exchanged_for_one_that_administers() {
    on_both("exchange for administration", async |backend| {
        let place = Place::on(backend).await;
        let api = json!({"identifier": "https://api.example.com", "scopes": ["read"]});
        place.call(&place.root.access, Method::POST, "/v1/admin/apis", api).await.is(201);
        let change = Change {
            grant_types: Some(Some(vec![
                "client_credentials".to_owned(),
                "urn:ietf:params:oauth:grant-type:token-exchange".to_owned(),
            ])),
            resource_servers: Some(vec!["https://api.example.com".to_owned()]),
            admin_scopes: Some(vec!["signet:users".to_owned()]),
            ..Change::default()
        };
        let secret = place.client("backend", ClientType::Service, change).await;
        place.server.register("ada").await;
        let body = json!({"login": "ada", "password": crate::support::server::PASSWORD,
            "audience": "https://api.example.com", "scope": "read"});
        let subject = place.server.post("/v1/login", body).await.is(200).string("access_token");
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", &*subject),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("scope", "signet:users"),
        ];
        for target in [None, Some(place.server.base.clone())] {
            let mut form = form.to_vec();
            if let Some(target) = &target {
                form.push(("resource", target));
            }
            let caller = ("backend", &*secret);
            let answer = by_form(&place.server, "/oauth2/token", caller, &form).await;
            answer.is(400);
        }
    })
    .await;
}

/// A change that was authorized for a client which has lost its scope by then is refused in the transaction.
#[tokio::test(flavor = "multi_thread")]
async fn the_scopes_of_a_client_are_read_again_with_the_change() {
    use signet::domain::audit::ActingClient;
    use signet::domain::permission::Authority;
    use signet::domain::scope::Scopes;

    on_both("scopes with the change", async |backend| {
        let place = Place::on(backend).await;
        place.service("bot", &["signet:read"]).await;
        let ada = place.user("ada", Role::User, None).await;
        let acting = ActingClient { client_id: "bot".to_owned(), key: None };
        let scopes = Scopes::parse("signet:users signet:clients").unwrap();
        let info = place.cli().by_client(acting).authorized(Authority::Client { scopes });
        let app = place.server.app.clone();
        let work = signet::admin::users::disable(app.clone(), ada, info.clone());
        assert!(app.run_to_completion(work).await.is_err());
        let work = clients::delete(app.clone(), "bot".to_owned(), info);
        assert!(app.run_to_completion(work).await.is_err());
    })
    .await;
}

/// The first administration scopes of a client end its earlier secret: a caller who knew it, and may not grant such
/// scopes, gains nothing. The response has another secret. Further scopes keep it.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_from_before_the_first_grant_administers_nothing() {
    on_both("secret before the grant", async |backend| {
        let place = Place::on(backend).await;
        let known = place.service("bot", &[]).await;
        let path = client_path("bot");
        let change = async |body: Value| {
            place.call(&place.root.access, Method::PATCH, &path, body).await.is(200).json()
        };
        let granted = change(json!({"admin_scopes": ["signet:users"]})).await;
        let fresh = granted["client_secret"].as_str().unwrap().to_owned();
        let scope = [("scope", "signet:users")];
        place.token_request("bot", &known, &scope).await.is(401);
        place.token_request("bot", &fresh, &scope).await.is(200);
        assert_eq!(place.events("client.secret_rotated").await.len(), 1);
        let more = change(json!({"admin_scopes": ["signet:users", "signet:read"]})).await;
        assert!(more.get("client_secret").is_none_or(Value::is_null), "{more}");
        place.token_request("bot", &fresh, &scope).await.is(200);
        let key = json!({"name": "Nightly", "scopes": ["signet:users"], "expires_in": 3600});
        let keys = format!("{path}/keys");
        let key = place.call(&place.root.access, Method::POST, &keys, key).await;
        let key = key.is(201).string("key");
        place.server.get_as("/v1/admin/users", &key).await.is(200);
        // Without scopes it is an ordinary client again, whose secret others may have replaced. Keys of the earlier
        // grant are not valid after the next one.
        change(json!({"admin_scopes": []})).await;
        place.server.get_as("/v1/admin/users", &key).await.is(403);
        let again = change(json!({"admin_scopes": ["signet:read"]})).await;
        assert_ne!(again["client_secret"], json!(fresh));
        place.server.get_as("/v1/admin/users", &key).await.is(401);
        let left = place.server.get_as(&keys, &place.root.access).await.is(200).json();
        assert_eq!(left["data"], json!([]));
        place.token_request("bot", &fresh, &[("scope", "signet:read")]).await.is(401);
    })
    .await;
}

/// A client that authenticates with keys gets its first administration scopes only together with its keys, because
/// registered ones might be another caller's.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_named_again_with_the_first_grant() {
    on_both("keys before the grant", async |backend| {
        let place = Place::on(backend).await;
        let key = SigningKey::generate(SigningAlg::Es256).unwrap().key;
        let jwks = json!({"keys": [key.public]});
        let body = json!({"client_id": "bot", "name": "Bot", "type": "service",
            "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks});
        place.call(&place.root.access, Method::POST, CLIENTS, body).await.is(201);
        let change = async |body: Value| {
            place.call(&place.root.access, Method::PATCH, &client_path("bot"), body).await
        };
        let refused = change(json!({"admin_scopes": ["signet:users"]})).await;
        assert_eq!(refused.is(422).json()["errors"][0]["field"], "jwks");
        let shown = place.server.get_as(&client_path("bot"), &place.root.access).await;
        assert_eq!(shown.is(200).json()["admin_scopes"], json!([]));
        change(json!({"admin_scopes": ["signet:users"], "jwks": jwks})).await.is(200);
        change(json!({"admin_scopes": ["signet:users", "signet:read"]})).await.is(200);
    })
    .await;
}

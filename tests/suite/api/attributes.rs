//! Roles, groups and claims: managed by administrators, contained in tokens of APIs that list them, previewed.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::{Answer, PASSWORD, Tokens, on_both};
use crate::support::{Backend, Server};

const API: &str = "https://api.example.com";

/// A server with an administrator, a user with attributes, and an API that lists some of them.
struct World {
    server: Server,
    root: Tokens,
    user: String,
}

impl World {
    async fn on(backend: Backend) -> Self {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let api = json!({"identifier": API, "scopes": ["a"],
            "claims": ["roles", "groups", "department", "nobody_has_this"]});
        server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
        let user = json!({
            "login": "ada", "password": PASSWORD, "roles": ["support"],
            "groups": ["emea", "caf\u{e9} crew"],
            "claims": {"department": "sales", "floor": 3},
        });
        let made = server.call_as(Method::POST, "/v1/admin/users", &root.access, user).await;
        let user = made.is(201).string("id");
        Self { server, root, user }
    }

    async fn patch(&self, patch: Value) -> Answer {
        let path = format!("/v1/admin/users/{}", self.user);
        self.server.call_as(Method::PATCH, &path, &self.root.access, patch).await
    }

    async fn login(&self, login: &str) -> Tokens {
        let body = json!({"login": login, "password": PASSWORD, "audience": API, "scope": "a"});
        Tokens::of(&self.server.post("/v1/login", body).await)
    }

    async fn preview(&self, user: &str, query: &str) -> Answer {
        let path = format!("/v1/admin/users/{user}/token-preview?{query}");
        self.server.get_as(&path, &self.root.access).await
    }
}

/// The claims about the user.
fn about(tokens: &Tokens) -> Value {
    let mut claims = tokens.claims();
    let claims = claims.as_object_mut().unwrap();
    claims.retain(|name, _| {
        ["roles", "groups", "department", "floor", "nobody_has_this"].contains(&name.as_str())
    });
    json!(claims)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_sees_what_it_asks_for_as_it_is_now() {
    on_both("attributes in tokens", async |backend| {
        let world = World::on(backend).await;
        let tokens = world.login("ada").await;
        let all = json!({"roles": ["support"], "groups": ["emea", "caf\u{e9} crew"],
            "department": "sales"});
        assert_eq!(about(&tokens), all);
        // An administrator's token has the role; a user without attributes has empty lists.
        let roots = world.login("root").await;
        assert_eq!(about(&roots), json!({"roles": ["admin"], "groups": []}));

        let patch = json!({"groups": ["emea"], "claims": {"department": null, "floor": 4}});
        let shown = world.patch(patch).await;
        assert_eq!(shown.is(200).json()["claims"], json!({"floor": 4}));
        assert_eq!(shown.json()["roles"], json!(["support"]), "the rest stays");
        let tokens = Tokens::of(&world.server.refresh(&tokens.refresh).await);
        assert_eq!(about(&tokens), json!({"roles": ["support"], "groups": ["emea"]}));
        world.patch(json!({"roles": null, "groups": [], "claims": null})).await.is(200);
        let tokens = Tokens::of(&world.server.refresh(&tokens.refresh).await);
        assert_eq!(about(&tokens), json!({"roles": [], "groups": []}));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_tokens_contain_no_attributes() {
    on_both("attributes elsewhere", async |backend| {
        let world = World::on(backend).await;
        let api = json!({"identifier": "urn:quiet"});
        let root = &world.root.access;
        world.server.call_as(Method::POST, "/v1/admin/apis", root, api).await.is(201);
        let body = json!({"login": "ada", "password": PASSWORD, "audience": "urn:quiet"});
        let quiet = Tokens::of(&world.server.post("/v1/login", body).await);
        let own = world.server.login("ada").await;
        for tokens in [&quiet, &own] {
            assert_eq!(about(tokens), json!({}));
            let again = Tokens::of(&world.server.refresh(&tokens.refresh).await);
            assert_eq!(about(&again), json!({}));
        }
        let me = world.server.get_as("/v1/me", &own.access).await.json();
        assert_eq!((&me["role"], &me["roles"]), (&json!("user"), &json!(["support"])));
        assert_eq!(me["groups"], json!(["emea", "caf\u{e9} crew"]));
        assert!(me.get("claims").is_none());
        let shown = world.server.get_as(&format!("/v1/admin/users/{}", world.user), root).await;
        assert_eq!(shown.json()["claims"], json!({"department": "sales", "floor": 3}));
        // Changing the own name changes nothing else.
        let patch = json!({"name": "Ada", "roles": ["root"]});
        let refused = world.server.call_as(Method::PATCH, "/v1/me", &own.access, patch).await;
        refused.is_problem(422, "read_only");
        let patch = json!({"name": "Ada", "claims": {"floor": 9}});
        let refused = world.server.call_as(Method::PATCH, "/v1/me", &own.access, patch).await;
        refused.is_problem(422, "validation_failed");
        let patch = json!({"name": "Ada", "roles": me["roles"], "groups": me["groups"]});
        world.server.call_as(Method::PATCH, "/v1/me", &own.access, patch).await.is(200);
        let after = world.server.get_as(&format!("/v1/admin/users/{}", world.user), root).await;
        assert_eq!(after.json()["roles"], json!(["support"]));
        assert_eq!(after.json()["claims"], json!({"department": "sales", "floor": 3}));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_value_names_its_field_and_changes_nothing() {
    let world = World::on(Backend::Sqlite).await;
    let path = format!("/v1/admin/users/{}", world.user);
    let before = world.server.get_as(&path, &world.root.access).await.json();
    let many: Vec<String> = (0..65).map(|n| format!("r{n}")).collect();
    let claims: Value =
        (0..33).map(|n| (format!("c{n}"), json!(n))).collect::<serde_json::Map<_, _>>().into();
    for (field, value) in [
        ("roles", json!(["admin"])),
        ("roles", json!(["support", "ADMIN"])),
        ("roles", json!([""])),
        ("roles", json!(["a\nb"])),
        ("roles", json!(many)),
        ("groups", json!(["x".repeat(129)])),
        ("groups", json!(many)),
        ("claims", json!({"sub": "root"})),
        ("claims", json!({"signet_x": 1})),
        ("claims", json!({"roles": ["root"]})),
        ("claims", json!({"a b": 1})),
        ("claims", json!({"a": {"b": 1}})),
        ("claims", json!({"a": 1.5})),
        ("claims", json!({"a": "x".repeat(1025)})),
        ("claims", claims),
    ] {
        let mut user = json!({"login": "bob", "password": PASSWORD});
        user[field] = value.clone();
        let root = &world.root.access;
        for answer in [
            world.patch(json!({ field: value.clone() })).await,
            world.server.call_as(Method::POST, "/v1/admin/users", root, user).await,
        ] {
            answer.is_problem(422, "validation_failed");
            assert_eq!(answer.json()["errors"][0]["field"], field, "{value}");
        }
    }
    // null removes, also an absent one, and cannot be combined.
    world.patch(json!({"claims": {"no_such": null}})).await.is(200);
    let mut after = world.server.get_as(&path, &world.root.access).await.json();
    after["updated_at"] = before["updated_at"].clone();
    assert_eq!(after, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_what_a_log_in_gets_and_writes_nothing() {
    on_both("token preview", async |backend| {
        let world = World::on(backend).await;
        let encoded = "audience=https%3A%2F%2Fapi.example.com";
        let sessions = || async {
            let answer = world.server.get_as("/v1/admin/sessions", &world.root.access).await;
            answer.json()["data"].as_array().unwrap().len()
        };
        let before = sessions().await;
        let preview = world.preview(&world.user, &format!("{encoded}&scope=a")).await;
        let preview = preview.is(200).json();
        assert_eq!(sessions().await, before);
        let tokens = world.login("ada").await;
        let mut claims = tokens.claims();
        for name in ["jti", "sid"] {
            assert_ne!(claims[name], preview["claims"][name]);
            claims[name] = preview["claims"][name].clone();
        }
        assert_eq!(preview["claims"], claims);
        let names =
            |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
        assert_eq!(names(&preview["claims"]), names(&claims), "in the same order");
        assert_eq!(preview["header"]["typ"], "at+jwt");
        let jwks = world.server.get("/.well-known/jwks.json").await.text;
        assert!(jwks.contains(preview["header"]["kid"].as_str().unwrap()));

        let patch = json!({"signing_alg": "HS256", "token_profile": "jwt"});
        let path = "/v1/admin/apis/https%3A%2F%2Fapi.example.com";
        let api = world.server.call_as(Method::PATCH, path, &world.root.access, patch).await;
        let shared = world.preview(&world.user, encoded).await.is(200).json();
        let kid = api.is(200).string("shared_secret_kid");
        assert_eq!(shared["header"], json!({"alg": "HS256", "kid": kid, "typ": "JWT"}));
        assert_eq!(shared["claims"]["azp"], "signet");

        // Signet itself, and the refusals of a log-in.
        let own = world.preview(&world.user, "").await.is(200).json();
        assert_eq!(own["claims"]["aud"], world.server.base);
        assert!(own["claims"].get("roles").is_none());
        world.preview(&world.user, "audience=urn:x").await.is_problem(400, "invalid_target");
        let beyond = world.preview(&world.user, &format!("{encoded}&scope=b")).await;
        beyond.is_problem(400, "invalid_scope");
        let admin = world.preview(&world.user, "scope=signet:admin").await;
        admin.is_problem(400, "invalid_scope");
        let nobody = "00000000-0000-7000-8000-000000000000";
        world.preview(nobody, "").await.is_problem(404, "not_found");
        let path = format!("/v1/admin/users/{}/disable", world.user);
        world.server.call_as(Method::POST, &path, &world.root.access, Value::Null).await.is(200);
        world.preview(&world.user, "").await.is_problem(409, "conflict");
    })
    .await;
}

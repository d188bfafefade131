//! The response to a `GET`, sent back with `PATCH`: accepted, and nothing is written.

use reqwest::Method;
use serde_json::{Value, json};
use signet::execute;
use signet::store::meta;

use crate::support::server::{Answer, Tokens};
use crate::support::{Server, on_both};

const API: &str = "https://api.example.com";

struct Place {
    server: Server,
    root: Tokens,
}

impl Place {
    async fn call(&self, method: Method, path: &str, body: Value) -> Answer {
        self.server.call_as(method, path, &self.root.access, body).await
    }

    async fn get(&self, path: &str) -> Value {
        self.server.get_as(path, &self.root.access).await.is(200).json()
    }

    async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PATCH, path, body).await
    }

    /// The traces of every change: the audit trail, and the version of clients and APIs.
    async fn traces(&self) -> (Value, i64) {
        let audit = self.get("/v1/admin/audit?limit=200").await;
        let mut reader = self.server.app.db.reader().await.unwrap();
        (audit, meta::cache_version(&mut reader).await.unwrap())
    }
}

/// Every kind of resource that can be changed, as paths.
async fn resources(place: &Place) -> Vec<String> {
    let create =
        async |path: &str, body: Value| place.call(Method::POST, path, body).await.is(201).json();
    let users = "/v1/admin/users";
    let ada = create(
        users,
        json!({"login": "ada", "name": "Ada", "roles": ["support"],
        "groups": ["emea"], "claims": {"floor": 3, "desk": ["a", "b"]}}),
    )
    .await;
    let bare = create(users, json!({"login": "bob"})).await;
    let mut paths = vec!["/v1/me".to_owned()];
    for user in [&ada, &bare] {
        paths.push(format!("{users}/{}", user["id"].as_str().unwrap()));
    }
    let disabled = create(users, json!({"login": "eve"})).await;
    let disabled = format!("{users}/{}", disabled["id"].as_str().unwrap());
    place.call(Method::POST, &format!("{disabled}/disable"), Value::Null).await.is(200);
    paths.push(disabled);
    let apis = "/v1/admin/apis";
    for api in [
        json!({"identifier": API, "scopes": ["read", "write"], "claims": ["roles"],
            "token_profile": "jwt", "access_token_ttl": 300, "signing_alg": "ES256", "documents": true}),
        json!({"identifier": "urn:bare"}),
        json!({"identifier": "urn:shared", "signing_alg": "HS256"}),
    ] {
        paths.push(format!("{apis}/{}", create(apis, api).await["id"].as_str().unwrap()));
    }
    let clients = "/v1/admin/clients";
    let redirect = json!(["https://app.example.com/cb"]);
    let ec = json!({"kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
    for client in [
        json!({"client_id": "web", "name": "Web", "type": "web", "redirect_uris": redirect,
            "audiences": [API], "scopes": ["read"], "client_uri": "https://app.example.com/",
            "access_token_ttl": 300, "refresh_idle_ttl": 600, "refresh_max_ttl": 6000,
            "backchannel_logout_uri": "https://app.example.com/bye", "pkce": "optional"}),
        json!({"client_id": "own", "name": "Own", "type": "native", "first_party": true,
            "redirect_uris": ["com.example.app:/cb"]}),
        json!({"client_id": "spa", "name": "Spa", "type": "spa", "redirect_uris": redirect}),
        json!({"client_id": "job", "name": "Job", "type": "service", "audiences": [API],
            "serves": [API], "token_endpoint_auth_method": "private_key_jwt", "jwks": [ec.clone()]}),
        json!({"client_id": "bank", "name": "Bank", "type": "web", "security_profile": "fapi2",
            "redirect_uris": redirect, "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [ec]}}),
        json!({"client_id": "post", "name": "Post", "type": "web", "redirect_uris": redirect,
            "token_endpoint_auth_method": "client_secret_post"}),
    ] {
        paths.push(format!(
            "{clients}/{}",
            create(clients, client).await["client_id"].as_str().unwrap()
        ));
    }
    crate::support::clients::old_client(&place.server, "old").await;
    paths.push(format!("{clients}/old"));
    paths
}

async fn place(backend: crate::support::Backend) -> Place {
    let server = Server::start(backend).await;
    let root = server.administrator("root").await;
    Place { server, root }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_can_be_patched_with_itself_and_nothing_is_written() {
    on_both("sent back", async |backend| {
        let place = place(backend).await;
        for path in resources(&place).await {
            let shown = place.get(&path).await;
            let traces = place.traces().await;
            place.server.advance(signet::base::TimeSpan::from_secs(5));
            let mut answer = place.patch(&path, shown.clone()).await.is(200).json();
            answer.as_object_mut().unwrap().remove("warnings");
            assert_eq!(answer, shown, "{path}");
            assert_eq!(place.get(&path).await, shown, "{path}");
            assert_eq!(place.traces().await, traces, "{path}");
            // Each member alone is no change either, with those it is derived from.
            place.patch(&path, json!({})).await.is(200);
            assert_eq!(place.traces().await, traces, "{path}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_member_of_what_get_shows_can_be_changed_and_sent_back() {
    on_both("sent back with one change", async |backend| {
        let place = place(backend).await;
        for path in resources(&place).await {
            let shown = place.get(&path).await;
            let mut wanted = shown.clone();
            match path.contains("/apis/") {
                true => wanted["scopes"] = json!(["other"]),
                false => wanted["name"] = json!("Another"),
            }
            place.patch(&path, wanted.clone()).await.is(200);
            let now = place.get(&path).await;
            for (member, value) in wanted.as_object().unwrap() {
                if member != "updated_at" {
                    assert_eq!(&now[member], value, "{path} {member}");
                }
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_member_with_another_value_is_refused_with_the_call_that_changes_it() {
    let place = place(crate::support::Backend::Sqlite).await;
    let paths = resources(&place).await;
    let traces = place.traces().await;
    for path in paths {
        let shown = place.get(&path).await;
        for (member, call) in [
            ("id", "never changes"),
            ("login", "login"),
            ("client_id", "POST /v1/admin/clients"),
            ("identifier", "POST /v1/admin/apis"),
            ("disabled", "disable"),
            ("disabled_at", "disable"),
            ("secrets", "rotate-secret"),
            ("shared_secret_kid", "new_secret"),
            ("created_at", "never changes"),
            ("updated_at", "GET"),
        ] {
            let Some(present) = shown.get(member) else { continue };
            for other in [json!(5), json!("x"), json!(null), json!(true), json!([]), json!({})] {
                if other == *present {
                    continue;
                }
                let answer = place.patch(&path, json!({ member: other })).await;
                let problem = answer.is_problem(422, "read_only").json();
                let errors = problem["errors"].as_array().unwrap();
                assert_eq!((errors.len(), &errors[0]["field"]), (1, &json!(member)), "{path}");
                assert_eq!(errors[0]["code"], "read_only");
                let said = errors[0]["detail"].as_str().unwrap();
                assert!(said.contains(call), "{path} {member}: {said}");
            }
        }
        assert_eq!(place.get(&path).await, shown, "{path}");
    }
    assert_eq!(place.traces().await, traces);
    // Users cannot guess values that they cannot read by sending them back.
    for claims in [json!({}), json!({"floor": 3})] {
        let guess = place.patch("/v1/me", json!({ "claims": claims })).await;
        guess.is_problem(422, "validation_failed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_value_that_is_unacceptable_now_blocks_no_other_change() {
    on_both("stored values", async |backend| {
        let place = place(backend).await;
        let id = place.server.register("ada").await;
        let user = format!("/v1/admin/users/{id}");
        let client = json!({"client_id": "shop", "name": "Shop", "type": "web",
            "redirect_uris": ["https://app.example.com/cb"]});
        place.call(Method::POST, "/v1/admin/clients", client).await.is(201);
        let client = "/v1/admin/clients/shop";
        let bad = "a\u{202e}b";
        let mut tx = place.server.app.db.begin().await.unwrap();
        execute!(
            &mut tx,
            "UPDATE users SET name = $1, roles = $2 WHERE login = 'ada'",
            bad,
            json!(["\u{200b}"]).to_string()
        )
        .unwrap();
        execute!(
            &mut tx,
            "UPDATE clients SET settings = REPLACE(settings, '\"Shop\"', $1)",
            json!(bad).to_string()
        )
        .unwrap();
        meta::raise_cache_version(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        place.server.app.reload_if_changed().await.unwrap();

        let me = place.server.login("ada").await;
        for (path, access, change) in [
            (user.as_str(), &place.root.access, json!({"groups": ["emea"]})),
            (client, &place.root.access, json!({"skip_consent": true})),
            ("/v1/me", &me.access, json!({})),
        ] {
            let shown = place.server.get_as(path, access).await.is(200).json();
            assert_eq!(shown["name"], bad, "{path}");
            let patch =
                async |body: Value| place.server.call_as(Method::PATCH, path, access, body).await;
            patch(change.clone()).await.is(200);
            patch(json!({ "name": bad })).await.is(200);
            let mut whole = place.server.get_as(path, access).await.is(200).json();
            patch(whole.clone()).await.is(200);
            whole["name"] = json!("c\u{202e}d");
            let refused = patch(whole).await;
            refused.is_problem(422, "validation_failed");
            assert_eq!(refused.json()["errors"][0]["field"], "name", "{path}");
            assert_eq!(place.server.get_as(path, access).await.json()["name"], bad);
        }
    })
    .await;
}

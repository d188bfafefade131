//! Clients in rows of version 0.1.0, whose settings lack later members.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::Timestamp;
use signet::base::id::SessionId;
use signet::crypto::digest::token_hash;
use signet::crypto::random::SystemEntropy;
use signet::execute;
use signet::store::meta;

use crate::support::relying_party::{App, FORM, Person, REDIRECT_URI, basic, form};
use crate::support::server::{Answer, Tokens};
use crate::support::{Server, on_both};

/// Every member that 0.1.0 wrote, in its order.
fn settings(kind: &str, method: &str) -> String {
    format!(
        r#"{{"name":"Old","type":"{kind}","token_endpoint_auth_method":"{method}","redirect_uris":["{REDIRECT_URI}"],"post_logout_redirect_uris":[],"backchannel_logout_uri":null,"web_origins":[],"grant_types":["authorization_code","refresh_token"],"scopes":null,"audiences":[],"serves":[],"access_token_ttl":null,"refresh_idle_ttl":null,"refresh_max_ttl":null,"id_token_signed_response_alg":"RS256","skip_consent":false,"jwks":[]}}"#
    )
}

/// Writes a row as 0.1.0 did.
async fn write(server: &Server, client_id: &str, settings: &str, secret: &str) {
    let now: Timestamp = server.now();
    let secrets = json!([{"hash": token_hash(secret).digest(), "created_at": now}]).to_string();
    let mut tx = server.app.db.begin().await.unwrap();
    execute!(
        &mut tx,
        "INSERT INTO clients (id, client_id, settings, secrets, disabled_at, created_at, \
         updated_at, name_since) VALUES ($1, $2, $3, $4, NULL, $5, $5, 0)",
        SessionId::new(now, &SystemEntropy).uuid(),
        client_id,
        settings,
        &secrets,
        now
    )
    .unwrap();
    meta::raise_cache_version(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    server.app.reload_if_changed().await.unwrap();
}

async fn show(server: &Server, root: &Tokens, id: &str) -> Value {
    server.get_as(&format!("/v1/admin/clients/{id}"), &root.access).await.is(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_an_older_version_keeps_its_settings() {
    on_both("old clients", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        let ada = Person::new(&server, "ada");
        let secret = well_formed_secret();
        for (id, kind, method, pinned) in [
            ("basic", "web", "client_secret_basic", false),
            ("post", "web", "client_secret_post", true),
            ("public", "spa", "none", false),
        ] {
            write(&server, id, &settings(kind, method), &secret).await;
            let shown = show(&server, &root, id).await;
            for (member, value) in [
                ("token_endpoint_auth_method", json!(method)),
                ("token_endpoint_auth_method_pinned", json!(pinned)),
                ("pkce", json!("required")),
                ("assertion_audience", json!("issuer")),
                ("id_token_claims", json!("minimal")),
                ("min_acr", Value::Null),
                ("first_party", json!(false)),
                ("skip_consent", json!(false)),
                ("client_uri", Value::Null),
            ] {
                assert_eq!(shown[member], value, "{id} {member}");
            }
            // A request without a challenge is refused as before, with a nonce or without.
            let redirect_uri = REDIRECT_URI.to_owned();
            let app = App { id: id.to_owned(), secret: None, redirect_uri };
            let plain = app.url(&[("code_challenge", ""), ("code_challenge_method", "")]);
            assert_eq!(ada.visit(&plain).await.said("error"), "invalid_request", "{id}");
            // And one with a challenge is accepted.
            assert!(!app.code(&ada, &[]).await.is_empty());
            // Another change keeps all of that, and writes it.
            let change = json!({"name": "Renamed"});
            let path = format!("/v1/admin/clients/{id}");
            let changed = server.call_as(Method::PATCH, &path, &root.access, change).await;
            changed.is(200);
            let after = show(&server, &root, id).await;
            for member in ["pkce", "token_endpoint_auth_method_pinned", "first_party"] {
                assert_eq!(after[member], shown[member], "{id} {member}");
            }
        }
        let (post, header) = (by_post(&server, "basic", &secret).await, basic("basic", &secret));
        post.is(200);
        by_basic(&server, &header).await.is(200);
        by_post(&server, "post", &secret).await.is(200);
        by_basic(&server, &basic("post", &secret)).await.is(401);
    })
    .await;
}

fn well_formed_secret() -> String {
    use signet::base::opaque_token::{CLIENT_SECRET, generate};
    generate(CLIENT_SECRET, &SystemEntropy)
}

async fn by_post(server: &Server, id: &str, secret: &str) -> Answer {
    introspect(server, None, &[("client_id", id), ("client_secret", secret)]).await
}

async fn by_basic(server: &Server, header: &str) -> Answer {
    introspect(server, Some(header), &[]).await
}

async fn introspect(server: &Server, header: Option<&str>, fields: &[(&str, &str)]) -> Answer {
    let request = server.request(Method::POST, "/oauth2/introspect");
    let mut request = request.header("content-type", FORM);
    if let Some(header) = header {
        request = request.header("authorization", header);
    }
    server.send(request.body(form([&[("token", "x")], fields].concat()))).await
}

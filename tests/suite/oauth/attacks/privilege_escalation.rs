//! More scopes, audiences or time than were granted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::store::consents;

use crate::support::relying_party::{App, Person, error_of, field, id_token};
use crate::support::server::{Answer, Tokens};
use crate::support::{Server, on_both};

use super::{API, STOCK, set, set_on};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

async fn exchange(server: &Server, app: &App, token: &str, more: &[(&str, &str)]) -> Answer {
    let usual =
        [("grant_type", EXCHANGE), ("subject_token", token), ("subject_token_type", ACCESS_TOKEN)];
    app.call(server, "/oauth2/token", &[&usual, more].concat()).await
}

async fn is_active(server: &Server, app: &App, token: &str) -> bool {
    let answer = app.call(server, "/oauth2/introspect", &[("token", token)]).await;
    answer.is(200).json()["active"] == true
}

async fn change(server: &Server, root: &Tokens, app: &App, what: Value) {
    let path = format!("/v1/admin/clients/{}", app.id);
    server.call_as(Method::PATCH, &path, &root.access, what).await.is(200);
}

/// A consent to `read` at one API is none at another.
#[tokio::test(flavor = "multi_thread")]
async fn consent_for_one_api_grants_nothing_at_another() {
    let (server, root) = set().await;
    let grants = ["authorization_code", "refresh_token", EXCHANGE];
    let app = json!({"type": "web", "audiences": [API, STOCK], "grant_types": grants});
    let app = App::register(&server, &root, app).await;
    let ada = Person::new(&server, "ada");
    let at = |api| [("scope", "openid read"), ("resource", api), ("prompt", "none")];
    let code = app.code(&ada, &[("scope", "openid read"), ("resource", API)]).await;
    let access = app.redeem(&server, &code).await.is(200).string("access_token");
    ada.visit(&app.url(&at(API))).await.said("code");
    assert_eq!(ada.visit(&app.url(&at(STOCK))).await.said("error"), "consent_required");
    let page = ada.get(&app.url(&[("scope", "openid read"), ("resource", STOCK)])).await;
    assert!(page.text.contains("consent") && page.text.contains(STOCK), "{}", page.text);

    // The client cannot avoid the consent by exchanging its token.
    let further = [("resource", STOCK), ("scope", "read")];
    let refused = exchange(&server, &app, &access, &further).await;
    assert_eq!(error_of(&refused, 400), "invalid_target");
    app.code(&ada, &[("scope", "openid read"), ("resource", STOCK)]).await;

    // One application is one row, and revoking its access is for every API.
    let account = ada.get("/account").await;
    let row = format!(r#"name="client_id" value="{}""#, app.id);
    assert_eq!(account.is(200).text.matches(&row).count(), 1);
    let csrf = field(&account.text, "csrf");
    ada.post("/account/apps/remove", &[("csrf", &csrf), ("client_id", &app.id)]).await.is(303);
    for api in [API, STOCK] {
        assert_eq!(ada.visit(&app.url(&at(api))).await.said("error"), "consent_required");
    }
}

/// A claim is a part of a scope: a client that may not have the scope cannot request its claims one by one.
#[tokio::test(flavor = "multi_thread")]
async fn single_claims_are_no_way_round_the_scopes_of_a_client() {
    let (server, root) = set().await;
    let app = json!({"type": "web", "scopes": ["openid", "profile"]});
    let app = App::register(&server, &root, app).await;
    let ada = Person::new(&server, "ada");
    let asked =
        r#"{"id_token":{"roles":null,"name":null},"userinfo":{"groups":null,"roles":null}}"#;
    let code = app.code(&ada, &[("scope", "openid"), ("claims", asked)]).await;
    let tokens = app.redeem(&server, &code).await.is(200).json();
    let said = id_token(&server, &app, &tokens, Some("the nonce")).await;
    assert_eq!(said.get("roles"), None);
    let access = tokens["access_token"].as_str().unwrap();
    let told = server.get_as("/oauth2/userinfo", access).await.is(200).json();
    assert_eq!((told.get("groups"), told.get("roles")), (None, None), "{told}");

    // A client that may have it gets it, until an administrator removes it.
    change(&server, &root, &app, json!({"scopes": ["openid", "groups", "roles"]})).await;
    let more = [("scope", "openid groups"), ("claims", asked)];
    let tokens = app.redeem(&server, &app.code(&ada, &more).await).await.is(200).json();
    let told = async |tokens: &Value| {
        let access = tokens["access_token"].as_str().unwrap();
        server.get_as("/oauth2/userinfo", access).await.is(200).json()
    };
    assert!(told(&tokens).await.get("groups").is_some());
    change(&server, &root, &app, json!({"scopes": ["openid"]})).await;
    assert_eq!(told(&tokens).await.get("groups"), None);
    let again = app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).await;
    let again = again.is(200).json();
    assert_eq!(again["scope"], "openid");
    assert_eq!(id_token(&server, &app, &again, None).await.get("roles"), None);
    assert_eq!(told(&again).await.get("roles"), None);
}

/// An API that an administrator removes from a client is not renewed; when it is added again, the session continues.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_was_taken_from_a_client_gets_no_new_tokens() {
    let (server, root) = set().await;
    let app = json!({"type": "web", "audiences": [API]});
    let app = App::register(&server, &root, app).await;
    let ada = Person::new(&server, "ada");
    let code = app.code(&ada, &[("scope", "openid read write")]).await;
    let tokens = app.redeem(&server, &code).await.is(200).json();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let pending = app.code(&ada, &[("scope", "openid read write")]).await;
    let page = ada.get(&app.url(&[("scope", "openid read"), ("prompt", "consent")])).await;
    change(&server, &root, &app, json!({"audiences": []})).await;
    assert_eq!(error_of(&app.redeem(&server, &pending).await, 400), "invalid_grant");
    let answer = ada.decide(&page, "allow").await;
    assert_eq!(ada.go_on(answer).await.said("error"), "invalid_scope");
    for _ in 0..6 {
        server.advance(TimeSpan::from_mins(10));
        assert_eq!(error_of(&app.refresh(&server, refresh).await, 400), "invalid_grant");
    }
    // Repeated requests of the client are not treated as reuse.
    let root = server.administrator("boss").await;
    assert!(server.events(&root, "refresh.reuse_detected").await.is_empty());
    change(&server, &root, &app, json!({"audiences": [API]})).await;
    app.refresh(&server, refresh).await.is(200);
}

/// An API that shares a secret with the server can forge tokens for itself; they are accepted nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_its_api_could_have_forged_is_not_accepted() {
    on_both("forged tokens: exchange", async |backend| {
        let (server, root) = set_on(backend).await;
        let path = format!("/v1/admin/apis/{}", API.replace(':', "%3A").replace('/', "%2F"));
        let shared = json!({"signing_alg": "HS256"});
        let secret = server.call_as(Method::PATCH, &path, &root.access, shared).await;
        let secret = secret.is(200).json();
        let grants = [EXCHANGE, "client_credentials"];
        let api = json!({"type": "service", "serves": [API], "audiences": [STOCK, API],
        "grant_types": grants});
        let api = App::register(&server, &root, api).await;
        let victim = json!({"type": "service", "audiences": [API, STOCK]});
        let victim = App::register(&server, &root, victim).await;
        let fields = [("grant_type", "client_credentials"), ("resource", API)];
        let genuine =
            victim.call(&server, "/oauth2/token", &fields).await.is(200).string("access_token");
        let signed = forged(&secret, &genuine, |claims| claims["scope"] = json!("read write"));
        assert!(is_active(&server, &api, &signed).await, "the forgery is as good as any there");
        for token in [&genuine, &signed] {
            let next = exchange(&server, &api, token, &[("resource", STOCK)]).await;
            assert_eq!(error_of(&next, 400), "invalid_grant");
        }
        // Nor is it accepted as an actor.
        let own = api.call(&server, "/oauth2/token", &fields).await.is(200).string("access_token");
        let actor = forged(&secret, &own, |claims| claims["sub"] = json!(victim.id));
        let actor = [("actor_token", &*actor), ("actor_token_type", ACCESS_TOKEN)];
        assert_eq!(error_of(&exchange(&server, &api, &own, &actor).await, 400), "invalid_grant");
        // A chain of `jti` parts longer than any issued one is not read further.
        let long = forged(&secret, &genuine, |claims| claims["jti"] = json!(".".repeat(4_000)));
        assert!(!is_active(&server, &api, &long).await);
    })
    .await;
}

/// An API that shares its secret can sign a token about any user and any client. Such a token discloses and
/// ends nothing, and stores no row, whatever expiry it has.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_its_api_could_have_made_reveals_and_ends_nothing() {
    on_both("forged tokens: revocation", async |backend| {
        let (server, root) = set_on(backend).await;
        let path = format!("/v1/admin/apis/{}", API.replace(':', "%3A").replace('/', "%2F"));
        let shared = json!({"signing_alg": "HS256"});
        let secret = server.call_as(Method::PATCH, &path, &root.access, shared).await;
        let secret = secret.is(200).json();
        let app = App::register(&server, &root, json!({"type": "web", "audiences": [API]})).await;
        let api = json!({"type": "service", "serves": [API], "grant_types": [EXCHANGE]});
        let api = App::register(&server, &root, api).await;
        let ada = Person::new(&server, "ada");
        let code = app.code(&ada, &[("scope", "openid read")]).await;
        let tokens = app.redeem(&server, &code).await.is(200).json();
        let genuine = tokens["access_token"].as_str().unwrap();
        let signed = forged(&secret, genuine, |claims| {
            claims["scope"] = json!("openid profile email groups roles");
            claims["exp"] = json!(4_000_000_000_i64);
        });
        for token in [genuine, &signed] {
            server.get_as("/oauth2/userinfo", token).await.is(401);
            // The API itself may introspect it; to the client that it names it is inactive.
            assert!(is_active(&server, &api, token).await);
            assert!(!is_active(&server, &app, token).await);
            app.call(&server, "/oauth2/revoke", &[("token", token)]).await.is(200);
            assert!(is_active(&server, &api, token).await);
        }
        let mut link = server.app.db.reader().await.unwrap();
        let rows = signet::fetch_optional!(&mut link, (i64,), "SELECT count(*) FROM spent_ids");
        drop(link);
        assert_eq!(rows.unwrap().unwrap().0, 0, "a revocation was stored");
        app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).await.is(200);
    })
    .await;
}

/// The same token with other claims, under the secret that the API has.
fn forged(api: &Value, token: &str, change: impl FnOnce(&mut Value)) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let mut claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    change(&mut claims);
    let message = format!("{}.{}", parts[0], URL_SAFE_NO_PAD.encode(claims.to_string()));
    let secret = api["shared_secret"].as_str().unwrap_or_else(|| panic!("{api}"));
    let secret = URL_SAFE_NO_PAD.decode(secret).unwrap();
    let key = jsonwebtoken::EncodingKey::from_secret(&secret);
    let algorithm = jsonwebtoken::Algorithm::HS256;
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// Exchanged tokens end with their subject token, also without a session.
#[tokio::test(flavor = "multi_thread")]
async fn revoking_a_token_revokes_those_exchanged_for_it() {
    let (server, root) = set().await;
    let grants = [EXCHANGE, "client_credentials"];
    let job = json!({"type": "service", "audiences": [API], "grant_types": grants});
    let job = App::register(&server, &root, job).await;
    let api = json!({"type": "service", "serves": [API], "audiences": [STOCK],
        "grant_types": [EXCHANGE]});
    let api = App::register(&server, &root, api).await;
    let stock = json!({"type": "service", "serves": [STOCK], "audiences": [API],
        "grant_types": [EXCHANGE]});
    let stock = App::register(&server, &root, stock).await;
    let first = async || {
        let fields = [("grant_type", "client_credentials"), ("scope", "read write")];
        job.call(&server, "/oauth2/token", &fields).await.is(200).string("access_token")
    };
    let next = async |app: &App, token: &str, more: &[(&str, &str)]| {
        exchange(&server, app, token, more).await.is(200).string("access_token")
    };
    let revoke = async |app: &App, token: &str| {
        app.call(&server, "/oauth2/revoke", &[("token", token)]).await.is(200);
    };
    let a = first().await;
    let small = next(&job, &a, &[("scope", "read")]).await;
    let b = next(&api, &small, &[("resource", STOCK), ("scope", "count")]).await;
    let c = next(&stock, &b, &[("resource", API), ("scope", "read")]).await;
    let other = first().await;
    let alive = async || {
        let mut alive = Vec::new();
        for (app, token) in [(&job, &a), (&job, &small), (&api, &b), (&stock, &c), (&job, &other)] {
            alive.push(is_active(&server, app, token).await);
        }
        alive
    };
    assert_eq!(alive().await, [true; 5]);
    // From the middle of the chain down, then from the top; another chain continues.
    revoke(&api, &b).await;
    assert_eq!(alive().await, [true, true, false, false, true]);
    revoke(&job, &a).await;
    assert_eq!(alive().await, [false, false, false, false, true]);
    let why = json!({"token": c});
    let why = server.call_as(Method::POST, "/v1/admin/tokens/why", &root.access, why).await;
    assert!(why.is(200).text.contains("token_revoked"), "{}", why.text);
    // The length of a chain is bounded.
    let mut last = other;
    for _ in 0..8 {
        last = next(&job, &last, &[("scope", "read")]).await;
    }
    assert!(is_active(&server, &job, &last).await);
    assert_eq!(error_of(&exchange(&server, &job, &last, &[]).await, 400), "invalid_grant");
}

/// The `client_id` of a deleted client may be registered again; the new client inherits nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_inherits_nothing_from_one_that_had_its_name() {
    let (server, root) = set().await;
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let grants = ["authorization_code", "refresh_token", device];
    let new = json!({"client_id": "shop", "type": "spa", "grant_types": grants});
    let app = App::register(&server, &root, new.clone()).await;
    let ada = Person::new(&server, "ada");
    let old = app.tokens(&server, &ada).await;
    let code = app.code(&ada, &[]).await;
    let page = ada.get(&app.url(&[("prompt", "consent")])).await;
    let asked = app.call(&server, "/oauth2/device_authorization", &[("scope", "openid")]).await;
    let (waiting, typed) = (asked.is(200).string("device_code"), asked.string("user_code"));
    server.advance(TimeSpan::from_secs(1));
    let path = format!("/v1/admin/clients/{}", app.id);
    server.call_as(Method::DELETE, &path, &root.access, Value::Null).await.is(204);
    App::register(&server, &root, new).await;

    assert_eq!(error_of(&app.redeem(&server, &code).await, 400), "invalid_grant");
    let refresh = old["refresh_token"].as_str().unwrap();
    assert_eq!(error_of(&app.refresh(&server, refresh).await, 400), "invalid_grant");
    server.get_as("/oauth2/userinfo", old["access_token"].as_str().unwrap()).await.is(401);
    assert_eq!(ada.decide(&page, "allow").await.is(400).header("location"), "");
    let silent = app.url(&[("prompt", "none")]);
    assert_eq!(ada.visit(&silent).await.said("error"), "consent_required");
    let form = ada.get("/device").await;
    let flow = field(&form.text, "flow");
    ada.post("/device", &[("flow", &flow), ("user_code", &typed)]).await.is(422);
    let poll = [("grant_type", device), ("device_code", &*waiting)];
    assert_eq!(error_of(&app.call(&server, "/oauth2/token", &poll).await, 400), "invalid_grant");
}

/// A consent that is revoked while a code is issued makes the code invalid when it is redeemed.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_worth_no_more_than_the_consent_it_rests_on() {
    let (server, root) = set().await;
    let ada = Person::new(&server, "ada");
    let own = json!({"type": "web", "skip_consent": true});
    let native = json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"]});
    for (client, wanted) in [(json!({"type": "spa"}), 400), (own, 200), (native, 200)] {
        let app = App::register(&server, &root, client).await;
        let kept = app.code(&ada, &[]).await;
        let tokens = app.redeem(&server, &kept).await.is(200).json();
        let claims = id_token(&server, &app, &tokens, Some("the nonce")).await;
        let code = app.code(&ada, &[]).await;
        let mut tx = server.app.db.begin().await.unwrap();
        let user = claims["sub"].as_str().unwrap().parse().unwrap();
        consents::forget(&mut tx, user, &app.id).await.unwrap();
        tx.commit().await.unwrap();
        app.redeem(&server, &code).await.is(wanted);
    }
}

//! When a document is fetched, and how often.

use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use super::{BUSY, ID, MCP, PATH, Place, REFUSED, app, document, stays, with};
use crate::oauth::key;
use crate::support::document_host::Reply;
use crate::support::relying_party::{FORM, Person, VERIFIER, error_of, form, signed};
use crate::support::server::Tokens;
use crate::support::{Backend, on_both};

#[tokio::test(flavor = "multi_thread")]
async fn a_user_comes_by_a_client_that_is_not_registered() {
    on_both("documents: whole flow", async |backend| {
        let Some(place) = Place::on(backend).await else { return };
        place.publish(&document());
        let (server, app) = (&place.server, app(ID));
        let ada = Person::new(server, "ada");
        let asked = [("resource", MCP), ("scope", "tools offline_access")];
        let code = app.code(&ada, &asked).await;
        let tokens = app.redeem(server, &code).await.is(200).json();
        let access = Tokens {
            access: tokens["access_token"].as_str().unwrap().to_owned(),
            refresh: tokens["refresh_token"].as_str().unwrap().to_owned(),
        };
        let claims = access.claims();
        assert_eq!((&claims["aud"], &claims["client_id"]), (&json!(MCP), &json!(ID)), "{claims}");
        assert_eq!(claims["scope"], "tools offline_access");
        let next = app.refresh(server, &access.refresh).await.is(200).json();
        // A client can revoke its own refresh token.
        let token = next["refresh_token"].as_str().unwrap();
        app.call(server, "/oauth2/revoke", &[("token", token)]).await.is(200);
        assert_eq!(error_of(&app.refresh(server, token).await, 400), "invalid_grant");
        assert_eq!(place.fetches(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_chooses_whether_it_accepts_such_clients() {
    let Some(place) = Place::on(Backend::Sqlite).await else { return };
    place.publish(&document());
    let api = json!({"identifier": "https://api.example.com", "scopes": ["tools"]});
    let made = place.admin(Method::POST, "/v1/admin/apis", api).await.is(201).json();
    let (server, app) = (&place.server, app(ID));
    let ada = Person::new(server, "ada");
    let url = app.url(&[("resource", "https://api.example.com"), ("scope", "tools")]);
    assert_eq!(ada.visit(&url).await.said("error"), "invalid_target");
    let path = format!("/v1/admin/apis/{}", made["id"].as_str().unwrap());
    place.admin(Method::PATCH, &path, json!({"documents": true})).await.is(200);
    assert!(ada.visit(&url).await.callback().query().unwrap().contains("code="));
    place.admin(Method::PATCH, &path, json!({"documents": false})).await.is(200);
    assert_eq!(ada.visit(&url).await.said("error"), "invalid_target");
}

/// One hundred concurrent requests, on both databases: one fetch, and every request gets a response.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_authorizations_of_a_new_client_are_one_fetch() {
    on_both("documents: single flight", async |backend| {
        let Some(place) = Place::on(backend).await else { return };
        place.publish(&document());
        let pages = join_all((0..100).map(|_| place.sent_by(ID))).await;
        assert!(pages.iter().all(|page| page.status == 200), "{:?}", pages[0]);
        assert_eq!((place.fetches(), place.hosts.connections()), (1, 1));
        // A failed fetch is shared as well, and every request is refused.
        let bad = "https://other.example/bad.json";
        let pages = join_all((0..100).map(|_| place.sent_by(bad))).await;
        let refused = pages.iter().filter(|page| page.status == 400).count();
        assert!(refused >= 1 && pages.iter().all(|page| matches!(page.status, 400 | 503)));
        assert_eq!(place.hosts.connections(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_asked_thirty_times_a_minute() {
    let Some(place) = Place::on(Backend::Sqlite).await else { return };
    for at in 0..35 {
        let path = format!("/{at}.json");
        let id = format!("https://client.example{path}");
        place.hosts.answer(&path, Reply::json(&with("client_id", json!(id))));
        let page = place.sent_by(&id).await;
        if at < 30 {
            page.is(200);
        } else {
            stays(&page, 503, BUSY);
        }
    }
    assert_eq!(place.hosts.connections(), 30);
    place.server.advance(TimeSpan::from_secs(2));
    place.sent_by("https://client.example/34.json").await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_used_while_it_is_fresh_and_confirmed_by_its_entity_tag() {
    let Some(place) = Place::on(Backend::Sqlite).await else { return };
    let reply = Reply::json(&document()).header("ETag", "\"7\"");
    place.hosts.answer(PATH, reply.clone().header("Cache-Control", "max-age=120"));
    place.sent_by(ID).await.is(200);
    place.server.advance(TimeSpan::from_secs(119));
    place.sent_by(ID).await.is(200);
    assert_eq!(place.fetches(), 1);
    place.hosts.answer(PATH, Reply::text("", b"").status(304).header("Cache-Control", "max-age=5"));
    place.server.advance(TimeSpan::from_secs(1));
    place.sent_by(ID).await.is(200);
    assert_eq!(place.fetches(), 2);
    assert!(place.hosts.requests()[1].to_lowercase().contains("if-none-match: \"7\""));
    // At least a minute, whatever `max-age` says.
    place.server.advance(TimeSpan::from_secs(59));
    place.sent_by(ID).await.is(200);
    assert_eq!(place.fetches(), 2);
    place.hosts.answer(PATH, reply.header("Cache-Control", "max-age=999999999"));
    place.server.advance(TimeSpan::from_secs(1));
    place.sent_by(ID).await.is(200);
    assert_eq!(place.fetches(), 3);
    // At most a day.
    place.server.advance(TimeSpan::from_days(1));
    place.sent_by(ID).await.is(200);
    assert_eq!(place.fetches(), 4);
}

/// The first response of the name server is a public address, every later one a private one.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_rebound_leads_nowhere_else() {
    let Some(place) = Place::on(Backend::Sqlite).await else { return };
    let canary = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    place.hosts.add_name("rebound.client.example", "93.184.216.34 10.0.0.7");
    place.hosts.add_listener("10.0.0.7", canary.local_addr().unwrap());
    let id = "https://rebound.client.example/oauth/client.json";
    let mut document = with("client_id", json!(id));
    document["redirect_uris"] = json!(["https://rebound.client.example/cb"]);
    place.publish(&document);
    let sent = async |id: &str| {
        let url = app(id).url(&[("redirect_uri", "https://rebound.client.example/cb")]);
        place.server.get(&url).await
    };
    sent(id).await.is(200);
    // The copy is used for a day while the second look-up is refused.
    place.server.advance(TimeSpan::from_mins(60));
    sent(id).await.is(200);
    place.server.advance(TimeSpan::from_mins(24 * 60));
    stays(&sent(id).await, 400, REFUSED);
    assert_eq!(place.hosts.connections(), 1);
    assert!(crate::support::is_untouched(&canary).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_for_clients_use_the_copy_and_fetch_nothing() {
    let Some(place) = Place::on(Backend::Sqlite).await else { return };
    place.publish(&document());
    let (server, app) = (&place.server, app(ID));
    let request = app.request(&[("resource", MCP), ("scope", "tools"), ("client_id", "")]);
    let fields: Vec<(&str, &str)> =
        request.iter().map(|(name, value)| (&**name, &**value)).collect();
    let pushed = app.call(server, "/oauth2/par", &fields).await;
    assert_eq!(error_of(&pushed, 401), "invalid_client");
    let refused = app.redeem(server, "sac_x").await;
    assert_eq!(error_of(&refused, 401), "invalid_client");
    assert_eq!(error_of(&app.refresh(server, "srt_x").await, 401), "invalid_client");
    let device = app.call(server, "/oauth2/device_authorization", &[]).await;
    assert_eq!(error_of(&device, 401), "invalid_client");
    assert_eq!(place.hosts.connections(), 0);
    place.sent_by(ID).await.is(200);
    place.server.advance(TimeSpan::from_mins(30 * 60));
    let name = app.call(server, "/oauth2/par", &fields).await.is(201).string("request_uri");
    let ada = Person::new(server, "ada");
    let pairs = form([("client_id", ID), ("request_uri", &*name)]);
    let code = ada.visit(&format!("/oauth2/authorize?{pairs}")).await.said("code");
    app.redeem(server, &code).await.is(200);
    // It has the grants of every such client, whatever its document lists.
    let device = app.call(server, "/oauth2/device_authorization", &[]).await;
    assert_eq!(error_of(&device, 400), "unauthorized_client");
    assert_eq!(place.fetches(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_a_key_authenticates_with_the_keys_of_its_document() {
    let Some(place) = Place::on(Backend::Sqlite).await else { return };
    let (mine, other) = (key(), key());
    let mut jwk = json!(mine.public);
    jwk["kid"] = json!("k");
    let mut keyed = with("token_endpoint_auth_method", json!("private_key_jwt"));
    keyed["jwks_uri"] = json!("https://other.example/jwks");
    place.publish(&keyed);
    // Its keys are fetched with it.
    stays(&place.sent_by(ID).await, 400, REFUSED);
    place.hosts.answer("/jwks", Reply::json(&json!({"keys": [jwk]})));
    place.server.advance(TimeSpan::from_secs(5));
    let (server, app) = (&place.server, app(ID));
    let ada = Person::new(server, "ada");
    let code = app.code(&ada, &[("resource", MCP), ("scope", "tools")]).await;
    let now = server.now().secs();
    let redeem = async |key: &signet::crypto::jwt::SigningKey, jti: &str| {
        let claims = json!({"iss": ID, "sub": ID, "aud": server.base, "jti": jti, "iat": now, "exp": now + 60});
        let assertion = signed(key, &json!({"alg": "ES256", "kid": "k"}), &claims);
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("redirect_uri", super::REDIRECT),
            ("code_verifier", VERIFIER),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &*assertion),
        ];
        let request = server.request(Method::POST, "/oauth2/token").header(CONTENT_TYPE, FORM);
        server.send(request.body(form(fields))).await
    };
    assert_eq!(error_of(&app.redeem(server, &code).await, 401), "invalid_client");
    assert_eq!(error_of(&redeem(&other, "one").await, 401), "invalid_client");
    let tokens: Value = redeem(&mine, "two").await.is(200).json();
    assert!(tokens["access_token"].is_string());
}

//! The certification profiles of OpenID Connect, module by module: Basic, Config and Form Post.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use url::Url;

use crate::support::relying_party::{
    App, Landing, Person, REDIRECT_URI, error_of, field, id_token, param,
};
use crate::support::server::{Options, Tokens};
use crate::support::{Backend, Server};

/// A server with a confidential client and a user.
pub async fn set() -> (Server, Tokens, App) {
    set_on(Backend::Sqlite).await
}

/// The same on a database of this kind.
pub async fn set_on(backend: Backend) -> (Server, Tokens, App) {
    let server = Server::start(backend).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let bye = "https://app.example.com/bye";
    let client = json!({"type": "web", "post_logout_redirect_uris": [bye]});
    let app = App::register(&server, &root, client).await;
    (server, root, app)
}

/// The checks that every module makes of a complete flow.
async fn whole(server: &Server, app: &App, person: &Person<'_>, more: &[(&str, &str)]) -> Value {
    let landed = person.visit(&app.url(more)).await.callback();
    assert_eq!(landed.fragment(), None);
    assert!(landed.as_str().starts_with(REDIRECT_URI));
    assert_eq!(param(&landed, "state").as_deref(), Some("the state"));
    assert_eq!(param(&landed, "iss").as_deref(), Some(&*server.base));
    assert_eq!(param(&landed, "error"), None);
    let code = param(&landed, "code").unwrap();
    assert!(code.len() > 43, "at least 128 bits: {code}");
    let answer = app.redeem(server, &code).await;
    assert_eq!(answer.is(200).header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let tokens = answer.json();
    assert!(tokens["expires_in"].as_i64().unwrap() > 0);
    assert_eq!(tokens["token_type"], "Bearer");
    let nonce = more.iter().find(|(name, _)| *name == "nonce").map_or("the nonce", |(_, n)| n);
    let claims = id_token(server, app, &tokens, Some(nonce).filter(|n| !n.is_empty())).await;
    let sub = claims["sub"].as_str().unwrap();
    assert!((1..=255).contains(&sub.len()) && sub.is_ascii());
    let info = server.get_as("/oauth2/userinfo", tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(info.is(200).json()["sub"], sub);
    // Neither the name nor other claims of the scopes are in the ID token.
    for absent in ["name", "preferred_username", "updated_at", "email"] {
        assert!(claims.get(absent).is_none(), "{claims}");
    }
    json!({"tokens": tokens, "claims": claims, "info": info.json()})
}

/// oidcc-server, -idtoken-signature, -userinfo-get, -ensure-request-without-nonce, -scope-*,
/// -alternate-happy-flow, -display-*, -login-hint, -ui-locales, -claims-locales, -acr-values,
/// -unknown-parameter, -server-client-secret-post, -valid-pkce.
#[tokio::test(flavor = "multi_thread")]
async fn basic_flows_that_succeed() {
    let (server, root, app) = set().await;
    let person = Person::new(&server, "ada");
    for more in [
        &[][..],
        &[("nonce", "")],
        &[("scope", "openid")],
        &[("scope", "openid profile email address phone")],
        &[("scope", "profile openid")],
        &[("display", "page")],
        &[("display", "popup")],
        &[("login_hint", "somebody@example.com")],
        &[("ui_locales", "se")],
        &[("claims_locales", "se")],
        &[("acr_values", "1 2")],
        &[("claims", r#"{"id_token":{"acr":{"essential":true}}}"#)],
        &[("claims", r#"{"id_token":{"acr":{"essential":true}}}"#), ("acr_values", "1 2")],
        &[("claims", r#"{"id_token":{"acr":{"essential":true,"values":[]}}}"#)],
        &[("claims", r#"{"id_token":{"acr":{"values":["1"]}}}"#)],
        &[("claims", r#"{"userinfo":{"acr":{"essential":true,"value":"1"}}}"#)],
        &[("claims", r#"{"id_token":{"picture":{"essential":true}}}"#)],
        &[("extra", "foobar")],
        &[("claims", r#"{"userinfo":{"name":{"essential":true}}}"#)],
        &[("nonce", &"n".repeat(384))],
        &[("response_mode", "query")],
    ] {
        whole(&server, &app, &person, more).await;
    }
    // Scopes whose claims Signet does not have are left out, and the response lists the granted ones.
    let all = whole(&server, &app, &person, &[("scope", "openid email phone")]).await;
    assert_eq!(all["tokens"]["scope"], "openid email");
    // The user has no address.
    assert_eq!(all["info"].as_object().unwrap().len(), 1);
    let profile = whole(&server, &app, &person, &[]).await;
    assert_eq!(profile["info"]["preferred_username"], "ada");
    assert!(profile["info"]["updated_at"].is_i64());
    // oidcc-server-client-secret-post
    let method = json!({"type": "web", "token_endpoint_auth_method": "client_secret_post"});
    let post = App::register(&server, &root, method).await;
    let code = post.code(&person, &[]).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", crate::support::relying_party::VERIFIER),
        ("client_id", &*post.id),
        ("client_secret", post.secret.as_deref().unwrap()),
    ];
    let request = server.request(Method::POST, "/oauth2/token");
    let request = request.header("content-type", crate::support::relying_party::FORM);
    let answer = server.send(request.body(crate::support::relying_party::form(fields))).await;
    id_token(&server, &post, &answer.is(200).json(), Some("the nonce")).await;
}

/// oidcc-claims-essential, and the same in the ID token.
#[tokio::test(flavor = "multi_thread")]
async fn single_claims_are_told_where_they_were_asked_for() {
    let (server, _, app) = set().await;
    let person = Person::new(&server, "ada");
    let ada = server.login("ada").await;
    let name = json!({"name": "Ada"});
    server.call_as(Method::PATCH, "/v1/me", &ada.access, name).await.is(200);
    let claims =
        r#"{"userinfo":{"name":null},"id_token":{"preferred_username":{"essential":true}}}"#;
    let code = app.code(&person, &[("scope", "openid"), ("claims", claims)]).await;
    let tokens = app.redeem(&server, &code).await.is(200).json();
    let told = id_token(&server, &app, &tokens, Some("the nonce")).await;
    assert_eq!(told["preferred_username"], "ada");
    let info = server.get_as("/oauth2/userinfo", tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(info.json()["name"], "Ada");
    assert!(info.json().get("preferred_username").is_none());
    let refreshed = app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).await;
    let again = id_token(&server, &app, &refreshed.is(200).json(), None).await;
    assert_eq!(again["preferred_username"], "ada");
}

/// oidcc-userinfo-post-header, -post-body; and what is refused there.
#[tokio::test(flavor = "multi_thread")]
async fn userinfo_in_three_ways() {
    let (server, _, app) = set().await;
    let person = Person::new(&server, "ada");
    let tokens = app.tokens(&server, &person).await;
    let access = tokens["access_token"].as_str().unwrap();
    let post = |body: String| {
        let request = server.request(Method::POST, "/oauth2/userinfo");
        request.header("content-type", crate::support::relying_party::FORM).body(body)
    };
    server.send(post(String::new()).bearer_auth(access)).await.is(200);
    server.send(post(format!("access_token={access}"))).await.is(200);
    let both = server.send(post(format!("access_token={access}")).bearer_auth(access)).await;
    assert_eq!(error_of(&both, 400), "invalid_request");
    let header = |value: String| {
        server.request(Method::GET, "/oauth2/userinfo").header("authorization", value)
    };
    server.send(header(format!("bEaReR {access}"))).await.is(200);
    let query = server.get(&format!("/oauth2/userinfo?access_token={access}")).await;
    assert_eq!(query.is(401).header("www-authenticate"), r#"Bearer realm="signet""#);
    let bad = server.send(header("Bearer rubbish".to_owned())).await;
    assert_eq!(error_of(&bad, 401), "invalid_token");
    assert!(bad.header("www-authenticate").contains(r#"error="invalid_token""#));
    // A token of /v1 lacks `openid`; an ID token is not an access token.
    let own = server.login("ada").await;
    let scope = server.get_as("/oauth2/userinfo", &own.access).await;
    assert_eq!(error_of(&scope, 403), "insufficient_scope");
    let wrong = server.get_as("/oauth2/userinfo", tokens["id_token"].as_str().unwrap()).await;
    assert_eq!(error_of(&wrong, 401), "invalid_token");
    server.get_as("/v1/me", access).await.is_problem(401, "invalid_token");
}

/// oidcc-prompt-login, -prompt-none-*, -max-age-*, -id-token-hint.
#[tokio::test(flavor = "multi_thread")]
async fn prompt_login_asks_again_and_prompt_none_never_asks() {
    let (server, _, app) = set().await;
    let person = Person::new(&server, "ada");
    let nobody = person.visit(&app.url(&[("prompt", "none")])).await.callback();
    assert_eq!(param(&nobody, "error").as_deref(), Some("login_required"));
    assert_eq!(param(&nobody, "state").as_deref(), Some("the state"));
    assert_eq!(param(&nobody, "code"), None);

    let first = whole(&server, &app, &person, &[("max_age", "15000")]).await;
    let (sub, auth_time) = (&first["claims"]["sub"], &first["claims"]["auth_time"]);
    server.advance(TimeSpan::from_secs(5));
    for more in [&[("prompt", "none")][..], &[("max_age", "10000")]] {
        let again = whole(&server, &app, &person, more).await;
        assert_eq!((&again["claims"]["sub"], &again["claims"]["auth_time"]), (sub, auth_time));
    }
    let hint = first["tokens"]["id_token"].as_str().unwrap();
    let hinted =
        whole(&server, &app, &person, &[("prompt", "none"), ("id_token_hint", hint)]).await;
    assert_eq!(&hinted["claims"]["sub"], sub);

    for more in [&[("prompt", "login")][..], &[("max_age", "1")], &[("max_age", "0")]] {
        server.advance(TimeSpan::from_secs(5));
        let page = person.get(&app.url(more)).await;
        assert!(page.is(200).text.contains(r#"action="/login""#), "{more:?}");
        // The earlier sign-in is not enough: the password is required.
        let flow = field(&page.text, "flow");
        let back = person.get(&format!("/oauth2/authorize?flow={flow}")).await;
        assert!(back.is(200).text.contains(r#"action="/login""#), "{more:?}");
        let landed = person.go_on(page).await;
        let code = landed.said("code");
        let tokens = app.redeem(&server, &code).await.is(200).json();
        let claims = id_token(&server, &app, &tokens, Some("the nonce")).await;
        assert!(claims["auth_time"].as_i64() > auth_time.as_i64());
    }
    // The hint of another user: the current user is not accepted.
    server.register("bob").await;
    let bob = Person::new(&server, "bob");
    let silent = [("prompt", "none"), ("id_token_hint", hint)];
    app.code(&bob, &[]).await;
    assert_eq!(bob.visit(&app.url(&silent)).await.said("error"), "login_required");
}

/// Clients keep ID tokens longer than keys are published: then users have to confirm, without an error.
#[tokio::test(flavor = "multi_thread")]
async fn a_hint_may_outlive_its_key() {
    let (server, _, app) = set().await;
    let root = server.administrator("boss").await;
    let person = Person::new(&server, "ada");
    let tokens = app.tokens(&server, &person).await;
    let hint = tokens["id_token"].as_str().unwrap();
    let kid = jsonwebtoken::decode_header(hint).unwrap().kid.unwrap();
    let call = async |path: &str, body: Value| {
        server.call_as(Method::POST, path, &root.access, body).await
    };
    call("/v1/admin/keys/rotate", json!({"alg": "RS256", "now": true})).await.is(200);
    let path = format!("/v1/admin/keys/{kid}/retire");
    call(&path, json!({"now": true})).await.is(204);
    server.advance(TimeSpan::from_secs(5));
    let silent = [("prompt", "none"), ("id_token_hint", hint)];
    assert_eq!(person.visit(&app.url(&silent)).await.said("error"), "login_required");
    let page = person.get(&app.url(&[("id_token_hint", hint)])).await;
    assert!(page.is(200).text.contains(r#"action="/login""#), "{}", page.text);
    person.go_on(page).await.said("code");
    // A hint of another issuer, or of none, is still invalid.
    for (part, old, new) in [(0, "RS256", "none"), (1, &*server.base, "https://other.example")] {
        let mut parts: Vec<String> = hint.split('.').map(str::to_owned).collect();
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(&parts[part]).unwrap()).unwrap();
        parts[part] = URL_SAFE_NO_PAD.encode(text.replace(old, new));
        let landed = person.visit(&app.url(&[("id_token_hint", &parts.join("."))])).await;
        assert_eq!(landed.said("error"), "invalid_request");
    }
}

/// oidcc-codereuse, -codereuse-30seconds, -refresh-token.
#[tokio::test(flavor = "multi_thread")]
async fn codes_and_refresh_tokens_are_for_one_client_once() {
    let (server, root, app) = set().await;
    let other = App::register(&server, &root, json!({"type": "web"})).await;
    let person = Person::new(&server, "ada");
    for wait in [0, 30] {
        let code = app.code(&person, &[]).await;
        let tokens = app.redeem(&server, &code).await.is(200).json();
        server.advance(TimeSpan::from_secs(wait));
        assert_eq!(error_of(&app.redeem(&server, &code).await, 400), "invalid_grant");
        let access = tokens["access_token"].as_str().unwrap();
        server.get_as("/oauth2/userinfo", access).await.is(401);
        let dead = app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).await;
        assert_eq!(error_of(&dead, 400), "invalid_grant");
    }
    let tokens = app.tokens(&server, &person).await;
    let before = id_token(&server, &app, &tokens, Some("the nonce")).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(error_of(&other.refresh(&server, refresh).await, 400), "invalid_grant");
    server.advance(TimeSpan::from_secs(5));
    let again = app.refresh(&server, refresh).await.is(200).json();
    let after = id_token(&server, &app, &again, None).await;
    for same in ["iss", "sub", "aud", "auth_time", "sid"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert!(after["iat"].as_i64() > before["iat"].as_i64());
}

/// oidcc-discovery-endpoint-verification.
#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_is_complete() {
    let options = Options::on(Backend::Sqlite).with("SIGNET_ISSUER", "https://auth.example.com");
    let server = options.start().await;
    let document = server.get("/.well-known/openid-configuration").await;
    assert_eq!(document.is(200).header("content-type"), "application/json");
    let document = document.json();
    assert_eq!(document["issuer"], "https://auth.example.com");
    for (name, value) in document.as_object().unwrap() {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            let url: Url = value.as_str().unwrap().parse().unwrap();
            assert_eq!(url.scheme(), "https", "{name}");
        }
    }
    let has = |name: &str, value: &str| {
        document[name].as_array().unwrap().iter().any(|known| known == value)
    };
    assert!(has("response_types_supported", "code"));
    assert!(has("subject_types_supported", "public"));
    assert!(has("id_token_signing_alg_values_supported", "RS256"));
    assert!(has("scopes_supported", "openid"));
    assert!(has("code_challenge_methods_supported", "S256"));
    assert!(has("grant_types_supported", "authorization_code"));
    assert!(!has("grant_types_supported", "password"));
    for yes in [
        "backchannel_logout_supported",
        "backchannel_logout_session_supported",
        "authorization_response_iss_parameter_supported",
    ] {
        assert_eq!(document[yes], true);
    }
}

/// The profile Form Post Basic: the response is a form, and the address contains nothing.
#[tokio::test(flavor = "multi_thread")]
async fn answers_in_a_form() {
    let (server, _, app) = set().await;
    let person = Person::new(&server, "ada");
    let state = r#"a"><svg/onload=alert(1)> & ü"#;
    let more = [("response_mode", "form_post"), ("state", state)];
    let Landing::Page(page) = person.visit(&app.url(&more)).await else { panic!("no page") };
    assert!(page.text.contains(&format!(r#"action="{REDIRECT_URI}""#)), "{}", page.text);
    assert!(!page.text.contains("<svg"));
    assert_eq!(field(&page.text, "state"), state);
    assert_eq!(field(&page.text, "iss"), server.base);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'self'") && !policy.contains("form-action"), "{policy}");
    app.redeem(&server, &field(&page.text, "code")).await.is(200);
    let refused = [("response_mode", "form_post"), ("prompt", "none"), ("max_age", "x")];
    let Landing::Page(page) = person.visit(&app.url(&refused)).await else { panic!("no page") };
    assert_eq!(field(&page.text, "error"), "invalid_request");
    let fragment = person.visit(&app.url(&[("response_mode", "fragment")])).await.callback();
    assert!(fragment.fragment().unwrap().contains("code=sac_") && fragment.query().is_none());
}

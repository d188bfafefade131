//! The profile Form Post Basic: the modules of Basic, with the response in a form.

use serde_json::{Value, json};
use signet::base::TimeSpan;

use crate::support::relying_party::{
    App, Landing, Person, REDIRECT_URI, error_of, field, id_token,
};
use crate::support::server::{Answer, Tokens};
use crate::support::{Backend, Server};

async fn set() -> (Server, Tokens, App) {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let app = App::register(&server, &root, json!({"type": "web"})).await;
    (server, root, app)
}

/// The page that posts the response, with the checks of every module.
async fn posted(person: &Person<'_>, app: &App, more: &[(&str, &str)]) -> Answer {
    let more = [&[("response_mode", "form_post")], more].concat();
    let Landing::Page(page) = person.visit(&app.url(&more)).await else {
        panic!("{more:?}: a redirect instead of a form")
    };
    page.is(200);
    assert_eq!(page.header("location"), "");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(page.text.contains(&format!(r#"action="{REDIRECT_URI}""#)), "{}", page.text);
    let page_text = page.text.to_ascii_lowercase();
    assert!(page_text.contains(r#"method="post""#) && !page_text.contains("enctype"));
    assert_eq!(field(&page.text, "state"), "the state");
    // Each name once.
    for name in ["state", "iss", "code", "error"] {
        assert!(page.text.matches(&format!(r#"name="{name}""#)).count() <= 1, "{name}");
    }
    page
}

async fn whole(server: &Server, app: &App, person: &Person<'_>, more: &[(&str, &str)]) -> Value {
    let page = posted(person, app, more).await;
    assert_eq!(field(&page.text, "iss"), server.base);
    let tokens = app.redeem(server, &field(&page.text, "code")).await.is(200).json();
    let nonce = more.iter().find(|(name, _)| *name == "nonce").map_or("the nonce", |(_, n)| n);
    let claims = id_token(server, app, &tokens, Some(nonce).filter(|n| !n.is_empty())).await;
    let info = server.get_as("/oauth2/userinfo", tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(info.is(200).json()["sub"], claims["sub"]);
    json!({"tokens": tokens, "claims": claims})
}

/// oidcc-server, -without-nonce, -scope-*, -alternate-happy-flow, -display-*, -login-hint,
/// -ui-locales, -claims-locales, -acr-values, -unknown-parameter, -claims-essential.
#[tokio::test(flavor = "multi_thread")]
async fn flows_that_succeed() {
    let (server, _, app) = set().await;
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
        &[("extra", "foobar")],
        &[("claims", r#"{"userinfo":{"name":{"essential":true}}}"#)],
    ] {
        whole(&server, &app, &person, more).await;
    }
    // oidcc-ensure-post-request-succeeds
    let request = app.request(&[("response_mode", "form_post")]);
    let fields: Vec<(&str, &str)> = request.iter().map(|(n, v)| (&**n, &**v)).collect();
    let page = person.post("/oauth2/authorize", &fields).await;
    let Landing::Page(page) = person.go_on(page).await else { panic!("no form") };
    app.redeem(&server, &field(&page.text, "code")).await.is(200);
}

/// oidcc-prompt-*, -max-age-*, -id-token-hint, -codereuse, -refresh-token.
#[tokio::test(flavor = "multi_thread")]
async fn asking_again_and_codes_used_twice() {
    let (server, _, app) = set().await;
    let person = Person::new(&server, "ada");
    let nobody = posted(&person, &app, &[("prompt", "none")]).await;
    assert_eq!(field(&nobody.text, "error"), "login_required");
    assert_eq!(field(&nobody.text, "iss"), server.base);
    assert!(!nobody.text.contains(r#"name="code""#));

    let first = whole(&server, &app, &person, &[("max_age", "15000")]).await;
    server.advance(TimeSpan::from_secs(5));
    let hint = first["tokens"]["id_token"].as_str().unwrap();
    for more in [
        &[("prompt", "none")][..],
        &[("max_age", "10000")],
        &[("prompt", "none"), ("id_token_hint", hint)],
    ] {
        let again = whole(&server, &app, &person, more).await;
        for same in ["sub", "auth_time"] {
            assert_eq!(again["claims"][same], first["claims"][same], "{more:?}");
        }
    }
    for more in [("prompt", "login"), ("max_age", "1"), ("max_age", "0")] {
        server.advance(TimeSpan::from_secs(5));
        let url = app.url(&[("response_mode", "form_post"), more]);
        let page = person.get(&url).await;
        assert!(page.is(200).text.contains(r#"action="/login""#), "{more:?}");
        let again = whole(&server, &app, &person, &[more]).await;
        let (before, after) = (&first["claims"]["auth_time"], &again["claims"]["auth_time"]);
        assert!(after.as_i64() > before.as_i64(), "{more:?}");
    }
    let page = posted(&person, &app, &[]).await;
    let code = field(&page.text, "code");
    let tokens = app.redeem(&server, &code).await.is(200).json();
    app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).await.is(200);
    server.advance(TimeSpan::from_secs(30));
    assert_eq!(error_of(&app.redeem(&server, &code).await, 400), "invalid_grant");
}

/// oidcc-response-type-missing, -ensure-registered-redirect-uri, -request-uri-unsigned,
/// -unsigned-request-object; and a user who denies.
#[tokio::test(flavor = "multi_thread")]
async fn errors_are_posted_too() {
    let (server, _, app) = set().await;
    let person = Person::new(&server, "ada");
    for (more, wanted) in [
        (("response_type", ""), "invalid_request"),
        (("response_type", "id_token"), "unsupported_response_type"),
        (("request", "eyJhbGciOiJub25lIn0.e30."), "request_not_supported"),
        (("request_uri", "https://app.example.com/r.jwt"), "request_uri_not_supported"),
        (("code_challenge", ""), "invalid_request"),
        (("scope", "nothing:like:it"), "invalid_scope"),
    ] {
        let page = posted(&person, &app, &[more]).await;
        assert_eq!(field(&page.text, "error"), wanted, "{more:?}");
        assert!(!page.text.contains(r#"name="code""#));
    }
    let suffix = format!("{REDIRECT_URI}x");
    let wrong = app.url(&[("response_mode", "form_post"), ("redirect_uri", &suffix)]);
    let page = person.get(&wrong).await;
    assert!(!page.is(400).text.contains(REDIRECT_URI), "{}", page.text);
    let page = person.get(&app.url(&[("response_mode", "form_post")])).await;
    let consent = person.log_in(&page, crate::support::server::PASSWORD).await;
    let consent = person.get(consent.is(303).header("location")).await;
    let denied = person.decide(&consent, "deny").await;
    let Landing::Page(page) = person.go_on(denied).await else { panic!("no form") };
    assert_eq!(field(&page.text, "error"), "access_denied");
    assert_eq!(field(&page.text, "state"), "the state");
}

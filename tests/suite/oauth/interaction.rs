//! The pages between an authorization request and its response: forms, headers, cookies, consent.

use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;

use crate::support::Backend;
use crate::support::relying_party::{App, Landing, Person, REDIRECT_URI, field, param};
use crate::support::server::{Options, PASSWORD};

use super::authorize::set;

#[tokio::test(flavor = "multi_thread")]
async fn pages_have_their_headers_and_answer_to_no_script() {
    let (server, _, app) = set().await;
    let request = server.request(Method::GET, &app.url(&[]));
    let page = server.send(request.header("origin", "https://app.example.com")).await;
    let policy = page.is(200).header("content-security-policy").to_owned();
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("access-control-allow-origin", ""),
    ] {
        assert_eq!(page.header(name), value, "{name}");
    }
    for path in ["/oauth2/authorize", "/login", "/consent", "/oauth2/logout", "/account"] {
        let ask = server.request(Method::OPTIONS, path);
        let ask = ask.header("origin", "https://app.example.com");
        let preflight = server.send(ask.header("access-control-request-method", "POST")).await;
        assert_eq!(preflight.is(405).header("access-control-allow-origin"), "", "{path}");
    }
    for method in [Method::HEAD, Method::PUT, Method::DELETE, Method::TRACE] {
        let answer = server.send(server.request(method.clone(), &app.url(&[]))).await;
        assert_eq!(answer.status, 405, "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_works_in_the_browser_it_was_made_for_and_once() {
    let (server, root, app) = set().await;
    let ada = Person::new(&server, "ada");
    let page = ada.get(&app.url(&[])).await;
    let flow = field(&page.is(200).text, "flow");
    // Without the form's token, with another one, or from another browser no user is signed in.
    let stranger = Person::new(&server, "ada");
    stranger.get(&app.url(&[])).await;
    for (person, flow) in [
        (&ada, String::new()),
        (&ada, "AAAA".to_owned()),
        (&ada, format!("{flow}A")),
        (&stranger, flow.clone()),
    ] {
        let fields = [("flow", &*flow), ("login", "ada"), ("password", PASSWORD)];
        let answer = person.post("/login", &fields).await;
        answer.is(403);
        assert!(person.cookie("signet_session").is_none());
        person.post("/consent", &[("flow", &flow), ("decision", "allow")]).await.is(403);
    }
    // The right one: 303, and a new cookie each time.
    let answer = ada.log_in(&page, PASSWORD).await;
    assert!(answer.is(303).header("location").starts_with("/oauth2/authorize?flow="));
    let set = answer.header("set-cookie").to_owned();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/"));
    let first = ada.cookie("signet_session").unwrap();
    let consent = ada.get(answer.header("location")).await;
    assert!(consent.is(200).text.contains(r#"action="/consent""#));
    // Additional hidden fields are ignored; an unknown decision is refused.
    let sealed = field(&consent.text, "flow");
    ada.post("/consent", &[("flow", &sealed), ("decision", "perhaps")]).await.is(422);
    let other = App::register(&server, &root, json!({"type": "spa"})).await;
    let altered = [
        ("flow", &*sealed),
        ("decision", "allow"),
        ("client_id", &*other.id),
        ("scope", "openid profile offline_access"),
        ("redirect_uri", "https://evil.example"),
    ];
    // Another browser cannot finish it, even if the same user is signed in there.
    stranger.visit(&other.url(&[])).await.said("code");
    stranger.post("/consent", &altered).await.is(403);
    let answer = ada.post("/consent", &altered).await;
    let landed = ada.go_on(answer).await.callback();
    assert!(landed.as_str().starts_with(REDIRECT_URI));
    let tokens = app.redeem(&server, &param(&landed, "code").unwrap()).await.is(200).json();
    assert_eq!(tokens["scope"], "openid profile");
    // Sent twice: one code for one request.
    ada.post("/consent", &altered).await.is(409);
    // A new sign-in changes the value of the cookie, and the previous one is invalid.
    server.advance(TimeSpan::from_secs(1));
    let page = ada.get(&app.url(&[("prompt", "login")])).await;
    ada.go_on(page).await.said("code");
    let second = ada.cookie("signet_session").unwrap();
    assert_ne!(first, second);
    let thief = Person::new(&server, "ada");
    thief.set_cookie("signet_session", &first);
    assert_eq!(thief.visit(&app.url(&[("prompt", "none")])).await.said("error"), "login_required");
    // After its expiry the form is refused.
    let page = Person::new(&server, "ada");
    let old = page.get(&app.url(&[])).await;
    server.advance(TimeSpan::from_mins(61));
    page.log_in(&old, PASSWORD).await.is(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_is_required_for_new_scopes_and_for_unverifiable_clients() {
    let (server, root, app) = set().await;
    let ada = Person::new(&server, "ada");
    let asks = async |person: &Person<'_>, app: &App, more: &[(&str, &str)]| {
        let page = person.get(&app.url(more)).await;
        page.status == 200 && page.text.contains(r#"action="/consent""#)
    };
    app.code(&ada, &[("scope", "openid")]).await;
    assert!(!asks(&ada, &app, &[("scope", "openid")]).await);
    assert!(asks(&ada, &app, &[("scope", "openid profile")]).await);
    let silent = [("scope", "openid profile"), ("prompt", "none")];
    assert_eq!(ada.visit(&app.url(&silent)).await.said("error"), "consent_required");
    let claims = [("scope", "openid"), ("claims", r#"{"userinfo":{"name":null}}"#)];
    assert!(asks(&ada, &app, &claims).await, "a claim is asked about like its scope");
    app.code(&ada, &[("scope", "openid profile")]).await;
    assert!(!asks(&ada, &app, &claims).await);
    assert!(asks(&ada, &app, &[("prompt", "consent")]).await);
    // A denial is final, and not remembered.
    let page = ada.get(&app.url(&[("scope", "openid groups")])).await;
    let landed = ada.decide(&page, "deny").await;
    assert_eq!(ada.go_on(landed).await.said("error"), "access_denied");
    assert!(asks(&ada, &app, &[("scope", "openid groups")]).await);

    let native = json!({"type": "native", "redirect_uris": ["com.example.app:/cb"]});
    let native = App::register(&server, &root, native).await;
    for _ in 0..2 {
        assert!(asks(&ada, &native, &[]).await);
        let Landing::Page(page) = ada.visit(&native.url(&[])).await else { panic!("a redirect") };
        assert!(page.text.contains("com.example.app:/cb?code=sac_"), "{}", page.text);
    }
    let ours = App::register(&server, &root, json!({"type": "spa", "skip_consent": true})).await;
    assert!(!asks(&ada, &ours, &[]).await);

    // After the access was revoked, the consent page is shown again, and its tokens have ended.
    let tokens = app.tokens(&server, &ada).await;
    let account = ada.get("/account").await;
    let csrf = field(&account.is(200).text, "csrf");
    let remove = [("csrf", &*csrf), ("client_id", &*app.id)];
    Person::new(&server, "ada").post("/account/apps/remove", &remove).await.is(403);
    ada.post("/account/apps/remove", &[("csrf", "x"), ("client_id", &*app.id)]).await.is(403);
    let pending = ada.visit(&app.url(&[])).await.said("code");
    ada.post("/account/apps/remove", &remove).await.is(303);
    assert!(asks(&ada, &app, &[("scope", "openid")]).await);
    app.redeem(&server, &pending).await.is(400);
    app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).await.is(400);
    server.get_as("/oauth2/userinfo", tokens["access_token"].as_str().unwrap()).await.is(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_at_the_pages_ends_by_itself() {
    let (server, _, app) = set().await;
    let ada = Person::new(&server, "ada");
    app.code(&ada, &[]).await;
    server.advance(TimeSpan::from_mins(12 * 60 - 1));
    ada.visit(&app.url(&[("prompt", "none")])).await.said("code");
    server.advance(TimeSpan::from_mins(1));
    assert_eq!(ada.visit(&app.url(&[("prompt", "none")])).await.said("error"), "login_required");
    assert!(ada.get("/account").await.is(303).header("location").ends_with("/login"));
    let change = server.get("/.well-known/change-password").await;
    assert_eq!(change.is(302).header("location"), "/account#password");
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_are_this_hosts_alone_under_tls() {
    for (issuer, prefix, secure) in
        [("https://auth.example.com", "__Host-", true), ("http://localhost:8484", "", false)]
    {
        let server = Options::on(Backend::Sqlite).with("SIGNET_ISSUER", issuer).start().await;
        let answer = server.get("/login").await;
        let cookie = answer.is(200).header("set-cookie");
        assert!(cookie.starts_with(&format!("{prefix}signet_browser=sbr_")), "{cookie}");
        assert_eq!(cookie.contains("; Secure"), secure, "{cookie}");
        assert!(cookie.contains("; HttpOnly") && !cookie.contains("Domain"), "{cookie}");
    }
}

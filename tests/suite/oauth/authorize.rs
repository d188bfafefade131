//! The authorization endpoint under attack: addresses, parameters, forms, cookies, headers.

use std::net::TcpListener;
use std::time::Instant;

use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;

use crate::support::relying_party::{App, FORM, Landing, Person, REDIRECT_URI, field, form, param};
use crate::support::server::{Answer, Options, PASSWORD, Tokens};
use crate::support::{Backend, Server};

async fn set() -> (Server, Tokens, App) {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let app = App::register(&server, &root, json!({"type": "spa"})).await;
    (server, root, app)
}

/// A page for the person, and nothing sent anywhere.
#[track_caller]
fn stays(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 400, "{what}: {}", answer.text);
    assert_eq!(answer.header("location"), "", "{what}");
    assert!(answer.header("content-type").starts_with("text/html"), "{what}");
    assert!(!answer.text.contains("evil"), "{what}: {}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_goes_to_a_registered_address_letter_by_letter() {
    let (server, root, app) = set().await;
    let good = REDIRECT_URI;
    let mut tries: Vec<String> = [
        "/",
        "?x=1",
        "&x=1",
        "#f",
        "/../evil",
        "/..%2fevil",
        "%252e",
        "..;/",
        "\\evil",
        "//evil",
        "%00",
        "%0d%0aX-Evil:1",
        "\r\nX-Evil: 1",
        "\t",
        " ",
        ".evil.com",
    ]
    .iter()
    .map(|suffix| format!("{good}{suffix}"))
    .collect();
    for other in [
        "https://APP.example.com/cb",
        "https://app.example.com/CB",
        "https://app.example.com",
        "https://app.example.com:443/cb",
        "https://app.example.com:8443/cb",
        "http://app.example.com/cb",
        "https://app.example.com./cb",
        "https://user@app.example.com/cb",
        "https://evil.com#@app.example.com/cb",
        "https://xapp.example.com/cb",
        "https://app.example.com.evil.com/cb",
        "https://\u{430}pp.example.com/cb",
        "javascript:alert(1)",
        "data:text/html,evil",
        "//evil.example/cb",
        "",
        "cb",
        "https://evil.example/cb",
    ] {
        tries.push(other.to_owned());
    }
    tries.push(format!("{good}{}", "x".repeat(10_000)));
    for asked in &tries {
        let answer = server.get(&app.url(&[("redirect_uri", asked)])).await;
        stays(&answer, asked);
    }
    // Longer than any address: a page as well, and an answer to a machine where a machine asks.
    let long = format!("{good}{}", "x".repeat(20_000));
    let answer = server.get(&app.url(&[("redirect_uri", &long)])).await;
    assert!(answer.is(414).header("content-type").starts_with("text/html"), "{}", answer.text);
    assert_eq!((answer.header("location"), answer.header("x-frame-options")), ("", "DENY"));
    let answer = server.get(&format!("/oauth2/token?x={long}")).await;
    assert_eq!(answer.is(414).json()["error"], "invalid_request");
    // A native client on this machine may have any port, and nothing else may vary.
    let native = json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"]});
    let native = App::register(&server, &root, native).await;
    for (asked, ok) in [
        ("http://127.0.0.1:51234/cb", true),
        ("http://127.0.0.1/cb", true),
        ("http://127.0.0.1:51234/other", false),
        ("http://localhost:51234/cb", false),
        ("http://[::1]:51234/cb", false),
        ("http://127.0.0.1:51234@evil.example/cb", false),
    ] {
        let answer = server.get(&native.url(&[("redirect_uri", asked)])).await;
        assert_eq!(answer.status == 200, ok, "{asked}");
    }
    let web = json!({"type": "web", "redirect_uris": ["http://127.0.0.1/cb"]});
    let web = App::register(&server, &root, web).await;
    stays(&server.get(&web.url(&[("redirect_uri", "http://127.0.0.1:5/cb")])).await, "web");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_which_client_is_unknown_and_which_disabled() {
    let (server, root, app) = set().await;
    let unknown = server.get(&app.url(&[("client_id", "nobody")])).await;
    stays(&unknown, "unknown");
    stays(&server.get(&app.url(&[("client_id", "<svg/onload=evil>")])).await, "markup");
    let path = format!("/v1/admin/clients/{}/disable", app.id);
    server.call_as(Method::POST, &path, &root.access, json!(null)).await.is(200);
    let disabled = server.get(&app.url(&[])).await;
    stays(&disabled, "disabled");
    let text = |answer: &Answer| answer.text.split("<code>").next().unwrap().to_owned();
    assert_eq!(text(&unknown), text(&disabled));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_by_its_name() {
    let (server, root, app) = set().await;
    let person = Person::new(&server, "ada");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    silent.set_nonblocking(true).unwrap();
    let elsewhere = format!("http://{}/request.jwt", silent.local_addr().unwrap());
    let deep = format!("{}1{}", "{\"a\":".repeat(400), "}".repeat(400));
    for (more, wanted) in [
        (("response_type", ""), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", "id_token"), "unsupported_response_type"),
        (("response_type", "code token"), "unsupported_response_type"),
        (("response_type", "id_token code"), "unsupported_response_type"),
        (("response_mode", "web_message"), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge", &"+".repeat(43)), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("prompt", "none login"), "invalid_request"),
        (("prompt", "whatever"), "invalid_request"),
        (("max_age", "-1"), "invalid_request"),
        (("max_age", "soon"), "invalid_request"),
        (("request", "eyJhbGciOiJub25lIn0.e30."), "request_not_supported"),
        (("request_uri", &elsewhere), "request_uri_not_supported"),
        (("registration", "{}"), "registration_not_supported"),
        (("claims", "{"), "invalid_request"),
        (("claims", "[]"), "invalid_request"),
        (("claims", &deep), "invalid_request"),
        (
            ("claims", r#"{"id_token":{"acr":{"essential":true}}}"#),
            "unmet_authentication_requirements",
        ),
        (("scope", "openid nothing:like:it"), "invalid_scope"),
        (("scope", "signet:admin"), "invalid_scope"),
        (("scope", "a\"b"), "invalid_scope"),
        (("scope", &"x ".repeat(4_000)), "invalid_scope"),
        (("resource", "https://nowhere.example"), "invalid_target"),
        (("id_token_hint", "rubbish"), "invalid_request"),
        (("id_token_hint", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."), "invalid_request"),
        (("nonce", &"n".repeat(2_000)), "invalid_request"),
        (("dpop_jkt", "x"), "invalid_request"),
    ] {
        let landed = person.visit(&app.url(&[more])).await.callback();
        assert_eq!(param(&landed, "error").as_deref(), Some(wanted), "{:.60}", more.1);
        assert_eq!(param(&landed, "state").as_deref(), Some("the state"));
        assert_eq!(param(&landed, "iss").as_deref(), Some(&*server.base));
        assert_eq!(param(&landed, "code"), None);
        let said = param(&landed, "error_description").unwrap();
        assert!(
            said.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)),
            "{said}"
        );
    }
    assert!(silent.accept().is_err(), "something was fetched");
    let grants = json!({"type": "native", "redirect_uris": [REDIRECT_URI],
        "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"]});
    let device = App::register(&server, &root, grants).await;
    assert_eq!(person.visit(&device.url(&[])).await.said("error"), "unauthorized_client");

    // Twice is wrong, whatever it is; of the two that say where to, the person reads it.
    for name in ["state", "nonce", "scope", "response_type", "code_challenge", "prompt", "extra"] {
        let url = format!("{}&{name}=a&{name}=b", app.url(&[]));
        assert_eq!(person.visit(&url).await.said("error"), "invalid_request", "{name}");
    }
    for (name, value) in [("redirect_uri", "https://evil.example"), ("client_id", "evil")] {
        let url = format!("{}&{}", app.url(&[]), form([(name, value)]));
        stays(&server.get(&url).await, name);
    }
    // No value is no parameter; an unknown one is nobody's business.
    let url = format!("{}&prompt=&max_age=&unknown=1", app.url(&[]));
    person.visit(&url).await.said("code");
    // A megabyte of anything ends quickly.
    let started = Instant::now();
    for name in ["scope", "claims", "state"] {
        let body = format!(
            "{}&{name}={}",
            app.url(&[(name, "")]).replacen("/oauth2/authorize?", "", 1),
            "x".repeat(1 << 20)
        );
        let request = server.request(Method::POST, "/oauth2/authorize");
        server.send(request.header("content-type", FORM).body(body)).await.is(413);
    }
    assert!(started.elapsed().as_secs() < 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn state_comes_back_byte_by_byte() {
    let (server, _, app) = set().await;
    let person = Person::new(&server, "ada");
    let state = format!("%+&=;#?/\\<svg/onload=alert(1)>\"' \u{fc}\u{1f511}{}", "x".repeat(2_000));
    let landed = person.visit(&app.url(&[("state", &state)])).await.callback();
    assert_eq!(param(&landed, "state"), Some(state));
    let long = "s".repeat(4_000);
    let landed = person.visit(&app.url(&[("state", &long)])).await.callback();
    assert_eq!(param(&landed, "error").as_deref(), Some("invalid_request"));
}

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
    // Without the form's own word, with another one, or from another browser nobody is logged in.
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
    // The right one: 303, and a cookie that is new each time.
    let answer = ada.log_in(&page, PASSWORD).await;
    assert!(answer.is(303).header("location").starts_with("/oauth2/authorize?flow="));
    let set = answer.header("set-cookie").to_owned();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/"));
    let first = ada.cookie("signet_session").unwrap();
    let consent = ada.get(answer.header("location")).await;
    assert!(consent.is(200).text.contains(r#"action="/consent""#));
    // Hidden fields that somebody adds mean nothing; a decision that is neither is none.
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
    // Another browser, even one that is logged in as the same person, cannot finish it.
    stranger.visit(&other.url(&[])).await.said("code");
    stranger.post("/consent", &altered).await.is(403);
    let answer = ada.post("/consent", &altered).await;
    let landed = ada.go_on(answer).await.callback();
    assert!(landed.as_str().starts_with(REDIRECT_URI));
    let tokens = app.redeem(&server, &param(&landed, "code").unwrap()).await.is(200).json();
    assert_eq!(tokens["scope"], "openid profile");
    // Sent twice: one code for one request.
    ada.post("/consent", &altered).await.is(409);
    // Log in again: the value of the cookie changes, and the one before is dead.
    server.advance(TimeSpan::from_secs(1));
    let page = ada.get(&app.url(&[("prompt", "login")])).await;
    ada.go_on(page).await.said("code");
    let second = ada.cookie("signet_session").unwrap();
    assert_ne!(first, second);
    let thief = Person::new(&server, "ada");
    thief.set_cookie("signet_session", &first);
    assert_eq!(thief.visit(&app.url(&[("prompt", "none")])).await.said("error"), "login_required");
    // Too late is too late.
    let page = Person::new(&server, "ada");
    let old = page.get(&app.url(&[])).await;
    server.advance(TimeSpan::from_mins(61));
    page.log_in(&old, PASSWORD).await.is(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_asked_for_what_is_new_and_for_what_nobody_can_prove() {
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
    // Denied is denied, and nothing is remembered.
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

    // What is taken back is asked about again, and what had come of it is over.
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
async fn a_request_can_be_posted_or_pushed() {
    let (server, root, app) = set().await;
    let ada = Person::new(&server, "ada");
    let request = app.request(&[]);
    let fields: Vec<(&str, &str)> = request.iter().map(|(n, v)| (&**n, &**v)).collect();
    let page = ada.post("/oauth2/authorize", &fields).await;
    ada.go_on(page).await.said("code");

    let web = App::register(&server, &root, json!({"type": "web"})).await;
    let request = web.request(&[("client_id", "")]);
    let fields: Vec<(&str, &str)> = request.iter().map(|(n, v)| (&**n, &**v)).collect();
    let pushed = web.call(&server, "/oauth2/par", &fields).await;
    assert!(pushed.is(201).json()["expires_in"].as_i64().unwrap() > 0);
    let name = pushed.string("request_uri");
    let at = |client: &App, name: &str| {
        format!("/oauth2/authorize?{}", form([("client_id", &*client.id), ("request_uri", name)]))
    };
    // Loaded twice it is one request, and it gives one code.
    ada.get(&at(&web, &name)).await.is(200);
    let code = ada.visit(&at(&web, &name)).await.said("code");
    web.redeem(&server, &code).await.is(200);
    ada.get(&at(&web, &name)).await.is(409);
    stays(&server.get(&at(&app, &name)).await, "another client's");
    stays(&server.get(&at(&web, "urn:ietf:params:oauth:request_uri:x")).await, "unknown");
    let second = web.call(&server, "/oauth2/par", &fields).await.string("request_uri");
    server.advance(TimeSpan::from_secs(91));
    stays(&server.get(&at(&web, &second)).await, "over");
    // What would be refused later is refused at once, and nobody pushes for another.
    for (more, status) in [
        (("redirect_uri", "https://evil.example"), 400),
        (("code_challenge_method", "plain"), 400),
        (("request_uri", &*name), 400),
    ] {
        let mut wrong = fields.clone();
        wrong.retain(|(known, _)| *known != more.0);
        wrong.push(more);
        web.call(&server, "/oauth2/par", &wrong).await.is(status);
    }
    let stranger = App { secret: Some("scs_wrong".to_owned()), ..web.clone() };
    stranger.call(&server, "/oauth2/par", &fields).await.is(401);
    server.get("/oauth2/par").await.is(405);
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

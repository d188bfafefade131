//! The authorization endpoint under attack: redirect URIs, parameters, state, pushed requests.

use std::net::TcpListener;

use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;

use crate::support::relying_party::{App, FORM, Person, REDIRECT_URI, form, param};
use crate::support::server::{Answer, Tokens};
use crate::support::{Backend, Server};

pub async fn set() -> (Server, Tokens, App) {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let app = App::register(&server, &root, json!({"type": "spa"})).await;
    (server, root, app)
}

/// Asserts a page for the user, and no redirect.
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
    // Longer than any address: a page for browsers, and JSON for clients.
    let long = format!("{good}{}", "x".repeat(20_000));
    let answer = server.get(&app.url(&[("redirect_uri", &long)])).await;
    assert!(answer.is(414).header("content-type").starts_with("text/html"), "{}", answer.text);
    assert_eq!((answer.header("location"), answer.header("x-frame-options")), ("", "DENY"));
    let answer = server.get(&format!("/oauth2/token?x={long}")).await;
    assert_eq!(answer.is(414).json()["error"], "invalid_request");
    // A native client may use any port of a loopback address; everything else must match.
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
async fn unknown_and_disabled_clients_are_indistinguishable() {
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
async fn every_error_is_named() {
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
            ("claims", r#"{"id_token":{"acr":{"essential":true,"value":"a"}}}"#),
            "unmet_authentication_requirements",
        ),
        (
            ("claims", r#"{"id_token":{"acr":{"essential":true,"values":["a","b"]}}}"#),
            "unmet_authentication_requirements",
        ),
        (("claims", r#"{"id_token":{"acr":{"values":"a"}}}"#), "invalid_request"),
        (("scope", "nothing:like:it"), "invalid_scope"),
        (("scope", "signet:admin"), "invalid_scope"),
        (("scope", "openid signet:admin"), "invalid_scope"),
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

    // A repeated parameter is an error; for `redirect_uri` and `client_id` the user sees a page.
    for name in ["state", "nonce", "scope", "response_type", "code_challenge", "prompt", "extra"] {
        let url = format!("{}&{name}=a&{name}=b", app.url(&[]));
        assert_eq!(person.visit(&url).await.said("error"), "invalid_request", "{name}");
    }
    for (name, value) in [("redirect_uri", "https://evil.example"), ("client_id", "evil")] {
        let url = format!("{}&{}", app.url(&[]), form([(name, value)]));
        stays(&server.get(&url).await, name);
    }
    // An empty value is an absent parameter; unknown parameters are ignored.
    let url = format!("{}&prompt=&max_age=&unknown=1", app.url(&[]));
    person.visit(&url).await.said("code");
    // A megabyte of any parameter is refused.
    for name in ["scope", "claims", "state"] {
        let body = format!(
            "{}&{name}={}",
            app.url(&[(name, "")]).replacen("/oauth2/authorize?", "", 1),
            "x".repeat(1 << 20)
        );
        let request = server.request(Method::POST, "/oauth2/authorize");
        server.send(request.header("content-type", FORM).body(body)).await.is(413);
    }
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
    // Errors of the authorization request are refused when it is pushed, and a client cannot push for another.
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

//! Hints and texts in requests: hints that authenticate no user, hostile claims, and values that try to be markup.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::domain::claims::TokenType;
use signet::domain::signing_key::SigningAlg;

use crate::support::relying_party::{App, FORM, Landing, Person, field, form, param, signed};
use crate::support::server::{Answer, Tokens, pair};
use crate::support::{Backend, Server};

use super::key;

async fn set() -> (Server, Tokens, App) {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let app = App::register(&server, &root, json!({"type": "web"})).await;
    (server, root, app)
}

/// The claims of a token, unverified.
fn claims_of(token: &str) -> Value {
    Tokens { access: token.to_owned(), refresh: String::new() }.claims()
}

/// OpenID Connect Core §3.1.2.1: a hint names a user. It does not sign them in, and may have expired.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_token_hint_names_a_user_but_signs_none_in() {
    let (server, root, app) = set().await;
    let ada = Person::new(&server, "ada");
    let tokens = app.tokens(&server, &ada).await;
    let hint = tokens["id_token"].as_str().unwrap();
    let silent = |hint: &str| app.url(&[("prompt", "none"), ("id_token_hint", hint)]);
    // A valid hint does not sign in a browser without a session.
    let stranger = Person::new(&server, "ada");
    assert_eq!(stranger.visit(&silent(hint)).await.said("error"), "login_required");
    let page = stranger.get(&app.url(&[("id_token_hint", hint)])).await;
    assert!(page.is(200).text.contains(r#"action="/login""#));
    // Long after its expiry it still names her.
    server.advance(TimeSpan::from_mins(90));
    let late = claims_of(hint)["exp"].as_i64().unwrap();
    assert!(late < server.now().secs());
    ada.visit(&silent(hint)).await.said("code");
    // A token that Signet did not sign, or not as an ID token, or whose user does not exist, names no user.
    let thiefs = key();
    let claims = claims_of(hint);
    let changed = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        claims
    };
    let ours = |claims: &Value, kind| {
        server.app.keyring().signer(SigningAlg::Es256).unwrap().sign(kind, claims).unwrap()
    };
    let kid = jsonwebtoken::decode_header(hint).unwrap().kid.unwrap();
    let [header, payload, signature] =
        <[&str; 3]>::try_from(hint.split('.').collect::<Vec<_>>()).unwrap();
    let other = URL_SAFE_NO_PAD.encode(changed("sub", json!("somebody")).to_string());
    for (what, wrong) in [
        ("another key", signed(&thiefs, &json!({"alg": "ES256", "typ": "JWT"}), &claims)),
        ("our kid", signed(&thiefs, &json!({"alg": "ES256", "typ": "JWT", "kid": kid}), &claims)),
        ("another issuer", ours(&changed("iss", json!("https://evil.example")), TokenType::Jwt)),
        ("another audience", ours(&changed("aud", json!("nobody")), TokenType::Jwt)),
        ("two audiences", ours(&changed("aud", json!([app.id, "x"])), TokenType::Jwt)),
        ("an access token", ours(&claims, TokenType::AtJwt)),
        ("changed", format!("{header}.{other}.{signature}")),
        ("no signature", format!("{header}.{payload}.")),
        ("a part too many", format!("{hint}.x")),
    ] {
        let landed = ada.visit(&silent(&wrong)).await.callback();
        assert_eq!(param(&landed, "error").as_deref(), Some("invalid_request"), "{what}");
        assert_eq!(param(&landed, "code"), None, "{what}");
    }
    // For a deleted user no other user is accepted.
    let bob = server.register("bob").await;
    let of_bob = app.tokens(&server, &Person::new(&server, "bob")).await;
    let root = Tokens::of(server.refresh(&root.refresh).await.is(200));
    let path = format!("/v1/admin/users/{bob}");
    server.call_as(Method::DELETE, &path, &root.access, Value::Null).await.is(204);
    let landed = ada.visit(&silent(of_bob["id_token"].as_str().unwrap())).await;
    assert_eq!(landed.said("error"), "login_required");
}

/// A hint that is signed by a key that another process has just published: it is verified, and the user need
/// not sign in.
#[tokio::test(flavor = "multi_thread")]
async fn a_hint_under_a_key_of_another_process_is_read_at_once_on_postgres() {
    let Some((one, two)) = pair("hints of another process").await else { return };
    let root = one.administrator("root").await;
    one.register("ada").await;
    let app = App::register(&one, &root, json!({"type": "web", "skip_consent": true})).await;
    two.app.reload_if_changed().await.unwrap();
    let (here, there) = (Person::new(&one, "ada"), Person::new(&two, "ada"));
    there.visit(&app.url(&[])).await.said("code");
    let hint = async || {
        let tokens = app.tokens(&one, &here).await;
        tokens["id_token"].as_str().unwrap().to_owned()
    };
    let kid = |hint: &str| jsonwebtoken::decode_header(hint).unwrap().kid.unwrap();
    let mut after = hint().await;
    for _ in 0..3 {
        two.advance(TimeSpan::from_secs(1));
        // A stolen key: its successor signs in the same transaction. The first successor had been published
        // before; the other process does not know the next ones.
        let path = format!("/v1/admin/keys/{}/retire", kid(&after));
        one.call_as(Method::POST, &path, &root.access, json!({"now": true})).await.is(204);
        let before = std::mem::replace(&mut after, hint().await);
        assert_ne!(kid(&after), kid(&before), "a new key signs");
        let silent = app.url(&[("prompt", "none"), ("id_token_hint", &after)]);
        there.visit(&silent).await.said("code");
    }
    // Unknown keys cause a reload once a second: here the user has to sign in.
    let mut header: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(after.split('.').next().unwrap()).unwrap())
            .unwrap();
    header["kid"] = json!("unknown");
    let unknown = signed(&key(), &header, &claims_of(&after));
    let silent = app.url(&[("prompt", "none"), ("id_token_hint", &unknown)]);
    assert_eq!(there.visit(&silent).await.said("error"), "login_required");
    let page = there.get(&app.url(&[("id_token_hint", &unknown)])).await;
    assert!(page.is(200).text.contains(r#"action="/login""#), "{}", page.text);
    let page = there.get(&format!("/oauth2/logout?id_token_hint={unknown}")).await;
    assert!(page.is(200).text.contains(r#"name="decision""#), "{}", page.text);
    let out = there.get(&format!("/oauth2/logout?id_token_hint={after}")).await;
    assert!(!out.is(200).text.contains(r#"name="decision""#), "{}", out.text);
}

async fn post(server: &Server, request: &[(String, String)]) -> Answer {
    let fields = request.iter().map(|(name, value)| (&**name, &**value));
    let request = server.request(Method::POST, "/oauth2/authorize").header("content-type", FORM);
    server.send(request.body(form(fields))).await
}

/// Deeply nested, long and wrongly typed claims are refused by name, without a fault.
#[tokio::test(flavor = "multi_thread")]
async fn claims_that_are_hostile_are_refused() {
    let (server, _, app) = set().await;
    let deep = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    let wide = {
        let names: Vec<String> = (0..5_000).map(|n| format!("\"c{n}\":null")).collect();
        format!("{{\"userinfo\":{{{}}}}}", names.join(","))
    };
    for claims in [
        deep(10_000),
        "[".repeat(10_000),
        "{\"userinfo\":".repeat(500),
        "null".to_owned(),
        "1".to_owned(),
        "\"x\"".to_owned(),
        "{\"userinfo\":1}".to_owned(),
        "{\"userinfo\":[]}".to_owned(),
        "{\"id_token\":{\"name\":1}}".to_owned(),
        "{\"userinfo\":null}{}".to_owned(),
        "{\"userinfo\":{\"name\":null}".to_owned(),
        "{\"userinfo\":{\"name\":\u{0}}}".to_owned(),
    ] {
        let answer = post(&server, &app.request(&[("claims", &claims)])).await;
        let refused = answer.status == 303 && answer.header("location").contains("error=");
        let too_large = matches!(answer.status, 400 | 413);
        assert!(refused || too_large, "{claims:.60}: {} {}", answer.status, answer.text);
        if refused {
            let url: url::Url = answer.header("location").parse().unwrap();
            assert_eq!(param(&url, "error").as_deref(), Some("invalid_request"), "{claims:.60}");
        }
    }
    // Unknown claims are ignored; too many of them are refused.
    let answer = post(&server, &app.request(&[("claims", &wide)])).await;
    assert!(answer.status < 500, "{}", answer.text);
    let ada = Person::new(&server, "ada");
    let unknown = r#"{"userinfo":{"ssn":{"essential":true}},"verified_claims":{}}"#;
    let code = app.code(&ada, &[("claims", unknown)]).await;
    let tokens = app.redeem(&server, &code).await.is(200).json();
    let info = server.get_as("/oauth2/userinfo", tokens["access_token"].as_str().unwrap()).await;
    assert!(info.is(200).json().get("ssn").is_none());
    // For the `sub` of another user the current user is not accepted.
    for wanted in [r#"{"id_token":{"sub":{"value":"somebody else"}}}"#] {
        let landed = ada.visit(&app.url(&[("prompt", "none"), ("claims", wanted)])).await;
        assert_eq!(landed.said("error"), "login_required");
    }
}

/// Every foreign value is text on a page, never markup.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_sent_becomes_markup() {
    let (server, root, _) = set().await;
    let evil = r#""><script>alert(1)</script><svg/onload=alert(1)>'"#;
    let client = json!({"type": "web", "name": evil.chars().take(60).collect::<String>()});
    let app = App::register(&server, &root, client).await;
    let ada = Person::new(&server, "ada");
    let clean = |page: &Answer, what: &str| {
        for raw in ["<script>alert", "<svg", "onload=alert(1)>'"] {
            assert!(!page.text.contains(raw), "{what}: {}", page.text);
        }
        let policy = page.header("content-security-policy");
        assert!(!policy.contains("unsafe-inline"), "{what}: {policy}");
    };
    for name in ["login_hint", "ui_locales", "display", "state", "nonce", "acr_values", "extra"] {
        let page = ada.get(&app.url(&[(name, evil)])).await;
        clean(page.is(200), name);
    }
    for name in ["client_id", "redirect_uri"] {
        clean(ada.get(&app.url(&[(name, evil)])).await.is(400), name);
    }
    // The name of a client on the pages that show it: sign-in, consent, account.
    let page = ada.get(&app.url(&[])).await;
    clean(page.is(200), "log-in");
    let landed = ada.log_in(&page, crate::support::server::PASSWORD).await;
    let consent = ada.get(landed.is(303).header("location")).await;
    assert!(consent.is(200).text.contains(r#"action="/consent""#));
    clean(&consent, "consent");
    let more = [("response_mode", "form_post"), ("state", evil)];
    let Landing::Page(page) = ada.visit(&app.url(&more)).await else { panic!("no form") };
    clean(&page, "form_post");
    assert_eq!(field(&page.text.replace("&#39;", "'"), "state"), evil);
    clean(ada.get("/account").await.is(200), "account");
    // Values typed into a form are text as well.
    let page = Person::new(&server, evil);
    let form = page.get(&app.url(&[])).await;
    let refused = page.log_in(&form, "wrong").await;
    assert!((400..500).contains(&refused.status), "{}", refused.status);
    clean(&refused, "a log-in that failed");
}

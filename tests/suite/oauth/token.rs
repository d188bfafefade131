//! The token endpoint: codes, clients and malformed requests.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::base::opaque_token::{AUTHORIZATION_CODE, generate};
use signet::crypto::random::SystemEntropy;

use crate::support::relying_party::{
    App, FORM, Person, REDIRECT_URI, VERIFIER, basic, error_of, form,
};
use crate::support::server::{Answer, Options, Tokens};
use crate::support::{Backend, Server, on_both, require};

pub const TOKEN: &str = "/oauth2/token";

pub struct Set {
    pub server: Server,
    pub root: Tokens,
    pub web: App,
    pub spa: App,
}

pub async fn set(backend: Backend) -> Set {
    let server = Server::start(backend).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let api = json!({"identifier": "https://api.example.com", "scopes": ["read", "write"]});
    server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    let audiences = json!(["https://api.example.com"]);
    let web = json!({"type": "web", "audiences": audiences});
    let web = App::register(&server, &root, web).await;
    let spa = json!({"type": "spa", "audiences": audiences});
    let spa = App::register(&server, &root, spa).await;
    Set { server, root, web, spa }
}

pub async fn redeem(server: &Server, app: &App, change: &[(&str, &str)], code: &str) -> Answer {
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    for (name, value) in change {
        fields.retain(|(known, _)| known != name);
        if !value.is_empty() {
            fields.push((name, value));
        }
    }
    app.call(server, TOKEN, &fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_works_once_and_only_for_its_client() {
    let Set { server, web, spa, .. } = set(Backend::Sqlite).await;
    let ada = Person::new(&server, "ada");
    let challenge = signet::crypto::digest::sha256_base64url(VERIFIER.as_bytes());
    for app in [&web, &spa] {
        for change in [
            ("redirect_uri", "https://app.example.com/other"),
            ("redirect_uri", "https://app.example.com/cb/"),
            ("code_verifier", &*challenge),
            ("code_verifier", &"a".repeat(42)),
            ("code_verifier", &"a".repeat(43)),
            ("code_verifier", &"a".repeat(129)),
            ("code_verifier", &format!("{}+/=", "a".repeat(43))),
        ] {
            let code = app.code(&ada, &[]).await;
            let wrong = redeem(&server, app, &[change], &code).await;
            assert_eq!(error_of(&wrong, 400), "invalid_grant", "{change:?}");
            // A code has one attempt.
            error_of(&redeem(&server, app, &[], &code).await, 400);
        }
        let code = app.code(&ada, &[]).await;
        let other = if app.id == web.id { &spa } else { &web };
        assert_eq!(error_of(&redeem(&server, other, &[], &code).await, 400), "invalid_grant");
        error_of(&redeem(&server, app, &[], &code).await, 400);

        let code = app.code(&ada, &[]).await;
        for altered in [&code[..code.len() - 1], &format!("{code}A"), &code.to_uppercase()] {
            assert_eq!(error_of(&redeem(&server, app, &[], altered).await, 400), "invalid_grant");
        }
        redeem(&server, app, &[], &code).await.is(200);

        let code = app.code(&ada, &[]).await;
        server.advance(TimeSpan::from_secs(60));
        assert_eq!(error_of(&redeem(&server, app, &[], &code).await, 400), "invalid_grant");
        assert!(code.starts_with(AUTHORIZATION_CODE));
    }
    // A public client is not authenticated by an invented secret.
    let code = spa.code(&ada, &[]).await;
    let fields = [("client_secret", "anything"), ("code_verifier", "")];
    assert_eq!(error_of(&redeem(&server, &spa, &fields, &code).await, 401), "invalid_client");
    // The database contains none of these values as they were sent.
    let code = web.code(&ada, &[]).await;
    let tokens = redeem(&server, &web, &[], &code).await.is(200).json();
    let cookie = ada.cookie("signet_session").unwrap();
    let secret = web.secret.clone().unwrap();
    for file in std::fs::read_dir(server.dir.path().join("data")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for text in [&*code, tokens["refresh_token"].as_str().unwrap(), &cookie, &secret] {
            assert!(!bytes.windows(text.len()).any(|window| window == text.as_bytes()), "{text}");
        }
    }
}

/// Fifty concurrent redemptions of one code: `SIGNET_TEST_ROUNDS` is the number of rounds (5).
#[tokio::test(flavor = "multi_thread")]
async fn fifty_who_redeem_one_code_at_once_get_one_answer() {
    let rounds = require::variable("SIGNET_TEST_ROUNDS").and_then(|text| text.parse().ok());
    on_both("redemption races", async |backend| {
        let Set { server, spa, .. } = set(backend).await;
        let ada = Person::new(&server, "ada");
        for round in 0..rounds.unwrap_or(5) {
            let code = spa.code(&ada, &[]).await;
            let tries = (0..50).map(|_| spa.redeem(&server, &code));
            let answers = futures_util::future::join_all(tries).await;
            let good: Vec<&Answer> = answers.iter().filter(|a| a.status == 200).collect();
            assert_eq!(good.len(), 1, "round {round}");
            for bad in answers.iter().filter(|answer| answer.status != 200) {
                assert_eq!(error_of(bad, 400), "invalid_grant");
            }
            // The others were second presentations: the session of the first has ended.
            let tokens = good[0].json();
            let refresh = tokens["refresh_token"].as_str().unwrap();
            assert_eq!(error_of(&spa.refresh(&server, refresh).await, 400), "invalid_grant");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_token_requests_are_refused() {
    let Set { server, web, spa, .. } = set(Backend::Sqlite).await;
    server.get(TOKEN).await.is(405);
    let header = basic(&web.id, web.secret.as_deref().unwrap());
    let send = async |kind: Option<&str>, body: String| {
        let mut request = server.request(Method::POST, TOKEN).header("authorization", &header);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        server.send(request.body(body)).await
    };
    let grant = "grant_type=client_credentials".to_owned();
    for kind in [None, Some("application/json"), Some("multipart/form-data; boundary=x")] {
        assert_eq!(error_of(&send(kind, grant.clone()).await, 400), "invalid_request");
    }
    let charset =
        send(Some("application/x-www-form-urlencoded; charset=UTF-8"), grant.clone()).await;
    assert_eq!(error_of(&charset, 400), "unauthorized_client");
    for (body, status, wanted) in [
        (String::new(), 400, "invalid_request"),
        ("grant_type=".to_owned(), 400, "invalid_request"),
        ("grant_type=password&username=ada&password=x".to_owned(), 400, "unsupported_grant_type"),
        ("grant_type=implicit".to_owned(), 400, "unsupported_grant_type"),
        (format!("{grant}&{grant}"), 400, "invalid_request"),
        ("grant_type=authorization_code".to_owned(), 400, "invalid_request"),
        ("grant_type=refresh_token".to_owned(), 400, "invalid_request"),
        ("grant_type=refresh_token&refresh_token=srt_x".to_owned(), 400, "invalid_grant"),
        ("grant_type=refresh_token&refresh_token=%00%ff".to_owned(), 400, "invalid_grant"),
        ((0..300).map(|n| format!("p{n}=1&")).collect(), 400, "invalid_request"),
        ("x=".to_owned() + &"y".repeat(1 << 20), 413, "invalid_request"),
    ] {
        assert_eq!(error_of(&send(Some(FORM), body.clone()).await, status), wanted, "{body:.40}");
    }
    let many: String = (0..9_000).map(|n| format!("p{n}=&")).collect();
    assert!(send(Some(FORM), many).await.status < 500);
    for grant in ["client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"] {
        let fields = [
            ("grant_type", grant),
            ("subject_token", "x"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ];
        assert_eq!(error_of(&spa.call(&server, TOKEN, &fields).await, 400), "unauthorized_client");
    }
    server.get("/health").await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_authenticate_by_their_registered_method() {
    let Set { server, root, web, spa } = set(Backend::Sqlite).await;
    let post = json!({"type": "web", "token_endpoint_auth_method": "client_secret_post"});
    let post = App::register(&server, &root, post).await;
    let secret = web.secret.clone().unwrap();
    let send = async |header: Option<String>, fields: &[(&str, &str)]| {
        let mut request = server.request(Method::POST, "/oauth2/introspect");
        request = request.header("content-type", FORM);
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        let fields = [&[("token", "x")], fields].concat();
        server.send(request.body(form(fields))).await
    };
    let raw = |text: &str| {
        use base64::Engine as _;
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text))
    };
    send(Some(basic(&web.id, &secret)), &[]).await.is(200);
    send(Some(basic(&web.id, &secret)), &[("client_id", &web.id)]).await.is(200);
    let of_post = [("client_id", &*post.id), ("client_secret", post.secret.as_deref().unwrap())];
    send(None, &of_post).await.is(200);
    let unknown = send(Some(basic("nobody", &secret)), &[]).await;
    for (what, header, fields) in [
        ("a wrong secret", Some(basic(&web.id, &generate("scs_", &SystemEntropy))), &[][..]),
        ("no secret", Some(raw(&format!("{}:", web.id))), &[]),
        ("no colon", Some(raw("nothing")), &[]),
        ("no base64", Some("Basic !!!".to_owned()), &[]),
        ("no id", Some(raw(":x")), &[]),
        ("another scheme", Some("Bearer x".to_owned()), &[]),
        ("no client at all", None, &[]),
        ("null", None, &[("client_id", &*web.id), ("client_secret", "null")]),
        ("a confidential client by its name", None, &[("client_id", &*web.id)]),
        ("a public client", None, &[("client_id", &*spa.id)]),
        (
            "a header as the secret",
            None,
            &[("client_id", &*web.id), ("client_secret", &*basic(&web.id, &secret))],
        ),
        ("basic for post", Some(basic(&post.id, post.secret.as_deref().unwrap())), &[]),
        ("a hash for the secret", Some(basic(&web.id, &"0".repeat(64))), &[]),
    ] {
        let answer = send(header, fields).await;
        assert_eq!(error_of(&answer, 401), "invalid_client", "{what}");
        assert!(answer.header("www-authenticate").starts_with("Basic "), "{what}");
        if what == "a wrong secret" {
            assert_eq!(answer.text, unknown.text);
        }
    }
    for fields in [
        &[("client_id", &*web.id), ("client_secret", &*secret)][..],
        &[("client_id", &*post.id)],
        &[("client_assertion", "x"), ("client_assertion_type", "y")],
    ] {
        let twice = send(Some(basic(&web.id, &secret)), fields).await;
        assert_eq!(error_of(&twice, 400), "invalid_request", "{fields:?}");
    }
    let in_query = server.request(
        Method::POST,
        &format!("/oauth2/introspect?client_id={}&client_secret={}", post.id, of_post[1].1),
    );
    let answer = server.send(in_query.header("content-type", FORM).body("token=x")).await;
    assert_eq!(error_of(&answer, 401), "invalid_client");

    // Guesses are limited by address, for any client id; the right secret from another address is not.
    let limited = Options::on(Backend::Sqlite).with("SIGNET_RATE_LIMITS", "on").start().await;
    let root = limited.administrator("root").await;
    let app = App::register(&limited, &root, json!({"type": "web"})).await;
    let wrong = App { secret: Some(generate("scs_", &SystemEntropy)), ..app.clone() };
    let mut statuses = Vec::new();
    for _ in 0..70 {
        statuses.push(wrong.call(&limited, "/oauth2/introspect", &[("token", "x")]).await.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 60);
    let held = wrong.call(&limited, "/oauth2/introspect", &[("token", "x")]).await;
    assert_eq!(error_of(&held, 429), "temporarily_unavailable");
    assert!(!held.header("retry-after").is_empty());
    limited.advance(TimeSpan::from_mins(3));
    app.call(&limited, "/oauth2/introspect", &[("token", "x")]).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn services_get_tokens_only_in_their_own_name() {
    let Set { server, root, .. } = set(Backend::Sqlite).await;
    let service = json!({"type": "service", "audiences": ["https://api.example.com"],
        "scopes": ["read"]});
    let service = App::register(&server, &root, service).await;
    let ask = async |more: &[(&str, &str)]| {
        let fields = [&[("grant_type", "client_credentials")], more].concat();
        service.call(&server, TOKEN, &fields).await
    };
    let tokens = ask(&[]).await.is(200).json();
    assert_eq!(tokens["scope"], "read");
    assert!(tokens.get("refresh_token").is_none() && tokens.get("id_token").is_none());
    let access = tokens["access_token"].as_str().unwrap().to_owned();
    let claims = Tokens { access: access.clone(), refresh: String::new() }.claims();
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!(service.id), &json!(service.id)));
    assert_eq!(claims["aud"], "https://api.example.com");
    assert!(claims.get("sid").is_none() && claims.get("auth_time").is_none());
    ask(&[("resource", "https://api.example.com"), ("scope", "read")]).await.is(200);
    for (more, wanted) in [
        (("scope", "write"), "invalid_scope"),
        (("scope", "openid"), "invalid_scope"),
        (("scope", "read email"), "invalid_scope"),
        (("scope", "read nothing:like:it"), "invalid_scope"),
        (("scope", "signet:admin"), "invalid_scope"),
        (("resource", "https://other.example.com"), "invalid_target"),
        (("resource", "https://api.example.com/v1"), "invalid_target"),
        (("audience", &*server.base), "invalid_target"),
    ] {
        assert_eq!(error_of(&ask(&[more]).await, 400), wanted, "{more:?}");
    }
    let two = [("resource", "https://api.example.com"), ("resource", "https://b.example")];
    assert_eq!(error_of(&ask(&two).await, 400), "invalid_target");
    // There is no user, whose claims or account the token could access.
    assert_eq!(error_of(&server.get_as("/oauth2/userinfo", &access).await, 401), "invalid_token");
    server.get_as("/v1/me", &access).await.is_problem(401, "invalid_token");
    let look = async || {
        let answer = service.call(&server, "/oauth2/introspect", &[("token", &access)]).await;
        answer.is(200).json()
    };
    assert_eq!(look().await["active"], true);
    service.call(&server, "/oauth2/revoke", &[("token", &access)]).await.is(200);
    assert_eq!(look().await, json!({"active": false}));
    let again = ask(&[]).await.string("access_token");
    let path = format!("/v1/admin/clients/{}/disable", service.id);
    server.call_as(Method::POST, &path, &root.access, Value::Null).await.is(200);
    assert_eq!(error_of(&ask(&[]).await, 401), "invalid_client");
    assert!(!again.is_empty());
}

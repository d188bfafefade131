//! Forged access tokens: altered, unsigned, signed with another key, or of another kind.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::domain::claims::TokenType;
use signet::domain::signing_key::SigningAlg;
use signet::http::routes::{Access, TABLE};

use crate::support::relying_party::{App, Person, error_of};
use crate::support::{Backend, Server, is_untouched};

/// Forged and malformed access tokens (RFC 8725): the same 401 for all.
#[tokio::test(flavor = "multi_thread")]
async fn forged_tokens_are_refused() {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    let app = App::register(&server, &root, json!({"type": "web"})).await;
    server.register("ada").await;
    let good = server.login("ada").await;
    let [header, payload, signature] =
        <[&str; 3]>::try_from(good.access.split('.').collect::<Vec<_>>()).unwrap();
    let kid = {
        let bytes = URL_SAFE_NO_PAD.decode(header).unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()["kid"].as_str().unwrap().to_owned()
    };
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let with_header = |value: Value| format!("{}.{payload}.{signature}", encode(&value));
    let mut claims = good.claims();
    claims["sub"] = json!("somebody else");
    let jwks = server.get("/.well-known/jwks.json").await.text;
    let hs256 = {
        let head = encode(&json!({"alg": "HS256", "kid": kid, "typ": "at+jwt"}));
        let message = format!("{head}.{payload}");
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, jwks.as_bytes());
        let tag = aws_lc_rs::hmac::sign(&key, message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    };
    let raw = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let canary = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks", canary.local_addr().unwrap());
    let mut forged = vec![
        hs256,
        format!("{header}.{}.{signature}", encode(&claims)),
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{}", &signature[..signature.len() - 1]),
        format!("{header}.{payload}.{signature}="),
        format!("{header}.{payload}.{signature}.x"),
        format!("{header}.{payload}.{signature}.."),
        format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode([0; 64])),
        format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(&raw[..63])),
        "a.b.c".to_owned(),
        ".".repeat(2000),
        json!({"payload": payload, "protected": header, "signature": signature}).to_string(),
    ];
    for alg in ["none", "None", "NONE", "nOnE", "RS256", "ES384", "ES256K", "EdDSA", ""] {
        forged.push(with_header(json!({"alg": alg, "kid": kid, "typ": "at+jwt"})));
    }
    for other in ["../../dev/null", "' OR 1=1--", "", &"k".repeat(4000)] {
        forged.push(with_header(json!({"alg": "ES256", "kid": other, "typ": "at+jwt"})));
    }
    for typ in ["JWT", "dpop+jwt", "AT+JWT", ""] {
        forged.push(with_header(json!({"alg": "ES256", "kid": kid, "typ": typ})));
    }
    for (name, value) in [
        ("jku", json!(url)),
        ("x5u", json!(url)),
        ("jwk", json!({"kty": "EC"})),
        ("x5c", json!(["x"])),
        ("crit", json!(["x"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
    ] {
        let mut value_of = json!({"alg": "ES256", "kid": kid, "typ": "at+jwt"});
        value_of[name] = value;
        forged.push(with_header(value_of));
    }
    // The server's own key with claims that it would not issue.
    let signed = |claims: &Value, token_type| {
        let keyring = server.app.keyring();
        keyring.signer(SigningAlg::Es256).unwrap().sign(token_type, claims).unwrap()
    };
    let now = server.now().secs();
    for (claim, values) in [
        (
            "exp",
            vec![
                json!((now + 60).to_string()),
                json!(now as f64 + 60.5),
                json!(-1),
                json!(1e308),
                json!(null),
                json!([now + 60]),
                json!(i64::MAX),
            ],
        ),
        ("nbf", vec![json!(now + 3600), json!("99999999999"), json!(null), json!(now)]),
        ("iat", vec![json!("now"), json!(-1), json!(1.5), json!({})]),
        (
            "iss",
            vec![
                json!("https://evil.example"),
                json!([server.base]),
                json!(format!("{}/", server.base)),
                json!(1),
            ],
        ),
        (
            "aud",
            vec![
                json!("https://api.example.com"),
                json!([]),
                json!([server.base, "x"]),
                json!(1),
                json!({}),
                json!(""),
            ],
        ),
        ("sub", vec![json!(1), json!("somebody"), json!(["x"]), json!(null)]),
        ("sid", vec![json!("nonsense"), json!(1), json!("00000000-0000-7000-8000-000000000000")]),
    ] {
        for value in values {
            let mut claims = good.claims();
            claims[claim] = value;
            forged.push(signed(&claims, TokenType::AtJwt));
        }
        // A claim that is never present cannot be removed.
        if claim != "nbf" {
            let mut claims = good.claims();
            claims.as_object_mut().unwrap().remove(claim);
            if claim != "iat" {
                forged.push(signed(&claims, TokenType::AtJwt));
            }
        }
    }
    forged.push(signed(&good.claims(), TokenType::Jwt));
    // These would end their session at log-out, which is right; so it is another one.
    for exp in [now - 1, now] {
        let mut claims = server.login("ada").await.claims();
        claims["exp"] = json!(exp);
        forged.push(signed(&claims, TokenType::AtJwt));
    }
    // Every endpoint that reads a token.
    let doors: Vec<(Method, String)> = TABLE
        .iter()
        .filter(|route| route.access != Access::Anyone)
        .map(|route| (route.method.parse().unwrap(), route.path.replace(['{', '}'], "")))
        .chain([(Method::POST, "/v1/logout".to_owned())])
        .collect();
    for token in &forged {
        let calls = doors.iter().map(|(method, path)| {
            let request = server.request(method.clone(), path).bearer_auth(token);
            // The body is never the cause; at log-out it would be a token of its own.
            let body = if path == "/v1/logout" { Value::Null } else { json!({}) };
            server.send(if body.is_null() { request } else { request.json(&body) })
        });
        for (answer, (method, path)) in join_all(calls).await.iter().zip(&doors) {
            // Log-out accepts a token that has only expired, and has nothing to do for a session that has ended.
            let claims = claims_of(token);
            let gone = claims["sid"] == "00000000-0000-7000-8000-000000000000"
                || claims["exp"].as_i64().is_some_and(|exp| exp <= now);
            let nothing_done = path == "/v1/logout" && answer.status == 204 && gone;
            let right = answer.status == 401 || nothing_done;
            assert!(right, "{method} {path} {token}: {}", answer.status);
        }
        let refresh = server.refresh(token).await;
        refresh.is_problem(401, "refresh_token_invalid");
        let userinfo = server.get_as("/oauth2/userinfo", token).await;
        assert_eq!((userinfo.status, &userinfo.json()["error"]), (401, &json!("invalid_token")));
        let seen = app.call(&server, "/oauth2/introspect", &[("token", token)]).await;
        assert_eq!(seen.is(200).json(), json!({"active": false}), "{token}");
        let refused = app.refresh(&server, token).await;
        assert_eq!(error_of(&refused, 400), "invalid_grant", "{token}");
        let hint = app.url(&[("id_token_hint", token)]);
        let asked = Person::new(&server, "ada").visit(&hint).await;
        assert_eq!(asked.said("error"), "invalid_request", "{token}");
    }
    // None of it ended the session of the original token.
    server.get_as("/v1/me", &good.access).await.is(200);
    assert!(is_untouched(&canary).await, "the server followed a link in a token");
}

/// The claims of a token that has any, unverified.
fn claims_of(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

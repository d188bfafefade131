//! Client assertions (RFC 7523): replay, audience, lifetime, algorithms.

use reqwest::Method;
use serde_json::{Value, json};
use signet::crypto::jwt::SigningKey;
use signet::domain::signing_key::SigningAlg;

use crate::support::relying_party::{App, FORM, error_of, form, signed};
use crate::support::server::Options;
use crate::support::{Backend, Server};

use super::dpop::Proof;
use super::{API, key, set};

#[tokio::test(flavor = "multi_thread")]
async fn assertions_are_accepted_once_and_only_if_exact() {
    let dir = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let server = Options::on(Backend::Sqlite).start_in(std::sync::Arc::clone(&dir)).await;
    let root = server.administrator("root").await;
    let (mine, other) = (key(), key());
    let jwks = |key: &SigningKey| {
        let mut jwk = json!(key.public);
        jwk["kid"] = json!("k");
        json!({"keys": [jwk]})
    };
    let client = |key: &SigningKey| json!({"type": "web", "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks(key)});
    let app = App::register(&server, &root, client(&mine)).await;
    let second = App::register(&server, &root, client(&other)).await;
    let (now, base) = (server.now().secs(), server.base.clone());
    let good = |jti: &str| json!({"iss": app.id, "sub": app.id, "aud": base, "jti": jti, "iat": now, "exp": now + 60});
    let header = json!({"alg": "ES256", "kid": "k"});
    let send = async |server: &Server, assertion: &str, more: &[(&str, &str)]| {
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let fields = [
            &[("token", "x"), ("client_assertion_type", kind), ("client_assertion", assertion)],
            more,
        ]
        .concat();
        let request = server.request(Method::POST, "/oauth2/introspect");
        server.send(request.header("content-type", FORM).body(form(fields))).await
    };
    let first = signed(&mine, &header, &good("one"));
    send(&server, &first, &[]).await.is(200);
    assert_eq!(error_of(&send(&server, &first, &[]).await, 401), "invalid_client");
    // Of twenty concurrent uses one succeeds.
    let raced = signed(&mine, &header, &good("raced"));
    let tries = (0..20).map(|_| send(&server, &raced, &[]));
    let answers = futures_util::future::join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);

    let change = |name: &str, value: Value| {
        let mut claims = good(&format!("{name}{value}"));
        if value == json!("-") {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value;
        }
        claims
    };
    for claims in [
        change("aud", json!(format!("{}/", server.base))),
        change("aud", json!(format!("{}/oauth2/token", server.base))),
        change("aud", json!([server.base])),
        change("aud", json!("https://other.example")),
        change("aud", json!("-")),
        change("exp", json!("-")),
        change("exp", json!(now - 300)),
        change("exp", json!(now + 7_200)),
        change("exp", json!((now + 60).to_string())),
        change("exp", json!(1e308)),
        change("exp", json!(-1)),
        change("exp", Value::Null),
        change("iat", json!(now + 600)),
        change("iat", json!("now")),
        change("nbf", json!(now + 120)),
        change("nbf", json!("99999999999")),
        change("jti", json!("-")),
        change("jti", json!("")),
        change("jti", json!(5)),
        change("iss", json!(second.id)),
        change("sub", json!(second.id)),
        change("sub", json!(1)),
    ] {
        let answer = send(&server, &signed(&mine, &header, &claims), &[]).await;
        assert_eq!(error_of(&answer, 401), "invalid_client", "{claims}");
    }
    send(&server, &signed(&mine, &header, &change("nbf", json!(now + 8))), &[]).await.is(200);
    for (what, header) in [
        ("none", json!({"alg": "none"})),
        ("crit", json!({"alg": "ES256", "kid": "k", "crit": ["x"]})),
        ("HS256", json!({"alg": "HS256", "kid": "k"})),
        ("typ", json!({"alg": "ES256", "kid": "k", "typ": "at+jwt"})),
        ("kid", json!({"alg": "ES256", "kid": "../../dev/null"})),
    ] {
        let answer = send(&server, &signed(&mine, &header, &good(what)), &[]).await;
        assert_eq!(error_of(&answer, 401), "invalid_client", "{what}");
    }
    let foreign = signed(&other, &header, &good("foreign"));
    assert_eq!(error_of(&send(&server, &foreign, &[]).await, 401), "invalid_client");
    let named = signed(&mine, &header, &good("named"));
    let answer = send(&server, &named, &[("client_id", &second.id)]).await;
    assert_eq!(error_of(&answer, 401), "invalid_client");
    // Used assertions are remembered after a restart.
    drop(server);
    let again = Options::on(Backend::Sqlite).with("SIGNET_ISSUER", &base).start_in(dir).await;
    assert_eq!(error_of(&send(&again, &first, &[]).await, 401), "invalid_client");
    send(&again, &signed(&mine, &header, &good("after")), &[]).await.is(200);
}

/// Every algorithm that discovery lists for clients' signatures is accepted.
#[tokio::test(flavor = "multi_thread")]
async fn every_advertised_algorithm_of_clients_works() {
    let (server, root, _) = set().await;
    let document = server.get("/.well-known/openid-configuration").await.json();
    let now = server.now().secs();
    let newer = ("Ed25519", SigningAlg::EdDsa);
    let all = SigningAlg::ALL.iter().map(|alg| (alg.as_str(), *alg)).chain([newer]);
    for (name, alg) in all {
        for list in [
            "dpop_signing_alg_values_supported",
            "token_endpoint_auth_signing_alg_values_supported",
        ] {
            assert!(document[list].as_array().unwrap().contains(&json!(name)), "{name}");
        }
        let key = SigningKey::generate(alg).unwrap().key;
        let mut jwk = json!(key.public);
        jwk["alg"] = json!(name);
        let client = json!({"type": "service", "audiences": [API],
            "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [jwk]}});
        let app = App::register(&server, &root, client).await;
        let claims =
            json!({"iss": app.id, "sub": app.id, "aud": server.base, "jti": "1", "exp": now + 60});
        let assertion = signed(&key, &json!({"alg": name}), &claims);
        let mut proof = Proof::new(&server, &key, "POST", "/oauth2/token", "1");
        proof.header["alg"] = json!(name);
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &*assertion),
        ];
        let request = server.request(Method::POST, "/oauth2/token").header("dpop", proof.sign());
        let answer = server.send(request.header("content-type", FORM).body(form(fields))).await;
        assert_eq!(answer.is(200).json()["token_type"], "DPoP", "{name}");
    }
}

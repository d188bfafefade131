//! DPoP (RFC 9449) under attack: where a key can be named, what a proof is compared with, and that a proof is
//! accepted once.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::crypto::jwt::SigningKey;

use crate::support::relying_party::{App, FORM, Person, error_of, form, param};
use crate::support::server::{Answer, Options, Tokens};
use crate::support::{Backend, Server, on_both};

use super::super::key;
use super::{Proof, redeem_with};

const API: &str = "https://api.example.com";

async fn set(backend: Backend) -> (Server, Tokens, App) {
    let server = Server::start(backend).await;
    let root = server.administrator("root").await;
    let api = json!({"identifier": API, "scopes": ["read"]});
    server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    server.register("ada").await;
    let app = App::register(&server, &root, json!({"type": "spa", "skip_consent": true})).await;
    (server, root, app)
}

/// Pushes the default request of a public client, with these headers.
async fn push(server: &Server, app: &App, more: &[(&str, &str)], proofs: &[String]) -> Answer {
    let request = app.request(more);
    let fields = request.iter().map(|(name, value)| (&**name, &**value));
    let mut request = server.request(Method::POST, "/oauth2/par").header("content-type", FORM);
    for proof in proofs {
        request = request.header("dpop", proof);
    }
    server.send(request.body(form(fields))).await
}

async fn code_of(person: &Person<'_>, app: &App, pushed: &Answer) -> String {
    let name = pushed.is(201).string("request_uri");
    let query = form([("client_id", &*app.id), ("request_uri", &*name)]);
    person.visit(&format!("/oauth2/authorize?{query}")).await.said("code")
}

/// RFC 9449 §10.1: a proof at the pushed request binds its code like `dpop_jkt` does.
#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_request_can_name_a_key_or_prove_it() {
    on_both("proofs of pushed requests", async |backend| {
        let (server, _, app) = set(backend).await;
        let ada = Person::new(&server, "ada");
        let (mine, thiefs) = (key(), key());
        let jkt = mine.public.thumbprint();
        let at = |key, path, jti: &str| Proof::new(&server, key, "POST", path, jti).sign();
        let proof = |jti: &str| vec![at(&mine, "/oauth2/par", jti)];
        for (what, more, proofs) in [
            ("by name", &[("dpop_jkt", &*jkt)][..], vec![]),
            ("by proof", &[], proof("p1")),
            ("both", &[("dpop_jkt", &*jkt)], proof("p2")),
        ] {
            for (holder, ok) in [("me", true), ("a thief", false), ("nobody", false)] {
                let proofs: Vec<String> = proofs
                    .iter()
                    .map(|_| at(&mine, "/oauth2/par", &format!("{what} {holder}")))
                    .collect();
                let code = code_of(&ada, &app, &push(&server, &app, more, &proofs).await).await;
                let at_token = format!("token {what} {holder}");
                let answer = match holder {
                    "me" => {
                        let proof = at(&mine, "/oauth2/token", &at_token);
                        redeem_with(&server, &app, &code, &proof).await
                    }
                    "a thief" => {
                        let proof = at(&thiefs, "/oauth2/token", &at_token);
                        redeem_with(&server, &app, &code, &proof).await
                    }
                    _ => app.redeem(&server, &code).await,
                };
                assert_eq!(answer.status == 200, ok, "{what}, {holder}: {}", answer.text);
                if ok {
                    assert_eq!(answer.json()["token_type"], "DPoP", "{what}");
                } else {
                    assert_eq!(error_of(&answer, 400), "invalid_grant", "{what}, {holder}");
                }
            }
        }
        // An invalid proof is refused before anything is stored.
        for (what, more, proofs) in [
            ("another key", &[("dpop_jkt", &*jkt)][..], vec![at(&thiefs, "/oauth2/par", "w1")]),
            ("another place", &[], vec![at(&mine, "/oauth2/token", "w2")]),
            ("two", &[], vec![at(&mine, "/oauth2/par", "w3"), at(&mine, "/oauth2/par", "w4")]),
            ("used", &[], proof("by proof me")),
            ("none", &[], vec!["rubbish".to_owned()]),
        ] {
            let refused = push(&server, &app, more, &proofs).await;
            assert_eq!(error_of(&refused, 400), "invalid_dpop_proof", "{what}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_one_header_for_one_address() {
    on_both("proofs: addresses", async |backend| {
        let (server, root, app) = set(backend).await;
        let ada = Person::new(&server, "ada");
        let mine = key();
        let at = |jti: &str, htu: &str| {
            let mut proof = Proof::new(&server, &mine, "POST", "/oauth2/token", jti);
            proof.claims["htu"] = json!(htu);
            proof.sign()
        };
        let here = server.url("/oauth2/token");
        // Equivalent spellings of an address are accepted; query and fragment are not compared (RFC 9449 §4.3).
        for (index, (htu, ok)) in [
            (here.clone(), true),
            (format!("{here}?x=1"), true),
            (format!("{here}#f"), true),
            (here.replace("http://", "HTTP://"), true),
            (here.replace("/oauth2/token", "/%6Fauth2/%74oken?x#f"), true),
            (here.replace("/oauth2/token", "/./oauth2/x/../token"), true),
            (here.replace("/oauth2/token", "/oauth2%2Ftoken"), false),
            (here.replace("/oauth2/token", "/oauth2/token%"), false),
            (here.replace("/oauth2/token", "/oauth2/par"), false),
            (here.replace("127.0.0.1", "127.0.0.1.evil.example"), false),
            (format!("{here}/"), false),
            (format!("{}//oauth2/token", server.base), false),
            (here.replace("http://", "https://"), false),
            (here.replace("127.0.0.1", "localhost"), false),
            (here.replace("/oauth2/token", "/OAuth2/token"), false),
            (here.replace("http://", "http://evil@"), false),
            ("/oauth2/token".to_owned(), false),
            (String::new(), false),
        ]
        .iter()
        .enumerate()
        {
            let code = app.code(&ada, &[]).await;
            let answer = redeem_with(&server, &app, &code, &at(&format!("h{index}"), htu)).await;
            if *ok {
                assert_eq!(answer.is(200).json()["token_type"], "DPoP", "{htu}");
            } else {
                assert_eq!(error_of(&answer, 400), "invalid_dpop_proof", "{htu}");
            }
        }
        // Malformed signatures and sizes, and two headers at once.
        let good = at("twisted", &here);
        let (message, signature) = good.rsplit_once('.').unwrap();
        let (_, other) = (signature, at("another", &here));
        let other = other.rsplit_once('.').unwrap().1;
        for (what, wrong) in [
            ("no signature", format!("{message}.")),
            ("another's signature", format!("{message}.{other}")),
            ("zeros", format!("{message}.{}", "A".repeat(86))),
            ("a part too many", format!("{good}.x")),
            ("padding", format!("{good}==")),
            ("no text", "...".to_owned()),
            ("long", format!("{message}.{}", "A".repeat(20_000))),
        ] {
            let code = app.code(&ada, &[]).await;
            let answer = redeem_with(&server, &app, &code, &wrong).await;
            assert_eq!(error_of(&answer, 400), "invalid_dpop_proof", "{what}");
        }
        let twice = server.request(Method::POST, "/oauth2/token").header("content-type", FORM);
        let twice = twice.header("dpop", at("d1", &here)).header("dpop", at("d2", &here));
        let fields =
            [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", &*app.id)];
        let answer = server.send(twice.body(form(fields))).await;
        assert_eq!(error_of(&answer, 400), "invalid_dpop_proof");

        // Of twenty concurrent uses of one proof one succeeds.
        let service = json!({"type": "service", "audiences": [API]});
        let service = App::register(&server, &root, service).await;
        let proof = at("raced", &here);
        let tries = (0..20).map(|_| speak(&server, &service, Some(&proof)));
        let answers = futures_util::future::join_all(tries).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    })
    .await;
}

/// A service requests a token of its own.
async fn speak(server: &Server, service: &App, proof: Option<&str>) -> Answer {
    let secret = service.secret.as_deref().unwrap();
    let request =
        server.request(Method::POST, "/oauth2/token").basic_auth(&service.id, Some(secret));
    let mut request = request.header("content-type", FORM);
    if let Some(proof) = proof {
        request = request.header("dpop", proof);
    }
    server.send(request.body(form([("grant_type", "client_credentials")]))).await
}

/// Used proofs are remembered after a restart, and introspection returns the key of a bound token.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_cannot_be_replayed_and_its_key_is_returned() {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let server = Options::on(Backend::Sqlite).start_in(Arc::clone(&dir)).await;
    let root = server.administrator("root").await;
    let api = json!({"identifier": API, "scopes": ["read"]});
    server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    let service = json!({"type": "service", "audiences": [API]});
    let service = App::register(&server, &root, service).await;
    let mine = key();
    let make = |server: &Server, key: &SigningKey, jti: &str| {
        Proof::new(server, key, "POST", "/oauth2/token", jti).sign()
    };
    let proof = make(&server, &mine, "one");
    let bound = speak(&server, &service, Some(&proof)).await.is(200).json();
    let free = speak(&server, &service, None).await.is(200).json();
    for (tokens, kind, jkt) in
        [(&bound, "DPoP", json!(mine.public.thumbprint())), (&free, "Bearer", Value::Null)]
    {
        assert_eq!(tokens["token_type"], kind);
        let access = tokens["access_token"].as_str().unwrap();
        let seen = service.call(&server, "/oauth2/introspect", &[("token", access)]).await;
        let seen = seen.is(200).json();
        assert_eq!((&seen["active"], &seen["token_type"]), (&json!(true), &json!(kind)), "{seen}");
        assert_eq!(seen["cnf"]["jkt"], jkt);
    }
    let base = server.base.clone();
    drop(server);
    let again = Options::on(Backend::Sqlite).with("SIGNET_ISSUER", &base).start_in(dir).await;
    let replayed = speak(&again, &service, Some(&proof)).await;
    assert_eq!(error_of(&replayed, 400), "invalid_dpop_proof");
    let mut fresh = Proof::new(&again, &mine, "POST", "/oauth2/token", "two");
    fresh.claims["htu"] = json!(format!("{base}/oauth2/token"));
    speak(&again, &service, Some(&fresh.sign())).await.is(200);
    // Nor is it accepted again after its expiry.
    again.advance(TimeSpan::from_mins(3));
    assert_eq!(error_of(&speak(&again, &service, Some(&proof)).await, 400), "invalid_dpop_proof");
}

/// A wrong `dpop_jkt` is refused at once, not only at the token endpoint.
#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_thumbprint_is_refused_at_once() {
    let (server, _, app) = set(Backend::Sqlite).await;
    let ada = Person::new(&server, "ada");
    for wrong in ["x", &"A".repeat(42), &"A".repeat(44), &"+".repeat(43), &"A".repeat(5_000)] {
        let landed = ada.visit(&app.url(&[("dpop_jkt", wrong)])).await.callback();
        assert_eq!(param(&landed, "error").as_deref(), Some("invalid_request"), "{wrong:.50}");
        let pushed = push(&server, &app, &[("dpop_jkt", wrong)], &[]).await;
        assert_eq!(error_of(&pushed, 400), "invalid_request", "{wrong:.50}");
    }
}

/// A bound token of a service client cannot administer, with or without a proof: accepted as Bearer, it would be as
/// useful to a thief as to its owner.
#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_does_not_administer() {
    on_both("bound tokens for administration", async |backend| {
        let (server, root, _) = set(backend).await;
        let client = json!({"client_id": "bot", "name": "Bot", "type": "service",
            "admin_scopes": ["signet:users"]});
        let path = "/v1/admin/clients";
        let made = server.call_as(Method::POST, path, &root.access, client).await;
        let secret = made.is(201).string("client_secret");
        let mine = key();
        let proof = Proof::new(&server, &mine, "POST", "/oauth2/token", "bound").sign();
        let fields = [("grant_type", "client_credentials"), ("scope", "signet:users")];
        let request = server.request(Method::POST, "/oauth2/token").header("dpop", proof);
        let request = request.basic_auth("bot", Some(&secret)).header("content-type", FORM);
        let answer = server.send(request.body(form(fields))).await;
        assert_eq!(answer.is(200).json()["token_type"], "DPoP");
        let token = answer.string("access_token");
        let path = "/v1/admin/users";
        let refused = server.get_as(path, &token).await;
        refused.is_problem(401, "invalid_token");
        assert!(refused.string("detail").contains("DPoP"), "{}", refused.text);
        let proof = Proof::new(&server, &mine, "GET", path, "use").for_token(&token).sign();
        let request = server.request(Method::GET, path).header("dpop", proof);
        let request = request.header("authorization", format!("DPoP {token}"));
        server.send(request).await.is_problem(401, "invalid_token");
    })
    .await;
}

//! Authorization codes and refresh tokens as secrets: they cannot be guessed, altered, exchanged for one
//! another or used twice.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::base::opaque_token::AUTHORIZATION_CODE;
use signet::domain::session::MAX_BRANCHES;

use crate::support::relying_party::{App, Person, REDIRECT_URI, VERIFIER, error_of, id_token};
use crate::support::server::{Answer, Tokens};
use crate::support::{Backend, Server, on_both, require};

const TOKEN: &str = "/oauth2/token";
const STOCK: &str = "https://stock.example.com";

/// A client without a consent page: each request gives a code.
async fn set(backend: Backend) -> (Server, Tokens, App) {
    let server = Server::start(backend).await;
    let root = server.administrator("root").await;
    let api = json!({"identifier": STOCK, "scopes": ["count"]});
    server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    server.register("ada").await;
    let app = App::register(&server, &root, json!({"type": "web", "skip_consent": true})).await;
    (server, root, app)
}

fn text(tokens: &Value, name: &str) -> String {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name} in {tokens}")).to_owned()
}

async fn active(server: &Server, app: &App, token: &str) -> Value {
    let answer = app.call(server, "/oauth2/introspect", &[("token", token)]).await;
    answer.is(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_codes_have_nothing_in_common() {
    let (server, _, app) = set(Backend::Sqlite).await;
    let ada = Person::new(&server, "ada");
    app.code(&ada, &[]).await;
    let url = app.url(&[("prompt", "none")]);
    let mut codes = BTreeSet::new();
    while codes.len() < 1_000 {
        let visits = (0..20).map(|_| ada.visit(&url));
        for landed in join_all(visits).await {
            let code = landed.said("code");
            let rest = code.strip_prefix(AUTHORIZATION_CODE).unwrap().to_owned();
            assert!(!rest.contains(&app.id), "{code}");
            assert!(codes.insert(rest), "{code} came twice");
        }
    }
    // At most six bits in each letter: 22 letters are the required 128 bits.
    let length = codes.first().unwrap().len();
    assert!(length >= 22 && codes.iter().all(|code| code.len() == length));
    // Before the checksum no position is constant, nor nearly so.
    for place in 0..22 {
        let letters: BTreeSet<u8> = codes.iter().map(|code| code.as_bytes()[place]).collect();
        assert!(letters.len() >= 16, "place {place}: {letters:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_presentation_ends_what_the_first_one_gave() {
    on_both("code reuse", async |backend| {
        let (server, root, app) = set(backend).await;
        let other = App::register(&server, &root, json!({"type": "web"})).await;
        let ada = Person::new(&server, "ada");
        let elsewhere = Person::new(&server, "ada");
        let untouched = app.tokens(&server, &elsewhere).await;
        // A second presentation by the client, by another one, or with a wrong verifier.
        for who in ["the client", "another client", "a thief"] {
            let code = app.code(&ada, &[]).await;
            let tokens = app.redeem(&server, &code).await.is(200).json();
            let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
            assert_eq!(active(&server, &app, &access).await["active"], true);
            let again = match who {
                "the client" => app.redeem(&server, &code).await,
                "another client" => other.redeem(&server, &code).await,
                _ => {
                    let fields = [
                        ("grant_type", "authorization_code"),
                        ("code", &*code),
                        ("redirect_uri", REDIRECT_URI),
                        ("code_verifier", &"v".repeat(43)),
                    ];
                    app.call(&server, TOKEN, &fields).await
                }
            };
            assert_eq!(error_of(&again, 400), "invalid_grant", "{who}");
            for token in [&access, &refresh] {
                let seen = active(&server, &app, token).await;
                assert_eq!(seen, json!({"active": false}), "{who}");
            }
            server.get_as("/oauth2/userinfo", &access).await.is(401);
        }
        // The client's session in another sign-in of the user continues, and so does this sign-in.
        let access = text(&untouched, "access_token");
        assert_eq!(active(&server, &app, &access).await["active"], true);
        ada.visit(&app.url(&[("prompt", "none")])).await.said("code");
    })
    .await;
}

/// RFC 8707 §2.2: a code for one API, or for none, is redeemed for no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_for_the_api_it_was_asked_for() {
    let (server, root, app) = set(Backend::Sqlite).await;
    let path = format!("/v1/admin/clients/{}", app.id);
    let api = json!({"identifier": "https://other.example.com", "scopes": []});
    server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    let audiences = json!({"audiences": [STOCK, "https://other.example.com"]});
    server.call_as(Method::PATCH, &path, &root.access, audiences).await.is(200);
    let ada = Person::new(&server, "ada");
    let redeem = async |resource: &str| {
        let code = app.code(&ada, &[("scope", "openid count"), ("resource", STOCK)]).await;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
            ("resource", resource),
        ];
        app.call(&server, TOKEN, &fields).await
    };
    let tokens = redeem(STOCK).await.is(200).json();
    for wrong in ["https://other.example.com", "https://stock.example.com/v1", "rubbish"] {
        assert_eq!(error_of(&redeem(wrong).await, 400), "invalid_target", "{wrong}");
    }
    let refresh = text(&tokens, "refresh_token");
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &*refresh),
        ("resource", "https://other.example.com"),
    ];
    assert_eq!(error_of(&app.call(&server, TOKEN, &fields).await, 400), "invalid_target");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_kind_of_token_passes_for_another() {
    let (server, _, app) = set(Backend::Sqlite).await;
    let ada = Person::new(&server, "ada");
    let tokens = app.tokens(&server, &ada).await;
    let (access, refresh, id) =
        (text(&tokens, "access_token"), text(&tokens, "refresh_token"), text(&tokens, "id_token"));
    let code = app.code(&ada, &[]).await;
    let cookie = ada.cookie("signet_session").unwrap();
    let own = server.login("ada").await;
    let shorter = &refresh[..refresh.len() - 1];
    let (longer, other_case) = (format!("{refresh}A"), refresh.to_lowercase());
    for wrong in [&access, &id, &code, &cookie, &own.access, &own.refresh, shorter, &longer] {
        assert_eq!(error_of(&app.refresh(&server, wrong).await, 400), "invalid_grant", "{wrong}");
    }
    if other_case != refresh {
        assert_eq!(error_of(&app.refresh(&server, &other_case).await, 400), "invalid_grant");
    }
    for wrong in [&access, &id, &refresh, &cookie] {
        assert_eq!(error_of(&app.redeem(&server, wrong).await, 400), "invalid_grant", "{wrong}");
    }
    for wrong in [&id, &refresh, &code, &cookie] {
        let answer = server.get_as("/oauth2/userinfo", wrong).await;
        assert_eq!(error_of(&answer, 401), "invalid_token", "{wrong}");
    }
    for wrong in [&access, &refresh, &code] {
        let landed = ada.visit(&app.url(&[("id_token_hint", wrong)])).await;
        assert_eq!(landed.said("error"), "invalid_request", "{wrong}");
        let thief = Person::new(&server, "ada");
        thief.set_cookie("signet_session", wrong);
        let silent = thief.visit(&app.url(&[("prompt", "none")])).await;
        assert_eq!(silent.said("error"), "login_required", "{wrong}");
    }
    // No refusal used anything up.
    app.redeem(&server, &code).await.is(200);
    app.refresh(&server, &refresh).await.is(200);
}

/// Fifty concurrent refreshes with one token get one successor, which is the only valid token.
/// `SIGNET_TEST_ROUNDS` is the number of rounds (3).
#[tokio::test(flavor = "multi_thread")]
async fn fifty_who_refresh_one_token_at_once_get_one_successor() {
    let rounds = require::number("SIGNET_TEST_ROUNDS").unwrap_or(3);
    on_both("refresh races", async |backend| {
        let (server, root, web) = set(backend).await;
        let spa = App::register(&server, &root, json!({"type": "spa"})).await;
        let ada = Person::new(&server, "ada");
        for app in [&web, &spa] {
            let mut refresh = text(&app.tokens(&server, &ada).await, "refresh_token");
            for round in 0..rounds {
                let before = refresh.clone();
                let answers = join_all((0..50).map(|_| app.refresh(&server, &before))).await;
                let given: BTreeSet<String> = answers
                    .iter()
                    .map(|answer| {
                        assert_eq!(answer.status, 200, "round {round}: {}", answer.text);
                        text(&answer.json(), "refresh_token")
                    })
                    .collect();
                assert_eq!(given.len(), 1, "round {round}");
                refresh = given.into_iter().next().unwrap();
                assert!(refresh != before && refresh.starts_with("srt_"));
            }
        }
    })
    .await;
}

/// Tokens of many users at the same moment: no request is refused because the database is busy.
#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_refreshes_refuses_no_session() {
    on_both("a refresh storm", async |backend| {
        let (server, _, app) = set(backend).await;
        let mut tokens = Vec::new();
        for _ in 0..200 / MAX_BRANCHES {
            let ada = Person::new(&server, "ada");
            for _ in 0..MAX_BRANCHES {
                tokens.push(text(&app.tokens(&server, &ada).await, "refresh_token"));
            }
        }
        let answers = join_all(tokens.iter().map(|token| app.refresh(&server, token))).await;
        let bad: Vec<&Answer> = answers.iter().filter(|answer| answer.status != 200).collect();
        assert!(bad.is_empty(), "{} of 200, one of them: {:?}", bad.len(), bad.first());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn administrative_changes_apply_at_the_next_refresh() {
    on_both("endings by administrators", async |backend| {
        let (server, root, app) = set(backend).await;
        for ending in ["password", "delete user", "delete client", "client's limit"] {
            let login = format!("user-{}", ending.replace([' ', '\''], "-"));
            let id = server.register(&login).await;
            let limited = json!({"type": "web", "skip_consent": true, "refresh_max_ttl": 3_600});
            let client = App::register(&server, &root, limited).await;
            let tokens = client.tokens(&server, &Person::new(&server, &login)).await;
            let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
            let (method, path, body, status) = match ending {
                "password" => {
                    let body = json!({"password": "another good one"});
                    (Method::POST, format!("/v1/admin/users/{id}/password"), body, 204)
                }
                "delete user" => {
                    (Method::DELETE, format!("/v1/admin/users/{id}"), Value::Null, 204)
                }
                "delete client" => {
                    (Method::DELETE, format!("/v1/admin/clients/{}", client.id), Value::Null, 204)
                }
                _ => {
                    // However often it is used, its session ends at the client's limit.
                    let mut token = refresh.clone();
                    for _ in 0..5 {
                        server.advance(TimeSpan::from_mins(10));
                        let next = client.refresh(&server, &token).await;
                        token = next.is(200).string("refresh_token");
                    }
                    server.advance(TimeSpan::from_mins(10));
                    let over = client.refresh(&server, &token).await;
                    assert_eq!(error_of(&over, 400), "invalid_grant");
                    continue;
                }
            };
            server.call_as(method, &path, &root.access, body).await.is(status);
            server.get_as("/oauth2/userinfo", &access).await.is(401);
            let refused = client.refresh(&server, &refresh).await;
            let gone = ending == "delete client";
            let wanted = if gone { (401, "invalid_client") } else { (400, "invalid_grant") };
            assert_eq!(error_of(&refused, wanted.0), wanted.1, "{ending}");
            let asker = if gone { &app } else { &client };
            let inactive = json!({"active": false});
            assert_eq!(active(&server, asker, &access).await, inactive, "{ending}");
        }
    })
    .await;
}

/// A removed role is in no later token or response.
#[tokio::test(flavor = "multi_thread")]
async fn a_removed_role_is_in_no_later_token() {
    let (server, root, app) = set(Backend::Sqlite).await;
    let id = server.register("bob").await;
    let path = format!("/v1/admin/users/{id}");
    let roles = json!({"roles": ["support"]});
    server.call_as(Method::PATCH, &path, &root.access, roles).await.is(200);
    let bob = Person::new(&server, "bob");
    let claims = r#"{"id_token":{"roles":null}}"#;
    let code = app.code(&bob, &[("scope", "openid roles"), ("claims", claims)]).await;
    let tokens = app.redeem(&server, &code).await.is(200).json();
    let told = id_token(&server, &app, &tokens, Some("the nonce")).await;
    assert_eq!(told["roles"], json!(["support"]));
    let access = text(&tokens, "access_token");
    let info = async |access: &str| {
        let answer = server.get_as("/oauth2/userinfo", access).await;
        answer.is(200).json()["roles"].clone()
    };
    assert_eq!(info(&access).await, json!(["support"]));
    let none = json!({"roles": []});
    server.call_as(Method::PATCH, &path, &root.access, none).await.is(200);
    let left = info(&access).await;
    assert!(!left.to_string().contains("support"), "{left}");
    let next = app.refresh(&server, &text(&tokens, "refresh_token")).await.is(200).json();
    let told = id_token(&server, &app, &next, None).await;
    assert!(!told.to_string().contains("support"), "{told}");
    let access = Tokens { access: text(&next, "access_token"), refresh: String::new() };
    assert!(!access.claims().to_string().contains("support"));
}

//! Why a token is good or not: every code by a token that produces it, other times, and that
//! asking changes nothing and harms nobody.

mod clients;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::{TimeSpan, Timestamp};
use signet::crypto::jwt::Signer;
use signet::domain::claims::TokenType;
use signet::domain::token_diagnosis::{Check, TokenCode};
use signet::store::housekeeping;

use crate::support::server::{Answer, Options, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

const API: &str = "https://api.example.com";
const WHY: &str = "/v1/admin/tokens/why";

/// A server with an administrator, a user and an API, and the codes that were seen at it.
struct Bench {
    server: Server,
    root: Tokens,
    seen: BTreeSet<String>,
}

impl Bench {
    async fn on(backend: Backend) -> Self {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        let api = json!({"identifier": API});
        server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
        Self { server, root, seen: BTreeSet::new() }
    }

    /// What is said of a token; that it is not sent back.
    async fn ask(&mut self, token: &str, more: Value) -> Value {
        let answer = self.post(token, more).await;
        let report = answer.is(200).json();
        assert!(token.len() < 12 || !answer.text.contains(token), "{}", answer.text);
        for check in report["checks"].as_array().unwrap() {
            self.seen.extend(check["code"].as_str().map(str::to_owned));
            assert_eq!(check["ok"] == json!(false), check["code"].is_string(), "{report}");
        }
        assert_eq!(report["good"] == json!(true), report["code"].is_null(), "{report}");
        report
    }

    async fn post(&self, token: &str, more: Value) -> Answer {
        let mut body = json!({ "token": token });
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.server.call_as(Method::POST, WHY, &self.root.access, body).await
    }

    /// The first failure is this one, and it is told in a sentence.
    #[track_caller]
    fn is(report: &Value, code: TokenCode) {
        assert_eq!(report["code"], code.as_str(), "{report:#}");
        let message = report["message"].as_str().unwrap();
        assert!(message.ends_with('.') && message.len() > 20, "{message}");
    }

    /// A token of whatever claims, signed by the key that signs here.
    fn sign(&self, kid: &str, typ: TokenType, claims: &Value) -> String {
        let key = self.server.app.keyring().parsed(kid).unwrap();
        Signer::new(Arc::clone(&key)).sign(typ, claims).unwrap()
    }

    async fn admin(&self, method: Method, path: &str, body: Value) -> Answer {
        self.server.call_as(method, path, &self.root.access, body).await
    }

    async fn log_in_for(&self, audience: &str) -> Tokens {
        let body = json!({"login": "ada", "password": PASSWORD, "audience": audience});
        Tokens::of(&self.server.post("/v1/login", body).await)
    }
}

#[track_caller]
fn is_good(report: &Value) {
    assert_eq!(report["good"], true, "{report:#}");
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.len() > 10 && checks.iter().all(|check| check["ok"] == true), "{report:#}");
}

/// The answer of one check.
fn check(report: &Value, name: &str) -> Value {
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["check"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {report:#}")).clone()
}

fn header_of(token: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn kid_of(token: &str) -> String {
    header_of(token)["kid"].as_str().unwrap().to_owned()
}

/// The token with another part in the place of one.
fn with_part(token: &str, part: usize, value: &Value) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts[part] = URL_SAFE_NO_PAD.encode(value.to_string());
    parts.join(".")
}

fn with(value: &Value, name: &str, new: Value) -> Value {
    let mut value = value.clone();
    value[name] = new;
    value
}

fn at(time: Timestamp) -> Value {
    json!({ "at": time.rfc3339() })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_has_a_token_that_produces_it() {
    on_both("why: every code", async |backend| {
        let mut bench = Bench::on(backend).await;
        let began = bench.server.now();
        let ada = bench.server.login("ada").await;
        let for_api = bench.log_in_for(API).await;
        is_good(&bench.ask(&ada.access, json!({})).await);
        is_good(&bench.ask(&for_api.access, json!({})).await);
        is_good(&bench.ask(&for_api.access, json!({"audience": API, "at": null})).await);
        outside(&mut bench, &ada).await;
        inside(&mut bench, &ada, began).await;
        opaque(&mut bench, &ada).await;
        rows_of_sessions(&mut bench).await;
        rows_of_users(&mut bench).await;
        clients::every_code(&mut bench).await;
        keys(&mut bench).await;
        let all: BTreeSet<String> =
            TokenCode::ALL.iter().map(|code| code.as_str().to_owned()).collect();
        let missing: Vec<_> = all.difference(&bench.seen).collect();
        assert!(missing.is_empty(), "no token of this test produces {missing:?}");
    })
    .await;
}

/// Form, header, type, algorithm, signature.
async fn outside(bench: &mut Bench, ada: &Tokens) {
    let token = &ada.access;
    let parts: Vec<&str> = token.split('.').collect();
    for rubbish in [
        String::new(),
        " ".to_owned(),
        "abc".to_owned(),
        "a.b.c".to_owned(),
        "a.b.c.d.e".to_owned(),
        "\u{0}\u{1b}[31m\u{202e}.🗝.é".to_owned(),
        format!("Bearer {token}"),
        format!("{token}="),
        format!("{token}.x"),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.{}.{}", parts[1], parts[0], "!"),
        json!({ "access_token": "x" }).to_string(),
        with_part(token, 1, &json!(["a"])),
        with_part(token, 0, &json!("a")),
    ] {
        Bench::is(&bench.ask(&rubbish, json!({})).await, TokenCode::Malformed);
    }
    for large in [format!("{token}{}", "A".repeat(8192)), "a.".repeat(20_000)] {
        Bench::is(&bench.ask(&large, json!({})).await, TokenCode::TooLarge);
    }
    let header = header_of(token);
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("jku", json!("http://127.0.0.1:1/jwks")),
        ("jwk", json!({"kty": "EC"})),
        ("typ", json!(5)),
        ("\u{1b}[31m", json!(1)),
    ] {
        let report = bench.ask(&with_part(token, 0, &with(&header, name, value)), json!({})).await;
        Bench::is(&report, TokenCode::UnexpectedHeader);
        assert!(!report["message"].as_str().unwrap().contains('\u{1b}'), "{report}");
    }
    let none = json!({"alg": "none", "typ": "at+jwt"});
    Bench::is(
        &bench.ask(&with_part(token, 0, &none), json!({})).await,
        TokenCode::UnexpectedHeader,
    );
    let wrong_type = bench.sign(&kid_of(token), TokenType::Jwt, &ada.claims());
    let report = bench.ask(&wrong_type, json!({})).await;
    Bench::is(&report, TokenCode::WrongType);
    assert_eq!(check(&report, "signature")["ok"], true, "{report}");
    for alg in ["RS256", "HS256", "none", ""] {
        let altered = with_part(token, 0, &with(&header, "alg", json!(alg)));
        let report = bench.ask(&altered, json!({})).await;
        Bench::is(&report, TokenCode::WrongAlgorithm);
        assert_eq!(check(&report, "signature")["ok"], Value::Null, "{report}");
    }
    // Nobody vouches for it, so nobody is looked up; what it says of itself is read.
    let longer = with_part(token, 1, &with(&ada.claims(), "exp", json!(1)));
    let report = bench.ask(&longer, json!({})).await;
    Bench::is(&report, TokenCode::BadSignature);
    assert_eq!(check(&report, "expiry")["code"], "expired");
    for looked_up in ["user", "session"] {
        assert_eq!(check(&report, looked_up)["ok"], Value::Null);
    }
    for kid in ["another", "' OR 1=1--", "../../dev/null", "", &"k".repeat(4000)] {
        let altered = with_part(token, 0, &with(&header, "kid", json!(kid)));
        let report = bench.ask(&altered, json!({})).await;
        Bench::is(&report, TokenCode::UnknownKey);
        assert!(report["message"].as_str().unwrap().len() < 500, "{report}");
    }
}

/// What the claims say, signed by the key that signs.
async fn inside(bench: &mut Bench, ada: &Tokens, began: Timestamp) {
    let (kid, claims) = (kid_of(&ada.access), ada.claims());
    let sign = |claims: &Value, bench: &Bench| bench.sign(&kid, TokenType::AtJwt, claims);
    is_good(&bench.ask(&sign(&claims, bench), json!({})).await);
    let strange = with(&claims, "iss", json!("https://other.example.com"));
    let report = bench.ask(&sign(&strange, bench), json!({})).await;
    Bench::is(&report, TokenCode::WrongIssuer);
    assert!(report["message"].as_str().unwrap().contains("https://other.example.com"));
    let report = bench.ask(&ada.access, json!({ "audience": API })).await;
    Bench::is(&report, TokenCode::WrongAudience);
    let nowhere = with(&claims, "aud", json!("urn:nowhere"));
    let report = bench.ask(&sign(&nowhere, bench), json!({})).await;
    Bench::is(&report, TokenCode::UnregisteredAudience);
    assert_eq!(check(&report, "session")["code"], "session_mismatch");
    let stranger = with(&claims, "client_id", json!("shop"));
    let report = bench.ask(&sign(&stranger, bench), json!({})).await;
    Bench::is(&report, TokenCode::SessionMismatch);
    assert_eq!(check(&report, "client")["code"], "client_unknown", "{report:#}");
    let before = at(began - TimeSpan::from_secs(60));
    Bench::is(&bench.ask(&ada.access, before).await, TokenCode::IssuedInFuture);
    let seconds = json!({ "at": (began + TimeSpan::from_mins(10)).secs().to_string() });
    let report = bench.ask(&ada.access, seconds).await;
    Bench::is(&report, TokenCode::Expired);
    assert_eq!(report["at"], (began + TimeSpan::from_mins(10)).rfc3339());
    is_good(&bench.ask(&ada.access, at(began + TimeSpan::from_secs(599))).await);
    for (name, value) in [
        ("jti", json!(7)),
        ("sub", json!("")),
        ("aud", json!([API])),
        ("exp", json!(1.9e9)),
        ("exp", json!(-1)),
        ("iat", json!("1800000000")),
        ("nbf", json!(1)),
        ("scope", Value::Null),
    ] {
        let report = bench.ask(&sign(&with(&claims, name, value), bench), json!({})).await;
        let claims = check(&report, "claims");
        assert_eq!(claims["code"], "incomplete_claims", "{report:#}");
        assert!(claims["detail"].as_str().unwrap().contains(name), "{report:#}");
    }
    for sid in ["00000000-0000-7000-8000-000000000000", "none"] {
        let report = bench.ask(&sign(&with(&claims, "sid", json!(sid)), bench), json!({})).await;
        Bench::is(&report, TokenCode::SessionUnknown);
    }
    let other = bench.root.claims()["sub"].clone();
    let report = bench.ask(&sign(&with(&claims, "sub", other), bench), json!({})).await;
    Bench::is(&report, TokenCode::SessionMismatch);
}

/// Secrets that only say what they are, and refresh tokens.
async fn opaque(bench: &mut Bench, ada: &Tokens) {
    for (text, code) in [
        ("sac_x", TokenCode::AuthorizationCode),
        ("scs_", TokenCode::ClientSecret),
        ("sak_🗝", TokenCode::ApiKey),
    ] {
        Bench::is(&bench.ask(text, json!({})).await, code);
    }
    let report = bench.ask(&ada.refresh, json!({})).await;
    Bench::is(&report, TokenCode::RefreshToken);
    for alive in ["genuine", "user", "session"] {
        assert_eq!(check(&report, alive)["ok"], true, "{report:#}");
    }
    let mut forged = ada.refresh.clone();
    let last = if forged.ends_with('A') { "B" } else { "A" };
    forged.replace_range(forged.len() - 1.., last);
    for forged in [forged, "srt_".to_owned(), "srt_".repeat(15_000), format!("{}A", ada.refresh)] {
        let report = bench.ask(&forged, json!({})).await;
        Bench::is(&report, TokenCode::RefreshToken);
        assert_eq!(check(&report, "genuine")["code"], "not_genuine", "{report:#}");
        assert_eq!(check(&report, "session")["ok"], Value::Null);
    }
}

/// Log-out, expiry, removal.
async fn rows_of_sessions(bench: &mut Bench) {
    let tokens = bench.server.login("ada").await;
    let made = bench.server.now();
    bench.server.advance(TimeSpan::from_secs(5));
    let ended = bench.server.now();
    let body = json!({"refresh_token": tokens.refresh});
    bench.server.post("/v1/logout", body).await.is(204);
    let report = bench.ask(&tokens.access, json!({})).await;
    Bench::is(&report, TokenCode::SessionEnded);
    let message = report["message"].as_str().unwrap();
    assert!(message.contains(&ended.rfc3339()) && message.contains("logout"), "{message}");
    let report = bench.ask(&tokens.access, at(ended - TimeSpan::from_secs(1))).await;
    is_good(&report);
    let note = check(&report, "session")["detail"].as_str().unwrap().to_owned();
    assert!(note.contains("alive then") && note.contains(&ended.rfc3339()), "{note}");
    let report = bench.ask(&tokens.refresh, json!({})).await;
    assert_eq!(check(&report, "genuine")["ok"], true, "{report:#}");
    assert_eq!(check(&report, "session")["code"], "session_ended", "{report:#}");

    let lasting = bench.server.login("ada").await;
    let (kid, claims) = (kid_of(&lasting.access), lasting.claims());
    let long = with(&claims, "exp", json!((made + TimeSpan::from_days(400)).secs()));
    let long = bench.sign(&kid, TokenType::AtJwt, &long);
    is_good(&bench.ask(&long, at(made + TimeSpan::from_days(29))).await);
    for days in [31, 200] {
        let report = bench.ask(&long, at(made + TimeSpan::from_days(days))).await;
        Bench::is(&report, TokenCode::SessionExpired);
    }
    // What housekeeping does in half a year.
    let before = made + TimeSpan::from_days(181);
    let mut tx = bench.server.app.db.begin().await.unwrap();
    assert!(housekeeping::sessions(&mut tx, before, 100).await.unwrap() > 0);
    tx.commit().await.unwrap();
    // The administrator's session went as well.
    let body = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
    bench.root = Tokens::of(&bench.server.post("/v1/login", body).await);
    Bench::is(&bench.ask(&lasting.access, json!({})).await, TokenCode::SessionUnknown);
    let report = bench.ask(&lasting.refresh, json!({})).await;
    assert_eq!(check(&report, "session")["code"], "session_unknown", "{report:#}");
    assert_eq!(check(&report, "user")["ok"], Value::Null, "{report:#}");
}

/// Password, log-out everywhere, disabling, deletion.
async fn rows_of_users(bench: &mut Bench) {
    let (old, here) = (bench.server.login("ada").await, bench.server.login("ada").await);
    let made = bench.server.now();
    bench.server.advance(TimeSpan::from_secs(5));
    let ended = bench.server.now();
    let body = json!({"current_password": PASSWORD, "new_password": PASSWORD});
    bench.server.call_as(Method::POST, "/v1/password", &here.access, body).await.is(204);
    is_good(&bench.ask(&here.access, json!({})).await);
    let report = bench.ask(&old.access, json!({})).await;
    Bench::is(&report, TokenCode::UserChanged);
    let message = report["message"].as_str().unwrap();
    assert!(message.contains("password") && message.contains(&ended.rfc3339()), "{message}");
    assert_eq!(check(&report, "session")["ok"], true, "{report:#}");
    let report = bench.ask(&old.access, at(made)).await;
    is_good(&report);
    let note = check(&report, "user")["detail"].as_str().unwrap().to_owned();
    assert!(note.contains(&ended.rfc3339()), "{note}");

    // Of two events in one millisecond nobody knows which was first.
    bench.server.advance(TimeSpan::from_secs(1));
    let all =
        bench.server.call_as(Method::DELETE, "/v1/sessions?scope=all", &here.access, Value::Null);
    all.await.is(204);
    let report = bench.ask(&here.access, json!({})).await;
    Bench::is(&report, TokenCode::UserChanged);
    assert!(report["message"].as_str().unwrap().contains("sessions were ended"), "{report}");

    let tokens = bench.server.login("ada").await;
    let id = tokens.claims()["sub"].as_str().unwrap().to_owned();
    let user = format!("/v1/admin/users/{id}");
    bench.server.advance(TimeSpan::from_secs(5));
    let disabled = bench.server.now();
    bench.admin(Method::POST, &format!("{user}/disable"), Value::Null).await.is(200);
    let report = bench.ask(&tokens.access, json!({})).await;
    Bench::is(&report, TokenCode::UserDisabled);
    assert!(report["message"].as_str().unwrap().contains(&disabled.rfc3339()), "{report}");
    is_good(&bench.ask(&tokens.access, at(disabled - TimeSpan::from_secs(1))).await);
    bench.admin(Method::POST, &format!("{user}/enable"), Value::Null).await.is(200);
    let report = bench.ask(&tokens.access, json!({})).await;
    Bench::is(&report, TokenCode::UserChanged);
    assert!(report["message"].as_str().unwrap().contains("disabled"), "{report}");

    let eve = bench.server.administrator("eve").await;
    let path = format!("/v1/admin/users/{}", eve.claims()["sub"].as_str().unwrap());
    bench.admin(Method::PATCH, &path, json!({"role": "user"})).await.is(200);
    let report = bench.ask(&eve.access, json!({})).await;
    Bench::is(&report, TokenCode::UserChanged);
    assert!(report["message"].as_str().unwrap().contains("role was taken away"), "{report}");

    bench.server.advance(TimeSpan::from_secs(5));
    let deleted = bench.server.now();
    bench.admin(Method::DELETE, &user, Value::Null).await.is(204);
    let report = bench.ask(&tokens.access, json!({})).await;
    Bench::is(&report, TokenCode::UserDeleted);
    assert!(report["message"].as_str().unwrap().contains(&deleted.rfc3339()), "{report}");
    assert_eq!(check(&report, "session")["ok"], Value::Null, "{report:#}");
    let report = bench.ask(&tokens.access, at(deleted - TimeSpan::from_secs(1))).await;
    Bench::is(&report, TokenCode::SessionUnknown);
    let report = bench.ask(&tokens.refresh, json!({})).await;
    assert_eq!(check(&report, "session")["code"], "session_unknown", "{report:#}");
    bench.server.register("ada").await;
}

/// Keys that do not sign yet and keys that are gone.
async fn keys(bench: &mut Bench) {
    let ada = bench.server.login("ada").await;
    let body = json!({"alg": "ES256"});
    let rotated = bench.admin(Method::POST, "/v1/admin/keys/rotate", body).await.is(200).json();
    let published = rotated["data"][0]["kid"].as_str().unwrap();
    let early = bench.sign(published, TokenType::AtJwt, &ada.claims());
    let report = bench.ask(&early, json!({})).await;
    Bench::is(&report, TokenCode::KeyNotSigning);
    assert_eq!(check(&report, "signature")["ok"], true, "{report:#}");

    bench.server.advance(TimeSpan::from_secs(5));
    let gone = bench.server.now();
    let path = format!("/v1/admin/keys/{}/retire", kid_of(&ada.access));
    bench.admin(Method::POST, &path, json!({"now": true})).await.is(204);
    let body = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
    bench.root = Tokens::of(&bench.server.post("/v1/login", body).await);
    let report = bench.ask(&ada.access, json!({})).await;
    Bench::is(&report, TokenCode::KeyRetired);
    assert!(report["message"].as_str().unwrap().contains(&gone.rfc3339()), "{report}");
    // The private half is kept, so that it can still be said whether it was genuine.
    assert_eq!(check(&report, "signature")["ok"], true, "{report:#}");
    let altered = with_part(&ada.access, 1, &with(&ada.claims(), "scope", json!("x")));
    let report = bench.ask(&altered, json!({})).await;
    assert_eq!(check(&report, "signature")["code"], "bad_signature", "{report:#}");
    is_good(&bench.ask(&ada.access, at(gone - TimeSpan::from_secs(1))).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_is_deleted_keeps_its_tokens() {
    let mut bench = Bench::on(Backend::Sqlite).await;
    let tokens = bench.log_in_for(API).await;
    let path = "/v1/admin/apis/https%3A%2F%2Fapi.example.com";
    bench.admin(Method::DELETE, path, Value::Null).await.is(204);
    let report = bench.ask(&tokens.access, json!({})).await;
    Bench::is(&report, TokenCode::UnregisteredAudience);
    assert_eq!(check(&report, "api")["ok"], Value::Null);
    let report = bench.ask(&tokens.access, json!({ "audience": API })).await;
    is_good(&report);
    assert!(check(&report, "api")["detail"].as_str().unwrap().contains("not registered"));
}

/// APIs choose how their tokens look; what was made before the choice stays good.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_every_look_are_explained() {
    on_both("why: rules of APIs", async |backend| {
        let mut bench = Bench::on(backend).await;
        let before = bench.log_in_for(API).await;
        let path = "/v1/admin/apis/https%3A%2F%2Fapi.example.com";
        bench.admin(Method::PATCH, path, json!({"token_profile": "jwt"})).await.is(200);
        let jwt = bench.log_in_for(API).await;
        assert_eq!(header_of(&jwt.access)["typ"], "JWT");
        let report = bench.ask(&jwt.access, json!({ "audience": API })).await;
        is_good(&report);
        assert_eq!(check(&report, "type")["detail"], Value::Null, "{report:#}");
        let report = bench.ask(&before.access, json!({ "audience": API })).await;
        is_good(&report);
        assert!(check(&report, "type")["detail"].is_string(), "{report:#}");

        bench.admin(Method::PATCH, path, json!({"signing_alg": "HS256"})).await.is(200);
        let shared = bench.log_in_for(API).await;
        assert_eq!(header_of(&shared.access)["alg"], "HS256");
        let report = bench.ask(&shared.access, json!({})).await;
        is_good(&report);
        assert!(check(&report, "key")["detail"].as_str().unwrap().contains("secret"), "{report:#}");
        is_good(&bench.ask(&before.access, json!({})).await);
        let altered = with_part(&shared.access, 1, &with(&shared.claims(), "scope", json!("x")));
        Bench::is(&bench.ask(&altered, json!({})).await, TokenCode::BadSignature);
        let header = with(&header_of(&shared.access), "alg", json!("ES256"));
        let report = bench.ask(&with_part(&shared.access, 0, &header), json!({})).await;
        Bench::is(&report, TokenCode::WrongAlgorithm);
        // A secret of one API vouches for no other audience, nor for the issuer.
        let issuer = with(&shared.claims(), "aud", json!(bench.server.base));
        let report = bench.ask(&with_part(&shared.access, 1, &issuer), json!({})).await;
        Bench::is(&report, TokenCode::WrongType);
        assert_eq!(check(&report, "key")["code"], "unknown_key", "{report:#}");
        bench.admin(Method::PATCH, path, json!({"new_secret": true})).await.is(200);
        let report = bench.ask(&shared.access, json!({})).await;
        Bench::is(&report, TokenCode::UnknownKey);
        assert!(report["message"].as_str().unwrap().contains("replaced"), "{report}");

        // The first refresh for an API that is gone ends the session.
        bench.admin(Method::DELETE, path, Value::Null).await.is(204);
        bench.server.refresh(&before.refresh).await.is(401);
        let report = bench.ask(&before.access, json!({ "audience": API })).await;
        Bench::is(&report, TokenCode::SessionEnded);
        assert!(report["message"].as_str().unwrap().contains("api_deleted"), "{report}");
    })
    .await;
}

/// Asking uses nothing up, ends nothing and is not written down.
#[tokio::test(flavor = "multi_thread")]
async fn asking_changes_nothing() {
    on_both("why: changes nothing", async |backend| {
        let mut bench = Bench::on(backend).await;
        let first = bench.server.login("ada").await;
        let second = Tokens::of(&bench.server.refresh(&first.refresh).await);
        let third = Tokens::of(&bench.server.refresh(&second.refresh).await);
        let audit = "/v1/admin/audit?limit=200";
        let before = bench.server.get_as(audit, &bench.root.access).await.is(200).text.clone();
        // Presenting the first would be an alarm.
        for (token, word) in
            [(&first, "has been used"), (&second, "has been used"), (&third, "newest")]
        {
            let report = bench.ask(&token.refresh, json!({})).await;
            let genuine = check(&report, "genuine");
            assert!(genuine["detail"].as_str().unwrap().contains(word), "{report:#}");
            assert_eq!(check(&report, "session")["ok"], true, "{report:#}");
            is_good(&bench.ask(&token.access, json!({})).await);
        }
        let after = bench.server.get_as(audit, &bench.root.access).await.is(200).text.clone();
        assert_eq!(before, after);
        bench.server.refresh(&third.refresh).await.is(200);
        bench.server.get_as("/v1/me", &third.access).await.is(200);
    })
    .await;
}

/// Whatever is changed about a good token: never a fault, and never called good where our own
/// endpoint refuses it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_called_good_that_is_refused() {
    let mut bench = Bench::on(Backend::Sqlite).await;
    let ada = bench.server.login("ada").await;
    let issuer = json!({ "audience": bench.server.base });
    let mut tokens = vec![ada.access.clone()];
    let length = ada.access.len();
    for position in (0..length).step_by(length / 60) {
        let mut bytes = ada.access.clone().into_bytes();
        bytes[position] = if bytes[position] == b'x' { b'y' } else { b'x' };
        tokens.push(String::from_utf8(bytes).unwrap());
        tokens.push(ada.access[..position].to_owned());
    }
    // A payload that says something twice, rightly signed: readers that take the last would not see
    // what ours refuses.
    let key = bench.server.app.keyring().parsed(&kid_of(&ada.access)).unwrap();
    let twice = |name: &str, value: &Value| {
        let claims = ada.claims().to_string();
        let payload = format!("{{\"{name}\":{value},{}", &claims[1..]);
        let header = ada.access.split('.').next().unwrap();
        let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
        let signature = key.sign(message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    for name in ["iss", "aud", "sub", "sid", "exp", "iat", "scope"] {
        let token = twice(name, &ada.claims()[name]);
        let report = bench.ask(&token, issuer.clone()).await;
        Bench::is(&report, TokenCode::IncompleteClaims);
        tokens.push(token);
    }
    let mut good = 0;
    for token in &tokens {
        let report = bench.ask(token, issuer.clone()).await;
        let status = bench.server.get_as("/v1/me", token).await.status;
        assert_eq!(report["good"] == json!(true), status == 200, "{report:#}");
        good += usize::from(status == 200);
    }
    assert_eq!(good, 1, "only the token itself is good");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_no_question_are_refused() {
    let bench = Bench::on(Backend::Sqlite).await;
    let post = async |body: Value| bench.admin(Method::POST, WHY, body).await;
    post(json!({ "token": "x".repeat(1_000_000) })).await.is_problem(413, "payload_too_large");
    post(json!({})).await.is_problem(422, "validation_failed");
    for time in ["yesterday", "", "-5", "1.5", "2026-11-18", "253402300800", &"9".repeat(40)] {
        let answer = post(json!({ "token": "x", "at": time })).await;
        answer.is_problem(422, "validation_failed");
        assert_eq!(answer.json()["errors"][0]["field"], "at", "{time}");
    }
    for time in ["0", "253402300799", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59+01:00"] {
        post(json!({ "token": "x", "at": time })).await.is(200);
    }
    bench.server.post(WHY, json!({ "token": "x" })).await.is_problem(401, "invalid_token");
    let ada = bench.server.login("ada").await;
    let body = json!({ "token": bench.root.access });
    let answer = bench.server.call_as(Method::POST, WHY, &ada.access, body).await;
    answer.is_problem(403, "insufficient_scope");
}

/// What another server made says so itself, though nobody here vouches for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_server_is_told_apart() {
    let mut here = Bench::on(Backend::Sqlite).await;
    let there = Options::on(Backend::Sqlite).start().await;
    there.register("ada").await;
    let report = here.ask(&there.login("ada").await.access, json!({})).await;
    Bench::is(&report, TokenCode::UnknownKey);
    let issuer = check(&report, "issuer");
    assert_eq!(issuer["code"], "wrong_issuer", "{report:#}");
    assert!(issuer["detail"].as_str().unwrap().contains(&there.base), "{report:#}");
    let report = here.ask(&there.login("ada").await.refresh, json!({})).await;
    assert_eq!(check(&report, "genuine")["code"], "not_genuine");
}

/// The list of codes, a page for each, the index and the description of the API are in step.
#[test]
fn every_code_is_documented() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/token-codes");
    let mut pages: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    pages.sort();
    let codes: Vec<&str> = TokenCode::ALL.iter().map(|code| code.as_str()).collect();
    let mut expected: Vec<String> = codes.iter().map(|code| format!("{code}.md")).collect();
    expected.sort();
    assert_eq!(pages, expected);
    for code in &codes {
        let text = std::fs::read_to_string(folder.join(format!("{code}.md"))).unwrap();
        assert!(text.starts_with(&format!("# `{code}`\n")), "{code}");
        let sections: Vec<&str> = text.lines().filter(|line| line.starts_with("## ")).collect();
        let wanted = ["## Commonest causes", "## What to do", "## At the resource server"];
        assert_eq!(sections, wanted, "{code}");
        let settings = text.split(|c: char| !c.is_ascii_uppercase() && c != '_');
        for setting in settings.filter(|word| word.starts_with("SIGNET_")) {
            assert!(signet::config::example().contains(setting), "{code}: {setting} is no setting");
        }
    }
    let index = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let rows: Vec<&str> =
        index.lines().filter_map(|line| line.strip_prefix("| [`")?.split('`').next()).collect();
    assert_eq!(rows, codes);
    for code in &codes {
        assert!(index.contains(&format!("[`{code}`]({code}.md)")), "{code}");
    }
    let document: Value =
        serde_json::from_str(include_str!("../../../../assets/openapi.json")).unwrap();
    let report = &document["components"]["schemas"]["TokenReport"]["properties"];
    let mut first: Vec<Value> = codes.iter().map(|code| json!(code)).collect();
    let item = &report["checks"]["items"]["properties"];
    assert_eq!(item["code"]["enum"], json!(first));
    first.push(Value::Null);
    assert_eq!(report["code"]["enum"], json!(first));
    let checks: Vec<&str> = Check::ALL.iter().map(|check| check.as_str()).collect();
    assert_eq!(item["check"]["enum"], json!(checks));
    for check in checks {
        assert!(index.contains(&format!("`{check}`")), "{check} is not in the index");
    }
}

//! Every code of the diagnosis: a token that causes it, and its page in the documentation.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::{TimeSpan, Timestamp};
use signet::domain::claims::TokenType;
use signet::domain::token_diagnosis::{Check, TokenCode};
use signet::store::housekeeping;

use crate::support::on_both;
use crate::support::relying_party::{FORM, form};
use crate::support::server::{PASSWORD, Tokens};

use super::{API, Bench, at, check, clients, header_of, is_good, kid_of, with, with_part};

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
        api_key(&mut bench, &ada).await;
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

/// A token for an API key that was revoked afterwards.
async fn api_key(bench: &mut Bench, ada: &Tokens) {
    const KEY_API: &str = "https://keys.example.com";
    let api = json!({"identifier": KEY_API, "scopes": ["read"], "key_scopes": ["read"]});
    bench.admin(Method::POST, "/v1/admin/apis", api).await.is(201);
    let key = json!({"name": "Cron", "audience": KEY_API, "scopes": ["read"], "expires_in": 3600});
    let made = bench.server.call_as(Method::POST, "/v1/api-keys", &ada.access, key).await;
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", &*made.is(201).string("key")),
        ("subject_token_type", "urn:signet:token-type:api-key"),
    ];
    let request = bench.server.request(Method::POST, "/oauth2/token").header("content-type", FORM);
    let answer = bench.server.send(request.body(form(fields))).await;
    let token = answer.is(200).string("access_token");
    is_good(&bench.ask(&token, json!({})).await);
    let path = format!("/v1/api-keys/{}", made.string("id"));
    bench.server.call_as(Method::DELETE, &path, &ada.access, Value::Null).await.is(204);
    Bench::is(&bench.ask(&token, json!({})).await, TokenCode::ApiKeyEnded);
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
    for large in [format!("{token}{}", "A".repeat(16_384)), "a.".repeat(20_000)] {
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
    // The signature is not valid, so neither user nor session is looked up; the claims are still reported.
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

/// The claims, signed by the current key.
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

/// Secrets that are only recognised, and refresh tokens.
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
    assert!(note.contains("active then") && note.contains(&ended.rfc3339()), "{note}");
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
    // The effect of housekeeping in half a year.
    let before = made + TimeSpan::from_days(181);
    let mut tx = bench.server.app.db.begin().await.unwrap();
    assert!(!housekeeping::sessions(&mut tx, before, 100).await.unwrap().is_empty());
    tx.commit().await.unwrap();
    // The administrator's session has expired as well.
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
    let body = json!({"current_password": PASSWORD, "new_password": "another fine password"});
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

    // Of two events in one millisecond the order is unknown.
    bench.server.advance(TimeSpan::from_secs(1));
    let all =
        bench.server.call_as(Method::DELETE, "/v1/sessions?scope=all", &here.access, Value::Null);
    all.await.is(204);
    let report = bench.ask(&here.access, json!({})).await;
    Bench::is(&report, TokenCode::UserChanged);
    assert!(report["message"].as_str().unwrap().contains("sessions were ended"), "{report}");

    let tokens = Tokens::of(&bench.server.try_login("ada", "another fine password").await);
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

/// Keys that do not sign yet and keys that are removed.
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
    // The private half is kept, so that the signature can still be verified.
    assert_eq!(check(&report, "signature")["ok"], true, "{report:#}");
    let altered = with_part(&ada.access, 1, &with(&ada.claims(), "scope", json!("x")));
    let report = bench.ask(&altered, json!({})).await;
    assert_eq!(check(&report, "signature")["code"], "bad_signature", "{report:#}");
    is_good(&bench.ask(&ada.access, at(gone - TimeSpan::from_secs(1))).await);
}

/// The list of codes, the pages, the index and the description of the API agree.
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
    let document = signet::http::openapi::document("https://login.example.org");
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

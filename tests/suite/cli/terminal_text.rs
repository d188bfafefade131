//! Foreign text on a terminal: it can neither control the terminal nor hide.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Place;

/// C0, C1, direction controls, zero-width characters and tags.
const STEERING: &str = "\u{1b}[2J\u{7}\u{9b}31m\u{85}\u{202e}\u{2066}\u{61c}\u{200b}\u{200d}\u{feff}\
                        \u{2060}\u{ad}\u{2028}\u{e0041}\u{fff9}";

#[track_caller]
fn is_harmless(text: &str) {
    for c in text.chars() {
        let steers = c.is_control() && c != '\n';
        assert!(!steers && !STEERING.contains(c) || "[2J31m".contains(c), "{c:?} in {text:?}");
    }
}

#[test]
fn contents_of_a_token_cannot_steer_the_terminal() {
    let place = Place::empty();
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"alg": "none", "kid": STEERING});
    let claims =
        json!({"sub": format!("ada{STEERING}"), STEERING: [STEERING], "exp": 1_900_000_000});
    let token = format!("{}.{}.", part(header.clone()), part(claims.clone()));
    for format in ["table", "json", "ndjson"] {
        let ran = place.run(&["token", "inspect", &token, "-o", format]).ok();
        is_harmless(&ran.out);
        is_harmless(&ran.err);
        // The values are the same: JSON has its own escapes.
        let shown: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((&shown["header"], &shown["claims"]), (&header, &claims));
    }
    let unknown = part(json!({"alg": "ES256", "typ": "at+jwt", "kid": STEERING}));
    let served = Place::served();
    for token in [format!("{unknown}.{}.AAAA", part(claims)), STEERING.to_owned()] {
        for command in ["verify", "why"] {
            let ran = served.run(&["token", command, &token, "--audience", STEERING]);
            assert_ne!(ran.code, Some(0));
            is_harmless(&ran.out);
            is_harmless(&ran.err);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_names_of_an_older_version_cannot_steer_the_terminal() {
    let place = Place::served();
    place.administrator("ada");
    let web = ["--name", "Shop", "--type", "web", "--redirect-uri", "https://app.example.com/cb"];
    place.run(&[&["client", "create", "--client-id", "shop"][..], &web[..]].concat()).ok();
    let name = "Shop\u{202e}\u{200b}\u{9b}".to_owned();
    let url = format!("sqlite://{}", place.database().display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    sqlx::query("UPDATE users SET name = $1").bind(&name).execute(&pool).await.unwrap();
    let settings = "UPDATE clients SET settings = REPLACE(settings, '\"Shop\"', $1)";
    sqlx::query(settings).bind(json!(name).to_string()).execute(&pool).await.unwrap();
    pool.close().await;
    for command in [
        &["user", "list"][..],
        &["user", "show", "ada"],
        &["user", "update", "ada", "--group", "emea"],
        &["client", "list"],
        &["client", "show", "shop"],
        &["client", "update", "shop", "--skip-consent", "true"],
        &["client", "delete", "shop", "--yes"],
    ] {
        for format in ["table", "json", "ndjson"] {
            let ran = place.run(&[command, &["-o", format]].concat());
            is_harmless(&ran.out);
            is_harmless(&ran.err);
            if format != "table"
                && ran.code == Some(0)
                && !ran.out.is_empty()
                && command[1] != "delete"
            {
                let shown: Value = serde_json::from_str(&ran.out).unwrap();
                let first = shown.get(0).unwrap_or(&shown);
                assert_eq!(first["name"], name, "{command:?}");
            }
        }
    }
}

#[test]
fn arguments_cannot_steer_the_terminal_through_an_error() {
    let place = Place::served();
    for command in [
        vec!["user", "show", STEERING],
        vec!["user", "list", "--limit", STEERING],
        vec!["client", "show", STEERING],
        vec!["api", "delete", STEERING, "--yes"],
        vec!["api", "create", STEERING],
        vec!["session", "revoke", STEERING],
        vec![STEERING],
        vec!["user", "create", STEERING, "--no-password"],
        vec!["health", "--url", STEERING],
        vec!["token", "inspect", STEERING],
    ] {
        let ran = place.run(&command);
        assert_ne!(ran.code, Some(0), "{command:?}");
        assert!(!ran.err.is_empty(), "{command:?}");
        is_harmless(&ran.err);
        is_harmless(&ran.out);
    }
}

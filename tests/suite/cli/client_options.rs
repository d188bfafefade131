//! `signet client update`: the effect of each option, and keys from files and pipes.

use serde_json::{Value, json};
use signet::crypto::jwt::SigningKey;
use signet::domain::signing_key::SigningAlg;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

use super::{Place, text};

use super::client::{API, public_key, shop};

#[test]
fn each_option_replaces_what_it_says() {
    let place = Place::served();
    place.run(&["api", "create", API]).ok();
    place.run(&shop(&[])).ok();
    let update =
        |args: &[&str]| place.run(&[&["client", "update", "shop"], args].concat()).ok().one();
    let all = update(&[
        "--name",
        "Other",
        "--auth-method",
        "client_secret_post",
        "--redirect-uri",
        "https://a.example/1",
        "--redirect-uri",
        "https://a.example/2",
        "--post-logout-redirect-uri",
        "https://a.example/",
        "--backchannel-logout-uri",
        "https://a.example/back",
        "--web-origin",
        "https://b.example",
        "--grant",
        "authorization_code",
        "--grant",
        "device_code",
        "--grant",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "--scope",
        "read",
        "--audience",
        API,
        "--serves",
        API,
        "--access-token-ttl",
        "5m",
        "--refresh-idle-ttl",
        "7d",
        "--refresh-max-ttl",
        "30d",
        "--id-token-alg",
        "ES256",
        "--skip-consent",
        "true",
        "--pkce",
        "optional",
        "--assertion-audience",
        "endpoint",
        "--id-token-claims",
        "scopes",
        "--min-acr",
        "mfa",
        "--client-uri",
        "https://a.example/home",
        "--first-party",
    ]);
    for (member, value) in [
        ("name", json!("Other")),
        ("token_endpoint_auth_method", json!("client_secret_post")),
        ("redirect_uris", json!(["https://a.example/1", "https://a.example/2"])),
        ("post_logout_redirect_uris", json!(["https://a.example/"])),
        ("backchannel_logout_uri", json!("https://a.example/back")),
        ("web_origins", json!(["https://b.example"])),
        (
            "grant_types",
            json!([
                "authorization_code",
                "urn:ietf:params:oauth:grant-type:device_code",
                "urn:ietf:params:oauth:grant-type:token-exchange"
            ]),
        ),
        ("scopes", json!(["read"])),
        ("audiences", json!([API])),
        ("serves", json!([API])),
        ("access_token_ttl", json!(300)),
        ("refresh_idle_ttl", json!(604_800)),
        ("refresh_max_ttl", json!(2_592_000)),
        ("id_token_signed_response_alg", json!("ES256")),
        ("skip_consent", json!(true)),
        ("token_endpoint_auth_method_pinned", json!(true)),
        ("pkce", json!("optional")),
        ("assertion_audience", json!("endpoint")),
        ("id_token_claims", json!("scopes")),
        ("min_acr", json!("urn:signet:acr:mfa")),
        ("client_uri", json!("https://a.example/home")),
        ("first_party", json!(true)),
    ] {
        assert_eq!(all[member], value, "{member}");
    }
    let some = update(&["--scope", "write"]);
    assert_eq!((&some["scopes"], &some["name"]), (&json!(["write"]), &json!("Other")));
    let less = update(&[
        "--no-post-logout-redirect-uris",
        "--no-backchannel-logout-uri",
        "--no-web-origins",
        "--all-scopes",
        "--no-audiences",
        "--no-serves",
        "--access-token-ttl",
        "default",
        "--refresh-idle-ttl",
        "default",
        "--refresh-max-ttl",
        "default",
        "--skip-consent",
        "false",
        "--first-party",
        "false",
        "--no-client-uri",
        "--min-acr",
        "single",
        "--auth-method",
        "default",
    ]);
    assert_eq!(less["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(less["token_endpoint_auth_method_pinned"], false);
    assert_eq!(less["first_party"], false);
    for member in ["post_logout_redirect_uris", "web_origins", "audiences", "serves"] {
        assert_eq!(less[member], json!([]), "{member}");
    }
    for member in [
        "backchannel_logout_uri",
        "client_uri",
        "min_acr",
        "scopes",
        "access_token_ttl",
        "refresh_idle_ttl",
        "refresh_max_ttl",
    ] {
        assert_eq!(less[member], Value::Null, "{member}");
    }
    assert_eq!(less["skip_consent"], false);
    assert_eq!(update(&["--no-scopes"])["scopes"], json!([]));
    let service =
        update(&["--type", "service", "--grant", "client_credentials", "--no-redirect-uris"]);
    assert_eq!((text(&service, "type"), &service["redirect_uris"]), ("service", &json!([])));

    let refuse = |args: &[&str], words: &[&str]| {
        place.run(&[&["client", "update", "shop"], args].concat()).refused(2, words);
    };
    refuse(&["--audience", "urn:nobody"], &["audiences: ", "signet api create"]);
    refuse(&["--scope", "signet:admin"], &["scopes: "]);
    refuse(&["--redirect-uri", "https://a.example/"], &["redirect_uris: "]);
    refuse(&["--access-token-ttl", "10s"], &["access_token_ttl: ", "RETRY_WINDOW"]);
    refuse(&["--type", "spa"], &["token_endpoint_auth_method: "]);
    refuse(&["--name", ""], &["name: "]);
    refuse(&["--pkce", "plain"], &["--pkce", "optional"]);
    refuse(&["--assertion-audience", "any"], &["--assertion-audience", "endpoint"]);
    refuse(&["--id-token-claims", "all"], &["--id-token-claims", "scopes"]);
    refuse(&["--client-uri", "http://a.example/"], &["client_uri: "]);
    refuse(&["--client-uri", "https://a.example/", "--no-client-uri"], &["--no-client-uri"]);
    refuse(&["--first-party"], &["first_party: "]);
}

#[test]
fn public_keys_come_from_files_and_pipes() {
    let place = Place::served();
    let key = public_key();
    let write = |name: &str, value: &Value| {
        std::fs::write(place.dir.path().join(name), value.to_string()).unwrap();
    };
    write("one.json", &key);
    write("set.json", &json!({"keys": [key]}));
    let mut private = key.clone();
    private["d"] = json!("870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE");
    write("private.json", &private);
    let job = |file: &'static str| {
        ["client", "create", "--name", "Job", "--type", "service", "--auth-method"]
            .into_iter()
            .chain(["private_key_jwt", "--jwks-file", file])
            .collect::<Vec<_>>()
    };
    for file in ["one.json", "set.json"] {
        let made = place.run(&job(file)).ok();
        let mut kept = key.clone();
        kept["alg"] = json!("ES256");
        assert_eq!(made.one()["jwks"], json!({"keys": [kept]}), "{file}");
        assert!(made.one().get("client_secret").is_none());
    }
    let piped = place.run_with(&job("-"), json!([key]).to_string().as_bytes()).ok().one();
    let refused = place.run(&job("private.json")).refused(2, &["jwks: ", "private key"]);
    assert!(!refused.err.contains("870MB6"), "{}", refused.err);
    place.run(&job("-")).refused(2, &["standard input does not contain JSON"]);

    let id = text(&piped, "client_id");
    let back = ["client", "update", id, "--auth-method", "client_secret_basic"];
    let back = place.run(&back).ok();
    assert!(back.err.contains("cannot be shown again"), "{}", back.err);
    assert_eq!(back.one()["jwks"], Value::Null);
    assert!(text(&back.one(), "client_secret").starts_with("scs_"));
    let away = ["client", "update", id, "--auth-method", "private_key_jwt"];
    place.run(&away).refused(2, &["jwks: "]);
    place.run(&[&away[..], &["--jwks-file", "set.json"]].concat()).ok();
    place.run(&["client", "rotate-secret", id]).refused(5, &["without a secret"]);
}

/// RSA keys that an older version stored verify two algorithms until they are registered again.
#[test]
fn stored_keys_of_two_algorithms_are_named() {
    let place = Place::served();
    let rsa = SigningKey::generate(SigningAlg::Ps256).unwrap().key.public;
    let keys: Vec<Value> = ["a", "b", "c"]
        .into_iter()
        .map(|kid| {
            let mut key = json!(rsa);
            (key["kid"], key["alg"]) = (json!(kid), json!("PS256"));
            key
        })
        .chain([public_key()])
        .collect();
    let file = place.dir.path().join("keys.json");
    std::fs::write(&file, json!({ "keys": keys }).to_string()).unwrap();
    let create = ["client", "create", "--client-id", "job", "--name", "Job", "--type", "service"];
    let keys = ["--auth-method", "private_key_jwt", "--jwks-file", "keys.json"];
    place.run(&[&create[..], &keys].concat()).ok();
    let show = |more: &[&str]| place.run(&[&["client", "show", "job"], more].concat()).ok().err;
    assert_eq!(show(&[]), "");

    let options = SqliteConnectOptions::new().filename(place.database());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let (settings,): (String,) =
            sqlx::query_as("SELECT settings FROM clients").fetch_one(&pool).await.unwrap();
        let mut settings: Value = serde_json::from_str(&settings).unwrap();
        for index in [0, 2, 3] {
            settings["jwks"][index].as_object_mut().unwrap().remove("alg");
        }
        settings["jwks"][2].as_object_mut().unwrap().remove("kid");
        sqlx::query("UPDATE clients SET settings = $1")
            .bind(settings.to_string())
            .execute(&pool)
            .await
            .unwrap();
        pool.close().await;
    });
    for more in [&[][..], &["-o", "table"], &["-o", "json"]] {
        let said = show(more);
        assert!(said.contains(r#""a", number 3 (no kid):"#), "{said}");
        assert!(said.contains("signet client update job --jwks-file"), "{said}");
        // The others verify one algorithm each, named or not.
        assert!(!said.contains(r#""b""#) && !said.contains(r#""1""#), "{said}");
    }
    place.run(&["client", "update", "job", "--jwks-file", "keys.json"]).ok();
    assert_eq!(show(&[]), "");
}

/// All scopes and no scopes are shown differently, and neither as a dash.
#[test]
fn a_client_view_distinguishes_all_from_none() {
    let place = Place::served();
    place.run(&shop(&[])).ok();
    let line = |sheet: &str, name: &str| {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let all = sheet.lines().map(words).collect::<Vec<_>>();
        all.into_iter().find(|line| line.starts_with(&format!("{name} "))).unwrap()
    };
    let show = || place.run(&["client", "show", "shop", "-o", "table"]).ok().out;
    let before = show();
    assert_eq!(line(&before, "scopes"), "scopes (all that its APIs offer)");
    assert_eq!(line(&before, "audiences"), "audiences (none)");
    assert_eq!(line(&before, "refresh_max_ttl"), "refresh_max_ttl (the server's)");
    assert!(!before.lines().any(|line| line.trim_end().ends_with(" -")), "{before}");
    place.run(&["client", "update", "shop", "--scope", "openid"]).ok();
    assert_eq!(line(&show(), "scopes"), "scopes openid");
}

#[tokio::test(flavor = "multi_thread")]
async fn why_says_what_was_wrong_with_requests_and_what_to_type() {
    let place = Place::empty();
    let server = place.serve();
    place.run(&shop(&[])).ok();
    let quiet = place.run(&["client", "why", "shop", "-o", "table"]).ok();
    assert!(quiet.out.contains("No request was refused"), "{}", quiet.out);
    assert!(quiet.out.contains("scopes: (all that its APIs offer)"), "{}", quiet.out);
    place.run(&["client", "why", "nobody"]).refused(3, &["\"nobody\""]);
    let elsewhere = "redirect_uri=https%3A%2F%2Felsewhere.example%2F";
    let url = format!("{}/oauth2/authorize?client_id=shop&{elsewhere}", server.base);
    let client = reqwest::Client::new();
    crate::support::process::until("the server has written it down", async || {
        client.get(&url).send().await.unwrap();
        place.run(&["client", "why", "shop"]).code == Some(7)
    })
    .await;
    let people = place.run(&["client", "why", "shop", "-o", "table"]).code(7).out;
    assert!(people.contains("signet client update shop --redirect-uri"), "{people}");
    assert!(people.contains("/oauth2/authorize: ") && people.contains(", first "), "{people}");
    assert!(!people.contains(" 1 times"), "{people}");
    let report = place.run(&["client", "why", "shop"]).code(7).one();
    assert_eq!(report["findings"][0]["code"], "redirect_uri_not_registered");
    // The suggested command, unchanged, resolves the finding.
    let command = report["findings"][0]["fix"].as_str().unwrap();
    let signet = env!("CARGO_BIN_EXE_signet");
    let command = command.replacen("signet", signet, 1);
    let mut shell = place.command_of("/bin/sh", &["-c", &command]);
    assert!(shell.output().unwrap().status.success(), "{command}");
    let repaired = place.run(&["client", "why", "shop", "-o", "table"]).ok().out;
    assert!(repaired.contains("since the client was changed"), "{repaired}");
    assert!(repaired.contains("Seen before the last change"), "{repaired}");
    place.run(&["client", "disable", "shop"]).ok();
    let disabled = place.run(&["client", "why", "shop", "-o", "table"]).code(7).out;
    assert!(disabled.contains("signet client enable shop"), "{disabled}");
}

//! `signet config`, `signet version` and `signet completions`.

use serde_json::{Value, json};

use super::{Place, text};
use crate::support::process::{Launch, until};
use crate::support::{postgres, require};

#[test]
fn all_errors_in_the_settings_are_reported_at_once() {
    let place = Place::empty().with("SIGNET_ISSUE", "http://localhost:1").with("SIGNET_LOG", "%%");
    let commands: &[&[&str]] = &[&["user", "list"], &["config", "check"], &["config", "show"]];
    for args in commands {
        let ran = place
            .run(args)
            .refused(78, &["SIGNET_ISSUE:", "SIGNET_ISSUER", "SIGNET_LOG:", "environment"]);
        assert_eq!(ran.err.matches("error: ").count(), 2, "{}", ran.err);
    }
    // Commands that need no settings work with invalid ones.
    place.run(&["version"]).ok();
    place.run(&["config", "example"]).ok();
}

/// The settings in the notes of the output.
fn notes(said: &str) -> Vec<&str> {
    let notes = said.lines().filter(|line| line.contains("is read differently since"));
    notes.map(|line| line.strip_prefix("note: ").unwrap().split(' ').next().unwrap()).collect()
}

#[test]
fn the_generated_example_equals_the_documented_one() {
    let mut place = Place::empty();
    place.settings.retain(|(name, _)| *name != "SIGNET_ISSUER");
    let example = place.run(&["config", "example"]).ok();
    assert_eq!(example.out, include_str!("../../../.env.example"));
    std::fs::write(place.dir.path().join(".env"), "SIGNET_ISSUER=http://127.0.0.1:1\n").unwrap();
    let shown = place.run(&["config", "show"]).ok().rows();
    let issuer = shown.iter().find(|row| text(row, "name") == "SIGNET_ISSUER").unwrap();
    let expected =
        json!({ "name": "SIGNET_ISSUER", "value": "http://127.0.0.1:1", "origin": ".env" });
    assert_eq!(*issuer, expected);
    let good = place.run(&["config", "check"]).ok();
    let said = "Mail is off: SIGNET_SMTP_URL and SIGNET_MAIL_FROM are not set.\n\
                Administrators create the accounts.\n\
                Second factors are optional for users.\nThe settings are good.\n";
    assert_eq!((good.out.as_str(), good.err.as_str()), ("", said));

    let idle = Place::empty()
        .with("SIGNET_REGISTRATION_DOMAINS", "example.com")
        .with("SIGNET_SECOND_FACTOR_FROM", "2030-01-31T00:00:00Z");
    let said = idle.run(&["config", "check"]).ok().err;
    for part in [
        "SIGNET_REGISTRATION_DOMAINS has no effect with SIGNET_REGISTRATION=closed",
        "SIGNET_SECOND_FACTOR_FROM has no effect with SIGNET_SECOND_FACTOR=optional",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let open = idle.with("SIGNET_REGISTRATION", "open").run(&["config", "check"]).ok().err;
    assert!(open.contains("Anyone can sign up with an address of example.com"), "{open}");

    let strict = Place::empty()
        .with("SIGNET_SECOND_FACTOR", "admins")
        .with("SIGNET_SECOND_FACTOR_FROM", "2030-01-31T00:00:00Z");
    let said = strict.run(&["config", "check"]).ok().err;
    for part in [
        "Administrators need a second factor",
        "until 2030-01-31T00:00:00.000Z",
        "signet session revoke --below mfa",
        "signet user reset-factors",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let day = strict.with("SIGNET_SECOND_FACTOR_FROM", "2030-01-31");
    day.run(&["config", "check"]).refused(78, &["not a point in time"]);

    // Settings that this version reads differently are reported if they are set in that way, and only then.
    for (settings, names) in [
        (vec![("SIGNET_TRUSTED_PROXIES", "10.0.0.0/8")], vec!["SIGNET_TRUSTED_PROXIES"]),
        (
            vec![("SIGNET_TRUSTED_PROXIES", "10.0.0.0/8"), ("SIGNET_PROXY_HEADER", "forwarded")],
            vec![],
        ),
        (vec![("SIGNET_LOG_FORMAT", "json")], vec!["SIGNET_LOG_FORMAT"]),
    ] {
        let with = |place: Place| {
            settings.iter().fold(place, |place, (name, value)| place.with(name, value))
        };
        let checked = with(Place::served()).run(&["config", "check"]).ok();
        assert_eq!(notes(&checked.err), names, "{}", checked.err);
        // A new installation has no earlier version.
        let checked = with(Place::empty()).run(&["config", "check"]).ok();
        assert_eq!(notes(&checked.err), Vec::<&str>::new(), "{}", checked.err);
    }
    let mut default = Place::served().with("SIGNET_LISTEN", "127.0.0.1:9000");
    default.settings.retain(|(name, _)| *name != "SIGNET_ISSUER");
    let checked = default.run(&["config", "check"]).ok();
    assert_eq!(notes(&checked.err), ["SIGNET_ISSUER"], "{}", checked.err);
    assert!(checked.err.contains("http://localhost:9000"), "{}", checked.err);
    // An unreachable database is not a mistake in the settings.
    let unreachable =
        Place::empty().with("SIGNET_DATABASE_URL", "postgres://u:hunter2@127.0.0.1:1/x");
    let checked = unreachable.run(&["config", "check"]).ok();
    assert!(checked.err.contains("were not compared"), "{}", checked.err);
    assert!(!checked.err.contains("hunter2"), "{}", checked.err);

    let secret = Place::empty().with("SIGNET_DATABASE_URL", "postgres://u:hunter2@127.0.0.1:1/x");
    let shown = secret.run(&["config", "show", "-o", "table"]).ok();
    assert!(!shown.out.contains("hunter2"), "{}", shown.out);
    assert!(shown.out.contains("postgres://[secret]"), "{}", shown.out);

    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(place.run(&["version"]).ok().out, format!("signet {version} (unknown commit)\n"));
    assert_eq!(place.run(&["--version"]).ok().out, format!("signet {version} (unknown commit)\n"));
    let json: Value =
        serde_json::from_str(&place.run(&["version", "-o", "json"]).ok().out).unwrap();
    let unknown = json!({ "version": version, "commit": null, "commit_date": null });
    assert_eq!(json, unknown);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = place.run(&["completions", shell]).ok();
        assert!(script.out.contains("set-password"), "{shell}");
        assert_eq!(script.err, "", "{shell}");
    }
}

/// Two servers on one database with different lifetimes: reported once the difference has lasted.
#[tokio::test(flavor = "multi_thread")]
async fn settings_in_which_the_servers_differ_are_named() {
    let Some(url) = postgres::fresh_database().await else {
        return require::missing("postgres", "servers with different settings");
    };
    let launch =
        Launch::new().with("SIGNET_DATABASE_URL", &url).with("SIGNET_MASTER_KEY", &"A".repeat(43));
    let _one = launch.start().await;
    let _two = launch.clone().with("SIGNET_ACCESS_TOKEN_TTL", "5m").start().await;
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    let rows = async || -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM processes").fetch_one(&pool).await.unwrap()
    };
    until("both have said that they run", async || rows().await == 2).await;
    let check = || {
        let output = launch.command().args(["config", "check"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}");
        said
    };
    assert!(!check().contains("different settings"));
    sqlx::query("UPDATE processes SET started_at = started_at - 600000")
        .execute(&pool)
        .await
        .unwrap();
    let said = check();
    for word in ["warning:", "SIGNET_ACCESS_TOKEN_TTL", "10m", "5m", "The settings are good."] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert_eq!(said.matches("different settings").count(), 1, "{said}");
}

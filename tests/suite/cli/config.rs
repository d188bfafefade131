//! `signet config`, `signet version` and `signet completions`.

use serde_json::{Value, json};

use super::{Place, text};

#[test]
fn all_mistakes_in_the_settings_are_told_at_once() {
    let place = Place::empty().with("SIGNET_ISSUE", "http://localhost:1").with("SIGNET_LOG", "%%");
    let commands: &[&[&str]] = &[&["user", "list"], &["config", "check"], &["config", "show"]];
    for args in commands {
        let ran = place
            .run(args)
            .refused(78, &["SIGNET_ISSUE:", "SIGNET_ISSUER", "SIGNET_LOG:", "environment"]);
        assert_eq!(ran.err.matches("error: ").count(), 2, "{}", ran.err);
    }
    // What needs no settings works with bad ones.
    place.run(&["version"]).ok();
    place.run(&["config", "example"]).ok();
}

#[test]
fn what_is_generated_is_what_is_documented() {
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
    assert_eq!((good.out.as_str(), good.err.as_str()), ("", "The settings are good.\n"));

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

//! Usage errors, and help.

use super::{API, Place};

#[test]
fn without_a_database_every_command_says_where_it_looked_and_makes_nothing() {
    let place = Place::empty();
    let database = place.database();
    let commands: &[&[&str]] = &[
        &["user", "list"],
        &["user", "create", "ada", "--no-password"],
        &["user", "create", "ada", "--password-file", "-"],
        &["user", "show", "ada"],
        &["user", "delete", "ada", "--yes"],
        &["api", "list"],
        &["api", "create", API],
        &["api", "set", API, "--no-claims"],
        &["token", "preview", "ada"],
        &["admin", "setup-link"],
        &["session", "list"],
        &["session", "revoke", "--user", "ada"],
        &["key", "list"],
        &["key", "export"],
        &["token", "verify", "a.b.c"],
        &["token", "why", "a.b.c"],
        &["migrate", "status"],
        &["migrate", "up"],
    ];
    for args in commands {
        place.run(args).refused(78, &[database.to_str().unwrap(), "SIGNET_DATA_DIR"]);
        assert!(!place.dir.path().join("data").exists(), "{args:?} made something");
    }
    let elsewhere = place.with("SIGNET_DATA_DIR", "else/where");
    let path = elsewhere.dir.path().join("else/where/signet.db");
    elsewhere.run(&["user", "list"]).refused(78, &[path.to_str().unwrap()]);
}

#[test]
fn invalid_arguments_are_refused_before_any_lookup() {
    let place = Place::empty();
    let commands: &[(&[&str], &str)] = &[
        (&["frobnicate"], "frobnicate"),
        (&["user", "frobnicate"], "frobnicate"),
        (&["user", "create"], "LOGIN"),
        (&["user", "create", "ada", "--role", "ki\ng"], "--role"),
        (
            &["user", "create", "ada", "--no-password", "--role", "admin", "--role", "user"],
            "--role",
        ),
        (&["user", "create", "ada", "--group", ""], "--group"),
        (&["user", "create", "ada", "--no-password", "--role", "admin,,support"], "--role"),
        (&["user", "create", "ada", "--no-password", "--role", "admin,user"], "--role"),
        (&["api", "create", "https://a.example,https://b.example"], "each address"),
        (
            &["client", "update", "x", "--redirect-uri", "https://a/cb,https://b/cb"],
            "--redirect-uri",
        ),
        (
            &["client", "update", "x", "--post-logout-redirect-uri", "https://a/,https://b/"],
            "each address",
        ),
        (&["client", "update", "x", "--web-origin", "https://a,https://b"], "--web-origin"),
        (&["client", "update", "x", "--audience", "urn:a,urn:b"], "--audience"),
        (&["client", "update", "x", "--serves", "urn:a,urn:b"], "--serves"),
        (&["client", "update", "x", "--grant", "refresh_token,implicit"], "--grant"),
        (&["user", "create", "ada", "--claim", "floor=3"], "--claim"),
        (&["user", "create", "ada", "--claim", "floor=integer:x"], "whole number"),
        (&["user", "update", "ada", "--role", "a", "--no-roles"], "--no-roles"),
        (&["user", "create", "ada"], "--password-file"),
        (&["user", "create", "ada", "--password", "x"], "--password"),
        (&["user", "create", "ada", "--no-password", "--password-file", "x"], "--password-file"),
        (&["user", "set-password", "ada"], "--password-file"),
        (&["user", "delete", "ada"], "--yes"),
        (&["user", "update", "ada"], "--name"),
        (&["user", "update", "ada", "--name", "A", "--no-name"], "--no-name"),
        (&["user", "list", "--limit", "0"], "--limit"),
        (&["user", "list", "-o", "yaml"], "ndjson"),
        (&["api", "delete", API], "--yes"),
        (&["api", "create", API, "--signing-alg", "none"], "HS256"),
        (&["api", "create", API, "--token-profile", "at+jwt"], "rfc9068"),
        (&["api", "create", API, "--access-token-ttl", "5"], "unit"),
        (&["api", "create", API, "--access-token-ttl", "25h"], "too long"),
        (&["api", "set", API], "--new-secret"),
        (&["api", "set", API, "--claim", "roles", "--no-claims"], "--no-claims"),
        (&["token", "preview"], "LOGIN"),
        (&["session", "revoke"], "SESSION_ID"),
        (&["session", "revoke", "x", "--user", "ada"], "--user"),
        (&["token", "inspect", "Bearer"], "no token"),
        (&["token", "why", "Bearer"], "no token"),
        (&["token", "why", "a.b.c", "--at", "yesterday"], "seconds since 1970"),
        (&["completions", "tcsh"], "bash"),
        (&["health", "--url", "127.0.0.1:1"], "http://"),
        (&["health"], "--url"),
    ];
    for (args, word) in commands {
        place.run(args).refused(2, &[word]);
    }
    place.run(&["user"]).code(2);
}

#[test]
fn no_colour_reaches_a_pipe_and_every_help_has_an_example() {
    let place = Place::empty();
    let commands: &[&[&str]] = &[
        &["--help"],
        &["user", "create", "--help"],
        &["token", "verify", "--help"],
        &["token", "why", "--help"],
        &["migrate", "up", "--help"],
        &["serve", "--help"],
    ];
    for args in commands {
        let help = place.run(args).ok();
        assert!(!help.out.contains('\u{1b}'), "{args:?}");
        assert!(help.out.contains("Examples:\n  signet "), "{args:?}: {}", help.out);
    }
    assert!(place.run(&["--help"]).out.contains("78 invalid configuration"));
    let wrong = place.run(&["usr"]).refused(2, &["usr", "user"]);
    assert!(!wrong.err.contains('\u{1b}'));
}

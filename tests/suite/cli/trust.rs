//! Trusted issuers, rules for workloads and API keys of users on the command line.

use serde_json::json;

use super::{API, PASSWORD, Place, text};

const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"k1","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

/// An issuer is trusted, listed, shown and removed; a rule requires one, and prevents its removal.
#[test]
fn issuers_are_trusted_and_rules_name_them() {
    let place = Place::served();
    place.run(&["api", "create", API, "--scope", "read"]).ok();
    let create = [
        "client",
        "create",
        "--client-id",
        "deploy",
        "--name",
        "Deploy",
        "--type",
        "service",
        "--audience",
        API,
        "--auth-method",
        "private_key_jwt",
        "--grant",
        "client_credentials",
        "--grant",
        "jwt_bearer",
    ];
    let with = |rule: &'static str| place.run(&[&create[..], &["--workload", rule]].concat());
    with("github").refused(2, &["github: repository_id=123"]);
    with("github: repository_id=1").refused(2, &["workloads", "signet trust add"]);
    let added = place.run(&["trust", "add", "github"]).ok();
    assert_eq!(text(&added.one(), "issuer"), "https://token.actions.githubusercontent.com");
    assert!(added.err.contains("Trusts github"), "{}", added.err);
    place.run(&["trust", "add", "github"]).refused(5, &["signet trust list"]);
    let add = ["trust", "add", "prod", "--preset", "kubernetes", "--issuer", "https://k8s.example"];
    place
        .run_with(&[&add[..], &["--jwks-file", "-", "--max-life", "2h"]].concat(), KEYS.as_bytes())
        .ok();
    place
        .run(&["trust", "add", "Up", "--issuer", "https://x.example"])
        .refused(2, &["small letters"]);
    place.run(&["trust", "add", "ci"]).refused(2, &["issuer: "]);
    place.run(&["trust", "add", "ci", "--issuer", "http://x.example"]).refused(2, &["issuer: "]);
    place
        .run(&["trust", "add", "ci", "--issuer", "https://x.example", "--max-life", "25h"])
        .refused(2, &["too long"]);
    let listed = place.run(&["trust", "list"]).ok().rows();
    let names: Vec<&str> = listed.iter().map(|row| text(row, "name")).collect();
    assert_eq!(names, ["github", "prod"]);
    let shown = place.run(&["trust", "show", "prod"]).ok().one();
    assert_eq!(
        (&shown["max_life"], &shown["jwks"]["keys"][0]["kid"]),
        (&json!(7_200), &json!("k1"))
    );

    with("github: repository=octo/shop").refused(2, &["repository_id"]);
    let made = with("github: ref=refs/heads/main, repository_id=1").ok().one();
    assert_eq!(made["workloads"], json!(["github: ref=refs/heads/main,repository_id=1"]));
    place.run(&["trust", "remove", "github", "--yes"]).refused(5, &["deploy", "--no-workloads"]);
    place.run(&["client", "update", "deploy", "--no-workloads"]).refused(2, &["jwks"]);
    let args = ["client", "update", "deploy", "--no-workloads", "--jwks-file", "-"];
    let changed = place.run_with(&args, KEYS.as_bytes()).ok().one();
    assert_eq!(changed["workloads"], json!([]));
    place.run(&["trust", "remove", "github", "--yes"]).ok();
    place.run(&["trust", "remove", "github", "--yes"]).refused(3, &["github", "signet trust list"]);
    place.run(&["trust", "show", "github"]).refused(3, &["github"]);
}

/// The command line lists and revokes API keys, and cannot create them.
#[test]
fn api_keys_of_users_are_listed_and_revoked() {
    let place = Place::served();
    place.run_with(&["user", "create", "ada", "--password-file", "-"], PASSWORD.as_bytes()).ok();
    let api = place
        .run(&["api", "create", API, "--scope", "read,write", "--key-scope", "read"])
        .ok()
        .one();
    assert_eq!(api["key_scopes"], json!(["read"]));
    let cleared = place.run(&["api", "set", API, "--no-key-scopes"]).ok().one();
    assert_eq!(cleared["key_scopes"], json!([]));
    place.run(&["api", "set", API, "--key-scope", "delete"]).refused(2, &["key_scopes"]);
    assert_eq!(place.run(&["user", "key", "list", "ada"]).ok().out, "");
    place.run(&["user", "key", "list", "nobody"]).refused(3, &["nobody"]);
    let id = "019b1c3e-7c1a-7d3e-9f0e-2f5b8a3c4d5e";
    place.run(&["user", "key", "revoke", "ada", id]).refused(3, &[id]);
    place.run(&["user", "key", "revoke", "ada", "x"]).refused(2, &["UUID"]);
}

//! Roles, administration scopes and administration keys on the command line.

use super::{PASSWORD, Place, text};

/// The command line grants administration scopes without a sign-in, and creates, lists and revokes keys; the secret
/// of a key is printed once.
#[test]
fn service_clients_and_their_keys_are_managed() {
    let place = Place::served();
    let create = ["client", "create", "--client-id", "bot", "--name", "Bot", "--type", "service"];
    let made = place.run(&[&create[..], &["--admin-scope", "signet:users,signet:read"]].concat());
    let made = made.ok().one();
    assert_eq!(made["admin_scopes"], serde_json::json!(["signet:users", "signet:read"]));
    let key = ["client", "key", "create", "bot", "--name", "Nightly", "--scope", "signet:users"];
    let with = |more: &[&'static str]| place.run(&[&key[..], more].concat());
    with(&[]).refused(2, &["--expires"]);
    with(&["--expires", "366d"]).refused(2, &["too long"]);
    with(&["--expires", "90d", "--network", "here"]).refused(2, &["networks", "CIDR"]);
    let made = with(&["--expires", "90d", "--network", "192.0.2.0/24"]).ok().one();
    assert!(text(&made, "key").starts_with("sak_"));
    let listed = place.run(&["client", "key", "list", "bot"]).ok();
    assert!(!listed.out.contains("sak_"));
    assert_eq!(listed.one()["networks"], serde_json::json!(["192.0.2.0/24"]));
    let id = text(&made, "id");
    place.run(&["client", "key", "revoke", "bot", id]).ok();
    // The suggested command exists.
    let advice = "signet client key list CLIENT_ID";
    place.run(&["client", "key", "revoke", "bot", id]).refused(3, &[id, advice]);
    assert_eq!(place.run(&["client", "key", "list", "bot"]).ok().out, "");
    place.run(&["client", "key", "list", "nothing"]).refused(3, &["nothing"]);
    let none = place.run(&["client", "update", "bot", "--no-admin-scopes"]).ok().one();
    assert_eq!(none["admin_scopes"], serde_json::json!([]));
    with(&["--expires", "90d"]).refused(5, &["no administration scopes"]);
    place
        .run(&["client", "update", "bot", "--admin-scope", "signet:nothing"])
        .refused(2, &["signet:clients"]);
}

/// `--role` accepts one of Signet's own roles; other names with the prefix are refused.
#[test]
fn roles_of_signets_own_are_set_by_name() {
    let place = Place::served();
    let create = |login: &str, role: &str| {
        let args = ["user", "create", login, "--role", role, "--password-file", "-"];
        place.run_with(&args, PASSWORD.as_bytes())
    };
    let made = create("vera", "signet:auditor,support").ok().one();
    assert_eq!(text(&made, "role"), "signet:auditor");
    assert_eq!(made["roles"], serde_json::json!(["support"]));
    create("eve", "signet:boss").refused(2, &["signet:"]);
    place
        .run(&["user", "update", "vera", "--role", "signet:auditor", "--role", "admin"])
        .refused(2, &["exclude"]);
    let changed = place.run(&["user", "update", "vera", "--role", "signet:helpdesk"]).ok();
    assert_eq!(text(&changed.one(), "role"), "signet:helpdesk");
}

/// The permission table is printed without a database.
#[test]
fn the_permissions_are_printed() {
    let place = Place::empty();
    let rows = place.run(&["admin", "permissions"]).ok().rows();
    let unlock = rows.iter().find(|row| row["action"] == "users.unlock").unwrap();
    assert_eq!(unlock["roles"], serde_json::json!(["admin", "signet:helpdesk"]));
    assert_eq!(unlock["scopes"], serde_json::json!(["signet:admin", "signet:users"]));
    assert_eq!(unlock["protected_targets"], serde_json::json!(["signet_user"]));
}

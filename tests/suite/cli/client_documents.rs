//! `signet client` for clients that describe themselves.

use super::Place;

const URL: &str = "https://app.example.com/oauth/client.json";

#[test]
fn a_client_that_never_came_is_blocked_listed_shown_and_unblocked() {
    let place = Place::served();
    place.run(&["client", "list", "--documents"]).ok();
    place.run(&["client", "show", URL]).refused(3, &[URL]);
    let blocked = place.run(&["client", "block", URL]).ok();
    assert!(blocked.err.contains(&format!("Blocked client {URL}")), "{}", blocked.err);
    assert_eq!(blocked.one()["blocked"], true);
    let shown = place.run(&["client", "show", URL]).ok().one();
    assert_eq!(shown["client_id"], URL);
    assert!(shown["name"].is_null() && shown["blocked_at"].is_string(), "{shown}");
    let table = place.run(&["client", "show", URL, "-o", "table"]).ok().out;
    assert!(table.contains("blocked_at") && table.contains("(none)"), "{table}");
    let listed = place.run(&["client", "list", "--documents", "-o", "table"]).ok().out;
    assert!(listed.contains(URL) && listed.contains("blocked"), "{listed}");
    let registered = place.run(&["client", "list"]).ok().out;
    assert!(!registered.contains(URL), "{registered}");
    place.run(&["client", "unblock", URL]).ok();
    place.run(&["client", "unblock", URL]).refused(3, &[URL]);
    assert_eq!(place.run(&["client", "list", "--documents"]).ok().out, "");
    for kind in ["client.disabled", "client.enabled"] {
        let events = place.run(&["audit", "list", "--kind", kind]).ok().out;
        assert!(events.contains(URL), "{kind}: {events}");
    }
}

#[test]
fn only_addresses_of_documents_can_be_blocked() {
    let place = Place::served();
    for bad in
        ["shop", "http://app.example.com/x", "https://app.example.com/", "https://a.example/x#y"]
    {
        place.run(&["client", "block", bad]).refused(2, &["client_id"]);
    }
}

#[test]
fn an_api_lets_such_clients_in() {
    let place = Place::served();
    let api = "https://mcp.example.com/mcp";
    let made = place.run(&["api", "create", api, "--documents", "on"]).ok().one();
    assert_eq!(made["documents"], true);
    let set = place.run(&["api", "set", api, "--documents", "off"]).ok().one();
    assert_eq!(set["documents"], false);
    place.run(&["api", "set", api, "--documents", "yes"]).refused(2, &["on", "off"]);
}

/// The commands of `docs/mcp.md`, unchanged.
#[test]
fn the_documented_commands_run() {
    let place = Place::served().with("SIGNET_CLIENT_DOCUMENTS", "any");
    let documentation = include_str!("../../../docs/mcp.md");
    let lines = documentation.lines().map(str::trim).filter(|line| line.starts_with("signet "));
    let inline = documentation.split('`').filter(|code| code.starts_with("signet client create"));
    let mut ran = 0;
    for line in lines.chain(inline) {
        let command = line.replacen("signet", env!("CARGO_BIN_EXE_signet"), 1);
        let done = place.command_of("sh", &["-c", &command]).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        // The document of the example has no copy.
        let expected = if line.contains(" show ") { 3 } else { 0 };
        assert_eq!(done.status.code(), Some(expected), "{line}: {said}");
        ran += 1;
    }
    assert_eq!(ran, 6);
}

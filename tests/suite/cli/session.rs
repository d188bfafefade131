//! `signet session`, beside a running server.

use super::{Place, text};

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_seen_and_ended_beside_the_server() {
    let place = Place::empty();
    let server = place.serve();
    let ada = place.administrator("ada");
    place.administrator("eve");
    let tokens = [server.log_in("ada").await, server.log_in("ada").await];
    server.log_in("eve").await;

    assert_eq!(place.run(&["session", "list"]).ok().rows().len(), 3);
    let listed = place.run(&["session", "list", "--user", "ada"]).ok().rows();
    assert_eq!(listed.len(), 2);
    for session in &listed {
        assert_eq!(session["user_id"], ada["id"]);
        assert_eq!(text(session, "client_id"), "signet");
        assert!(text(session, "last_seen_at").ends_with('Z'), "{session}");
    }
    let table = place.run(&["session", "list", "--user", "ada", "-o", "table"]).ok();
    assert!(
        table.out.lines().skip(1).all(|line| line.contains("  ada   signet  ")),
        "{}",
        table.out
    );

    let first = text(&listed[1], "id");
    let ended = place.run(&["session", "revoke", first]).ok();
    assert_eq!(
        (ended.out.as_str(), ended.err.as_str()),
        ("", &*format!("Ended session {first}\n"))
    );
    place.run(&["session", "revoke", first]).refused(3, &[first]);
    place.run(&["session", "revoke", "x"]).refused(3, &["\"x\""]);
    let mut alive = Vec::new();
    for tokens in &tokens {
        alive.push(server.get("/v1/me", text(tokens, "access_token")).await.0);
    }
    assert_eq!(alive, [401, 200]);

    place.run(&["session", "revoke", "--user", "ada"]).ok();
    assert_eq!(server.get("/v1/me", text(&tokens[1], "access_token")).await.0, 401);
    assert!(place.run(&["session", "list", "--user", "ada"]).ok().rows().is_empty());
    assert_eq!(place.run(&["session", "list"]).ok().rows().len(), 1);
    place.run(&["session", "revoke", "--user", "nobody"]).refused(3, &["nobody"]);
}

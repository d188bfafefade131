//! The commands on a PostgreSQL database.

use crate::support::postgres;

use super::{API, Place, text};

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_on_postgresql_as_well() {
    let Some(url) = postgres::fresh_database().await else {
        return;
    };
    let place = Place::empty().with("SIGNET_DATABASE_URL", &url);
    place.run(&["user", "list"]).refused(78, &["signet serve"]);
    let pending = place.run(&["migrate", "status"]).ok().rows();
    assert!(pending.iter().all(|step| step["applied"] == false) && !pending.is_empty());
    let applied = place.run(&["migrate", "up"]).ok().rows();
    assert!(applied.iter().all(|step| step["applied"] == true));
    // The schema alone is not enough: there are no keys.
    place.run(&["user", "list"]).refused(78, &["never been served"]);

    let server = place.serve();
    place.administrator("ada");
    place.run(&["user", "disable", "ada"]).refused(5, &["last enabled administrator"]);
    place.run(&["admin", "setup-link"]).refused(5, &["closed"]);
    place.run(&["user", "create", "ada", "--no-password"]).refused(5, &["ada"]);
    place.run(&["api", "create", API]).ok();
    let tokens = server.log_in("ada").await;
    let token = text(&tokens, "access_token");
    place.run(&["token", "verify", token]).ok();
    assert_eq!(place.run(&["session", "list"]).ok().rows().len(), 1);
    place.run(&["session", "revoke", "--user", "ada"]).ok();
    place.run(&["token", "verify", token]).refused(7, &["session ended"]);
    place.run(&["key", "export", "--format", "pem"]).ok();
    assert_eq!(place.run(&["user", "list"]).ok().rows().len(), 1);
    drop(server);

    let gone = Place::empty().with("SIGNET_DATABASE_URL", "postgres://u:hunter2@127.0.0.1:1/x");
    let commands: &[&[&str]] = &[&["user", "list"], &["migrate", "status"]];
    for args in commands {
        let ran = gone.run(args).refused(75, &["SIGNET_DATABASE_URL", "127.0.0.1:1"]);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    }
}

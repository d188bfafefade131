//! `signet backup`: a backup beside a running server, what verification refuses, and a restore.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{PASSWORD, Place, text};

/// A backup of the place, which has the mode 0600.
fn create(place: &Place) -> PathBuf {
    let made = place.run(&["backup", "create"]).ok();
    assert!(!made.err.contains(PASSWORD) && !made.out.contains(PASSWORD));
    let path = place.dir.path().join(text(&made.one(), "file"));
    assert_eq!(mode(&path), 0o600);
    path
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

/// The restore ends every session, keeps the previous database and lists what it undoes; users sign in with the
/// passwords of the backup.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_brings_the_users_back_and_ends_their_sessions() {
    let place = Place::served();
    let server = place.serve();
    place.administrator("ada");
    let tokens = server.log_in("ada").await;
    let backup = create(&place);
    let shown = backup.to_str().unwrap();
    let verified = place.run(&["backup", "verify", shown]).ok().one();
    assert_eq!(verified["rows"]["users"], 1);
    place.administrator("eve");
    place.run(&["user", "disable", "ada", "--force"]).ok();

    // Beside a server nothing is replaced.
    place.run(&["backup", "restore", shown, "--yes"]).refused(75, &["while it is served"]);
    drop(server);
    // Without a terminal the command does not ask.
    place.run(&["backup", "restore", shown]).refused(2, &["--yes"]);
    // A backup that others could read becomes a database that they cannot read.
    std::fs::set_permissions(&backup, std::fs::Permissions::from_mode(0o644)).unwrap();
    let restored = place.run(&["backup", "restore", shown, "--yes"]).ok();
    for undone in ["disabled, and can sign in again: ada", "created, and are gone: eve"] {
        assert!(restored.err.contains(undone), "{undone}: {}", restored.err);
    }
    assert_eq!(mode(&place.database()), 0o600);
    let names = std::fs::read_dir(place.database().parent().unwrap()).unwrap();
    let names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let kept = names.iter().filter(|name| name.starts_with("signet.db.before-restore-"));
    assert_eq!(kept.count(), 1, "{names:?}");
    assert!(!names.iter().any(|name| name.starts_with(".signet-")), "{names:?}");

    let server = place.serve();
    assert_eq!(server.get("/v1/me", text(&tokens, "access_token")).await.0, 401);
    let refresh = json!({"refresh_token": text(&tokens, "refresh_token")});
    assert_eq!(server.post("/v1/refresh", refresh).await.0, 401);
    server.log_in("ada").await;
    assert_eq!(
        server.post("/v1/login", json!({"login": "eve", "password": PASSWORD})).await.0,
        401
    );
    let events = place.run(&["audit", "list", "--kind", "backup.restored"]).ok().rows();
    assert_eq!(events.len(), 1);
}

/// A file that is cut, altered or sealed by another master key is refused with exit code 7, and nothing is replaced.
#[test]
fn what_cannot_be_a_backup_is_refused_and_replaces_nothing() {
    let place = Place::served();
    place.administrator("ada");
    let backup = create(&place);
    let bytes = std::fs::read(&backup).unwrap();
    let damaged = |name: &str, bytes: &[u8]| {
        let path = place.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let own_name = backup.file_name().unwrap().to_str().unwrap();
    let mut altered = bytes.clone();
    let middle = altered.len() / 2;
    altered[middle] ^= 0xff;
    let before = std::fs::read(place.database()).unwrap();
    for (path, word) in [
        (damaged(own_name, &bytes[..bytes.len() / 2]), "SHA-256"),
        (damaged(own_name, &altered), "SHA-256"),
        (damaged("short.db", &bytes[..bytes.len() / 2]), "backup"),
        (damaged("text.db", &b"not a database ".repeat(1_000)), "backup"),
    ] {
        for command in [&["backup", "verify", &path][..], &["backup", "restore", &path, "--yes"]] {
            place.run(command).refused(7, &[word]);
        }
    }
    let shown = backup.to_str().unwrap();
    std::fs::write(place.dir.path().join("data/master.key"), "A".repeat(43)).unwrap();
    place.run(&["backup", "verify", shown]).refused(7, &["master key"]);
    assert_eq!(std::fs::read(place.database()).unwrap(), before);
    place.run(&["backup", "verify", "nowhere.db"]).code(66);
}

//! Backups without room: they are refused, leave nothing behind, and the server goes on.

use serde_json::json;

use super::{inhabited, names};
use crate::cli::{Place, Ran};
use crate::faults::disk::Small;
use crate::support::require;

/// Runs a command whose files may not grow beyond so many blocks of 512 bytes.
fn limited(place: &Place, blocks: u64, args: &[&str]) -> Ran {
    let script = format!("ulimit -f {blocks}; trap '' XFSZ; exec \"$0\" \"$@\"");
    let binary = env!("CARGO_BIN_EXE_signet");
    let mut command = place.command_of("/bin/sh", &["-c", &script, binary]);
    let output = command.args(args).output().unwrap();
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_for_it_a_backup_is_not_begun() {
    let small = match Small::mount() {
        Ok(small) => small,
        Err(why) => return require::missing("tmpfs", &format!("mounting is not allowed: {why}")),
    };
    let place = inhabited();
    let server = place.serve();
    let to = small.path().to_str().unwrap();
    // Room for a part of it only.
    std::fs::write(small.filler(), vec![0; 6 * 1024 * 1024]).unwrap();
    place.run(&["backup", "create", "--to", to]).refused(75, &["MiB free", "needs", "--to"]);
    assert_eq!(names(small.path()), ["filler"]);
    server.log_in("ada").await;
    // With room for it, it is made; the log of the database is on another disk.
    std::fs::remove_file(small.filler()).unwrap();
    place.run(&["backup", "create", "--to", to]).ok();
    assert_eq!(names(small.path()).len(), 1);
    // A disk that is full to the last byte.
    small.fill();
    let before = names(small.path());
    place.run(&["backup", "create", "--to", to]).refused(75, &[]);
    assert_eq!(names(small.path()), before);
    server.log_in("ada").await;
}

/// The room ends in the middle: while the copy is made, described, verified or sealed.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_grow_leaves_nothing_behind() {
    let place = inhabited();
    let directory = place.dir.path().join("data/backups");
    let server = place.serve();
    place.run(&["backup", "create"]).ok();
    let made = names(&directory);
    let whole = directory.join(&made[0]).metadata().unwrap().len() / 512;
    for blocks in [8, whole / 2, whole - 8] {
        let ran = limited(&place, blocks, &["backup", "create"]);
        assert!(matches!(ran.code, Some(75 | 78 | 1)), "{ran:?}");
        assert!(ran.err.starts_with("error: ") && ran.out.is_empty(), "{ran:?}");
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
        assert_eq!(names(&directory), made);
        server.log_in("ada").await;
        let (status, _) = server
            .post(
                "/v1/register",
                json!({"login": format!("user{blocks}"), "password": "plaid sofa under rain"}),
            )
            .await;
        assert_eq!(status, 201);
    }
    drop(server);
    // The same for a restore: the database stays.
    let file = directory.join(&made[0]);
    for blocks in [8, whole / 2, whole - 8] {
        let ran = limited(&place, blocks, &["backup", "restore", file.to_str().unwrap(), "--yes"]);
        assert_ne!(ran.code, Some(0), "{ran:?}");
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
        let data = names(&place.dir.path().join("data"));
        let is_left = |name: &String| name.starts_with(".signet-work-") || name.contains("before");
        assert!(!data.iter().any(is_left), "{data:?}");
        let server = place.serve();
        server.log_in("ada").await;
        drop(server);
    }
}

//! Files that others on the machine can read or replace.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use super::{is_refused, run};
use crate::support::process::Launch;
use crate::support::require;

/// Another user than that of this process.
const OTHER: u32 = 65_534;

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

fn set(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// The number of warnings in the log with this text.
fn warnings(log: &str, text: &str) -> usize {
    log.lines().filter(|line| line.contains("WARN") && line.contains(text)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn world_access_to_own_files_is_taken_away_with_one_warning() {
    let launch = Launch::new();
    let mut server = launch.start().await;
    assert_eq!(warnings(&server.log(), "has access to"), 0, "{}", server.log());
    server.kill();
    let data = launch.dir.path().join("data");
    let (key, database) = (data.join("master.key"), launch.database());
    for loose in [0o604, 0o606, 0o607] {
        set(&key, loose);
        set(&database, loose);
        set(&data, 0o707);
        let (code, said) = run(&launch, &["config", "check"]);
        assert_eq!(code, Some(0), "{said}");
        for path in [&key, &database, &data] {
            assert!(said.contains(path.to_str().unwrap()), "{said}");
        }
        assert_eq!(mode(&key), loose, "the check changed something");
        let mut server = launch.start().await;
        assert_eq!(warnings(&server.log(), "had access to"), 1, "{}", server.log());
        assert!(server.log().contains(key.to_str().unwrap()), "{}", server.log());
        assert_eq!((mode(&key), mode(&database), mode(&data)), (0o600, 0o600, 0o700));
        server.kill();
    }
    // Group access is kept, and reported.
    set(&key, 0o640);
    set(&data, 0o750);
    let server = launch.start().await;
    assert_eq!(warnings(&server.log(), "the group has access to"), 1, "{}", server.log());
    assert_eq!((mode(&key), mode(&data)), (0o640, 0o750));
}

/// A directory with other files is not changed; nor is one like /tmp.
#[tokio::test(flavor = "multi_thread")]
async fn a_shared_directory_is_reported_and_not_changed() {
    let launch = Launch::new();
    drop(launch.start().await);
    let data = launch.dir.path().join("data");
    set(&data, 0o1777);
    let mut server = launch.start().await;
    assert_eq!(warnings(&server.log(), "holds other files too"), 1, "{}", server.log());
    assert_eq!(mode(&data), 0o1777);
    server.kill();
    set(&data, 0o755);
    std::fs::write(data.join("of-another-program"), "").unwrap();
    let server = launch.start().await;
    assert_eq!(warnings(&server.log(), "holds other files too"), 1, "{}", server.log());
    assert_eq!(mode(&data), 0o755);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_another_owner_that_everyone_can_read_are_refused() {
    if !rustix::process::geteuid().is_root() {
        return require::missing("root", "files of another owner");
    }
    let launch = Launch::new();
    drop(launch.start().await);
    let data = launch.dir.path().join("data");
    for path in [data.join("master.key"), launch.database()] {
        let before = mode(&path);
        chown(&path, Some(OTHER), None).unwrap();
        set(&path, 0o604);
        let words = [path.to_str().unwrap(), "chmod o-rwx"];
        is_refused(launch.try_start().await, 78, &words);
        assert_eq!(run(&launch, &["config", "check"]).0, Some(78));
        // A key that seals nothing discloses nothing.
        if path.ends_with("master.key") {
            let key = std::fs::read_to_string(&path).unwrap();
            drop(launch.clone().with("SIGNET_MASTER_KEY", key.trim()).start().await);
        }
        chown(&path, Some(0), None).unwrap();
        set(&path, before);
        drop(launch.start().await);
    }
}

/// Kubernetes mounts secrets with mode 0644, for any user of a container.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_that_a_setting_names_are_told_of_and_never_refused() {
    let mut launch = Launch::new();
    let file = launch.dir.path().join("mounted");
    std::fs::write(&file, "A".repeat(43)).unwrap();
    launch = launch.with("SIGNET_MASTER_KEY_FILE", file.to_str().unwrap());
    for (loose, told) in [(0o644, 1), (0o640, 0), (0o604, 1), (0o400, 0)] {
        set(&file, loose);
        let server = launch.start().await;
        let found = warnings(&server.log(), "SIGNET_MASTER_KEY_FILE");
        assert_eq!(found, told, "{loose:o}: {}", server.log());
        assert_eq!(mode(&file), loose);
        let (code, said) = run(&launch, &["config", "check"]);
        assert_eq!((code, said.contains("SIGNET_MASTER_KEY_FILE")), (Some(0), told == 1), "{said}");
    }
}

/// In a directory that every user can write, and that Signet cannot close, every user can replace the master
/// key and the database, whatever their own modes are.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_every_user_can_write_is_refused_where_it_is_not_ours_to_close() {
    let launch = Launch::new();
    drop(launch.start().await);
    let data = launch.dir.path().join("data");
    // With Signet's own files only, it is closed as before.
    set(&data, 0o703);
    drop(launch.start().await);
    assert_eq!(mode(&data), 0o700);
    let foreign = data.join("of-another-program");
    std::fs::write(&foreign, "").unwrap();
    for open in [0o777, 0o702, 0o703] {
        set(&data, open);
        let words = [data.to_str().unwrap(), "can replace", "chmod"];
        is_refused(launch.try_start().await, 78, &words);
        assert_eq!(run(&launch, &["config", "check"]).0, Some(78), "{open:o}");
        assert_eq!(mode(&data), open, "left as it was");
    }
    set(&data, 0o755);
    drop(launch.start().await);
    std::fs::remove_file(&foreign).unwrap();
    set(&data, 0o777);
    drop(launch.start().await);
    assert_eq!(mode(&data), 0o770);
}

/// The same if SIGNET_DATABASE_URL names a file elsewhere; readers of its directory are harmless.
#[tokio::test(flavor = "multi_thread")]
async fn the_directory_of_a_database_elsewhere_is_looked_at() {
    let launch = Launch::new();
    let elsewhere = launch.dir.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let file = elsewhere.join("tokens.db");
    let launch = launch.with("SIGNET_DATABASE_URL", &format!("sqlite://{}", file.display()));
    set(&elsewhere, 0o755);
    let mut server = launch.start().await;
    assert_eq!(warnings(&server.log(), "elsewhere"), 0, "{}", server.log());
    assert_eq!(mode(&elsewhere), 0o755);
    server.kill();
    // Only the database is in it, and the process owns it: closed for writers.
    set(&elsewhere, 0o777);
    drop(launch.start().await);
    assert_eq!(mode(&elsewhere), 0o775);
    std::fs::write(elsewhere.join("of-another-program"), "").unwrap();
    set(&elsewhere, 0o777);
    is_refused(launch.try_start().await, 78, &[elsewhere.to_str().unwrap(), "can replace"]);
    assert_eq!(run(&launch, &["config", "check"]).0, Some(78));
    // As in /tmp, where only owners replace their files.
    set(&elsewhere, 0o1777);
    drop(launch.start().await);
    assert_eq!(mode(&elsewhere), 0o1777);
}

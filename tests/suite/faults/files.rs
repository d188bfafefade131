//! Files are damaged, truncated, mixed up or read-only at the start of the server.
//!
//! It serves intact data, or refuses with one clear message and an exit code. It never starts over by itself,
//! without users and with new keys.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use jsonwebtoken::jwk::JwkSet;
use rustix::process::Signal;
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Executor as _};

use super::disk::Small;
use super::history::{administered, keys, prepare};
use super::syscalls::is_clear;
use crate::support::process::{Caller, Launch};
use crate::support::require;
use crate::support::server::PASSWORD;

/// Users, in the order of their registration.
const USERS: usize = 12;

fn user(number: usize) -> String {
    format!("user{number}")
}

/// The files of a killed server: the earlier state in the database, later commits in the log.
struct Left {
    launch: Launch,
    public: JwkSet,
}

impl Left {
    /// An earlier reader prevents the checkpoint: a log whose end is missing, while the file has it already,
    /// would be an inconsistency that SQLite does not detect.
    async fn behind() -> Self {
        let launch = administered();
        let mut server = launch.start().await;
        let public = keys(&server.caller()).await;
        prepare(&server.caller()).await;
        server.signal(Signal::TERM);
        assert_eq!(server.ended().await, Some(0));
        let options = SqliteConnectOptions::new().filename(launch.database());
        let mut reader: SqliteConnection = options.connect().await.unwrap();
        reader.execute("BEGIN; SELECT count(*) FROM users").await.unwrap();
        let mut server = launch.start().await;
        let caller = server.caller();
        for number in 0..USERS {
            let account = json!({"login": user(number), "password": PASSWORD});
            caller.post("/v1/register", &account).await.is(201);
        }
        server.kill();
        // Before the reader closes: the last connection checkpoints the log.
        let left = launch.copied();
        assert!(size(&wal(&left)) > 0, "nothing is left in the log");
        Self { launch: left, public }
    }

    /// Starts on a copy that `damage` was applied to. Returns whether it served, and its users.
    async fn with(&self, damage: impl FnOnce(&Launch)) -> Option<Vec<u16>> {
        let launch = self.launch.copied();
        damage(&launch);
        let database = (size(&launch.database()), size(&wal(&launch)));
        match launch.try_start().await {
            Err(refused) => {
                is_clear(&refused);
                let data = launch.dir.path().join("data");
                assert!(refused.text.contains(data.to_str().unwrap()), "{}", refused.text);
                // The copy still has the remaining data.
                let after = (size(&launch.database()), size(&wal(&launch)));
                assert_eq!(after, database, "a refused start changed files: {}", refused.text);
                None
            }
            Ok(mut server) => {
                let caller = server.caller();
                assert_eq!(keys(&caller).await, self.public, "other keys");
                let found = users(&caller).await;
                caller.get("/health").await.is(200);
                assert!(server.runs() && !server.log().contains("panicked"), "{}", server.log());
                Some(found)
            }
        }
    }
}

/// The response to each user's log-in.
async fn users(caller: &Caller) -> Vec<u16> {
    let mut found = Vec::new();
    for number in 0..USERS {
        let account = json!({"login": user(number), "password": PASSWORD});
        found.push(caller.post("/v1/login", &account).await.status);
    }
    found
}

/// All users up to some moment exist, and none after it.
#[track_caller]
fn is_a_beginning(found: &[u16], what: &str) {
    let there = found.iter().take_while(|status| **status == 200).count();
    assert!(found[there..].iter().all(|status| *status == 401), "{what}: {found:?}");
}

fn wal(launch: &Launch) -> PathBuf {
    launch.database().with_extension("db-wal")
}

fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |facts| facts.len())
}

fn write(path: &Path, at: u64, bytes: &[u8]) {
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
}

fn flip(path: &Path, at: u64) {
    let mut byte = [0];
    File::open(path).unwrap().read_exact_at(&mut byte, at).unwrap();
    write(path, at, &[byte[0] ^ 0x55]);
}

fn cut(path: &Path, length: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
}

/// This number of evenly spread positions; `SIGNET_TEST_POSITIONS` sets it for each sweep.
fn places(length: u64, few: u64) -> impl Iterator<Item = u64> {
    let count = require::number("SIGNET_TEST_POSITIONS").unwrap_or(few);
    (0..count).map(move |number| number * length / count + number % 29)
}

/// A damaged frame ends the log: everything before it is applied, nothing after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_or_cut_log_is_read_up_to_the_damage() {
    let left = Left::behind().await;
    let length = size(&wal(&left.launch));
    let mut served = 0;
    for at in places(length - 32, 8) {
        let flipped = left.with(|launch| flip(&wal(launch), at)).await;
        let cut = left.with(|launch| cut(&wal(launch), at)).await;
        for found in [flipped, cut].into_iter().flatten() {
            is_a_beginning(&found, &format!("{at} of {length}"));
            served += 1;
        }
    }
    assert!(served > 4, "{served}");
    // The index is created again from the log.
    let found = left
        .with(|launch| std::fs::remove_file(launch.database().with_extension("db-shm")).unwrap())
        .await;
    assert_eq!(found, Some(vec![200; USERS]));
    let torn = left.with(|launch| write(&launch.database().with_extension("db-shm"), 0, &[0; 136]));
    assert_eq!(torn.await, Some(vec![200; USERS]));
}

/// SQLite has no checksums for pages: a damaged byte may make one user unreadable, or stay unnoticed. It
/// never lets another password sign in, and never causes a new database.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_never_recreated() {
    let left = Left::behind().await;
    let mut server = left.launch.start().await;
    server.signal(Signal::TERM);
    assert_eq!(server.ended().await, Some(0));
    let length = size(&left.launch.database());
    let (mut refused, mut served) = (0, 0);
    for at in places(length, 24) {
        match left.with(|launch| flip(&launch.database(), at)).await {
            None => refused += 1,
            Some(found) => {
                // A damaged page is a fault for requests that need it, and for no others.
                let known = [200, 401, 503];
                assert!(found.iter().all(|status| known.contains(status)), "{at}: {found:?}");
                served += 1;
            }
        }
    }
    eprintln!("{served} served, {refused} refused");
    for length in places(length, 6) {
        if let Some(found) = left.with(|launch| cut(&launch.database(), length)).await {
            assert!(found.contains(&200), "cut to {length}: nobody is left: {found:?}");
        }
    }
    let zeroed = left.with(|launch| write(&launch.database(), 0, &[0; 4096])).await;
    assert_eq!(zeroed, None, "a database without a first page was served");
}

/// SQLite would treat an empty file as a new database, and the log beside it as that of another.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_with_anything_beside_it_is_refused() {
    let left = Left::behind().await;
    assert_eq!(left.with(|launch| cut(&launch.database(), 0)).await, None);
    assert_eq!(left.with(|launch| std::fs::remove_file(launch.database()).unwrap()).await, None);
    let folded = |launch: &Launch| {
        cut(&launch.database(), 0);
        for ending in ["db-wal", "db-shm"] {
            std::fs::remove_file(launch.database().with_extension(ending)).unwrap();
        }
    };
    assert_eq!(left.with(folded).await, None);
    // The log may contain another copy of the first page, or none: the result must not depend on it.
    let zeroed = left.with(|launch| write(&launch.database(), 0, &[0; 4096])).await;
    assert_eq!(zeroed, None, "a database without a first page was served");
}

/// The log of another database contains whole pages of it, with valid checksums.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_another_database_brings_no_other_keys() {
    let (left, other) = (Left::behind().await, Left::behind().await);
    let found = left
        .with(|launch| {
            std::fs::copy(wal(&other.launch), wal(launch)).unwrap();
            std::fs::remove_file(launch.database().with_extension("db-shm")).unwrap();
        })
        .await;
    if let Some(found) = found {
        assert!(found.contains(&200), "{found:?}");
    }
}

/// A disk that is read-only when the server starts, and becomes writable again.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_disk_is_refused_at_the_start() {
    let small = match Small::mount() {
        Ok(small) => small,
        Err(why) => return require::missing("tmpfs", &format!("mounting is not allowed: {why}")),
    };
    let remount = |mode: &str| {
        let options = format!("remount,{mode}");
        let done = Command::new("mount").args(["-o", &options]).arg(small.path()).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    let data = small.path().join("data");
    let launch = administered().with("SIGNET_DATA_DIR", data.to_str().unwrap());
    remount("ro");
    let refused = launch.try_start().await.err().expect("it started without a directory");
    is_clear(&refused);
    remount("rw");
    let mut server = launch.start().await;
    let public = keys(&server.caller()).await;
    server.kill();
    remount("ro");
    for _ in 0..2 {
        let refused = launch.try_start().await.err().expect("it started and cannot write");
        is_clear(&refused);
        assert!(refused.text.contains(data.to_str().unwrap()), "{}", refused.text);
        assert_eq!(refused.code, Some(78), "{}", refused.text);
    }
    remount("rw");
    let server = launch.start().await;
    assert_eq!(keys(&server.caller()).await, public);
    prepare(&server.caller()).await;
}

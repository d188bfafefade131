//! The disk is full, or another process holds the lock of the file: writes are refused, reads continue, and
//! afterwards the same process works again.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Method;
use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use crate::support::process::{Caller, Launch, Process, until};
use crate::support::require;
use crate::support::server::{Answer, PASSWORD};

/// Asserts a refusal with `Retry-After`.
#[track_caller]
fn is_unavailable(answer: &Answer) {
    answer.is_problem(503, "unavailable");
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
}

async fn reads_go_on(caller: &Caller, access: &str) {
    for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration", "/health"] {
        caller.get(path).await.is(200);
    }
    caller.get_as("/v1/me", access).await.is(200);
    caller.get_as("/v1/sessions", access).await.is(200);
}

/// Repeats a request until it succeeds; until then every response is a temporary refusal.
async fn works_again(caller: &Caller, path: &str, body: &Value) -> Answer {
    let mut last = None;
    until("writing works again", async || {
        let answer = caller.post(path, body).await;
        assert!([200, 503].contains(&answer.status), "{}", answer.text);
        let works = answer.status == 200;
        last = Some(answer);
        works
    })
    .await;
    last.unwrap()
}

/// Another process writes, or holds an exclusive lock, until every client was refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_locked_by_another_process_is_a_503() {
    let launch = Launch::new().in_service();
    let server = launch.start().await;
    let caller = server.caller();
    let account = json!({"login": "ada", "password": PASSWORD});
    caller.post("/v1/register", &account).await.is(201);
    let tokens = caller.post("/v1/login", &account).await;
    let access = tokens.string("access_token");
    let mut refresh = tokens.string("refresh_token");
    for lock in ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"] {
        let options = SqliteConnectOptions::new().filename(launch.database());
        let mut other: SqliteConnection = options.connect().await.unwrap();
        other.execute(lock).await.unwrap();
        // Twice: the second time the first one's connection must be free again.
        for _ in 0..2 {
            let token = json!({"refresh_token": refresh});
            let newcomer = json!({"login": "newcomer", "password": PASSWORD});
            // The lock is held until all of them were refused.
            let (one, two, three) = tokio::join!(
                caller.post("/v1/refresh", &token),
                caller.post("/v1/login", &account),
                caller.post("/v1/register", &newcomer),
            );
            for answer in [one, two, three] {
                is_unavailable(&answer);
            }
            reads_go_on(&caller, &access).await;
        }
        other.execute("ROLLBACK").await.unwrap();
        other.close().await.unwrap();
        let token = json!({"refresh_token": refresh});
        refresh = works_again(&caller, "/v1/refresh", &token).await.string("refresh_token");
        works_again(&caller, "/v1/login", &account).await;
    }
    caller.post("/v1/login", &json!({"login": "newcomer", "password": PASSWORD})).await.is(401);
}

/// A small file system, unmounted when dropped.
pub struct Small(tempfile::TempDir);

impl Small {
    /// `None` if this process may not mount.
    pub fn mount() -> Result<Self, String> {
        let dir = tempfile::tempdir().unwrap();
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs"])
            .arg(dir.path())
            .output()
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(Self(dir));
        }
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// The file that fills the file system.
    pub fn filler(&self) -> PathBuf {
        self.0.path().join("filler")
    }

    /// Fills all remaining bytes.
    pub fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.filler()).unwrap();
        for size in [64 * 1024, 4096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).output();
    }
}

/// The responses while writing was not possible.
struct Told {
    made: Vec<String>,
    refused: Vec<String>,
    refresh: String,
}

/// Registers and refreshes until the server has refused several times in a row, and checks each response; the
/// acknowledged accounts must exist later.
async fn press(caller: &Caller, refresh: String) -> Told {
    let mut told = Told { made: Vec::new(), refused: Vec::new(), refresh };
    let mut refused_refreshes = 0;
    let mut in_a_row = 0;
    for number in 0..4_000 {
        let login = format!("user{number}");
        let answer = caller.post("/v1/register", &account(&login)).await;
        if answer.status == 201 {
            told.made.push(login);
            in_a_row = 0;
        } else {
            is_unavailable(&answer);
            told.refused.push(login);
            in_a_row += 1;
        }
        let answer = caller.post("/v1/refresh", &json!({"refresh_token": told.refresh})).await;
        if answer.status == 200 {
            told.refresh = answer.string("refresh_token");
        } else {
            is_unavailable(&answer);
            refused_refreshes += 1;
        }
        if in_a_row >= 5 && refused_refreshes >= 2 {
            return told;
        }
    }
    panic!("never full: {} made, {} refused", told.made.len(), told.refused.len());
}

fn account(login: &str) -> Value {
    json!({"login": login, "password": PASSWORD})
}

/// Every acknowledged change is stored, and every refused one is stored as a whole or not at all.
async fn is_kept(caller: &Caller, told: &mut Told) {
    for login in &told.made {
        caller.post("/v1/login", &account(login)).await.is(200);
    }
    for login in &told.refused {
        let there = caller.post("/v1/login", &account(login)).await.status;
        let again = caller.post("/v1/register", &account(login)).await.status;
        assert!(
            matches!((there, again), (200, 409) | (401, 201)),
            "{login} is half there: {there}, {again}"
        );
    }
    let answer = caller.post("/v1/refresh", &json!({"refresh_token": told.refresh})).await;
    told.refresh = answer.is(200).string("refresh_token");
}

/// The complete test, with `squeeze` filling the disk and `relieve` freeing it.
async fn room_runs_out_and_comes_back(
    launch: &Launch,
    squeeze: impl Fn(&Process),
    relieve: impl Fn(&Process),
) {
    let mut server = launch.start().await;
    let caller = server.caller();
    caller.post("/v1/register", &account("ada")).await.is(201);
    let tokens = caller.post("/v1/login", &account("ada")).await;
    let access = tokens.is(200).string("access_token");

    squeeze(&server);
    let mut told = press(&caller, tokens.string("refresh_token")).await;
    reads_go_on(&caller, &access).await;

    relieve(&server);
    works_again(&caller, "/v1/login", &account("ada")).await;
    is_kept(&caller, &mut told).await;
    let patch = json!({"name": "Ada"});
    let answer = caller.try_call(Method::PATCH, "/v1/me", Some(&access), Some(&patch)).await;
    answer.unwrap().is(200);

    server.kill();
    let server = launch.start().await;
    let caller = server.caller();
    told.made.append(&mut told.refused);
    is_kept(&caller, &mut told).await;
    caller.get_as("/v1/me", &access).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_a_503_until_there_is_room() {
    let small = match Small::mount() {
        Ok(small) => small,
        Err(why) => return require::missing("tmpfs", &format!("mounting is not allowed: {why}")),
    };
    let data = small.0.path().join("data");
    let launch = Launch::new().with("SIGNET_DATA_DIR", data.to_str().unwrap());
    let relieve = |_: &Process| std::fs::remove_file(small.filler()).unwrap();
    room_runs_out_and_comes_back(&launch, |_| small.fill(), relieve).await;
}

/// The same without a separate file system: the size of files is limited (`ulimit -f`), which by itself would
/// send a deadly signal.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_may_not_grow_are_a_503_until_they_may() {
    let launch = Launch::new();
    let database = launch.database();
    let limit = |server: &Process, bytes: Option<u64>| {
        let before =
            prlimit(Some(server.pid()), Resource::Fsize, Rlimit { current: bytes, maximum: None });
        before.unwrap();
    };
    let squeeze = |server: &Process| {
        let size = |path: &Path| path.metadata().map_or(0, |facts| facts.len());
        let wal = database.with_extension("db-wal");
        limit(server, Some(size(&database).max(size(&wal)) + 64 * 1024));
    };
    room_runs_out_and_comes_back(&launch, squeeze, |server| limit(server, None)).await;
}

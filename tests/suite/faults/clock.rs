//! The wall clock of the real binary is changed while it runs (libfaketime); the monotonic clock is not.
//!
//! Expiry follows the wall clock, used and refused values stay so when it is set back, and no negative
//! durations occur. In-process tests move an injected clock; here it is the system's.

use std::path::PathBuf;

use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use super::codes;
use super::history::{administered, keys, prepare};
use crate::support::process::{Caller, Launch, until};
use crate::support::server::{Answer, PASSWORD};
use crate::support::{postgres, require};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A launch with a clock that can be set.
struct Clock {
    launch: Launch,
    file: PathBuf,
}

impl Clock {
    fn new() -> Option<Self> {
        let Some(library) = library() else {
            require::missing(
                "libfaketime",
                "no libfaketimeMT.so.1 below /usr/lib or /usr/local/lib",
            );
            return None;
        };
        let launch = administered();
        let file = launch.dir.path().join("clock");
        let launch = launch
            .with("LD_PRELOAD", library.to_str().unwrap())
            .with("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap())
            .with("FAKETIME_NO_CACHE", "1")
            .with("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let clock = Self { launch, file };
        clock.shows(0);
        Some(clock)
    }

    /// Sets its offset in seconds. Atomically, because the server may read the file at any moment.
    fn shows(&self, seconds: i64) {
        let aside = self.file.with_extension("new");
        std::fs::write(&aside, format!("{seconds:+}\n")).unwrap();
        std::fs::rename(aside, &self.file).unwrap();
    }
}

fn library() -> Option<PathBuf> {
    let mut folders = vec![PathBuf::from("/usr/lib"), PathBuf::from("/usr/local/lib")];
    for entry in std::fs::read_dir("/usr/lib").ok()?.flatten() {
        folders.push(entry.path());
    }
    folders
        .iter()
        .map(|folder| folder.join("faketime/libfaketimeMT.so.1"))
        .find(|path| path.exists())
}

/// A user with any number of log-ins.
struct User<'c> {
    caller: &'c Caller,
    login: &'static str,
}

impl<'c> User<'c> {
    async fn register(caller: &'c Caller, login: &'static str) -> Self {
        caller.post("/v1/register", &json!({"login": login, "password": PASSWORD})).await.is(201);
        Self { caller, login }
    }

    async fn log_in(&self) -> (String, String) {
        let body = json!({"login": self.login, "password": PASSWORD});
        pair(&self.caller.post("/v1/login", &body).await)
    }

    async fn code(&self) -> String {
        codes::ask(self.caller, self.login, PASSWORD).await.expect("a code")
    }

    async fn redeem(&self, code: &str) -> u16 {
        codes::redeem(self.caller, code).await.expect("an answer").status
    }

    async fn refresh(&self, token: &str) -> Answer {
        self.caller.post("/v1/refresh", &json!({"refresh_token": token})).await
    }

    async fn me(&self, access: &str) -> u16 {
        self.caller.get_as("/v1/me", access).await.status
    }
}

/// Access and refresh token.
#[track_caller]
fn pair(answer: &Answer) -> (String, String) {
    answer.is(200);
    (answer.string("access_token"), answer.string("refresh_token"))
}

/// The `iat` of a token, in seconds.
fn made_at(token: &str) -> i64 {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
    serde_json::from_slice::<Value>(&bytes).unwrap()["iat"].as_i64().unwrap()
}

/// A server whose clock differs from that of its database logs it in one line.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_differs_from_the_databases_is_one_line_of_the_log() {
    let Some(clock) = Clock::new() else { return };
    let Some(url) = postgres::fresh_database().await else {
        return require::missing("postgres", "a clock that differs from the database's");
    };
    clock.shows(-40);
    let mut server = clock.launch.with("SIGNET_DATABASE_URL", &url).start().await;
    server.caller().get("/ready").await.is(503);
    server.signal(Signal::TERM);
    server.ended().await;
    let log = server.all_of_log();
    let lines: Vec<Value> =
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let told: Vec<&Value> = lines.iter().filter(|line| line["event"] == "clock_offset").collect();
    assert_eq!(told.len(), 1, "{log}");
    assert_eq!(told[0]["level"], "WARN", "{log}");
    let offset = told[0]["milliseconds"].as_i64().unwrap();
    // The library sets whole seconds, and a measurement takes time.
    assert!((38_000..=42_000).contains(&offset), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn expiry_follows_the_wall_clock() {
    let Some(clock) = Clock::new() else { return };
    let mut server = clock.launch.start().await;
    let caller = server.caller();
    let public = keys(&caller).await;
    prepare(&caller).await;
    let ada = User::register(&caller, "ada").await;
    let (access, refresh) = ada.log_in().await;
    let idle = ada.log_in().await.1;
    let began = made_at(&access);

    // A code is valid for a minute, an access token for ten.
    let (soon, late) = (ada.code().await, ada.code().await);
    clock.shows(20);
    assert_eq!(ada.redeem(&soon).await, 200);
    clock.shows(MINUTE + 2);
    assert_eq!(ada.redeem(&late).await, 400);
    clock.shows(9 * MINUTE);
    assert_eq!(ada.me(&access).await, 200);
    clock.shows(10 * MINUTE + 2);
    assert_eq!(ada.me(&access).await, 401);
    clock.shows(HOUR);
    let (access, refresh) = pair(&ada.refresh(&refresh).await);
    assert_eq!(ada.me(&access).await, 200);
    assert!((HOUR..HOUR + 2 * MINUTE).contains(&(made_at(&access) - began)));

    // A session is valid for 30 days from one refresh to the next, and 180 in all.
    clock.shows(29 * DAY);
    let (_, refresh) = pair(&ada.refresh(&refresh).await);
    clock.shows(30 * DAY + HOUR);
    ada.refresh(&idle).await.is_problem(401, "session_expired");
    let (_, mut refresh) = pair(&ada.refresh(&refresh).await);
    for month in 2..=6 {
        clock.shows(month * 29 * DAY);
        refresh = pair(&ada.refresh(&refresh).await).1;
    }
    clock.shows(180 * DAY + HOUR);
    ada.refresh(&refresh).await.is_problem(401, "session_expired");

    // 2039: beyond 32 bits.
    clock.shows(13 * 365 * DAY);
    let (access, refresh) = ada.log_in().await;
    assert!(made_at(&access) > i64::from(i32::MAX));
    assert_eq!(ada.me(&access).await, 200);
    pair(&ada.refresh(&refresh).await);
    let code = ada.code().await;
    assert_eq!(ada.redeem(&code).await, 200);
    assert_eq!(keys(&caller).await, public);
    assert!(server.runs() && !server.log().contains("panicked"), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_goes_back_revives_nothing() {
    let Some(clock) = Clock::new() else { return };
    let mut server = clock.launch.start().await;
    let caller = server.caller();
    let admin = prepare(&caller).await;
    let ada = User::register(&caller, "ada").await;
    let eve = User::register(&caller, "eve").await;

    let (used, over) = (ada.code().await, ada.code().await);
    assert_eq!(ada.redeem(&used).await, 200);
    let revoked = ada.log_in().await;
    caller.post("/v1/logout", &json!({"refresh_token": revoked.1})).await.is(204);
    let oldest = ada.log_in().await.1;
    let older = pair(&ada.refresh(&oldest).await).1;
    let live = pair(&ada.refresh(&older).await).1;
    let forgotten = ada.log_in().await.1;
    let id = caller.get_as("/v1/me", &eve.log_in().await.0).await.is(200).string("id");
    let path = format!("/v1/admin/users/{id}/disable");
    let disabled = caller.try_call(Method::POST, &path, Some(&admin), None).await;
    disabled.expect("an answer").is(200);

    clock.shows(HOUR);
    assert_eq!(ada.redeem(&over).await, 400);
    let (ahead, ahead_refresh) = ada.log_in().await;
    clock.shows(31 * DAY);
    ada.refresh(&forgotten).await.is_problem(401, "session_expired");

    for back in [HOUR, 0, -HOUR, -400 * DAY] {
        clock.shows(back);
        assert_eq!(ada.redeem(&used).await, 400, "{back}: a code that was used");
        assert_eq!(ada.redeem(&over).await, 400, "{back}: a code that was refused as over");
        assert_eq!(ada.me(&revoked.0).await, 401, "{back}: logged out");
        ada.refresh(&revoked.1).await.is(401);
        let eve = json!({"login": "eve", "password": PASSWORD});
        caller.post("/v1/login", &eve).await.is_problem(401, "invalid_credentials");
        // New log-ins succeed, with the current time.
        let (access, refresh) = ada.log_in().await;
        assert!(made_at(&access) < made_at(&ahead) + MINUTE, "{back}");
        assert_eq!(ada.me(&access).await, 200, "{back}");
        pair(&ada.refresh(&refresh).await);
        let code = ada.code().await;
        assert_eq!(ada.redeem(&code).await, 200, "{back}");
    }
    // A session that was idle for too long by a wrong clock was ended by no request; a clock that was wrong
    // for a moment must not log out clients that made a request in that moment.
    clock.shows(0);
    pair(&ada.refresh(&forgotten).await);
    // A session from the future is either valid or not, but never a fault.
    let answer = ada.refresh(&ahead_refresh).await;
    assert!([200, 401].contains(&answer.status), "{}", answer.text);
    ada.refresh(&oldest).await.is_problem(401, "refresh_token_reused");
    ada.refresh(&live).await.is(401);
    assert!(server.runs() && !server.log().contains("panicked"), "{}", server.log());
}

/// A month later new keys are due; a clock that is only set ahead creates none, and none twice when it is
/// right again. Also across a restart.
#[tokio::test(flavor = "multi_thread")]
async fn a_jump_rotates_no_keys() {
    let Some(clock) = Clock::new() else { return };
    let mut server = clock.launch.start().await;
    let caller = server.caller();
    let public = keys(&caller).await;
    let admin = prepare(&caller).await;
    let all = caller.get_as("/v1/admin/keys", &admin).await.is(200).json();
    // Its first reading of the clock, with the right time, is stored.
    let options = SqliteConnectOptions::new().filename(clock.launch.database());
    let mut store: SqliteConnection = options.connect().await.unwrap();
    until("it has looked at the clock", async || {
        let written = sqlx::query_scalar("SELECT count(*) FROM meta WHERE name = 'last_tick'");
        written.fetch_one(&mut store).await.is_ok_and(|count: i64| count == 1)
    })
    .await;
    store.close().await.unwrap();
    let jumps = |log: &str| log.matches("clock_jumped").count();
    assert_eq!(jumps(&server.log()), 0, "{}", server.log());
    clock.shows(120 * DAY);
    until("the jump is noticed", async || jumps(&server.log()) > 0).await;
    assert_eq!(keys(&caller).await, public);
    clock.shows(-HOUR - MINUTE);
    until("the jump back is noticed", async || jumps(&server.log()) > 1).await;
    assert_eq!(keys(&caller).await, public);
    server.kill();
    for start in [120 * DAY, 0] {
        clock.shows(start);
        let mut server = clock.launch.start().await;
        let caller = server.caller();
        if start > 0 {
            until("the start is seen as a jump", async || jumps(&server.log()) > 0).await;
        } else {
            let admin = super::history::administer(&caller, "root").await;
            assert_eq!(caller.get_as("/v1/admin/keys", &admin).await.is(200).json(), all);
        }
        assert_eq!(keys(&caller).await, public);
        assert!(server.runs() && !server.log().contains("panicked"), "{}", server.log());
    }
}

//! Another process locks the database for long while many clients write: all of them are refused while it is
//! locked, and reads never wait.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use super::history::{Account, Dice, administered, bystander, is_sound, keys, prepare};
use crate::support::process::{self, Caller};
use crate::support::require;

/// `SIGNET_TEST_SECONDS` is how long the lock is held.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_lock_starves_no_request_and_leaks_nothing() {
    let held = Duration::from_secs(require::number("SIGNET_TEST_SECONDS").unwrap_or(4));
    let launch = administered().in_service();
    let server = launch.start().await;
    let caller = server.caller();
    let public = keys(&caller).await;
    let admin = prepare(&caller).await;
    let (account, access) = bystander(&caller).await;
    let options = SqliteConnectOptions::new().filename(launch.database());
    let mut other: SqliteConnection = options.connect().await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let until = Instant::now() + held;
    // The lock is held until every writer was refused, and every reader was served.
    let writers = join_all((0..20).map(|client| {
        let (caller, admin) = (caller.clone(), admin.clone());
        async move {
            let mut told = Vec::new();
            for number in 0.. {
                let login = format!("user-{client}-{number}");
                let mut dice = Dice(client);
                let account = Account::work(&caller, &admin, login, &mut dice, 3).await;
                assert!(account.is_cut_off(), "it was written all the same");
                told.push(account);
                if Instant::now() > until {
                    break;
                }
            }
            told
        }
    }));
    let (told, reads) = tokio::join!(writers, read_meanwhile(&caller, &access, until));
    eprintln!("held for {held:?}: {reads} rounds of reading meanwhile");
    other.execute("ROLLBACK").await.unwrap();
    other.close().await.unwrap();
    // On a busy machine refused work may still be written for a while.
    process::until("a log-in succeeds", async || {
        let answer = caller.post("/v1/login", &account).await;
        assert!([200, 503].contains(&answer.status), "{}", answer.text);
        answer.status == 200
    })
    .await;
    for mut account in told.into_iter().flatten() {
        account.check(&caller, &public).await;
    }
    is_sound(&launch).await;
}

/// Reads until then, at least ten times. Returns how often.
async fn read_meanwhile(caller: &Caller, access: &str, until: Instant) -> usize {
    let mut rounds = 0;
    while rounds < 10 || Instant::now() < until {
        for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration", "/health"] {
            caller.get(path).await.is(200);
        }
        caller.get_as("/v1/me", access).await.is(200);
        rounds += 1;
    }
    rounds
}

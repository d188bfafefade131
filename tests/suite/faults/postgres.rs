//! The history under load on PostgreSQL, while its server is disconnected, crashes and freezes, and finally
//! the process itself is killed.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;

use super::history::{Account, Dice, administered, keys, prepare};
use crate::support::postgres::Cluster;
use crate::support::process::{Caller, Process, until};
use crate::support::require;

const CLIENTS: u64 = 6;

/// Works on one account after the other until it is stopped, whatever the responses are.
async fn client(
    caller: Caller,
    admin: String,
    name: String,
    mut dice: Dice,
    stop: watch::Receiver<bool>,
) -> Vec<Account> {
    let mut told = Vec::new();
    for number in 0.. {
        if *stop.borrow() {
            break;
        }
        let login = format!("{name}-{number}");
        told.push(Account::work(&caller, &admin, login, &mut dice, 12).await);
    }
    told
}

/// Waits until the server has sent a number of further responses.
async fn work_goes_on(server: &Process, more: usize) {
    let answered = || server.log().matches("request_id").count();
    let enough = answered() + more;
    until("requests are answered", async || answered() >= enough).await;
}

/// The faults of the database server.
#[derive(Debug, Clone, Copy)]
enum Blow {
    /// Every connection is ended, three times.
    Cut,
    /// It crashes and is started again.
    Crash,
    /// It does not respond for a while; `SIGNET_TEST_SECONDS` is how long.
    Freeze,
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_faults_of_postgresql() {
    let Some(cluster) = Cluster::private().await else {
        return require::missing("postgres", "a history on a database that goes away");
    };
    let url = cluster.fresh_database().await;
    let launch = administered().with("SIGNET_DATABASE_URL", &url).in_service();
    let mut server = launch.start().await;
    let caller = server.caller();
    let public = keys(&caller).await;
    let admin = prepare(&caller).await;
    let frozen_for = Duration::from_secs(require::number("SIGNET_TEST_SECONDS").unwrap_or(4));
    let mut all = Vec::new();
    let (mut cut_off, mut facts) = (0, 0);
    for blow in [Blow::Cut, Blow::Crash, Blow::Freeze] {
        let (stop, stopped) = watch::channel(false);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let name = format!("{blow:?}-{number}").to_lowercase();
                let (caller, admin) = (caller.clone(), admin.clone());
                tokio::spawn(client(caller, admin, name, Dice(number), stopped.clone()))
            })
            .collect();
        // Some work is done, and more in progress, when it happens.
        work_goes_on(&server, 60).await;
        match blow {
            Blow::Cut => {
                for _ in 0..3 {
                    cluster.terminate_all_backends().await;
                    work_goes_on(&server, 20).await;
                }
            }
            Blow::Crash => {
                cluster.stop_immediate().await;
                caller.get("/.well-known/jwks.json").await.is(200);
                cluster.start_again().await;
            }
            Blow::Freeze => {
                let refused = |server: &Process| server.log().matches(r#""status":503"#).count();
                let before = refused(&server);
                let frozen = cluster.freeze().await;
                tokio::time::sleep(frozen_for).await;
                until("the clients are told", async || refused(&server) > before).await;
                caller.get("/.well-known/jwks.json").await.is(200);
                caller.get("/health").await.is(200);
                drop(frozen);
            }
        }
        until("it is ready again", async || caller.get("/ready").await.status == 200).await;
        stop.send(true).unwrap();
        let told: Vec<Vec<Account>> =
            join_all(clients).await.into_iter().map(Result::unwrap).collect();
        let mut told: Vec<Account> = told.into_iter().flatten().collect();
        cut_off += told.iter().filter(|account| account.is_cut_off()).count();
        for account in &mut told {
            facts += account.check(&caller, &public).await;
        }
        all.extend(told);
    }
    server.kill();
    let mut server = launch.start().await;
    let caller = server.caller();
    assert_eq!(keys(&caller).await, public);
    for account in &mut all {
        facts += account.check(&caller, &public).await;
    }
    eprintln!("{} accounts, {cut_off} requests refused or lost, {facts} facts", all.len());
    assert!(cut_off > 0 && facts > 100, "{cut_off} {facts}");
    assert!(server.runs() && !server.log().contains("panicked"), "{}", server.log());
}

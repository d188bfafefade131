//! The process is killed (SIGKILL) at arbitrary moments.

use serde_json::json;

use super::history::{Account, Dice, administer, administered, is_sound, keys, prepare};
use crate::support::process::{Caller, Launch, Process, until};
use crate::support::require::number;
use crate::support::server::PASSWORD;

/// The number of concurrent clients.
const CLIENTS: usize = 6;

/// Registering, logging in, redeeming codes, refreshing, logging out, revoking, disabling and changing
/// passwords, interrupted at random moments. `SIGNET_TEST_ROUNDS` sets how often, `SIGNET_TEST_SEED` repeats a
/// run.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_acknowledged_survives_kill_9() {
    let rounds = number("SIGNET_TEST_ROUNDS").unwrap_or(100);
    let mut dice = Dice::of_this_run();
    let launch = administered();
    let mut server = launch.start().await;
    let public = keys(&server.caller()).await;
    prepare(&server.caller()).await;
    server.kill();
    let mut all: Vec<Account> = Vec::new();
    let mut facts = 0;
    for round in 0..rounds {
        // Without a window a lost response is replaced by a sibling token, with one by the same.
        let window = if dice.roll(2) == 0 { "0s" } else { "5m" };
        let mut server = launch.clone().with("SIGNET_REFRESH_RETRY_WINDOW", window).start().await;
        let caller = server.caller();
        let fresh = all.len().saturating_sub(CLIENTS);
        assert_eq!(keys(&caller).await, public, "the keys are not the ones from before");
        for account in &mut all[fresh..] {
            facts += account.check(&caller, &public).await;
        }
        if round % 10 == 0 {
            is_sound(&launch).await;
        }
        let admin = administer(&caller, "root").await;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (caller, admin) = (caller.clone(), admin.clone());
                let mut dice = Dice(dice.roll(u64::MAX));
                tokio::spawn(
                    async move { client_of(round, client, caller, admin, &mut dice).await },
                )
            })
            .collect();
        // The kill must come at an arbitrary moment: after a number of requests, however slow the machine is.
        let served = |server: &Process| server.log().matches("request_id").count() as u64;
        let moment = served(&server) + 1 + dice.roll(100);
        until("so many requests are served", async || served(&server) >= moment).await;
        server.kill();
        let mut told = Vec::new();
        for client in clients {
            told.extend(client.await.unwrap());
        }
        // Only the last account of each client has an unanswered request; they are sorted to the end.
        told.sort_by_key(|(_, last)| *last);
        all.extend(told.into_iter().map(|(account, _)| account));
    }
    let server = launch.start().await;
    let caller = server.caller();
    // The newest first: only they have unanswered requests.
    for account in all.iter_mut().rev() {
        facts += account.check(&caller, &public).await;
    }
    is_sound(&launch).await;
    assert!(all.len() >= CLIENTS && facts > all.len() * 2, "{facts} facts of {}", all.len());
}

/// Works on one account after the other; true marks the one during which the server was killed.
async fn client_of(
    round: u64,
    client: usize,
    caller: Caller,
    admin: String,
    dice: &mut Dice,
) -> Vec<(Account, bool)> {
    let mut told = Vec::new();
    for number in 0.. {
        let login = format!("user-{round}-{client}-{number}");
        let account = Account::work(&caller, &admin, login, dice, usize::MAX).await;
        let gone = account.is_cut_off();
        told.push((account, gone));
        if gone {
            break;
        }
    }
    told
}

async fn refresh(caller: &Caller, token: &str) -> (u16, String) {
    let answer = caller.post("/v1/refresh", &json!({"refresh_token": token})).await;
    let field = if answer.status == 200 { "refresh_token" } else { "code" };
    (answer.status, answer.string(field))
}

async fn killed_and_started(launch: &Launch, mut server: Process) -> (Process, Caller) {
    server.kill();
    let server = launch.start().await;
    let caller = server.caller();
    (server, caller)
}

/// The use of a stolen token is stored: a kill between any two steps changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn reuse_is_detected_across_kill_9() {
    let launch = administered().with("SIGNET_REFRESH_RETRY_WINDOW", "0s");
    let server = launch.start().await;
    let caller = server.caller();
    let login = json!({"login": "root", "password": PASSWORD});
    let first = async |caller: &Caller| {
        caller.post("/v1/login", &login).await.is(200).string("refresh_token")
    };

    // An older token.
    let oldest = first(&caller).await;
    let (_, older) = refresh(&caller, &oldest).await;
    let (_, live) = refresh(&caller, &older).await;
    let (server, caller) = killed_and_started(&launch, server).await;
    let reused = (401, "refresh_token_reused".to_owned());
    assert_eq!(refresh(&caller, &oldest).await, reused);
    let (server, caller) = killed_and_started(&launch, server).await;
    assert_eq!(refresh(&caller, &live).await, (401, "refresh_token_invalid".to_owned()));

    // A superseded one: its response was lost, and an attacker used it.
    let parent = first(&caller).await;
    let (_, lost) = refresh(&caller, &parent).await;
    let (server, caller) = killed_and_started(&launch, server).await;
    let (status, sibling) = refresh(&caller, &parent).await;
    assert_eq!(status, 200, "{sibling}");
    assert_ne!(sibling, lost);
    let (server, caller) = killed_and_started(&launch, server).await;
    assert_eq!(refresh(&caller, &lost).await, reused);
    let (_server, caller) = killed_and_started(&launch, server).await;
    assert_eq!(refresh(&caller, &sibling).await, (401, "refresh_token_invalid".to_owned()));
    assert_eq!(refresh(&caller, &parent).await.0, 401);

    let admin = administer(&caller, "root").await;
    let audit = caller.get_as("/v1/admin/audit?limit=200", &admin).await.is(200).json();
    let detected = |event: &&serde_json::Value| event["kind"] == "refresh.reuse_detected";
    assert_eq!(audit["data"].as_array().unwrap().iter().filter(detected).count(), 2);
}

/// A restored database is older than the tokens that were issued since: the session ends, with kills between the steps.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_copy_ends_what_was_refreshed_since() {
    let launch = administered();
    let mut server = launch.start().await;
    let caller = server.caller();
    let login = json!({"login": "root", "password": PASSWORD});
    let tokens = caller.post("/v1/login", &login).await.is(200).string("refresh_token");
    let (_, copied) = refresh(&caller, &tokens).await;
    let idle = caller.post("/v1/login", &login).await.is(200).string("refresh_token");
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(server.ended().await, Some(0));
    let copy = launch.dir.path().join("copy.db");
    std::fs::copy(launch.database(), &copy).unwrap();

    let mut server = launch.start().await;
    let (_, since) = refresh(&server.caller(), &copied).await;
    let (_, ahead) = refresh(&server.caller(), &since).await;
    server.kill();
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", launch.database().display()));
    }
    std::fs::copy(&copy, launch.database()).unwrap();

    let server = launch.start().await;
    let refused = (401, "refresh_token_invalid".to_owned());
    assert_eq!(refresh(&server.caller(), &ahead).await, refused);
    let (_server, caller) = killed_and_started(&launch, server).await;
    for token in [&tokens, &copied, &since, &ahead] {
        assert_eq!(refresh(&caller, token).await.0, 401);
    }
    // Sessions that were not refreshed since are unaffected.
    assert_eq!(refresh(&caller, &idle).await.0, 200);
    let admin = administer(&caller, "root").await;
    let audit = caller.get_as("/v1/admin/audit?limit=200", &admin).await.is(200).json();
    let detected = |event: &&serde_json::Value| event["kind"] == "refresh.rollback_detected";
    assert_eq!(audit["data"].as_array().unwrap().iter().filter(detected).count(), 1);
}

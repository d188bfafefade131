//! A process that is killed or stopped while the others continue.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Replicas, register, try_login};
use crate::faults::codes;
use crate::faults::history::{Account, Dice, administer, keys, prepare};
use crate::support::process::{Caller, until};
use crate::support::relying_party::Site as _;
use crate::support::require::number;
use crate::support::server::{PASSWORD, Tokens};

/// The number of concurrent clients.
const CLIENTS: usize = 6;

/// The signals to the clients in a round.
#[derive(Default)]
struct Round {
    /// One of the processes is gone.
    dead: AtomicBool,
    over: AtomicBool,
}

/// Works on one account after the other, until the round is over. An interrupted one is left as it is; none
/// may be interrupted that was begun after the kill.
async fn client_of(
    name: String,
    caller: Caller,
    admin: String,
    mut dice: Dice,
    round: Arc<Round>,
) -> Vec<Account> {
    let mut told = Vec::new();
    for number in 0.. {
        let login = format!("{name}-{number}");
        let dead = round.dead.load(Ordering::SeqCst);
        let account = Account::work(&caller, &admin, login, &mut dice, usize::MAX).await;
        assert!(!dead || !account.is_cut_off(), "a request without an answer after the death");
        told.push(account);
        if round.over.load(Ordering::SeqCst) {
            break;
        }
    }
    told
}

/// Logging in, refreshing, logging out, disabling and changing passwords through the balancer while one
/// process after the other is killed and another one is started. `SIGNET_TEST_ROUNDS` sets how often,
/// `SIGNET_TEST_SEED` repeats a run.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_loses_no_acknowledged_write() {
    let rounds = number("SIGNET_TEST_ROUNDS").unwrap_or(4);
    let mut dice = Dice::of_this_run();
    let Some(mut replicas) = Replicas::start("the death of one of two", 2).await else { return };
    let public = replicas.public();
    prepare(&public).await;
    for index in 0..2 {
        let caller = replicas.at(index);
        until("the application is known", async || codes::is_known(&caller).await).await;
    }
    let keys = keys(&public).await;
    let (mut accounts, mut facts, mut cut) = (0, 0, 0);
    for round in 0..rounds {
        let admin = administer(&public, "root").await;
        let news = Arc::<Round>::default();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let dice = Dice(dice.roll(u64::MAX));
                let name = format!("user-{round}-{client}");
                let (caller, news) = (public.clone(), Arc::clone(&news));
                tokio::spawn(client_of(name, caller, admin.clone(), dice, news))
            })
            .collect();
        // Not a synchronization: the kill must come at an arbitrary moment.
        tokio::time::sleep(Duration::from_millis(50 + dice.roll(150))).await;
        let mut dead = replicas.all.remove(usize::try_from(dice.roll(2)).unwrap());
        dead.kill();
        news.dead.store(true, Ordering::SeqCst);

        let gets_its_share = async |replicas: &Replicas, base: &str| {
            let before = replicas.balancer.answered(base);
            until("it is asked", async || replicas.balancer.answered(base) >= before + 30).await;
        };
        gets_its_share(&replicas, &replicas.all[0].base).await;
        assert!(!replicas.balancer.is_open(&dead.base), "the balancer has not noticed");
        replicas.join().await;
        gets_its_share(&replicas, &replicas.all[1].base).await;
        news.over.store(true, Ordering::SeqCst);
        for client in clients {
            for mut account in client.await.unwrap() {
                cut += usize::from(account.is_cut_off());
                facts += account.check(&public, &keys).await;
                accounts += 1;
            }
        }
    }
    eprintln!("{facts} facts of {accounts} accounts, {cut} of them cut off");
    assert!(accounts >= CLIENTS && facts > accounts, "{facts} facts of {accounts}");
}

/// The requests of a client while a process was stopped.
#[derive(Default)]
struct Seen {
    /// The request ids that got a response.
    answered: BTreeSet<String>,
    /// The number of requests that were closed without a response, and succeeded when repeated.
    turned_away: usize,
}

/// Registers, refreshes and calls `/v1/me` in turn, until it is stopped. Every request must succeed, if
/// necessary when it is repeated, as clients do on a closed connection: a request that was closed has not
/// been processed, or the repeated registration would find the login taken.
async fn insist(caller: Caller, name: String, refresh: String, over: Arc<AtomicBool>) -> Seen {
    let mut seen = Seen::default();
    let (mut refresh, mut access) = (refresh, String::new());
    let (mut step, mut in_vain) = (0, 0);
    for number in 0.. {
        if over.load(Ordering::SeqCst) {
            break;
        }
        let request = match step % 3 {
            0 => {
                let body = json!({"refresh_token": refresh});
                caller.request(Method::POST, "/v1/refresh").json(&body)
            }
            1 => caller.request(Method::GET, "/v1/me").bearer_auth(&access),
            _ => {
                let body = json!({"login": format!("{name}-{step}"), "password": PASSWORD});
                caller.request(Method::POST, "/v1/register").json(&body)
            }
        };
        let id = format!("{name}-{number}");
        let Some(answer) = caller.try_send(request.header("x-request-id", &id)).await else {
            seen.turned_away += 1;
            in_vain += 1;
            assert!(in_vain < 3, "{id}: nobody takes it");
            continue;
        };
        assert_eq!(answer.header("x-request-id"), id);
        match step % 3 {
            0 => Tokens { access, refresh } = Tokens::of(&answer),
            1 => {
                answer.is(200);
            }
            _ => {
                answer.is(201);
            }
        }
        seen.answered.insert(id);
        (step, in_vain) = (step + 1, 0);
    }
    seen
}

/// The request ids in a process's log.
fn served(log: &str) -> Vec<String> {
    let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let requests = events.filter(|event| event["message"] == "request");
    requests.map(|event| event["request_id"].as_str().unwrap().to_owned()).collect()
}

/// First as documented (no new connections, then the signal), then with the signal alone: in the first case
/// no request fails, in the second every request that was begun gets a response.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_asked_to_stop_answers_what_it_has_begun() {
    let Some(mut replicas) = Replicas::start("stopping one of two", 2).await else { return };
    let public = replicas.public();
    // Every other client keeps its connection.
    let keeping = Caller { client: reqwest::Client::new(), ..public.clone() };
    for round in ["drained first", "signal alone", "signal again"] {
        let drained = round == "drained first";
        let over = Arc::new(AtomicBool::new(false));
        let mut clients = Vec::new();
        for number in 0..2 * CLIENTS {
            let name = format!("{round}-{number}").replace(' ', "-");
            register(&public, &name).await;
            let tokens = Tokens::of(&try_login(&public, &name, PASSWORD).await);
            let caller = if number % 2 == 0 || drained { &public } else { &keeping };
            let (caller, over) = (caller.clone(), Arc::clone(&over));
            clients.push(tokio::spawn(insist(caller, name, tokens.refresh, over)));
        }
        let base = replicas.all[0].base.clone();
        until("it is under load", async || replicas.balancer.answered(&base) >= 50).await;
        if drained {
            replicas.balancer.drain(&base);
            until("its connections end", async || replicas.balancer.carries(&base) == 0).await;
        }
        let mut stopping = replicas.all.remove(0);
        stopping.signal(Signal::TERM);
        assert_eq!(stopping.ended().await, Some(0), "{}", stopping.log());
        replicas.join().await;
        let base = replicas.all[1].base.clone();
        until("the new one is asked", async || replicas.balancer.answered(&base) >= 50).await;
        over.store(true, Ordering::SeqCst);

        let (mut answered, mut turned_away) = (BTreeSet::new(), 0);
        for client in clients {
            let seen = client.await.unwrap();
            answered.extend(seen.answered);
            turned_away += seen.turned_away;
        }
        // The response of every logged request has reached its client.
        let prefix = format!("{round}-").replace(' ', "-");
        let served = served(&stopping.all_of_log());
        let begun: Vec<&String> = served.iter().filter(|id| id.starts_with(&prefix)).collect();
        let lost: Vec<_> = begun.iter().filter(|id| !answered.contains(**id)).collect();
        eprintln!(
            "{round}: {} answered, {} of them by the one that stopped; {turned_away} turned away",
            answered.len(),
            begun.len()
        );
        assert!(lost.is_empty(), "{round}: served and not answered: {lost:?}");
        assert!(begun.len() > 20, "{round}: {} requests are no load", begun.len());
        assert!(!drained || turned_away == 0, "{turned_away} turned away by a drained process");
    }
}

//! Several processes on one PostgreSQL behind a balancer: for clients, one server.
//!
//! Owns the processes and their set-up. Single use holds across processes, a change at one applies at all,
//! and a killed one loses no acknowledged change.

mod accounts;
mod change;
mod death;
mod one_winner;
mod outbox;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use signet::base::entropy::random;
use signet::crypto::random::SystemEntropy;

use crate::support::balancer::Balancer;
use crate::support::process::{Caller, Launch, PATIENCE, Process, until};
use crate::support::server::{Answer, PASSWORD, Tokens};
use crate::support::{postgres, require};

/// Processes behind a balancer, with the administrator `root`.
struct Replicas {
    balancer: Balancer,
    launch: Launch,
    database: String,
    all: Vec<Process>,
}

impl Replicas {
    /// Starts `count` processes concurrently on an empty database; `None`, reported, without PostgreSQL.
    async fn start(name: &str, count: usize) -> Option<Self> {
        let root = |launch: Launch| {
            launch
                .with("SIGNET_BOOTSTRAP_ADMIN_LOGIN", "root")
                .with("SIGNET_BOOTSTRAP_ADMIN_PASSWORD", PASSWORD)
        };
        Self::start_with(name, count, root).await
    }

    /// The same with the settings of `change`, and without the administrator.
    async fn start_with(
        name: &str,
        count: usize,
        change: impl Fn(Launch) -> Launch,
    ) -> Option<Self> {
        let Some(database) = postgres::fresh_database().await else {
            require::missing("postgres", name);
            return None;
        };
        let balancer = Balancer::start().await;
        let master_key = URL_SAFE_NO_PAD.encode(random::<32>(&SystemEntropy));
        let launch = Launch::new()
            .with("SIGNET_DATABASE_URL", &database)
            .with("SIGNET_MASTER_KEY", &master_key)
            .with("SIGNET_ISSUER", &balancer.base);
        let launch = change(launch);
        let all = futures_util::future::join_all((0..count).map(|_| launch.start())).await;
        for process in &all {
            balancer.add(&process.base);
        }
        Some(Self { balancer, launch, database, all })
    }

    /// Adds a process, which gets its share of connections from now on.
    async fn join(&mut self) {
        let process = self.launch.start().await;
        self.balancer.add(&process.base);
        self.all.push(process);
    }

    /// A client of the balancer: each request on a new connection, so that they are distributed.
    fn public(&self) -> Caller {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .timeout(PATIENCE)
            .build()
            .unwrap();
        Caller { base: self.balancer.base.clone(), client }
    }

    /// A client of one process.
    fn at(&self, index: usize) -> Caller {
        self.all[index].caller()
    }

    /// The number of connections on which each process has responded, when all of them have ended.
    async fn answered(&self) -> Vec<u64> {
        let carries = |process: &Process| self.balancer.carries(&process.base);
        let over = async || self.all.iter().map(carries).sum::<u64>() == 0;
        until("the connections end", over).await;
        self.all.iter().map(|process| self.balancer.answered(&process.base)).collect()
    }
}

/// Runs `race` and asserts that every process took part in it.
async fn spread<T>(replicas: &Replicas, race: impl Future<Output = T>) -> T {
    let before = replicas.answered().await;
    let outcome = race.await;
    let after = replicas.answered().await;
    let all = before.iter().zip(&after).all(|(before, after)| after > before);
    assert!(all, "not everybody took part: {before:?} {after:?}");
    outcome
}

async fn try_login(caller: &Caller, login: &str, password: &str) -> Answer {
    caller.post("/v1/login", &json!({"login": login, "password": password})).await
}

/// `root`, logged in for administration.
async fn administer(caller: &Caller) -> Tokens {
    let body = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
    Tokens::of(&caller.post("/v1/login", &body).await)
}

/// The id of a new account.
async fn register(caller: &Caller, login: &str) -> String {
    let body = json!({"login": login, "password": PASSWORD});
    caller.post("/v1/register", &body).await.is(201).string("id")
}

/// Makes a request as an administrator.
async fn call_as(
    caller: &Caller,
    method: reqwest::Method,
    path: &str,
    admin: &Tokens,
    body: Option<&Value>,
) -> Answer {
    caller.try_call(method, path, Some(&admin.access), body).await.expect("an answer")
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

//! The group commit of refreshes: independence of its rows, and two concurrent processes.

use std::future::Future;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};

use crate::support::server::{Tokens, pair};
use crate::support::{Backend, Server, on_both, require};

/// The number of sessions that two processes share.
const SHARED: usize = 2_000;

/// Runs SQL on a server's database, for rows that no function would write.
async fn execute(server: &Server, sql: &'static str, id: uuid::Uuid) {
    let changed = match &server.database_url {
        Some(url) => {
            let pool = sqlx::PgPool::connect(url).await.unwrap();
            let done = sqlx::query(sql).bind(id).execute(&pool).await.unwrap();
            pool.close().await;
            done.rows_affected()
        }
        None => {
            let path = server.dir.path().join("data/signet.db");
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
            let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
            let done = sqlx::query(sql).bind(id).execute(&pool).await.unwrap();
            pool.close().await;
            done.rows_affected()
        }
    };
    assert_eq!(changed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_fails_only_its_caller() {
    on_both("undecodable rows", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        let all: Vec<Tokens> = join_all((0..25).map(|_| server.login("ada"))).await;
        let no_text = match backend {
            Backend::Sqlite => "UPDATE sessions SET client_id = CAST(x'ff' AS TEXT) WHERE id = $1",
            Backend::Postgres => "UPDATE sessions SET supersedes = 999 WHERE id = $1",
        };
        for (index, sql) in [
            "UPDATE sessions SET current = 9999999999 WHERE id = $1",
            "UPDATE sessions SET parent = 3, current = 3 WHERE id = $1",
            "UPDATE sessions SET revoked_at = 1, revoked_reason = 'moonlight' WHERE id = $1",
            "UPDATE sessions SET scope = 'a\"b' WHERE id = $1",
            no_text,
        ]
        .into_iter()
        .enumerate()
        {
            let sid = all[index * 5].claims()["sid"].as_str().unwrap().parse().unwrap();
            execute(&server, sql, sid).await;
        }
        let seen = join_all(all.iter().map(|tokens| server.get_as("/v1/me", &tokens.access))).await;
        let kept = join_all(all.iter().map(|tokens| server.refresh(&tokens.refresh))).await;
        for answers in [seen, kept] {
            for (index, answer) in answers.iter().enumerate() {
                if index % 5 == 0 {
                    answer.is_problem(500, "internal");
                    assert!(!answer.string("request_id").is_empty());
                } else {
                    answer.is(200);
                }
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_sessions_at_once_each_get_their_own_successor() {
    on_both("a refresh storm", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        let mut all: Vec<Tokens> = crowd((0..300).map(|_| server.login("ada"))).await;
        for _ in 0..3 {
            let answers = join_all(all.iter().map(|tokens| server.refresh(&tokens.refresh))).await;
            let next: Vec<Tokens> = answers.iter().map(Tokens::of).collect();
            for (old, new) in all.iter().zip(&next) {
                assert_eq!(old.claims()["sid"], new.claims()["sid"]);
                assert_ne!(old.refresh, new.refresh);
            }
            all = next;
        }
    })
    .await;
}

/// All of `work` in its order, a hundred at a time, because a client has a limited number of connections.
async fn crowd<T>(work: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    stream::iter(work).buffered(100).collect().await
}

/// Two processes on one PostgreSQL refresh the same sessions: locks are taken in one order, so no deadlock
/// reaches a client, and both always agree on the successor.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_refreshing_the_same_sessions_agree() {
    let Some((one, two)) = pair("two processes over one database").await else { return };
    // Several users, because one may have at most a thousand sessions.
    let users = ["ada", "bob", "cid", "dan"];
    for user in users {
        one.register(user).await;
    }
    let logins = (0..SHARED).map(|number| one.login(users[number % users.len()]));
    let mut all: Vec<Tokens> = crowd(logins).await;
    let lasting = require::number("SIGNET_TEST_SECONDS").unwrap_or(5);
    let end = Instant::now() + Duration::from_secs(lasting);
    let mut rounds = 0;
    while Instant::now() < end {
        let here = crowd(all.iter().map(|tokens| one.refresh(&tokens.refresh)));
        let there = crowd(all.iter().rev().map(|tokens| two.refresh(&tokens.refresh)));
        let (here, there) = tokio::join!(here, there);
        let here: Vec<Tokens> = here.iter().map(Tokens::of).collect();
        let there: Vec<Tokens> = there.iter().rev().map(Tokens::of).collect();
        for (here, there) in here.iter().zip(&there) {
            assert_eq!(here.refresh, there.refresh, "round {rounds}");
        }
        all = here;
        rounds += 1;
    }
    eprintln!("{rounds} rounds of {SHARED} sessions in {lasting} s");
    assert!(rounds > 0);
    // A token of one is valid at the other, and ends there too.
    two.get_as("/v1/me", &all[0].access).await.is(200);
}

/// One row for each session, however often it refreshes: the size of the file is constant.
/// `SIGNET_TEST_REFRESHES` is the number of refreshes.
#[tokio::test(flavor = "multi_thread")]
async fn refreshing_does_not_grow_the_database() {
    on_both("growth", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        let mut token = server.login("ada").await.refresh;
        // The rows that the job of the keys writes once.
        signet::jobs::key_rotation::tick(&server.app).await.unwrap();
        let before = size(&server).await;
        let rounds = require::number("SIGNET_TEST_REFRESHES").unwrap_or(2_000);
        for round in 1..=rounds {
            token = server.refresh(&token).await.is(200).string("refresh_token");
            // As autovacuum would: a slow statement on a busy machine keeps old versions from being reused.
            if round % 200 == 0 {
                size(&server).await;
            }
        }
        let after = size(&server).await;
        match backend {
            Backend::Sqlite => assert_eq!(after, before),
            // Old versions of a row remain until they are vacuumed, in the space reserved for them.
            Backend::Postgres => assert!(after <= 2 * before, "{before} bytes became {after}"),
        }
    })
    .await;
}

/// The bytes of sessions, after a checkpoint or a vacuum.
async fn size(server: &Server) -> u64 {
    let Some(url) = &server.database_url else {
        server.app.db.empty_log().await.unwrap();
        return std::fs::metadata(server.dir.path().join("data/signet.db")).unwrap().len();
    };
    let pool = sqlx::PgPool::connect(url).await.unwrap();
    // As autovacuum would; the test's server has it switched off.
    sqlx::query("VACUUM sessions").execute(&pool).await.unwrap();
    let (bytes,): (i64,) =
        sqlx::query_as("SELECT pg_total_relation_size('sessions')").fetch_one(&pool).await.unwrap();
    pool.close().await;
    u64::try_from(bytes).unwrap()
}

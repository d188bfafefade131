//! The PostgreSQL server is lost and comes back: refusals in time, then everything works again.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::join_all;
use serde_json::json;

use crate::support::postgres::Cluster;
use crate::support::process::until;
use crate::support::server::{Options, PASSWORD, Tokens};
use crate::support::{Backend, Server, require};

const SESSIONS: usize = 12;

/// Refreshes `token` until it is stopped. Returns the newest token of a response.
async fn keep_refreshing(server: &Server, mut token: String, times: usize) -> (String, usize) {
    let mut refused = 0;
    for _ in 0..times {
        let answer = server.refresh(&token).await;
        match answer.status {
            200 => token = answer.string("refresh_token"),
            503 => refused += 1,
            _ => panic!("{} {}", answer.status, answer.text),
        }
    }
    (token, refused)
}

/// Repeats a log-in until it succeeds; until then every response is a temporary refusal.
async fn works_again(server: &Server) {
    until("logging in works again", async || {
        let answer = server.try_login("ada", PASSWORD).await;
        assert!([200, 503].contains(&answer.status), "{}", answer.text);
        answer.status == 200
    })
    .await;
}

/// All connections are closed at once, several times, under load.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_cost_no_session() {
    let Some(cluster) = Cluster::private().await else {
        return require::missing("postgres", "connections that are cut");
    };
    let url = cluster.fresh_database().await;
    let server = Options::on(Backend::Postgres).on_database(&url).start().await;
    server.register("ada").await;
    let mut tokens = Vec::new();
    for _ in 0..SESSIONS {
        tokens.push(server.login("ada").await.refresh);
    }
    for _ in 0..5 {
        let load = join_all(tokens.drain(..).map(|token| keep_refreshing(&server, token, 15)));
        let (load, ended) = tokio::join!(load, cluster.terminate_all_backends());
        assert!(ended > 0, "there was no connection to cut");
        // A connection outside of a transaction is replaced silently.
        works_again(&server).await;
        tokens = load.into_iter().map(|(token, _)| token).collect();
    }
    for answer in join_all(tokens.iter().map(|token| server.refresh(token))).await {
        answer.is(200);
    }
}

/// The server crashes, stays down, and is started again.
#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_database_is_a_503_and_comes_back_by_itself() {
    let Some(cluster) = Cluster::private().await else {
        return require::missing("postgres", "a database that goes away");
    };
    let url = cluster.fresh_database().await;
    let server = Options::on(Backend::Postgres).on_database(&url).soon_gives_up().start().await;
    server.register("ada").await;
    let tokens = server.login("ada").await;
    let live = server.refresh(&tokens.refresh).await.is(200).string("refresh_token");
    let ended = server.login("ada").await;
    server.post("/v1/logout", json!({"refresh_token": ended.refresh})).await.is(204);

    cluster.stop_immediate().await;
    for _ in 0..3 {
        let (one, two, three) = tokio::join!(
            server.refresh(&live),
            server.try_login("ada", PASSWORD),
            server.get_as("/v1/me", &tokens.access),
        );
        for answer in [one, two, three] {
            answer.is_problem(503, "unavailable");
            assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
        }
        for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration", "/health"] {
            server.get(path).await.is(200);
        }
        server.get("/ready").await.is(503);
    }
    cluster.start_again().await;
    until("the server finds its database again", async || server.get("/ready").await.status == 200)
        .await;
    // Acknowledged before the crash, and stored after it.
    server.refresh(&live).await.is(200);
    server.refresh(&ended.refresh).await.is_problem(401, "refresh_token_invalid");
    Tokens::of(&server.try_login("ada", PASSWORD).await);
}

/// The server stops responding, in the middle of transactions.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_database_is_a_503_and_thaws_by_itself() {
    let Some(cluster) = Cluster::private().await else {
        return require::missing("postgres", "a database that freezes");
    };
    let url = cluster.fresh_database().await;
    let server = Options::on(Backend::Postgres).on_database(&url).soon_gives_up().start().await;
    server.register("ada").await;
    let mut tokens = Vec::new();
    for _ in 0..SESSIONS {
        tokens.push(server.login("ada").await.refresh);
    }
    let access = server.login("ada").await.access;
    for _ in 0..3 {
        // Frozen while transactions are in progress, not only between them, and until the load was refused.
        let (refused, thawed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let load = join_all(tokens.drain(..).map(|mut token| {
            let (server, refused, thawed) = (&server, &refused, &thawed);
            async move {
                while !thawed.load(Ordering::SeqCst) {
                    let (newer, times) = keep_refreshing(server, token, 1).await;
                    refused.fetch_add(times, Ordering::SeqCst);
                    token = newer;
                }
                token
            }
        }));
        let (load, ()) = tokio::join!(load, async {
            let frozen = cluster.freeze().await;
            let (one, two) =
                tokio::join!(server.try_login("ada", PASSWORD), server.get_as("/v1/me", &access));
            for answer in [one, two] {
                answer.is_problem(503, "unavailable");
                assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
            }
            until("a refresh is refused", async || refused.load(Ordering::SeqCst) > 0).await;
            for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration", "/health"] {
                server.get(path).await.is(200);
            }
            drop(frozen);
            thawed.store(true, Ordering::SeqCst);
        });
        works_again(&server).await;
        tokens = load;
    }
    for answer in join_all(tokens.iter().map(|token| server.refresh(token))).await {
        answer.is(200);
    }
}

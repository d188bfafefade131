//! Limits of an account, counted over all processes together.

use futures_util::future::join_all;

use super::{Replicas, count, register, spread, try_login};
use crate::support::server::PASSWORD;

async fn limited(name: &str) -> Option<Replicas> {
    Replicas::start_with(name, 2, |launch| launch.with("SIGNET_RATE_LIMITS", "on")).await
}

/// A burst of guesses over two processes is checked as often as over one.
#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_one_account_are_counted_together() {
    let Some(replicas) = limited("guesses at two processes").await else { return };
    let public = replicas.public();
    for login in ["alice", "bob"] {
        register(&public, login).await;
    }
    let guesses = (0..60).map(|_| try_login(&public, "alice", "wrong password"));
    let answers = spread(&replicas, join_all(guesses)).await;
    assert_eq!((count(&answers, 401), count(&answers, 429)), (20, 40), "guesses looked at");
    for index in 0..2 {
        let held = try_login(&replicas.at(index), "alice", PASSWORD).await;
        held.is_problem(429, "too_many_attempts");
        assert!(held.header("retry-after").parse::<u32>().unwrap() > 0);
        // Other users are not limited.
        try_login(&replicas.at(index), "bob", PASSWORD).await.is(200);
    }
}

/// One after the other, alternating between the processes: the count continues.
#[tokio::test(flavor = "multi_thread")]
async fn guesses_in_turn_are_counted_together() {
    let Some(replicas) = limited("guesses in turn").await else { return };
    let callers = [replicas.at(0), replicas.at(1)];
    register(&callers[0], "alice").await;
    for number in 0..25 {
        let caller = &callers[number % 2];
        let expected = if number < 20 { 401 } else { 429 };
        assert_eq!(try_login(caller, "alice", "wrong password").await.status, expected, "{number}");
    }
}

/// A right password returns its attempt, at either process.
#[tokio::test(flavor = "multi_thread")]
async fn right_passwords_cost_nothing_at_either() {
    let Some(replicas) = limited("right passwords at two processes").await else { return };
    let public = replicas.public();
    register(&public, "alice").await;
    for _ in 0..60 {
        try_login(&public, "alice", PASSWORD).await.is(200);
    }
    // Concurrently: no process knows which attempts at the others are right, so some may have to be repeated.
    // They use nothing up.
    let rush = join_all((0..50).map(|_| try_login(&public, "alice", PASSWORD)));
    let answers = spread(&replicas, rush).await;
    let through = count(&answers, 200);
    assert_eq!(through + count(&answers, 429), 50);
    assert!(through >= 20, "{through} of 50");
    for index in 0..2 {
        try_login(&replicas.at(index), "alice", PASSWORD).await.is(200);
    }
}

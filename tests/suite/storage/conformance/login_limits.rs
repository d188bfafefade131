//! Counters of tries, and the networks accounts are known from.

use futures_util::future::join_all;
use signet::base::{TimeSpan, Timestamp};
use signet::domain::rate_limit::Limit;
use signet::store::{Db, login_limits};

use super::{NOW, after, commit, count, on_both_stores, reader};

const LIMIT: Limit = Limit { tries: 3, window: TimeSpan::from_secs(60) };

async fn try_at(db: &Db, pseudonym: &[u8], at: Timestamp) -> Result<(), Timestamp> {
    commit(db, async |tx| login_limits::count_try(tx, pseudonym, LIMIT, at).await).await
}

/// How many tries are left now; uses them up.
async fn left(db: &Db, pseudonym: &[u8]) -> usize {
    let mut left = 0;
    while try_at(db, pseudonym, NOW).await.is_ok() {
        left += 1;
    }
    left
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_are_counted_up_to_the_limit_and_anew_after_the_window() {
    on_both_stores("limits: window", async |db| {
        for round in 0..2 {
            let start = round * 60;
            for secs in 0..3 {
                assert_eq!(try_at(&db, b"ada", after(start + secs)).await, Ok(()));
            }
            // The window runs from the first try, and a refused one does not lengthen it.
            let end = after(start + 60);
            for at in [after(start + 3), after(start + 30), end - TimeSpan::from_millis(1)] {
                assert_eq!(try_at(&db, b"ada", at).await, Err(end));
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pseudonym_has_a_counter_of_its_own() {
    on_both_stores("limits: pseudonyms", async |db| {
        let all: [&[u8]; 5] = [b"", b"\0", b"\0\0", &[0xff; 32], &[0xff; 1_000]];
        for pseudonym in all {
            assert_eq!(left(&db, pseudonym).await, 3);
        }
        assert_eq!(count!(&db, "SELECT count(*) FROM login_limits"), 5);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_gets_through_no_more_often_than_a_queue() {
    on_both_stores("limits: burst", async |db| {
        let all = join_all((0..12).map(|_| try_at(&db, b"ada", NOW))).await;
        assert_eq!(all.iter().filter(|tried| tried.is_ok()).count(), 3);
        assert!(all.iter().all(|tried| tried.is_ok() || *tried == Err(after(60))));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forgiving_forgets_one_pseudonym() {
    on_both_stores("limits: forgive", async |db| {
        assert_eq!((left(&db, b"ada").await, left(&db, b"bob").await), (3, 3));
        commit(&db, async |tx| login_limits::forgive(tx, b"ada").await).await;
        // Nothing to forgive is nothing to fail on.
        commit(&db, async |tx| login_limits::forgive(tx, b"carol").await).await;
        assert_eq!((left(&db, b"ada").await, left(&db, b"bob").await), (3, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_try_is_given_back_and_never_more_than_were_counted() {
    on_both_stores("limits: give back", async |db| {
        let give_back =
            async || commit(&db, async |tx| login_limits::give_back(tx, b"ada").await).await;
        give_back().await;
        assert_eq!(count!(&db, "SELECT count(*) FROM login_limits"), 0);
        assert_eq!((left(&db, b"ada").await, left(&db, b"bob").await), (3, 3));
        give_back().await;
        assert_eq!((left(&db, b"ada").await, left(&db, b"bob").await), (1, 0));
        for _ in 0..5 {
            give_back().await;
        }
        assert_eq!(left(&db, b"ada").await, 3);
        assert_eq!(try_at(&db, b"ada", NOW).await, Err(after(60)), "the window is the same");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_and_limits_without_end_do_not_overflow() {
    on_both_stores("limits: extremes", async |db| {
        let forever = Limit { tries: i64::MAX, window: TimeSpan::from_millis(i64::MAX) };
        let count = async |limit| {
            commit(&db, async |tx| login_limits::count_try(tx, b"ada", limit, NOW).await).await
        };
        assert_eq!(count(forever).await, Ok(()));
        assert_eq!(count(forever).await, Ok(()));
        let refused = count(Limit { tries: 2, ..forever }).await;
        assert_eq!(refused, Err(Timestamp::from_millis(i64::MAX)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_is_known_from_the_moment_it_was_seen() {
    on_both_stores("limits: networks", async |db| {
        let known = async |pseudonym: &[u8], since| {
            login_limits::is_known_network(&mut reader(&db).await, pseudonym, since).await.unwrap()
        };
        let early = NOW - TimeSpan::from_days(90);
        assert!(!known(b"ada", early).await);
        let yesterday = NOW - TimeSpan::from_days(1);
        let remember =
            async |tx: &mut _| login_limits::remember_network(tx, b"ada", NOW, yesterday).await;
        commit(&db, remember).await;
        assert!(known(b"ada", early).await);
        assert!(known(b"ada", NOW - TimeSpan::from_millis(1)).await);
        assert!(!known(b"ada", NOW).await);
        assert!(!known(b"bob", early).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_is_written_once_a_day() {
    on_both_stores("limits: networks once a day", async |db| {
        let remember = async |at: Timestamp| {
            let yesterday = at - TimeSpan::from_days(1);
            commit(&db, async |tx| login_limits::remember_network(tx, b"ada", at, yesterday).await)
                .await;
            let seen = count!(&db, "SELECT seen_at FROM known_networks");
            assert_eq!(count!(&db, "SELECT count(*) FROM known_networks"), 1);
            Timestamp::from_millis(seen)
        };
        assert_eq!(remember(NOW).await, NOW);
        let day = 24 * 3_600;
        assert_eq!(remember(after(day - 1)).await, NOW, "not on the same day");
        assert_eq!(remember(after(day + 1)).await, after(day + 1));
        assert_eq!(remember(NOW).await, after(day + 1), "and never back");
    })
    .await;
}

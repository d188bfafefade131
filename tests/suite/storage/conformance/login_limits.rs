//! Counters of failed log-ins.

use futures_util::future::join_all;
use signet::base::{TimeSpan, Timestamp};
use signet::domain::rate_limit::Limit;
use signet::store::login_limits::Refused;
use signet::store::{Db, login_limits};

use super::{NOW, after, commit, count, on_both_stores, reader};

const LIMIT: Limit = Limit { tries: 3, window: TimeSpan::from_secs(60) };

/// The end of the refusal, if it is refused.
async fn try_at(db: &Db, pseudonym: &[u8], at: Timestamp) -> Result<(), Timestamp> {
    let counted =
        commit(db, async |tx| login_limits::count_try(tx, pseudonym, LIMIT, at).await).await;
    let used_up = login_limits::used_up(&mut reader(db).await, pseudonym, LIMIT, at).await.unwrap();
    if let Err(refused) = counted {
        assert_eq!(used_up, Some(refused));
    }
    counted.map_err(|Refused { wait }| at + wait)
}

/// The number of remaining attempts, which are used up.
async fn left(db: &Db, pseudonym: &[u8]) -> usize {
    let mut left = 0;
    while try_at(db, pseudonym, NOW).await.is_ok() {
        left += 1;
    }
    left
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_counted_up_to_the_limit_and_reset_after_the_window() {
    on_both_stores("limits: window", async |db| {
        for round in 0..2 {
            let start = round * 60;
            for secs in 0..3 {
                assert_eq!(try_at(&db, b"ada", after(start + secs)).await, Ok(()));
            }
            // The window begins at the first attempt, and a refused one does not extend it.
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
        // Giving an attempt back that was not counted is no error.
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
        let wait = Timestamp::from_millis(i64::MAX) - NOW;
        assert_eq!(refused, Err(Refused { wait }));
    })
    .await;
}

/// With any clock: a window that ends further away than its length was begun by a clock that was ahead.
/// Attempts may be counted in another order than they were made: the later one first, or by a process whose
/// clock is ahead. None of them resets the count.
#[tokio::test(flavor = "multi_thread")]
async fn attempts_that_waited_are_counted_in_the_window_of_later_ones() {
    on_both_stores("limits: order", async |db| {
        for (name, step) in [("ada", -1), ("bob", -40)] {
            let at = |number: i64| after(step * number);
            for number in 0..3 {
                assert_eq!(try_at(&db, name.as_bytes(), at(number)).await, Ok(()), "{number}");
            }
            for number in [3, 2, 1] {
                let refused = try_at(&db, name.as_bytes(), at(number)).await;
                assert_eq!(refused, Err(at(number) + LIMIT.window), "the wait is never longer");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_never_lasts_longer_than_its_own_length() {
    on_both_stores("limits: clock set back", async |db| {
        for back in [121, 3_600, 20 * 365 * 86_400] {
            let name = back.to_string();
            let ahead = after(back);
            for _ in 0..3 {
                assert_eq!(try_at(&db, name.as_bytes(), ahead).await, Ok(()));
            }
            assert_eq!(try_at(&db, name.as_bytes(), ahead).await, Err(ahead + LIMIT.window));
            // The clock is set back: the window is over, and the attempt begins another one.
            assert_eq!(try_at(&db, name.as_bytes(), NOW).await, Ok(()));
            assert_eq!(try_at(&db, name.as_bytes(), NOW).await, Ok(()));
            assert_eq!(try_at(&db, name.as_bytes(), NOW).await, Ok(()));
            assert_eq!(try_at(&db, name.as_bytes(), NOW).await, Err(NOW + LIMIT.window));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unlimited_counts_last_for_one_window() {
    on_both_stores("limits: counted", async |db| {
        let counted = async |name: &[u8], at| {
            let window = TimeSpan::from_secs(60);
            commit(&db, async |tx| login_limits::count(tx, name, window, after(at)).await).await
        };
        let all = join_all((0..8).map(|_| counted(b"ada", 0))).await;
        let mut all: Vec<i64> = all.into_iter().collect();
        all.sort_unstable();
        assert_eq!(all, (1..=8).collect::<Vec<_>>());
        assert_eq!((counted(b"ada", 59).await, counted(b"bob", 59).await), (9, 1));
        assert_eq!(counted(b"ada", 60).await, 1, "the window is over");
        // Begun by a clock that has been set back since.
        assert_eq!(counted(b"ada", -200).await, 1);
        commit(&db, async |tx| login_limits::forgive_both(tx, b"ada", b"bob").await).await;
        assert_eq!((counted(b"ada", 0).await, counted(b"bob", 0).await), (1, 1));
    })
    .await;
}

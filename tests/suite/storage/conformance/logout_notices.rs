//! The outbox of notices: each is claimed by one process at a time, until it is delivered.

use std::collections::BTreeSet;

use signet::base::Timestamp;
use signet::base::id::{NoticeId, UserId};
use signet::crypto::random::SystemEntropy;
use signet::store::logout_notices::{self, Notice, Turn};
use signet::store::{Db, users};

use super::{NOW, after, at_once, commit, count, is_internal, on_both_stores, reader};
use super::{session_id, user, user_id};

fn notice(user: UserId, client_id: &str) -> Notice {
    Notice {
        id: NoticeId::new(NOW, &SystemEntropy),
        client_id: client_id.to_owned(),
        user_id: user,
        session_id: session_id(0),
        tries: 0,
    }
}

async fn insert(db: &Db, notice: &Notice, at: Timestamp) {
    commit(db, async |tx| logout_notices::insert(tx, notice, at).await).await;
}

async fn any_due(db: &Db, at: Timestamp) -> bool {
    !clients_due(db, at, 1).await.is_empty()
}

async fn clients_due(db: &Db, at: Timestamp, limit: i64) -> Vec<String> {
    logout_notices::clients_due(&mut reader(db).await, at, limit).await.unwrap()
}

/// The notices claimed for the clients that have a due one, at most `limit` in all, in the order of the
/// clients' names; the order of one client's rows is not defined.
async fn take(db: &Db, now: Timestamp, again: Timestamp, limit: i64) -> Vec<Notice> {
    let mut all = Vec::new();
    for client_id in clients_due(db, now, limit).await {
        let limit = limit - i64::try_from(all.len()).unwrap();
        let turn = Turn { client_id: &client_id, now, again, limit };
        all.extend(commit(db, async |tx| logout_notices::take(tx, turn).await).await);
    }
    all.sort_by(|a, b| a.client_id.cmp(&b.client_id));
    all
}

fn clients(taken: &[Notice]) -> Vec<&str> {
    taken.iter().map(|notice| &*notice.client_id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_is_taken_when_it_is_due_and_then_left_alone() {
    on_both_stores("notices: take", async |db| {
        // Of a deleted user as well: the client still has to end its sessions.
        let told = Notice { tries: 3, ..notice(user_id(0), "ein Klient 🗝") };
        assert!(!any_due(&db, Timestamp::from_millis(i64::MAX)).await, "there is none");
        insert(&db, &told, after(5)).await;
        assert_eq!((any_due(&db, after(4)).await, any_due(&db, after(5)).await), (false, true));
        assert!(take(&db, after(4), after(60), 10).await.is_empty(), "not due");
        let once = Notice { tries: 4, ..told.clone() };
        assert_eq!(take(&db, after(5), after(60), 10).await, [once], "this time included");
        assert_eq!((any_due(&db, after(59)).await, any_due(&db, after(60)).await), (false, true));
        assert!(take(&db, after(59), after(90), 10).await.is_empty(), "somebody has it");
        let twice = Notice { tries: 5, ..told };
        assert_eq!(take(&db, after(60), after(120), 10).await, [twice], "and never came back");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_due_are_taken_first_and_no_more_than_asked_for() {
    on_both_stores("notices: order", async |db| {
        for secs in [5, 3, 1, 4, 2, 9] {
            insert(&db, &notice(user_id(0), &secs.to_string()), after(secs)).await;
        }
        assert!(take(&db, after(6), after(60), 0).await.is_empty());
        assert_eq!(clients(&take(&db, after(6), after(60), 2).await), ["1", "2"]);
        assert_eq!(clients(&take(&db, after(6), after(60), 2).await), ["3", "4"]);
        assert_eq!(clients(&take(&db, after(6), after(60), 2).await), ["5"]);
        assert!(take(&db, after(6), after(60), 2).await.is_empty());
        assert_eq!(clients(&take(&db, after(60), after(90), 10).await).len(), 6);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_is_put_off_or_removed() {
    on_both_stores("notices: put off", async |db| {
        let (one, two) = (notice(user_id(0), "one"), notice(user_id(0), "two"));
        insert(&db, &one, NOW).await;
        insert(&db, &two, NOW).await;
        assert_eq!(take(&db, NOW, after(10), 10).await.len(), 2);
        let put_off = async |id, until| {
            commit(&db, async |tx| logout_notices::put_off(tx, id, until, NOW).await).await;
        };
        let remove = async |id| commit(&db, async |tx| logout_notices::remove(tx, id).await).await;
        put_off(one.id, after(600)).await;
        // One that was delivered meanwhile is no error.
        put_off(notice(user_id(0), "x").id, after(600)).await;
        assert_eq!(clients(&take(&db, after(10), after(20), 10).await), ["two"]);
        assert!(remove(two.id).await);
        assert!(!remove(two.id).await, "it is gone already");
        put_off(two.id, NOW).await;
        assert!(take(&db, after(599), after(700), 10).await.is_empty());
        let last = take(&db, after(600), after(700), 10).await;
        assert_eq!(last, [Notice { tries: 2, ..one.clone() }]);
        let removed = at_once(async |_: u8| remove(one.id).await).await;
        assert_eq!(removed.iter().filter(|done| **done).count(), 1);
        assert_eq!(count!(&db, "SELECT count(*) FROM logout_notices"), 0);
    })
    .await;
}

/// The clock was set back by a month after the notice was postponed: it is due, and is not claimed twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_notice_waits_no_longer_after_the_clock_was_set_back() {
    on_both_stores("notices: clock set back", async |db| {
        let told = notice(user_id(0), "shop");
        let (month, day) = (30 * 24 * 3_600, 24 * 3_600);
        insert(&db, &told, after(month)).await;
        assert_eq!(take(&db, after(month), after(month + 60), 10).await.len(), 1);
        let put_off = async |until, now| {
            commit(&db, async |tx| logout_notices::put_off(tx, told.id, until, now).await).await;
        };
        put_off(after(month + day), after(month)).await;
        let ahead = async |now| {
            let any = logout_notices::any_ahead(&mut reader(&db).await, now).await.unwrap();
            let made = commit(&db, async |tx| logout_notices::make_due(tx, now, 10).await).await;
            assert_eq!(any, made > 0);
            made
        };
        assert_eq!(ahead(after(month + 1)).await, 0);
        // Another process may be slightly behind: it does not claim the notice.
        assert_eq!(ahead(after(month - 120)).await, 0);
        let all = at_once(async |_: u8| {
            commit(&db, async |tx| logout_notices::make_due(tx, NOW, 10).await).await
        });
        assert_eq!(all.await.iter().sum::<u64>(), 1);
        assert_eq!(clients(&take(&db, NOW, after(60), 10).await), ["shop"]);
        assert!(take(&db, after(59), after(90), 10).await.is_empty(), "it has a turn of its own");
        put_off(after(60 + day), after(60)).await;
        assert!(take(&db, after(59 + day), after(90 + day), 10).await.is_empty());
        assert_eq!(clients(&take(&db, after(60 + day), after(90 + day), 10).await), ["shop"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_outlive_their_user_and_are_written_once() {
    on_both_stores("notices: users", async |db| {
        let ada = user(&db, "ada").await;
        let told = notice(ada, "shop");
        insert(&db, &told, NOW).await;
        assert!(commit(&db, async |tx| users::delete(tx, ada).await).await);
        let mut tx = db.begin().await.unwrap();
        let again = logout_notices::insert(&mut tx, &told, NOW).await;
        assert!(again.is_err_and(|fault| is_internal(&fault)));
        tx.rollback().await;
        assert_eq!(take(&db, NOW, after(1), 10).await, [Notice { tries: 1, ..told }]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_take_each_notice_is_taken_by_one() {
    on_both_stores("notices: race", async |db| {
        let mut all = BTreeSet::new();
        for _ in 0..40 {
            let told = notice(user_id(0), "shop");
            insert(&db, &told, NOW).await;
            all.insert(told.id);
        }
        for round in 0..5 {
            let (now, again) = (after(round * 10), after(round * 10 + 10));
            let taken = at_once(async |_: u8| take(&db, now, again, 3).await).await;
            assert!(taken.iter().all(|taken| taken.len() <= 3));
            let mut ids: Vec<NoticeId> = taken.iter().flatten().map(|told| told.id).collect();
            assert!(taken.iter().flatten().all(|told| told.tries == round + 1));
            // A process that looked for the same rows as another may have got none.
            while let Some(left) = Some(take(&db, now, again, 100).await).filter(|l| !l.is_empty())
            {
                ids.extend(left.iter().map(|told| told.id));
            }
            assert_eq!(ids.len(), all.len(), "nobody has what another has");
            assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), all);
        }
    })
    .await;
}

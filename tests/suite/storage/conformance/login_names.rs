//! Login names that are changed, and those that stay reserved for their users.

use signet::base::id::UserId;
use signet::base::{TimeSpan, Timestamp};
use signet::domain::validity::FORMER_LOGIN_LIFE;
use signet::store::login_names::{self, LoginChange};
use signet::store::{Db, housekeeping, user_language, users};

use super::users::{found, insert};
use super::winners;
use super::{NOW, after, at_once, commit, count, login, on_both_stores, reader, user, user_id};

const SECOND: TimeSpan = TimeSpan::from_secs(1);

async fn change_at(db: &Db, user: UserId, names: (&str, &str), at: Timestamp) -> bool {
    let (before, new) = (login(names.0), login(names.1));
    let change = LoginChange { user, before: &before, new: &new };
    let mut tx = db.begin().await.unwrap();
    let changed = login_names::change(&mut tx, change, at).await.unwrap();
    match changed {
        true => tx.commit().await.unwrap(),
        false => tx.rollback().await,
    }
    changed
}

async fn change(db: &Db, user: UserId, before: &str, new: &str) -> bool {
    change_at(db, user, (before, new), NOW).await
}

async fn keys_of(db: &Db, user: UserId) -> Vec<String> {
    let mut keys = login_names::keys_of(&mut reader(db).await, user, NOW).await.unwrap();
    keys.sort_unstable();
    keys
}

async fn is_free(db: &Db, name: &str) -> bool {
    let id = user_id(0);
    let free = insert(db, id, &login(name)).await;
    if free {
        assert!(commit(db, async |tx| users::delete(tx, id).await).await);
    }
    free
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_name_is_stored_and_the_one_before_reserved() {
    on_both_stores("login names: change", async |db| {
        let ada = user(&db, "ada").await;
        user(&db, "bob").await;
        assert!(change(&db, ada, "ada", "Lovelace").await);
        assert_eq!(found(&db, ada).await.login, "Lovelace");
        for taken in ["ada", "Ada", "\u{430}da", "lovelace", "l\u{43e}velace", "bob"] {
            assert!(!is_free(&db, taken).await, "{taken}");
        }
        assert!(is_free(&db, "ad").await);
        // A name that is taken, or a look-alike of one, changes nothing.
        for taken in ["bob", "BOB", "b\u{43e}b"] {
            assert!(!change(&db, ada, "lovelace", taken).await, "{taken}");
        }
        assert_eq!(found(&db, ada).await.login, "Lovelace");
        // Another spelling reserves nothing; changing back to the own name frees its reservation.
        assert!(change(&db, ada, "Lovelace", "lovelace").await);
        let reserved =
            async || login_names::reserved_for(&mut reader(&db).await, ada, NOW).await.unwrap();
        assert_eq!(reserved().await, (1, Some(NOW + FORMER_LOGIN_LIFE)));
        let own = async |name: &str| {
            login_names::is_own(&mut reader(&db).await, ada, &login(name)).await.unwrap()
        };
        assert!(own("ADA").await && !own("lovelace").await && !own("bob").await);
        assert!(change(&db, ada, "lovelace", "ada").await);
        assert_eq!(reserved().await.0, 1);
        assert!(own("lovelace").await && !own("ada").await);
        assert_eq!(keys_of(&db, ada).await, ["ada", "lovelace"]);
        assert!(keys_of(&db, user_id(0)).await.is_empty());
        // Three users, three skeletons: released ones were subtracted.
        assert_eq!(count!(&db, "SELECT count(*) FROM login_skeletons"), 2);
        assert_eq!(count!(&db, "SELECT max(users) FROM login_skeletons"), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_ends_with_its_time_and_with_its_user() {
    on_both_stores("login names: reservations", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let long_ago = NOW - FORMER_LOGIN_LIFE;
        assert!(change_at(&db, ada, ("ada", "one"), long_ago + SECOND).await);
        assert!(!is_free(&db, "ada").await);
        assert!(change_at(&db, ada, ("one", "two"), long_ago).await);
        assert!(is_free(&db, "one").await, "over at the very moment");
        assert_eq!(keys_of(&db, ada).await, ["ada", "two"], "one may be another user's");
        // Written by a clock that was ahead: not valid.
        assert!(change_at(&db, bob, ("bob", "three"), after(3_600)).await);
        assert!(is_free(&db, "bob").await);
        let reserved = async |user| {
            login_names::reserved_for(&mut reader(&db).await, user, NOW).await.unwrap()
        };
        assert_eq!(reserved(ada).await, (1, Some(NOW + SECOND)));
        assert_eq!(reserved(bob).await, (0, None));
        // Another user may take a name whose reservation has expired, and releases it like any other.
        assert!(change(&db, bob, "three", "one").await);
        assert!(change(&db, bob, "one", "four").await);
        assert!(!is_free(&db, "one").await);
        assert!(commit(&db, async |tx| users::delete(tx, bob).await).await);
        assert!(is_free(&db, "one").await && is_free(&db, "four").await);
        assert_eq!(count!(&db, "SELECT count(*) FROM former_logins"), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn housekeeping_removes_reservations_that_have_ended_or_end_too_late() {
    on_both_stores("login names: housekeeping", async |db| {
        for (n, secs) in [3_i64, 1, 2, 60, 0, -1].into_iter().enumerate() {
            let id = user(&db, &format!("user{n}")).await;
            let names = (format!("user{n}"), format!("new{n}"));
            let at = after(secs) - FORMER_LOGIN_LIFE;
            assert!(change_at(&db, id, (&names.0, &names.1), at).await);
        }
        let step = async || {
            let (now, latest) = (after(2), after(50));
            commit(&db, async |tx| housekeeping::former_logins(tx, now, latest, 2).await).await
        };
        assert_eq!([step().await, step().await, step().await], [2, 2, 0]);
        assert_eq!(count!(&db, "SELECT min(ends_at) FROM former_logins"), after(2).millis());
        assert_eq!(count!(&db, "SELECT max(ends_at) FROM former_logins"), after(3).millis());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_users_who_want_one_name_one_gets_it() {
    on_both_stores("login names: race", async |db| {
        let mut users = Vec::new();
        for n in 0..20 {
            users.push(user(&db, &format!("user{n}")).await);
        }
        let all = at_once(async |n| {
            let (before, new) = (login(&format!("user{n}")), login("ada"));
            let change = LoginChange { user: users[usize::from(n)], before: &before, new: &new };
            let mut tx = db.begin().await.unwrap();
            match login_names::change(&mut tx, change, NOW).await {
                Ok(true) => tx.commit().await.is_ok(),
                // Among them a deadlock, which use cases retry.
                _ => {
                    tx.rollback().await;
                    false
                }
            }
        });
        assert_eq!(winners(all.await).len(), 1);
        assert_eq!(count!(&db, "SELECT count(*) FROM former_logins"), 1);
        assert_eq!(count!(&db, "SELECT count(*) FROM users WHERE login_key = 'ada'"), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_language_of_a_user_is_kept_until_another_is_chosen() {
    on_both_stores("users: language", async |db| {
        let ada = user(&db, "ada").await;
        let of = async |id| user_language::of(&mut reader(&db).await, id).await.unwrap();
        assert_eq!(of(ada).await, None);
        for (language, at) in [(Some("de"), after(1)), (Some("en"), after(2)), (None, after(3))] {
            let set = commit(&db, async |tx| user_language::set(tx, ada, language, at).await);
            assert!(set.await);
            assert_eq!(
                (of(ada).await.as_deref(), found(&db, ada).await.updated_at),
                (language, at)
            );
        }
        let nobody = user_id(0);
        assert!(!commit(&db, async |tx| user_language::set(tx, nobody, None, NOW).await).await);
        assert_eq!(of(nobody).await, None);
    })
    .await;
}

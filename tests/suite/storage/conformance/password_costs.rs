//! The counts of password hashes equal a recount after any history, sequential and concurrent.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use signet::base::id::UserId;
use signet::domain::attributes::Attributes;
use signet::domain::password::hash_cost;
use signet::domain::user::Role;
use signet::fetch_all;
use signet::store::users::NewUser;
use signet::store::{Db, password_costs, passwords, users};

use super::{NOW, after, login, on_both_stores, reader, user_id};

type Counts = BTreeMap<(String, String), i64>;

async fn counts(db: &Db) -> Counts {
    let rows = password_costs::count_by_class(&mut reader(db).await).await.unwrap();
    rows.into_iter().map(|row| ((row.class, row.cost), row.users)).collect()
}

async fn recount(db: &Db) -> Counts {
    let rows =
        fetch_all!(&mut reader(db).await, (Option<String>,), "SELECT password_hash FROM users");
    let mut counts = Counts::new();
    for (hash,) in rows.unwrap() {
        if let Some(cost) = hash.as_deref().and_then(hash_cost) {
            *counts.entry((cost.class.to_owned(), cost.cost.to_owned())).or_default() += 1;
        }
    }
    counts
}

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    /// A hash of one of three costs, or one that is not verified.
    fn hash(&mut self) -> String {
        let salt = self.roll(1_000_000);
        match self.roll(4) {
            0 => "unreadable".to_owned(),
            cost => format!("$argon2id$v=19$m={},t=1,p=1${salt}$x", 8 << cost),
        }
    }
}

/// One change, with any result.
async fn change(db: &Db, id: UserId, name: &str, dice: &mut Dice) {
    let (what, hash, epoch) = (dice.roll(10), dice.hash(), i64::try_from(dice.roll(3)).unwrap());
    let before = users::credential_of(&mut reader(db).await, id).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    let done = match what {
        0..=2 => {
            let new = NewUser {
                id,
                login: &login(name),
                name: None,
                role: Role::User,
                attributes: &Attributes::default(),
                password_hash: (what > 0).then_some(&*hash),
            };
            users::insert(&mut tx, &new, NOW).await.map(drop)
        }
        3..=4 => {
            let old = before.and_then(|found| found.password_hash).unwrap_or_default();
            passwords::rehash(&mut tx, id, &old, &hash).await
        }
        5 => passwords::rehash(&mut tx, id, "another", &hash).await,
        6..=7 => {
            let epoch = before.map_or(epoch, |found| found.user.session_epoch);
            passwords::change_password(&mut tx, id, epoch, &hash, after(1)).await.map(drop)
        }
        8 => passwords::set_password(&mut tx, id, &hash, false, after(1)).await.map(drop),
        _ => users::delete(&mut tx, id).await.map(drop),
    };
    // A serialization failure is allowed as well: nothing of it may remain.
    match done {
        Ok(()) if dice.roll(8) > 0 => tx.commit().await.unwrap(),
        _ => tx.rollback().await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counts_equal_a_recount_after_any_history() {
    on_both_stores("password costs: history", async |db| {
        let ids: Vec<UserId> = (0..6).map(|_| user_id(0)).collect();
        let mut dice = Dice(7);
        for _ in 0..400 {
            let at = usize::try_from(dice.roll(6)).unwrap();
            change(&db, ids[at], &format!("user{at}"), &mut dice).await;
            assert_eq!(counts(&db).await, recount(&db).await);
        }
        assert!(!counts(&db).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counts_equal_a_recount_after_changes_at_once() {
    on_both_stores("password costs: race", async |db| {
        let ids: Vec<UserId> = (0..3).map(|_| user_id(0)).collect();
        let workers = (0..8).map(|worker| {
            let (db, ids) = (db.clone(), ids.clone());
            async move {
                let mut dice = Dice(worker);
                for _ in 0..40 {
                    let at = usize::try_from(dice.roll(3)).unwrap();
                    change(&db, ids[at], &format!("user{at}"), &mut dice).await;
                }
            }
        });
        join_all(workers).await;
        assert_eq!(counts(&db).await, recount(&db).await);
    })
    .await;
}

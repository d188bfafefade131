//! Pushed requests: readable for their client, until they expire.

use signet::base::Timestamp;
use signet::store::{Db, pushed_requests};

use super::{NOW, after, commit, hash, is_internal, on_both_stores, reader};

async fn insert(db: &Db, number: u8, client: &str, params: &str, expires_at: Timestamp) {
    let hash = hash(number);
    commit(db, async |tx| pushed_requests::insert(tx, &hash, client, params, expires_at).await)
        .await;
}

async fn find(db: &Db, number: u8, client: &str, at: Timestamp) -> Option<String> {
    pushed_requests::find(&mut reader(db).await, &hash(number), client, at).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_found_by_its_own_client_until_its_time_is_over() {
    on_both_stores("pushed: find", async |db| {
        let long = format!("scope=openid&state=\"🗝\"&x={}", "y".repeat(60_000));
        insert(&db, 1, "shop", &long, after(60)).await;
        insert(&db, 2, "", "", after(86_400 + 60)).await;
        // Longer than a pushed request lasts: stored before the clock was set back.
        insert(&db, 4, "shop", "", Timestamp::from_millis(i64::MAX)).await;
        let last = after(60) - signet::base::TimeSpan::from_millis(1);
        // Repeatedly, because a reload must not lose it.
        for at in [NOW, NOW, last] {
            assert_eq!(find(&db, 1, "shop", at).await.as_deref(), Some(&*long));
        }
        assert_eq!(find(&db, 1, "shop", after(60)).await, None, "over at the very moment");
        for (number, client) in
            [(1, "Shop"), (1, "blog"), (1, ""), (2, "shop"), (3, "shop"), (4, "shop")]
        {
            assert_eq!(find(&db, number, client, NOW).await, None, "{number} {client}");
        }
        assert_eq!(find(&db, 2, "", after(86_400)).await.as_deref(), Some(""));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_given_once() {
    on_both_stores("pushed: one name", async |db| {
        insert(&db, 1, "shop", "first", after(60)).await;
        let mut tx = db.begin().await.unwrap();
        let again = pushed_requests::insert(&mut tx, &hash(1), "blog", "second", after(60)).await;
        assert!(again.is_err_and(|fault| is_internal(&fault)), "a name is 256 random bits");
        tx.rollback().await;
        assert_eq!(find(&db, 1, "shop", NOW).await.as_deref(), Some("first"));
        assert_eq!(find(&db, 1, "blog", NOW).await, None);
    })
    .await;
}

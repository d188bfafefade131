//! Ids that are accepted once: a second use is refused while the row is stored.

use signet::base::Timestamp;
use signet::base::opaque_token::TokenHash;
use signet::store::{Db, spent_ids};

use super::{after, at_once, commit, count, hash, on_both_stores, reader, winners};

async fn spend(db: &Db, id: &TokenHash, expires_at: Timestamp) -> bool {
    commit(db, async |tx| spent_ids::spend(tx, id, expires_at).await).await
}

async fn is_spent(db: &Db, id: &TokenHash) -> bool {
    spent_ids::any_spent(&mut reader(db).await, std::slice::from_ref(id)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_spent_once() {
    on_both_stores("spent: once", async |db| {
        assert!(!is_spent(&db, &hash(1)).await);
        assert!(spend(&db, &hash(1), after(60)).await);
        assert!(is_spent(&db, &hash(1)).await);
        // A later or an earlier end does not make it new, and does not change the first.
        for expires_at in [60, 600, -600].map(after) {
            assert!(!spend(&db, &hash(1), expires_at).await);
        }
        assert_eq!(count!(&db, "SELECT expires_at FROM spent_ids"), after(60).millis());
        assert!(!is_spent(&db, &hash(2)).await);
        // An id that has expired already is used up as well, until it is removed.
        assert!(spend(&db, &hash(2), Timestamp::from_millis(i64::MIN)).await);
        assert!(!spend(&db, &hash(2), after(60)).await && is_spent(&db, &hash(2)).await);
        // One query for many finds any of them.
        let any = async |ids: &[u8]| {
            let ids: Vec<_> = ids.iter().map(|id| hash(*id)).collect();
            spent_ids::any_spent(&mut reader(&db).await, &ids).await.unwrap()
        };
        for (ids, spent) in
            [(&[][..], false), (&[3, 4, 5], false), (&[3, 4, 1], true), (&[2, 3], true)]
        {
            assert_eq!(any(ids).await, spent, "{ids:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolled_back_id_is_not_spent() {
    on_both_stores("spent: rollback", async |db| {
        let mut tx = db.begin().await.unwrap();
        assert!(spent_ids::spend(&mut tx, &hash(1), after(60)).await.unwrap());
        assert!(spent_ids::any_spent(&mut tx, &[hash(1)]).await.unwrap(), "within the same work");
        tx.rollback().await;
        assert!(!is_spent(&db, &hash(1)).await);
        assert!(spend(&db, &hash(1), after(60)).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_spent_exactly_once() {
    on_both_stores("spent: race", async |db| {
        for round in 0..10 {
            let id = hash(round);
            let spent = at_once(async |n: u8| spend(&db, &id, after(n.into())).await).await;
            let won = winners(spent);
            assert_eq!(won.len(), 1, "{won:?}");
            assert!(is_spent(&db, &id).await);
        }
        assert_eq!(count!(&db, "SELECT count(*) FROM spent_ids"), 10);
    })
    .await;
}

//! What a restored database forgets.

use signet::store::{keys, meta, restored};

use super::{NOW, commit, count, on_both_stores, reader};

#[tokio::test(flavor = "multi_thread")]
async fn waiting_rows_are_deleted_and_caches_are_read_again() {
    on_both_stores("restored: forgotten", async |db| {
        let hash = [1_u8; 32];
        commit(&db, async |tx| {
            signet::execute!(
                tx,
                "INSERT INTO pushed_requests (hash, client_id, params, expires_at) \
                 VALUES ($1, 'a', '{}', 1)",
                &hash[..]
            )?;
            signet::execute!(
                tx,
                "INSERT INTO login_limits (pseudonym, tries, ends_at) VALUES ($1, 1, 1)",
                &hash[..]
            )?;
            signet::execute!(
                tx,
                "INSERT INTO spent_ids (hash, expires_at) VALUES ($1, 1)",
                &hash[..]
            )
        })
        .await;
        commit(&db, async |tx| restored::delete_pending(tx).await).await;
        assert_eq!(count!(&db, "SELECT count(*) FROM pushed_requests"), 0);
        assert_eq!(count!(&db, "SELECT count(*) FROM login_limits"), 0);
        // Used-up ids stay used up.
        assert_eq!(count!(&db, "SELECT count(*) FROM spent_ids"), 1);
        let before = meta::cache_version(&mut reader(&db).await).await.unwrap();
        commit(&db, async |tx| restored::raise_cache_version(tx).await).await;
        let after = meta::cache_version(&mut reader(&db).await).await.unwrap();
        assert!(after >= before + 1_000, "{before} {after}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn earlier_refresh_keys_are_removed() {
    on_both_stores("restored: refresh keys", async |db| {
        for version in 1..=3 {
            commit(&db, async |tx| keys::insert_refresh_key(tx, version, &[7], NOW).await).await;
        }
        let removed = commit(&db, async |tx| keys::remove_refresh_keys_before(tx, 3).await).await;
        assert_eq!(removed, 2);
        let left = keys::refresh_keys(&mut reader(&db).await).await.unwrap();
        assert_eq!(left, [(3, vec![7])]);
    })
    .await;
}

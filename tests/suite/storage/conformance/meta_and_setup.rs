//! Facts about the database, and the links that create the first administrator.

use std::time::Duration;

use futures_util::future::join_all;
use signet::base::opaque_token::TokenHash;
use signet::base::{TimeSpan, Timestamp};
use signet::domain::outcome::{Fault, FaultKind};
use signet::store::{Db, Tx, meta, setup_links};

use super::{NOW, after, commit, on_both_stores, reader};

fn hash(byte: u8) -> TokenHash {
    TokenHash::from_digest([byte; 32])
}

async fn put(db: &Db, name: &str, value: &[u8]) -> bool {
    commit(db, async |tx| meta::put_once(tx, name, value).await).await
}

async fn get(db: &Db, name: &str) -> Option<Vec<u8>> {
    meta::get(&mut reader(db).await, name).await.unwrap()
}

async fn is_open(db: &Db, hash: &TokenHash, at: Timestamp) -> bool {
    setup_links::is_open_link(&mut reader(db).await, hash, at).await.unwrap()
}

async fn make_link(db: &Db, hash: &TokenHash) {
    commit(db, async |tx| setup_links::insert_link(tx, hash, after(60)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_is_stored_once_and_stays() {
    on_both_stores("meta: facts", async |db| {
        let long: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        for (name, value) in [("empty", &[][..]), ("long", &long), ("schlüssel 🔑", b"\0\xff")] {
            assert_eq!(get(&db, name).await, None);
            assert!(put(&db, name, value).await);
            assert!(!put(&db, name, b"another").await);
            assert_eq!(get(&db, name).await.as_deref(), Some(value));
        }
        assert_eq!(get(&db, "EMPTY").await, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_version_rises_with_the_work_that_raises_it() {
    on_both_stores("meta: cache version", async |db| {
        let version = async || meta::cache_version(&mut reader(&db).await).await.unwrap();
        assert_eq!(version().await, 0);
        for expected in 1..4 {
            commit(&db, async |tx| meta::raise_cache_version(tx).await).await;
            assert_eq!(version().await, expected);
        }
        let mut tx = db.begin().await.unwrap();
        meta::raise_cache_version(&mut tx).await.unwrap();
        assert_eq!(meta::cache_version(&mut tx).await.unwrap(), 4);
        assert_eq!(version().await, 3, "nobody is told before the commit");
        tx.rollback().await;
        assert_eq!(version().await, 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_fact_blocks_others_and_stays_unchanged() {
    on_both_stores("meta: hold", async |db| {
        put(&db, "fact", b"value").await;
        let hold = async |tx: &mut Tx| meta::hold(tx, "fact").await;
        only_one_at_a_time(&db, hold).await;
        assert_eq!(get(&db, "fact").await.as_deref(), Some(&b"value"[..]));
        // An absent fact is no error.
        commit(&db, async |tx| meta::hold(tx, "nothing").await).await;
        assert_eq!(get(&db, "nothing").await, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_are_held_by_one_at_a_time() {
    on_both_stores("setup: hold", async |db| {
        commit(&db, async |tx| setup_links::close(tx).await).await;
        only_one_at_a_time(&db, async |tx: &mut Tx| setup_links::hold_administrators(tx).await)
            .await;
        assert!(setup_links::is_closed(&mut reader(&db).await).await.unwrap());
    })
    .await;
}

async fn only_one_at_a_time(db: &Db, hold: impl AsyncFn(&mut Tx) -> Result<(), Fault>) {
    let try_hold = async |patience| {
        let mut tx = db.begin_within(patience).await?;
        hold(&mut tx).await?;
        tx.commit().await
    };
    let mut tx = db.begin().await.unwrap();
    hold(&mut tx).await.unwrap();
    let refused = try_hold(Duration::from_millis(100)).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::Unavailable, "{refused}");
    tx.commit().await.unwrap();
    try_hold(db.deadlines().write()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_valid_until_it_expires() {
    on_both_stores("setup: expiry", async |db| {
        let link = hash(1);
        make_link(&db, &link).await;
        for _ in 0..2 {
            assert!(is_open(&db, &link, NOW).await, "looking consumes nothing");
        }
        assert!(is_open(&db, &link, after(60) - TimeSpan::from_millis(1)).await);
        assert!(!is_open(&db, &link, after(60)).await);
        assert!(!is_open(&db, &hash(2), NOW).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn set_up_closes_once_and_for_every_link() {
    on_both_stores("setup: close", async |db| {
        let is_closed = async || setup_links::is_closed(&mut reader(&db).await).await.unwrap();
        let close = async || commit(&db, async |tx| setup_links::close(tx).await).await;
        make_link(&db, &hash(1)).await;
        make_link(&db, &hash(2)).await;
        assert!(!is_closed().await);
        let all = join_all((0..8).map(|_| close())).await;
        assert_eq!(all.iter().filter(|first| **first).count(), 1, "whoever races");
        assert!(is_closed().await);
        assert!(!is_open(&db, &hash(1), NOW).await && !is_open(&db, &hash(2), NOW).await);
        // A link that another process created in between is removed as well.
        make_link(&db, &hash(3)).await;
        assert!(!close().await);
        assert!(is_closed().await && !is_open(&db, &hash(3), NOW).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_replaces_the_one_before() {
    on_both_stores("meta: notes", async |db| {
        for value in [&b"first"[..], b"", b"third"] {
            commit(&db, async |tx| meta::set(tx, "note", value).await).await;
            assert_eq!(get(&db, "note").await.as_deref(), Some(value));
        }
        assert!(!put(&db, "note", b"fourth").await);
        assert_eq!(get(&db, "other").await, None);
    })
    .await;
}

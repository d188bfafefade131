//! Verifiers: counted once under their name, in the order of their absence.

use signet::base::Timestamp;
use signet::store::verifiers::{self, SeenVerifier};
use signet::store::{Db, housekeeping};

use super::{NOW, after, commit, on_both_stores, reader};

fn seen(name: &str, first: i64, last: i64, fetches: i64) -> SeenVerifier {
    let (first_fetch_at, last_fetch_at) = (after(first), after(last));
    SeenVerifier { name: name.to_owned(), first_fetch_at, last_fetch_at, fetches }
}

async fn add(db: &Db, verifier: &SeenVerifier) {
    commit(db, async |tx| verifiers::add(tx, verifier).await).await;
}

async fn all(db: &Db) -> Vec<SeenVerifier> {
    verifiers::since(&mut reader(db).await, Timestamp::from_millis(i64::MIN), 100).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_one_is_counted_on_and_an_unknown_one_is_not_made() {
    on_both_stores("verifiers: counting", async |db| {
        let touch = async |verifier: SeenVerifier| {
            commit(&db, async |tx| verifiers::touch(tx, &verifier).await).await
        };
        assert!(!touch(seen("orders", 0, 0, 1)).await);
        assert_eq!(verifiers::count(&mut reader(&db).await).await.unwrap(), 0);
        add(&db, &seen("orders", 0, 10, 3)).await;
        // Another process wrote it meanwhile: both are counted.
        add(&db, &seen("orders", 5, 20, 9)).await;
        assert!(touch(seen("orders", 30, 30, 2)).await);
        // A later write of a slower process does not set it back.
        assert!(touch(seen("orders", 15, 15, 4)).await);
        add(&db, &seen("orders", 5, 5, 1)).await;
        assert_eq!(all(&db).await, [seen("orders", 0, 30, 19)]);
        assert_eq!(verifiers::count(&mut reader(&db).await).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_absent_come_first_and_go_first() {
    on_both_stores("verifiers: absence", async |db| {
        for (name, last) in [("b", 30), ("a", 30), ("c", 10), ("漢字 @ ::1", 20)] {
            add(&db, &seen(name, 0, last, 3)).await;
        }
        let names = async |since, limit| -> Vec<String> {
            let found = verifiers::since(&mut reader(&db).await, since, limit).await.unwrap();
            found.into_iter().map(|verifier| verifier.name).collect()
        };
        assert_eq!(names(NOW, 100).await, ["c", "漢字 @ ::1", "a", "b"]);
        assert_eq!(names(after(10), 100).await, ["漢字 @ ::1", "a", "b"]);
        assert_eq!(names(NOW, 2).await, ["c", "漢字 @ ::1"]);
        let forget = async |before, step| {
            commit(&db, async |tx| housekeeping::verifiers(tx, before, before, step).await).await
        };
        assert_eq!(forget(after(10), 10).await, 0);
        assert_eq!(forget(after(30), 1).await, 1);
        assert_eq!(names(NOW, 100).await, ["漢字 @ ::1", "a", "b"]);
        assert_eq!(forget(after(31), 10).await, 3);
        assert_eq!(names(NOW, 100).await, [""; 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_verifiers_are_forgotten_sooner() {
    on_both_stores("verifiers: passers-by", async |db| {
        for (name, last, fetches) in
            [("once", 10, 1), ("twice", 20, 2), ("often", 10, 3), ("new", 30, 1)]
        {
            add(&db, &seen(name, 0, last, fetches)).await;
        }
        let removed = commit(&db, async |tx| housekeeping::verifiers(tx, NOW, after(25), 10).await);
        assert_eq!(removed.await, 2);
        let names: Vec<String> = all(&db).await.into_iter().map(|verifier| verifier.name).collect();
        assert_eq!(names, ["often", "new"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recent_and_rare_verifiers_are_listed_and_can_be_removed() {
    on_both_stores("verifiers: the young", async |db| {
        for (name, first, last, fetches) in
            [("new", 50, 60, 9), ("old", 10, 70, 3), ("seldom", 10, 20, 2), ("newest", 90, 90, 1)]
        {
            add(&db, &seen(name, first, last, fetches)).await;
        }
        let young = async |limit| -> Vec<String> {
            let mut reader = reader(&db).await;
            let young = verifiers::young(&mut reader, after(40), 3, limit).await.unwrap();
            young.into_iter().map(|verifier| verifier.name).collect()
        };
        assert_eq!(young(9).await, ["seldom", "new", "newest"]);
        assert_eq!(young(2).await, ["seldom", "new"]);
        commit(&db, async |tx| verifiers::remove(tx, "new").await).await;
        commit(&db, async |tx| verifiers::remove(tx, "unknown").await).await;
        assert_eq!(young(9).await, ["seldom", "newest"]);
        assert_eq!(all(&db).await.len(), 3);
    })
    .await;
}

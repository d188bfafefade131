//! Transactions: committed as a whole or not at all, and refused when there is no space for them.

use std::path::Path;
use std::time::Duration;

use signet::base::Deadlines;
use signet::domain::outcome::{Code, Failure, Fault, FaultKind, Refusal};
use signet::store::db::{self, Db, Link as _, Tx};
use signet::store::error::is_deadlock;
use signet::store::{meta, migrate};
use tokio::time::Instant;

use crate::support::LONG;
use crate::support::process::until;

use super::{Place, commit, count, is_internal, on_both_places, on_both_stores, reader};

/// Begins a transaction that has stored `name`.
async fn wrote(db: &Db, name: &str) -> Tx {
    let mut tx = db.begin().await.unwrap();
    assert!(meta::put_once(&mut tx, name, b"1").await.unwrap());
    tx
}

/// The same with a short deadline, which is extended until the machine is fast enough to begin and to store.
async fn wrote_within(db: &Db, name: &str, mut patience: Duration) -> Tx {
    loop {
        if let Ok(mut tx) = db.begin_within(patience).await {
            if meta::put_once(&mut tx, name, b"1").await.is_ok_and(|stored| stored) {
                return tx;
            }
            tx.rollback().await;
        }
        patience *= 2;
    }
}

async fn is_there(db: &Db, name: &str) -> bool {
    meta::get(&mut reader(db).await, name).await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_seen_by_others_once_it_is_committed() {
    on_both_stores("db: commit", commit_is_seen).await;
}

pub(super) async fn commit_is_seen(db: Db) {
    let tx = wrote(&db, "kept").await;
    assert!(!is_there(&db, "kept").await);
    tx.commit().await.unwrap();
    assert!(is_there(&db, "kept").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_is_rolled_back_or_dropped_leaves_nothing() {
    on_both_stores("db: rollback", rollback_leaves_nothing).await;
}

pub(super) async fn rollback_leaves_nothing(db: Db) {
    wrote(&db, "back").await.rollback().await;
    assert!(!is_there(&db, "back").await);
    drop(wrote(&db, "dropped").await);
    // The result is visible only when the connection is free again.
    assert!(commit(&db, async |tx| meta::put_once(tx, "dropped", b"2").await).await);
    assert_eq!(count!(&db, "SELECT count(*) FROM meta WHERE name IN ('back', 'dropped')"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_commits_what_it_recorded_and_a_fault_rolls_back() {
    on_both_stores("db: commit_unless_failed", async |db| {
        let done = db::commit_unless_failed(wrote(&db, "done").await, Ok(7)).await;
        assert!(matches!(done, Ok(7)));
        assert!(is_there(&db, "done").await);

        let refused = db::commit_unless_failed(wrote(&db, "refused").await, refused()).await;
        assert!(
            matches!(refused, Err(Failure::Refused(refusal)) if refusal.code == Code::Conflict)
        );
        assert!(is_there(&db, "refused").await);

        let failed = db::commit_unless_failed(wrote(&db, "failed").await, failed()).await;
        assert!(matches!(failed, Err(Failure::Failed(fault)) if fault.doing == FAULT));
        assert!(!is_there(&db, "failed").await);
    })
    .await;
}

const FAULT: &str = "a fault of the test";

fn refused() -> Result<(), Failure> {
    Err(Refusal::new(Code::Conflict, "").into())
}

fn failed() -> Result<(), Failure> {
    Err(Fault::internal(FAULT).into())
}

#[tokio::test]
async fn an_unresponsive_database_is_abandoned_at_the_deadline() {
    let at_once = Instant::now();
    let silent =
        db::with_deadline::<()>(at_once, "asking", std::future::pending()).await.unwrap_err();
    assert_eq!(silent.kind, FaultKind::Unavailable);
    assert!(silent.to_string().ends_with(": asking"), "{silent}");
    let later = at_once + LONG.write();
    let answer = async |outcome| db::with_deadline(later, "asking", async { outcome }).await;
    assert!(matches!(answer(Ok(7)).await, Ok(7)));
    let closed = answer(Err(sqlx::Error::PoolClosed)).await.unwrap_err();
    assert_eq!((closed.kind, closed.doing), (FaultKind::Unavailable, "asking"));
    let missing = answer(Err(sqlx::Error::RowNotFound)).await.unwrap_err();
    assert_eq!(missing.kind, FaultKind::Internal);
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_outlasts_its_patience_is_not_committed() {
    on_both_stores("db: deadline", async |db| {
        let tx = wrote_within(&db, "late", Duration::from_millis(300)).await;
        let deadline = tx.deadline();
        let waited = db::with_deadline::<()>(deadline, "waiting", std::future::pending()).await;
        assert!(waited.is_err());
        let refused = tx.commit().await.unwrap_err();
        assert_eq!(refused.kind, FaultKind::Unavailable, "{refused}");
        // The connection is usable again, and the write was rolled back.
        assert!(commit(&db, async |tx| meta::put_once(tx, "late", b"2").await).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_begins_by_its_deadline_and_keeps_it() {
    on_both_stores("db: begin by a deadline", async |db| {
        let deadline = Instant::now() + Duration::from_secs(60);
        let tx = db.begin_until(deadline).await.unwrap();
        assert_eq!(tx.deadline(), deadline);
        tx.rollback().await;
        // A deadline that has passed: a transaction that began nevertheless is not committed.
        let late = match db.begin_until(Instant::now() - Duration::from_secs(1)).await {
            Ok(tx) => tx.commit().await.unwrap_err(),
            Err(fault) => fault,
        };
        assert_eq!(late.kind, FaultKind::Unavailable, "{late}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_for_a_turn_ends_at_its_deadline() {
    on_both_stores("db: patience", async |db| {
        // With all deadlines long: the refusals below have other causes.
        let mut held = vec![db.begin().await.unwrap()];
        if !db.is_sqlite() {
            held.push(db.begin().await.unwrap());
        }
        let refused = loop {
            assert!(held.len() < 1_000, "there is always room");
            match db.begin_within(Duration::from_millis(500)).await {
                Ok(tx) => held.push(tx),
                Err(refused) => break refused,
            }
        };
        assert_eq!(refused.kind, FaultKind::Unavailable, "{refused}");
        assert_eq!(held.len() == 1, db.is_sqlite(), "SQLite has one writer: {}", held.len());
        for tx in held {
            tx.rollback().await;
        }
        commit(&db, async |tx| meta::put_once(tx, "again", b"1").await).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_sqlite_cannot_write() {
    on_both_stores("db: reader", async |db| {
        let mut link = db.reader().await.unwrap();
        let wrote =
            signet::execute!(&mut link, "INSERT INTO meta VALUES ('reader', $1)", &b"1"[..]);
        assert_eq!(wrote.is_err(), db.is_sqlite());
        assert_eq!(is_there(&db, "reader").await, !db.is_sqlite());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_empties_the_log_and_keeps_the_data() {
    on_both_places("db: checkpoint", async |place| {
        let db = place.connect().await;
        migrate::up(&db).await.unwrap();
        for (name, truncate) in [("one", false), ("two", true), ("three", false), ("four", true)] {
            wrote(&db, name).await.commit().await.unwrap();
            if let Some(size) = log_size(place) {
                assert!(size > 0);
            }
            if truncate { db.empty_log().await } else { db.checkpoint().await }.unwrap();
            if let Some(size) = log_size(place).filter(|_| truncate) {
                assert_eq!(size, 0);
            }
            assert!(is_there(&db, name).await);
        }
        // The connection that did the checkpoint only reads again.
        let mut link = reader(&db).await;
        let wrote = signet::execute!(&mut link, "DELETE FROM meta WHERE name = $1", "one");
        assert_eq!(wrote.is_err(), db.is_sqlite());
        drop(link);
        db.close().await;
    })
    .await;
}

/// There is always a commit that the checkpoint has not seen: a transaction is open when it begins, and
/// committed once it has moved the existing pages.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_ahead_log_under_constant_writes_is_reset() {
    /// The log is long at 16 MiB: a round of these is longer.
    const PIECE: usize = 4 << 20;
    const PIECES: usize = 5;
    const ROUND: u64 = (PIECE * PIECES) as u64;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("store.db");
    let place = Place::Sqlite(dir);
    let db = place.connect().await;
    migrate::up(&db).await.unwrap();
    let insert = async |tx: &mut Tx, name: String, size: usize| {
        let sql = signet::execute!(tx, "INSERT INTO meta VALUES ($1, $2)", name, vec![7; size]);
        assert_eq!(sql.unwrap(), 1);
    };
    for round in 1..=4 {
        for number in 0..PIECES {
            let mut tx = db.begin().await.unwrap();
            insert(&mut tx, format!("{round} {number}"), PIECE).await;
            tx.commit().await.unwrap();
        }
        // The writer's connection is in use: the checkpoint does what it can without it.
        let mut tx = db.begin().await.unwrap();
        insert(&mut tx, format!("{round} late"), 1).await;
        let checkpoint = tokio::spawn({
            let db = db.clone();
            async move { db.checkpoint().await }
        });
        // Pages are moved in their order, the new ones last.
        let moved = || std::fs::metadata(&file).unwrap().len() >= round * ROUND;
        until("the log is moved", async || moved()).await;
        tx.commit().await.unwrap();
        checkpoint.await.unwrap().unwrap();
        // Without the writer's connection each round would be appended to the earlier ones.
        let size = log_size(&place).unwrap();
        assert!((ROUND..ROUND * 3 / 2).contains(&size), "{size} in round {round}");
    }
    assert!(is_there(&db, "1 0").await && is_there(&db, "4 late").await);
    db.close().await;
}

/// The bytes of SQLite's write-ahead log, if there is one.
fn log_size(place: &Place) -> Option<u64> {
    let Place::Sqlite(dir) = place else { return None };
    std::fs::metadata(dir.path().join("store.db-wal")).ok().map(|file| file.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_database_is_unavailable_and_whole() {
    on_both_places("db: close", async |place| {
        let db = place.connect().await;
        migrate::up(&db).await.unwrap();
        wrote(&db, "kept").await.commit().await.unwrap();
        db.close().await;
        assert_eq!(log_size(place).unwrap_or(0), 0, "the file alone is the database");
        assert_eq!(db.begin().await.err().map(|f| f.kind), Some(FaultKind::Unavailable));
        assert_eq!(db.reader().await.err().map(|f| f.kind), Some(FaultKind::Unavailable));
        let again = place.connect().await;
        assert!(is_there(&again, "kept").await);
        again.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_there_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("absent.db");
    assert!(Db::sqlite(&path, false, LONG).await.is_err());
    assert!(!path.exists(), "looking for a database must not make one");
    assert!(Db::sqlite(Path::new("/"), true, LONG).await.is_err());
    assert!(Db::postgres("no address", 16, LONG).await.is_err_and(|fault| is_internal(&fault)));
    let nobody =
        Db::postgres("postgres://nobody@127.0.0.1:1/nothing", 16, Deadlines::IN_SERVICE).await;
    assert_eq!(nobody.err().map(|fault| fault.kind), Some(FaultKind::Unavailable));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_distinguished_from_other_faults() {
    on_both_stores("db: deadlock", async |db| {
        assert!(!is_deadlock(&Fault::internal("no database was asked")));
        for name in ["a", "b"] {
            wrote(&db, name).await.commit().await.unwrap();
        }
        if db.is_sqlite() {
            let mut tx = db.begin().await.unwrap();
            let refused = signet::execute!(&mut tx, "INSERT INTO meta VALUES ('a', $1)", &b""[..]);
            assert!(refused.is_err_and(|fault| is_internal(&fault) && !is_deadlock(&fault)));
            return tx.rollback().await;
        }
        let (mut one, mut two) = (db.begin().await.unwrap(), db.begin().await.unwrap());
        meta::hold(&mut one, "a").await.unwrap();
        meta::hold(&mut two, "b").await.unwrap();
        let (first, second) = tokio::join!(meta::hold(&mut one, "b"), meta::hold(&mut two, "a"));
        assert!(first.is_ok() != second.is_ok(), "one of them gives way: {first:?} {second:?}");
        let fault = first.err().or(second.err()).unwrap();
        assert!(is_deadlock(&fault) && fault.kind == FaultKind::Unavailable, "{fault}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_counted_inside_a_counter() {
    on_both_stores("counting statements", async |db| {
        let ((), none) = db::counted(async {}).await;
        assert_eq!(none, 0);
        let (version, one) =
            db::counted(async { meta::cache_version(&mut reader(&db).await).await.unwrap() }).await;
        assert_eq!((version, one), (0, 1));
        let ((), several) = db::counted(async {
            commit(&db, async |tx| meta::raise_cache_version(tx).await).await;
            commit(&db, async |tx| meta::raise_cache_version(tx).await).await;
        })
        .await;
        assert_eq!(several, 2, "beginning and committing are not counted");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_role_comes_from_the_server_and_is_absent_for_a_file() {
    on_both_stores("db: facts", async |db| {
        let facts = db.server_facts().await.unwrap();
        assert_eq!(facts.is_none(), db.is_sqlite());
        if let Some(facts) = facts {
            assert_eq!(
                (facts.encoding.as_str(), facts.schema.as_deref()),
                ("UTF8", Some("public"))
            );
            assert!(!facts.role.is_empty());
            assert_eq!(facts.statement_timeout, 0, "of a server without a default");
        }
        // Without a pooler every statement is kept.
        assert!(db.keeps_prepared_statements().await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_only_looked_at_keeps_no_connection() {
    on_both_places("db: look", async |place| {
        let Place::Postgres(url) = place else { return };
        Db::try_postgres(url, LONG).await.unwrap();
        let nobody = "postgres://nobody@127.0.0.1:1/nothing";
        let unreachable = Db::try_postgres(nobody, Deadlines::IN_SERVICE).await;
        assert_eq!(unreachable.err().map(|fault| fault.kind), Some(FaultKind::Unavailable));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compacted_database_keeps_every_row() {
    on_both_stores("db: compact", async |db| {
        wrote(&db, "kept").await.commit().await.unwrap();
        db.compact().await.unwrap();
        assert!(is_there(&db, "kept").await);
        wrote(&db, "later").await.commit().await.unwrap();
    })
    .await;
}

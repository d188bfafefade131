//! The servers on a database: each has one row while it runs.

use signet::base::id::ProcessId;
use signet::base::{TimeSpan, Timestamp};
use signet::crypto::random::SystemEntropy;
use signet::store::processes::{self, StoredProcess};
use signet::store::{Db, Link as _};

use super::{NOW, after, at_once, commit, on_both_stores, reader};

const LIFE: TimeSpan = TimeSpan::from_mins(1);

fn process(name: &str, beat_at: Timestamp) -> StoredProcess {
    StoredProcess {
        id: ProcessId::new(NOW, &SystemEntropy),
        name: name.to_owned(),
        version: "0.1.0".to_owned(),
        schema_known: 12,
        settings: r#"{"SIGNET_ISSUER":"http://x"}"#.to_owned(),
        clock_offset: -7,
        started_at: NOW,
        beat_at,
    }
}

async fn beat(db: &Db, process: &StoredProcess) {
    commit(db, async |tx| processes::beat(tx, process).await).await;
}

async fn running(db: &Db, now: Timestamp) -> Vec<StoredProcess> {
    processes::running(&mut reader(db).await, now, LIFE).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_has_one_row_for_as_long_as_it_lives() {
    on_both_stores("processes: life", async |db| {
        assert!(running(&db, NOW).await.is_empty());
        let (one, two) = (process("b/1", NOW), process("a/2", NOW));
        for process in [&one, &two] {
            beat(&db, process).await;
        }
        assert_eq!(running(&db, after(60)).await, [two.clone(), one.clone()], "by their names");
        assert!(running(&db, after(61)).await.is_empty());
        // A heartbeat changes the variable columns, and nothing else.
        let later = StoredProcess { clock_offset: 9, beat_at: after(50), ..one.clone() };
        let other = StoredProcess { settings: "{}".to_owned(), ..later.clone() };
        at_once(async |_: u8| beat(&db, &other).await).await;
        assert_eq!(running(&db, after(61)).await, [later]);

        let dead =
            async |now| commit(&db, async |tx| processes::remove_dead(tx, now, LIFE).await).await;
        assert_eq!(dead(after(60)).await, 0);
        assert_eq!(dead(after(61)).await, 1);
        // A row from a clock that was far ahead is removed before that time.
        beat(&db, &process("c/3", after(3_600))).await;
        assert_eq!(dead(after(61)).await, 1);
        let remove = async || commit(&db, async |tx| processes::remove(tx, one.id).await).await;
        assert!(remove().await);
        assert!(!remove().await, "it is gone already");
        // A process that was considered dead is listed again.
        beat(&db, &one).await;
        assert_eq!(running(&db, NOW).await, std::slice::from_ref(&one));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_server_has_a_clock_of_its_own() {
    on_both_stores("processes: time", async |db| {
        let time = db.time().await.unwrap();
        assert_eq!(time.is_none(), db.is_sqlite());
        if let (Some(before), Some(after)) = (time, db.time().await.unwrap()) {
            assert!(before <= after && before.secs() > 1_600_000_000, "{before} {after}");
        }
        // A statement outside of the current transaction.
        let mut tx = db.begin().await.unwrap();
        assert_eq!(db.time().await.unwrap().is_none(), db.is_sqlite());
        tx.ended(false);
        tx.rollback().await;
    })
    .await;
}

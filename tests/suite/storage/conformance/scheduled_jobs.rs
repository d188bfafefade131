//! The times of scheduled jobs and the lease on them.

use signet::base::id::ProcessId;
use signet::base::{TimeSpan, Timestamp};
use signet::crypto::random::SystemEntropy;
use signet::store::Db;
use signet::store::scheduled_jobs::{self, JobRuns};

use super::{NOW, after, at_once, commit, on_both_stores, reader, winners};

const LEASE: TimeSpan = TimeSpan::from_mins(5);

fn process() -> ProcessId {
    ProcessId::new(NOW, &SystemEntropy)
}

async fn take(db: &Db, name: &str, holder: ProcessId, now: Timestamp) -> bool {
    commit(db, async |tx| scheduled_jobs::take(tx, name, holder, now, now + LEASE).await).await
}

async fn extend(db: &Db, holder: ProcessId, now: Timestamp) -> bool {
    commit(db, async |tx| scheduled_jobs::extend(tx, "backup", holder, now + LEASE).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_has_one_holder() {
    on_both_stores("scheduled jobs: lease", async |db| {
        let (one, two) = (process(), process());
        assert!(take(&db, "backup", one, NOW).await);
        assert!(!take(&db, "backup", two, after(1)).await);
        // The lease cannot be taken twice, not even by its holder, which extends it. Another job is another lease.
        assert!(!take(&db, "backup", one, after(1)).await);
        assert!(take(&db, "other", two, NOW).await);
        assert!(extend(&db, one, after(200)).await);
        assert!(!extend(&db, two, after(200)).await);
        assert!(!take(&db, "backup", two, after(301)).await);
        assert!(take(&db, "backup", two, after(501)).await);
        assert!(!take(&db, "backup", one, after(502)).await);
        assert!(!extend(&db, one, after(502)).await);
        // Only the holder gives it back.
        commit(&db, async |tx| scheduled_jobs::release(tx, "backup", one).await).await;
        assert!(!take(&db, "backup", one, after(503)).await);
        commit(&db, async |tx| scheduled_jobs::release(tx, "backup", two).await).await;
        assert!(take(&db, "backup", one, after(504)).await);
        // One that ends later than any that is given now was written by a wrong clock.
        assert!(take(&db, "backup", two, after(-10_000)).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_one_gets_the_lease() {
    on_both_stores("scheduled jobs: race", async |db| {
        for round in 0..10 {
            let name = format!("job{round}");
            let taken = at_once(async |_| take(&db, &name, process(), NOW).await).await;
            assert_eq!(winners(taken).len(), 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_noted_and_a_success_forgets_the_failure() {
    on_both_stores("scheduled jobs: times", async |db| {
        let runs = async |name| scheduled_jobs::runs(&mut reader(&db).await, name).await.unwrap();
        assert_eq!(runs("backup").await, JobRuns::default());
        commit(&db, async |tx| scheduled_jobs::note_failure(tx, "backup", after(1)).await).await;
        let failed = JobRuns { failed_at: Some(after(1)), ..JobRuns::default() };
        assert_eq!(runs("backup").await, failed);
        commit(&db, async |tx| scheduled_jobs::note_success(tx, "backup", after(2)).await).await;
        let succeeded = JobRuns { succeeded_at: Some(after(2)), ..JobRuns::default() };
        assert_eq!(runs("backup").await, succeeded);
        commit(&db, async |tx| scheduled_jobs::note_failure(tx, "backup", after(3)).await).await;
        assert_eq!(runs("backup").await, JobRuns { failed_at: Some(after(3)), ..succeeded });
        // The lease and the times do not touch each other.
        assert!(take(&db, "backup", process(), NOW).await);
        let tried = JobRuns { tried_since: Some(NOW), failed_at: Some(after(3)), ..succeeded };
        assert_eq!(runs("backup").await, tried);
        // The first attempt is the first one.
        assert!(take(&db, "backup", process(), after(1000)).await);
        assert_eq!(runs("backup").await, tried);
        assert_eq!(runs("other").await, JobRuns::default());
    })
    .await;
}

//! Backups that the server makes on a schedule, and those that it keeps.

use std::path::PathBuf;

use serde_json::Value;
use signet::base::TimeSpan;
use signet::http::metrics_text;
use signet::jobs::{self, BackupRun};

use super::{name_of, names};
use crate::support::server::{Options, on_both};
use crate::support::{Backend, Server, postgres, require};

const HOUR: TimeSpan = TimeSpan::from_mins(60);
const DAY: TimeSpan = TimeSpan::from_days(1);

fn daily(backend: Backend) -> Options {
    Options::on(backend)
        .with("SIGNET_BACKUP_SCHEDULE", "daily@03:00")
        .with("SIGNET_BACKUP_KEEP", "2d")
}

async fn run(server: &Server) -> BackupRun {
    jobs::back_up(&server.app).await.unwrap()
}

fn directory(server: &Server) -> PathBuf {
    server.app.config.backups.directory.clone()
}

/// The value of one series.
fn value(server: &Server, series: &str) -> f64 {
    let page = metrics_text(&server.app);
    let line = page.lines().find_map(|line| line.strip_prefix(series));
    line.unwrap_or_else(|| panic!("{series} is missing:\n{page}")).trim().parse().unwrap()
}

/// The events of this kind, the newest first.
async fn events(server: &Server, kind: &str) -> Vec<Value> {
    let root = server.administrator(&format!("root{}", server.now().secs())).await;
    server.events(&root, kind).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_due_backup_is_made_once_and_old_ones_are_removed() {
    on_both("scheduled backups", async |backend| {
        let server = daily(backend).start().await;
        server.register("ada").await;
        // None was ever made, so one is due.
        assert_eq!(run(&server).await, BackupRun::Made);
        assert_eq!(run(&server).await, BackupRun::NotDue);
        let first = names(&directory(&server));
        assert_eq!(first.len(), 1, "{first:?}");
        let last = value(&server, "signet_backup_last_success_timestamp_seconds");
        assert_eq!(last, server.now().secs() as f64);
        assert_eq!(value(&server, "signet_backups_total{result=\"ok\"}"), 1.0);
        // 2027-01-15T08:00:00Z is when the clock of the suite begins: 19 hours are left.
        server.advance(TimeSpan::from_mins(19 * 60 - 1));
        assert_eq!(run(&server).await, BackupRun::NotDue);
        server.advance(TimeSpan::from_mins(2));
        assert_eq!(run(&server).await, BackupRun::Made);
        let second = names(&directory(&server));
        assert_eq!(second.len(), 2, "{second:?}");
        // Missed for days: made once.
        server.advance(TimeSpan::from_days(4));
        assert_eq!(run(&server).await, BackupRun::Made);
        assert_eq!(run(&server).await, BackupRun::NotDue);
        let third = names(&directory(&server));
        assert_eq!(third.len(), 2, "{third:?}");
        assert_eq!(third[0], second[1]);
        assert_eq!(name_of(&directory(&server).join(&third[1])).at.secs(), server.now().secs());
        let made = events(&server, "backup.created").await;
        assert_eq!(made.len(), 3);
        assert_eq!(made[0]["via"], "system");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_backup_counts_for_nothing_and_the_newest_sound_one_stays() {
    let server = daily(Backend::Sqlite).start().await;
    for _ in 0..2 {
        assert_eq!(run(&server).await, BackupRun::Made);
        server.advance(DAY);
    }
    let made = names(&directory(&server));
    let newest = directory(&server).join(&made[1]);
    let mut bytes = std::fs::read(&newest).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&newest, bytes).unwrap();
    // A file that only has the name of a newer one.
    let fake = "signet-20360101T000000Z-v0035-0123456789abcdef.db";
    std::fs::write(directory(&server).join(fake), "not a backup").unwrap();
    assert_eq!(run(&server).await, BackupRun::Made);
    let left = names(&directory(&server));
    // The rule keeps two days: the new one and the first, because the second is damaged.
    assert_eq!(left.len(), 4, "{left:?}");
    assert!(left.contains(&made[0]) && left.contains(&made[1]) && left.contains(&fake.to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_backup_is_reported_and_tried_again_after_an_hour() {
    on_both("failed backups", async |backend| {
        let server = daily(backend).start().await;
        let directory = directory(&server);
        std::fs::write(&directory, "a file in the place of the directory").unwrap();
        assert_eq!(run(&server).await, BackupRun::Failed);
        assert_eq!(run(&server).await, BackupRun::NotDue);
        assert_eq!(value(&server, "signet_backups_total{result=\"failed\"}"), 1.0);
        assert_eq!(value(&server, "signet_backup_last_success_timestamp_seconds"), 0.0);
        server.get("/ready").await.is(200);
        let failed = events(&server, "backup.failed").await;
        assert_eq!(failed.len(), 1);
        let detail = failed[0]["detail"].as_str().unwrap();
        assert!(detail.contains("backups"), "{detail}");
        server.advance(HOUR);
        assert_eq!(run(&server).await, BackupRun::Failed);
        assert!(value(&server, "signet_backup_overdue_seconds") >= 3600.0);
        // A backup that fails removes none.
        std::fs::remove_file(&directory).unwrap();
        server.advance(HOUR);
        assert_eq!(run(&server).await, BackupRun::Made);
        assert_eq!(value(&server, "signet_backup_overdue_seconds"), 0.0);
        assert_eq!(names(&directory).len(), 1);
    })
    .await;
}

/// The first backup is due since it was first tried, also on a schedule that has no time of day.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_never_succeeded_is_overdue() {
    on_both("the first backup fails", async |backend| {
        let server = Options::on(backend).with("SIGNET_BACKUP_SCHEDULE", "6h").start().await;
        std::fs::write(directory(&server), "a file in the place of the directory").unwrap();
        assert_eq!(run(&server).await, BackupRun::Failed);
        server.advance(HOUR);
        assert_eq!(run(&server).await, BackupRun::Failed);
        server.advance(HOUR);
        assert_eq!(run(&server).await, BackupRun::Failed);
        assert_eq!(value(&server, "signet_backup_overdue_seconds"), 7200.0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_schedule_no_backup_is_made() {
    let server = Server::start(Backend::Sqlite).await;
    assert_eq!(run(&server).await, BackupRun::NotDue);
    assert!(!directory(&server).exists());
    assert_eq!(value(&server, "signet_backup_overdue_seconds"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_processes_one_makes_the_backup() {
    let Some(url) = postgres::fresh_database().await else {
        return require::missing("postgres", "the backups of two processes");
    };
    let one = daily(Backend::Postgres).on_database(&url).start().await;
    let key = std::fs::read_to_string(one.dir.path().join("data/master.key")).unwrap();
    let two = daily(Backend::Postgres)
        .on_database(&url)
        .with("SIGNET_MASTER_KEY", key.trim())
        .with("SIGNET_ISSUER", &one.base)
        .start()
        .await;
    for _ in 0..3 {
        let runs = tokio::join!(run(&one), run(&two), run(&one), run(&two));
        let runs = [runs.0, runs.1, runs.2, runs.3];
        let made = runs.iter().filter(|run| **run == BackupRun::Made).count();
        assert_eq!(made, 1, "{runs:?}");
        assert!(!runs.contains(&BackupRun::Failed), "{runs:?}");
        one.advance(DAY);
        two.advance(DAY);
    }
}

/// The lease of a process that died passes, and another one makes the backup.
#[tokio::test(flavor = "multi_thread")]
async fn the_backup_of_a_process_that_died_is_made_by_another() {
    on_both("the lease of a backup", async |backend| {
        let server = daily(backend).start().await;
        let dead = signet::base::id::ProcessId::new(server.now(), &*server.app.entropy);
        let mut tx = server.app.db.begin().await.unwrap();
        let until = server.now() + TimeSpan::from_mins(5);
        let job = signet::admin::backups::BACKUP_JOB;
        let take = signet::store::scheduled_jobs::take(&mut tx, job, dead, server.now(), until);
        assert!(take.await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(run(&server).await, BackupRun::Elsewhere);
        server.advance(TimeSpan::from_mins(6));
        assert_eq!(run(&server).await, BackupRun::Made);
    })
    .await;
}

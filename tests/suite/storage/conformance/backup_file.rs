//! Copies of a SQLite database as files. There are none of PostgreSQL.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use signet::domain::pagination::PageRequest;
use signet::store::backup_file::{BackupFile, Comparison, Manifest, fold_log, snapshot};
use signet::store::{Db, migrate as schema, users};
use tempfile::TempDir;

use super::{LONG, NOW, commit, user};

/// A SQLite database with the schema.
async fn sqlite(dir: &TempDir) -> Db {
    let db = Db::sqlite(&dir.path().join("store.db"), true, LONG).await.unwrap();
    schema::up(&db).await.unwrap();
    db
}

async fn copied(db: &Db, to: &Path) -> PathBuf {
    std::fs::write(to, "").unwrap();
    snapshot(db, to).await.unwrap();
    to.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_of_one_moment() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    user(&db, "ada").await;
    let copy = copied(&db, &dir.path().join("copy.db")).await;
    user(&db, "ben").await;
    let mut file = BackupFile::open(&copy, false).await.unwrap();
    assert!(file.check().await.unwrap().is_empty());
    assert_eq!(file.count_rows().await.unwrap()["users"], 1);
    assert!(file.manifest().await.unwrap().is_none());
    file.close().await.unwrap();
    let copy = Db::sqlite(&copy, false, LONG).await.unwrap();
    let page = PageRequest { after: None, limit: 10 };
    let found = users::page(&mut copy.reader().await.unwrap(), page).await.unwrap();
    assert_eq!(found.data.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_is_read_as_it_was_written_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let copy = copied(&db, &dir.path().join("copy.db")).await;
    let manifest = Manifest {
        version: "1.2.3".to_owned(),
        schema: 34,
        at: NOW,
        rows: BTreeMap::from([("users".to_owned(), 2)]),
        keys: vec!["kid".to_owned()],
    };
    let mut file = BackupFile::open(&copy, true).await.unwrap();
    assert!(file.signing_keys().await.unwrap().is_empty());
    file.write_manifest(&manifest).await.unwrap();
    file.close().await.unwrap();
    let mut file = BackupFile::open(&copy, false).await.unwrap();
    let read = file.manifest().await.unwrap().unwrap();
    assert_eq!((read.version, read.schema, read.at), ("1.2.3".to_owned(), 34, NOW));
    assert_eq!((read.rows, read.keys), (manifest.rows, manifest.keys));
    file.close().await.unwrap();
    let mut file = BackupFile::open(&copy, true).await.unwrap();
    file.drop_manifest().await.unwrap();
    assert!(file.manifest().await.unwrap().is_none());
    file.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_databases_are_compared() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let (ada, ben) = (user(&db, "ada").await, user(&db, "ben").await);
    let earlier = copied(&db, &dir.path().join("copy.db")).await;
    commit(&db, async |tx| users::disable(tx, ada, NOW).await).await;
    commit(&db, async |tx| users::delete(tx, ben).await).await;
    user(&db, "cleo").await;
    let mut comparison = Comparison::open(&dir.path().join("store.db"), &earlier).await.unwrap();
    assert_eq!(comparison.disabled().await.unwrap(), ["ada"]);
    assert_eq!(comparison.deleted().await.unwrap(), ["ben"]);
    assert_eq!(comparison.created().await.unwrap(), ["cleo"]);
    assert!(comparison.passwords().await.unwrap().is_empty());
    assert!(comparison.retired_keys().await.unwrap().is_empty());
    assert!(comparison.clients().await.unwrap().is_empty());
    comparison.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_moved_into_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    user(&db, "ada").await;
    // As a process that was killed leaves them.
    let path = dir.path().join("killed.db");
    let log = dir.path().join("killed.db-wal");
    std::fs::copy(dir.path().join("store.db"), &path).unwrap();
    std::fs::copy(dir.path().join("store.db-wal"), &log).unwrap();
    assert!(log.metadata().unwrap().len() > 0);
    assert!(fold_log(&path).await.unwrap());
    assert!(!log.exists() || log.metadata().unwrap().len() == 0);
    let killed = Db::sqlite(&path, false, LONG).await.unwrap();
    let page = PageRequest { after: None, limit: 10 };
    let found = users::page(&mut killed.reader().await.unwrap(), page).await.unwrap();
    assert_eq!(found.data.len(), 1);
    let text = dir.path().join("text.db");
    std::fs::write(&text, "this is not a database, whatever it is called").unwrap();
    assert!(fold_log(&text).await.is_err());
}

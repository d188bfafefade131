//! Copies of a SQLite database as files. There are none of PostgreSQL; `table_copy` is for both.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use signet::domain::pagination::PageRequest;
use signet::store::backup_file::{self, BackupFile, Comparison, Manifest};
use signet::store::{Db, keys, migrate as schema, users};
use tempfile::TempDir;

use super::{LONG, NOW, commit, on_both_stores, user};

/// A SQLite database with the schema.
async fn sqlite(dir: &TempDir) -> Db {
    let db = Db::sqlite(&dir.path().join("store.db"), true, LONG).await.unwrap();
    schema::up(&db).await.unwrap();
    db
}

async fn copied(db: &Db, to: &Path) -> PathBuf {
    std::fs::write(to, "").unwrap();
    backup_file::snapshot(db, to, || true).await.unwrap();
    to.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_of_one_moment_and_can_be_ended() {
    on_both_stores("backup file: snapshot", async |db| {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("copy.db");
        user(&db, "ada").await;
        assert!(db.content_bytes().await.unwrap() > 100_000);
        if !db.is_sqlite() {
            assert!(backup_file::snapshot(&db, &to, || true).await.is_err());
            return;
        }
        let copy = copied(&db, &to).await;
        user(&db, "ben").await;
        let mut file = BackupFile::open(&copy, false).await.unwrap();
        assert_eq!(file.check().await.unwrap(), [""; 0]);
        assert_eq!(file.manifest().await.unwrap(), None);
        file.close().await.unwrap();
        let copy = Db::sqlite(&copy, false, LONG).await.unwrap();
        let page = PageRequest { after: None, limit: 10 };
        let found = users::page(&mut copy.reader().await.unwrap(), page).await.unwrap();
        assert_eq!(found.data.len(), 1);
        copy.close().await;
        // A file that holds something is not overwritten.
        assert!(backup_file::snapshot(&db, &to, || true).await.is_err());
        let ended = dir.path().join("ended.db");
        std::fs::write(&ended, "").unwrap();
        let filler = "INSERT INTO meta (name, value) \
                      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) \
                      SELECT 'filler' || i, x'00' FROM n";
        let mut tx = db.begin().await.unwrap();
        if let signet::store::db::Conn::Sqlite(conn) = signet::store::Link::conn(&mut tx) {
            sqlx::query(filler).execute(conn).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert!(backup_file::snapshot(&db, &ended, || false).await.is_err());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_is_read_as_it_was_written_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    commit(&db, async |tx| keys::insert_refresh_key(tx, 1, &[7], NOW).await).await;
    let copy = copied(&db, &dir.path().join("copy.db")).await;
    let manifest = Manifest {
        version: "1.2.3".to_owned(),
        schema: 35,
        at: NOW,
        rows: BTreeMap::from([("users".to_owned(), 2)]),
        digests: BTreeMap::from([("users".to_owned(), "00ff".to_owned())]),
        keys: vec!["kid".to_owned()],
    };
    let mut file = BackupFile::open(&copy, true).await.unwrap();
    assert_eq!(file.signing_keys().await.unwrap(), [""; 0]);
    file.write_manifest(&manifest).await.unwrap();
    file.close().await.unwrap();
    // One file, without a log beside it.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().filter(is_of_copy).count(), 1);
    let mut file = BackupFile::open(&copy, false).await.unwrap();
    assert_eq!(file.manifest().await.unwrap(), Some(manifest));
    file.close().await.unwrap();
    let mut file = BackupFile::open(&copy, true).await.unwrap();
    file.drop_manifest().await.unwrap();
    file.drop_manifest().await.unwrap();
    assert_eq!(file.manifest().await.unwrap(), None);
    file.close().await.unwrap();
}

fn is_of_copy(entry: &std::io::Result<std::fs::DirEntry>) -> bool {
    entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("copy.db")
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
    assert!(backup_file::fold_log(&path).await.unwrap());
    assert!(!log.exists() || log.metadata().unwrap().len() == 0);
    let killed = Db::sqlite(&path, false, LONG).await.unwrap();
    let page = PageRequest { after: None, limit: 10 };
    let found = users::page(&mut killed.reader().await.unwrap(), page).await.unwrap();
    assert_eq!(found.data.len(), 1);
    killed.close().await;
    db.close().await;
    let text = dir.path().join("text.db");
    std::fs::write(&text, "this is not a database, whatever it is called").unwrap();
    assert!(backup_file::fold_log(&text).await.is_err());
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
    assert_eq!(comparison.disabled().await.unwrap(), [(ada, "ada".to_owned())]);
    assert_eq!(comparison.deleted().await.unwrap(), ["ben"]);
    assert_eq!(comparison.created().await.unwrap(), ["cleo"]);
    assert_eq!(comparison.passwords().await.unwrap(), [""; 0]);
    assert_eq!(comparison.retired_keys().await.unwrap(), [""; 0]);
    assert_eq!(comparison.clients().await.unwrap(), [""; 0]);
    comparison.close().await;
    let gone = Comparison::open(&dir.path().join("gone.db"), &earlier).await;
    assert!(gone.is_err());
}

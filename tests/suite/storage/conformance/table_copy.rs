//! Whole tables, read and written on both databases in one form.

use std::collections::BTreeMap;
use std::path::Path;

use signet::domain::outcome::Fault;
use signet::store::table_copy::{Copier, RowSink, Table};
use signet::store::{Db, migrate as schema};

use super::{LONG, on_both_stores, user};

/// Keeps the rows of each table.
#[derive(Default, PartialEq, Eq, Debug)]
struct Rows(BTreeMap<String, Vec<Vec<u8>>>);

impl RowSink for Rows {
    fn table(&mut self, _: &str) {}

    fn row(&mut self, table: &str, row: &[u8]) -> Result<(), Fault> {
        self.0.entry(table.to_owned()).or_default().push(row.to_vec());
        Ok(())
    }
}

async fn read(copier: &mut Copier) -> Rows {
    let mut rows = Rows::default();
    for table in copier.tables().await.unwrap() {
        copier.read(&table, &mut rows).await.unwrap();
    }
    for rows in rows.0.values_mut() {
        rows.sort();
    }
    rows
}

fn named<'a>(tables: &'a [Table], name: &str) -> &'a Table {
    tables.iter().find(|table| table.name == name).unwrap()
}

/// A SQLite file with the schema that nothing has open.
async fn empty_file(path: &Path) -> Db {
    let file = Db::sqlite(path, true, LONG).await.unwrap();
    schema::up(&file).await.unwrap();
    file.close().await;
    file
}

/// Both databases have the same tables and columns, in an order that respects their references.
#[tokio::test(flavor = "multi_thread")]
async fn both_schemas_are_the_same() {
    let found = std::sync::Mutex::new(Vec::new());
    on_both_stores("table copy: schemas", async |db| {
        let mut copier = Copier::reading(&db).await.unwrap();
        let tables = copier.tables().await.unwrap();
        copier.discard().await;
        let position = |name: &str| tables.iter().position(|table| table.name == name).expect(name);
        assert!(position("users") < position("sessions"));
        assert!(position("sessions") < position("session_devices"));
        assert!(position("clients") < position("client_logos"));
        let mut names: Vec<(String, Vec<String>)> = tables
            .iter()
            .map(|table| {
                let columns = table.columns.iter().map(|column| column.name.clone());
                (table.name.clone(), columns.collect())
            })
            .collect();
        names.sort();
        assert!(names.len() > 40);
        found.lock().unwrap().push(names);
    })
    .await;
    let found = found.into_inner().unwrap();
    assert!(found.windows(2).all(|pair| pair[0] == pair[1]), "{found:#?}");
}

/// Everything is copied into a file and back, and has the same canonical form everywhere.
#[tokio::test(flavor = "multi_thread")]
async fn rows_come_back_as_they_went() {
    on_both_stores("table copy: rows", async |db| {
        for number in 0..450 {
            user(&db, &format!("user{number}")).await;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("copy.db");
        empty_file(&path).await;
        let mut from = Copier::reading(&db).await.unwrap();
        assert_eq!(from.is_sqlite(), db.is_sqlite());
        // Rows that are written after the transaction has begun are not seen.
        let tables = from.tables().await.unwrap();
        let mut first = Rows::default();
        from.read(named(&tables, "meta"), &mut first).await.unwrap();
        user(&db, "late").await;
        let mut to = Copier::writing_file(&path).await.unwrap();
        let into = to.tables().await.unwrap();
        to.clear(&into).await.unwrap();
        let mut shown = Rows::default();
        for table in &into {
            let source = named(&tables, &table.name);
            from.copy(source, &mut to, table, &mut shown).await.unwrap();
        }
        from.discard().await;
        to.commit().await.unwrap();
        for rows in shown.0.values_mut() {
            rows.sort();
        }
        assert_eq!(shown.0["users"].len(), 450);
        let mut file = Copier::reading_file(&path).await.unwrap();
        assert!(read(&mut file).await == shown, "the copy differs");
        // And into a database of the first kind again.
        let target =
            if db.is_sqlite() { empty_file(&dir.path().join("back.db")).await } else { db.clone() };
        let mut back = Copier::writing(&target).await.unwrap();
        let locked = ["users", "signing_keys"];
        assert_eq!(back.lock_empty(&locked).await.unwrap(), db.is_sqlite());
        back.clear(&tables).await.unwrap();
        assert!(back.lock_empty(&locked).await.unwrap());
        if !db.is_sqlite() {
            let locks = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted \
                         AND relation = 'users'::regclass";
            let mut reader = db.reader().await.unwrap();
            let signet::store::db::Conn::Postgres(conn) = signet::store::Link::conn(&mut reader) else {
                panic!("a reader of another database");
            };
            let held: i64 = sqlx::query_scalar(locks).fetch_one(conn).await.unwrap();
            assert_eq!(held, 1);
        }
        let copied = file.copy_all(&mut back, &[], &mut Rows::default()).await.unwrap();
        assert_eq!(copied.len(), tables.len());
        assert!(read(&mut back).await == shown, "the rows that came back differ");
        back.commit().await.unwrap();
        file.discard().await;
        let mut back = Copier::reading(&target).await.unwrap();
        assert!(read(&mut back).await == shown, "the rows that were stored differ");
        back.discard().await;
        // Tables of other columns do not fit.
        let mut from = Copier::reading(&db).await.unwrap();
        let mut to = Copier::writing_file(&path).await.unwrap();
        let (users, meta) = (named(&tables, "users"), named(&into, "meta"));
        assert!(from.copy(users, &mut to, meta, &mut Rows::default()).await.is_err());
        // What is left out has no rows.
        let copied = from.copy_all(&mut to, &["meta"], &mut Rows::default()).await.unwrap();
        assert_eq!(copied.len(), tables.len() - 1);
        let rows = read(&mut to).await;
        assert!(!rows.0.contains_key("meta") && rows.0["users"].len() >= 450);
        to.discard().await;
        from.discard().await;
    })
    .await;
}

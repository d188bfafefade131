//! Whole tables, read from and written to either database in one form, at one moment.
//!
//! Owns that form. A copier has a connection and a transaction of its own, without the deadlines of requests, because a
//! large table takes as long as it takes. What is made of the rows (sums, copies) is decided above the store.

mod postgres;
mod sqlite;
mod tables;
mod values;

use std::path::Path;

use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use crate::domain::outcome::Fault;

use super::Db;
use super::error::failed;
pub use tables::Table;
use tables::quoted;
pub use values::Value;

/// After so many rows other tasks of the thread are let run: rows of SQLite are usually ready, so that reading them would
/// not pause otherwise.
const PAUSE: usize = 64;

const DOING: &str = "copying tables";

/// The most rows in one statement that writes.
const ROWS: usize = 200;
/// The most bytes of rows that are held in memory for one, roughly.
const BYTES: usize = 1024 * 1024;

/// Sees every row of every table that is read.
pub trait RowSink: Send {
    /// A table whose rows follow, if it has any.
    fn table(&mut self, table: &str);
    /// A row in its canonical form, which is the same on both databases.
    ///
    /// # Errors
    /// To end the reading.
    fn row(&mut self, table: &str, row: &[u8]) -> Result<(), Fault>;
}

/// A connection with a transaction, in which whole tables are read or written.
pub struct Copier {
    conn: CopyConn,
}

enum CopyConn {
    Sqlite(SqliteConnection),
    Postgres(Box<PgConnection>),
}

impl Copier {
    /// Reads a database as it is at one moment.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn reading(db: &Db) -> Result<Self, Fault> {
        match db {
            Db::Sqlite(db) => {
                Self::begun_sqlite(sqlite::connect(db.path(), true).await?, "BEGIN").await
            }
            Db::Postgres(db) => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                Self::begun_postgres(db.another().await?, begin).await
            }
        }
    }

    /// Writes a database. On SQLite the file must belong to the caller alone; it has no log beside it afterwards.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn writing(db: &Db) -> Result<Self, Fault> {
        match db {
            Db::Sqlite(db) => Self::writing_file(db.path()).await,
            Db::Postgres(db) => {
                let begin = "BEGIN ISOLATION LEVEL READ COMMITTED";
                Self::begun_postgres(db.another().await?, begin).await
            }
        }
    }

    /// The same for a SQLite file that nothing has open.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn writing_file(path: &Path) -> Result<Self, Fault> {
        Self::begun_sqlite(sqlite::connect(path, false).await?, "BEGIN IMMEDIATE").await
    }

    /// Reads a SQLite file, for instance a backup.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn reading_file(path: &Path) -> Result<Self, Fault> {
        Self::begun_sqlite(sqlite::connect(path, true).await?, "BEGIN").await
    }

    async fn begun_sqlite(mut conn: SqliteConnection, begin: &'static str) -> Result<Self, Fault> {
        conn.execute(begin).await.map_err(failed(DOING))?;
        Ok(Self { conn: CopyConn::Sqlite(conn) })
    }

    async fn begun_postgres(mut conn: PgConnection, begin: &str) -> Result<Self, Fault> {
        let begin = format!(
            "{begin}; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"
        );
        conn.execute(sqlx::raw_sql(AssertSqlSafe(begin))).await.map_err(failed(DOING))?;
        Ok(Self { conn: CopyConn::Postgres(Box::new(conn)) })
    }

    /// Every table, those that others refer to first. The list of migrations and manifests of backups are left out.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub async fn tables(&mut self) -> Result<Vec<Table>, Fault> {
        match &mut self.conn {
            CopyConn::Sqlite(conn) => sqlite::tables(conn).await,
            CopyConn::Postgres(conn) => postgres::tables(conn).await,
        }
    }

    /// Whether this is a SQLite database.
    #[must_use]
    pub const fn is_sqlite(&self) -> bool {
        matches!(self.conn, CopyConn::Sqlite(_))
    }

    fn rows<'c>(&'c mut self, table: &'c Table) -> BoxStream<'c, Result<Vec<Value>, Fault>> {
        match &mut self.conn {
            CopyConn::Sqlite(conn) => sqlite::rows(conn, table),
            CopyConn::Postgres(conn) => postgres::rows(conn, table),
        }
    }

    /// Shows every row of `table` to `sink`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn read(&mut self, table: &Table, sink: &mut dyn RowSink) -> Result<(), Fault> {
        sink.table(&table.name);
        let mut rows = self.rows(table);
        let (mut canonical, mut read) = (Vec::new(), 0_usize);
        while let Some(row) = rows.try_next().await? {
            values::canonical(&row, &mut canonical);
            sink.row(&table.name, &canonical)?;
            read += 1;
            if read.is_multiple_of(PAUSE) {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Copies every row of `table` to the table `into` of `to`, and shows it to `sink` as it was read.
    ///
    /// # Errors
    /// When it cannot be read or written, or the columns differ.
    pub async fn copy(
        &mut self,
        table: &Table,
        to: &mut Self,
        into: &Table,
        sink: &mut dyn RowSink,
    ) -> Result<(), Fault> {
        if !table.has_columns_of(into) {
            return Err(Fault::internal("two tables have other columns")
                .with_source(format!("{} and {}", table.name, into.name)));
        }
        sink.table(&table.name);
        let mut rows = self.rows(table);
        let (mut batch, mut bytes, mut canonical) = (Vec::new(), 0, Vec::new());
        while let Some(row) = rows.try_next().await? {
            values::canonical(&row, &mut canonical);
            sink.row(&table.name, &canonical)?;
            if batch.len().is_multiple_of(PAUSE) {
                tokio::task::yield_now().await;
            }
            bytes += canonical.len();
            batch.push(row);
            if batch.len() >= ROWS || bytes >= BYTES {
                to.insert(into, &batch).await?;
                (bytes, batch) = (0, Vec::new());
            }
        }
        if batch.is_empty() { Ok(()) } else { to.insert(into, &batch).await }
    }

    /// Replaces the rows of every table of `to` by those of the same table here, and shows them to `sink`. The tables named
    /// in `left_out` have no rows afterwards. A PostgreSQL schema may have other tables: those of the SQLite side count.
    /// Returns the tables that were copied, as `to` has them.
    ///
    /// # Errors
    /// When a table is missing on one side, or cannot be read or written.
    pub async fn copy_all(
        &mut self,
        to: &mut Self,
        left_out: &[&str],
        sink: &mut dyn RowSink,
    ) -> Result<Vec<Table>, Fault> {
        let (sources, mut targets) = (self.tables().await?, to.tables().await?);
        let named = |tables: &[Table], name: &str| tables.iter().any(|table| table.name == name);
        let ours = if self.is_sqlite() { sources.clone() } else { targets.clone() };
        targets.retain(|target| named(&ours, &target.name));
        let is_missing =
            |table: &&Table| !named(&sources, &table.name) || !named(&targets, &table.name);
        if let Some(missing) = ours.iter().find(is_missing) {
            return Err(Fault::internal("a table is missing").with_source(missing.name.clone()));
        }
        to.clear(&targets).await?;
        targets.retain(|target| !left_out.contains(&&*target.name));
        for target in &targets {
            for source in sources.iter().filter(|source| source.name == target.name) {
                self.copy(source, to, target, sink).await?;
            }
        }
        Ok(targets)
    }

    async fn insert(&mut self, table: &Table, rows: &[Vec<Value>]) -> Result<(), Fault> {
        let inserted = match &mut self.conn {
            CopyConn::Sqlite(conn) => sqlite::insert(conn, table, rows).await,
            CopyConn::Postgres(conn) => postgres::insert(conn, table, rows).await,
        };
        // A text with a NUL, for instance, is none for PostgreSQL: name the table where it is.
        inserted.map_err(|fault| Fault {
            cause: Some(format!("{}: {fault}", table.name).into()),
            doing: "writing a table",
            ..fault
        })
    }

    /// Locks `tables` of a PostgreSQL database until the end of the transaction. False if one of them has rows. A SQLite file
    /// that is written belongs to this copier anyway.
    ///
    /// # Errors
    /// When they cannot be locked or read.
    pub async fn lock_empty(&mut self, tables: &[&str]) -> Result<bool, Fault> {
        for table in tables.iter().map(|table| quoted(table)) {
            let any = AssertSqlSafe(format!("SELECT 1 FROM {table} LIMIT 1"));
            let row = match &mut self.conn {
                CopyConn::Sqlite(conn) => conn.fetch_optional(any).await.map(|row| row.is_some()),
                CopyConn::Postgres(conn) => {
                    let lock =
                        AssertSqlSafe(format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"));
                    conn.execute(lock).await.map_err(failed(DOING))?;
                    conn.fetch_optional(any).await.map(|row| row.is_some())
                }
            };
            if row.map_err(failed(DOING))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes every row of `tables`, which are in the order of [`tables`](Self::tables).
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn clear(&mut self, tables: &[Table]) -> Result<(), Fault> {
        for table in tables.iter().rev() {
            let sql = AssertSqlSafe(format!("DELETE FROM {}", quoted(&table.name)));
            match &mut self.conn {
                CopyConn::Sqlite(conn) => conn.execute(sql).await.map(drop),
                CopyConn::Postgres(conn) => conn.execute(sql).await.map(drop),
            }
            .map_err(failed(DOING))?;
        }
        Ok(())
    }

    /// Ends the transaction for good and closes the connection.
    ///
    /// # Errors
    /// When what was written may not be stored.
    pub async fn commit(self) -> Result<(), Fault> {
        match self.conn {
            CopyConn::Sqlite(mut conn) => {
                conn.execute("COMMIT").await.map_err(failed(DOING))?;
                conn.close().await.map_err(failed(DOING))
            }
            CopyConn::Postgres(mut conn) => {
                conn.execute("COMMIT").await.map_err(failed(DOING))?;
                conn.close().await.map_err(failed(DOING))
            }
        }
    }

    /// Takes back what was written, and closes the connection. An error of the connection does the same.
    pub async fn discard(self) {
        match self.conn {
            CopyConn::Sqlite(mut conn) => {
                let _ = conn.execute("ROLLBACK").await;
                let _ = conn.close().await;
            }
            CopyConn::Postgres(mut conn) => {
                let _ = conn.execute("ROLLBACK").await;
                let _ = conn.close().await;
            }
        }
    }
}

//! The macros that run a statement on either database, and the counter of statements.
//!
//! A statement is written once, with `$n`; only the macros distinguish the two drivers.

#[cfg(feature = "test-support")]
use std::future::Future;

#[cfg(feature = "test-support")]
tokio::task_local! {
    /// The number of statements in the counting unit of work.
    static STATEMENTS: std::cell::Cell<u32>;
}

/// Runs `work` and counts its statements, without begin and commit. Statements of other tasks are not counted.
#[cfg(feature = "test-support")]
pub async fn counted<T>(work: impl Future<Output = T>) -> (T, u32) {
    STATEMENTS
        .scope(std::cell::Cell::new(0), async {
            let done = work.await;
            (done, STATEMENTS.with(std::cell::Cell::get))
        })
        .await
}

/// Counts one statement, if a test is counting.
#[cfg(feature = "test-support")]
pub fn count_statement() {
    let _ = STATEMENTS.try_with(|count| count.set(count.get() + 1));
}

/// Does nothing outside of tests.
#[cfg(not(feature = "test-support"))]
pub const fn count_statement() {}

/// Whether a statement is read-only, by its first word. Other read-only statements are treated as writes.
#[must_use]
pub const fn only_reads(sql: &str) -> bool {
    let mut rest = sql.as_bytes().trim_ascii_start();
    let mut word: &[u8] = b"SELECT";
    while let ([first, after @ ..], [wanted, more @ ..]) = (rest, word) {
        if *first != *wanted {
            return false;
        }
        (rest, word) = (after, more);
    }
    word.is_empty()
}

/// Runs a statement that returns at most one row, as `Result<Option<Row>, Fault>`.
#[macro_export]
macro_rules! fetch_optional {
    ($link:expr, $row:ty, $sql:literal $(, $arg:expr)* $(,)?) => {
        $crate::run_statement!($link, $row, fetch_optional, $sql $(, $arg)*)
    };
}

/// Runs a statement that returns any number of rows, as `Result<Vec<Row>, Fault>`.
#[macro_export]
macro_rules! fetch_all {
    ($link:expr, $row:ty, $sql:literal $(, $arg:expr)* $(,)?) => {
        $crate::run_statement!($link, $row, fetch_all, $sql $(, $arg)*)
    };
}

/// Shared by the two above.
#[macro_export]
#[doc(hidden)]
macro_rules! run_statement {
    ($link:expr, $row:ty, $fetch:ident, $sql:literal $(, $arg:expr)*) => {{
        let link = &mut *$link;
        let deadline = $crate::store::db::Link::deadline(link);
        let doing = concat!(file!(), ":", line!());
        $crate::store::db::count_statement();
        let outcome = match $crate::store::db::Link::conn(link) {
            $crate::store::db::Conn::Sqlite(conn) => {
                let query = sqlx::query_as::<sqlx::Sqlite, $row>($sql)$(.bind($arg))*;
                $crate::store::db::with_deadline(deadline, doing, query.$fetch(conn)).await
            }
            $crate::store::db::Conn::Postgres(conn) => {
                let query = sqlx::query_as::<sqlx::Postgres, $row>($sql)$(.bind($arg))*;
                $crate::store::db::with_deadline(deadline, doing, query.$fetch(conn)).await
            }
        };
        match &outcome {
            Ok(rows) => {
                const WRITES: bool = !$crate::store::db::only_reads($sql);
                $crate::store::db::Link::ended(link, WRITES && rows.iter().next().is_some());
            }
            Err(fault) => $crate::store::db::Link::failed(link, fault),
        }
        outcome
    }};
}

/// Runs a statement for its effect, as `Result<u64, Fault>`: the number of affected rows.
#[macro_export]
macro_rules! execute {
    ($link:expr, $sql:literal $(, $arg:expr)* $(,)?) => {{
        let link = &mut *$link;
        let deadline = $crate::store::db::Link::deadline(link);
        let doing = concat!(file!(), ":", line!());
        $crate::store::db::count_statement();
        let outcome = match $crate::store::db::Link::conn(link) {
            $crate::store::db::Conn::Sqlite(conn) => {
                let query = sqlx::query::<sqlx::Sqlite>($sql)$(.bind($arg))*;
                $crate::store::db::with_deadline(deadline, doing, query.execute(conn))
                    .await
                    .map(|done| done.rows_affected())
            }
            $crate::store::db::Conn::Postgres(conn) => {
                let query = sqlx::query::<sqlx::Postgres>($sql)$(.bind($arg))*;
                $crate::store::db::with_deadline(deadline, doing, query.execute(conn))
                    .await
                    .map(|done| done.rows_affected())
            }
        };
        match &outcome {
            Ok(rows) => $crate::store::db::Link::ended(link, *rows > 0),
            Err(fault) => $crate::store::db::Link::failed(link, fault),
        }
        outcome
    }};
}

//! Two copies of one database beside each other: what differs between an earlier and a later one.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::base::id::UserId;
use crate::domain::outcome::Fault;
use crate::store::error::failed;

const DOING: &str = "comparing two databases";

/// A later database, with an earlier one beside it.
pub struct Comparison {
    conn: SqliteConnection,
}

impl Comparison {
    /// Opens both, the later one with its log.
    ///
    /// # Errors
    /// When either cannot be read.
    pub async fn open(later: &Path, earlier: &Path) -> Result<Self, Fault> {
        let options = SqliteConnectOptions::new()
            .filename(later)
            .read_only(true)
            .pragma("trusted_schema", "OFF")
            .disable_statement_logging();
        let mut conn = options.connect().await.map_err(failed(DOING))?;
        let path = earlier.to_str().ok_or_else(|| Fault::internal("the path is not UTF-8"))?;
        sqlx::query("ATTACH DATABASE $1 AS earlier")
            .bind(path)
            .execute(&mut conn)
            .await
            .map_err(failed(DOING))?;
        Ok(Self { conn })
    }

    async fn names(&mut self, sql: &'static str) -> Result<Vec<String>, Fault> {
        let rows: Vec<(String,)> =
            sqlx::query_as(sql).fetch_all(&mut self.conn).await.map_err(failed(DOING))?;
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    /// Users who are disabled in the later one alone, with their logins in the earlier one.
    ///
    /// # Errors
    /// When it cannot be read, here and below.
    pub async fn disabled(&mut self) -> Result<Vec<(UserId, String)>, Fault> {
        sqlx::query_as(
            "SELECT e.id, e.login FROM main.users o JOIN earlier.users e ON e.id = o.id \
             WHERE o.disabled_at IS NOT NULL AND e.disabled_at IS NULL ORDER BY e.login",
        )
        .fetch_all(&mut self.conn)
        .await
        .map_err(failed(DOING))
    }

    /// Logins of users who are in the earlier one alone.
    ///
    /// # Errors
    /// As above.
    pub async fn deleted(&mut self) -> Result<Vec<String>, Fault> {
        self.names(
            "SELECT login FROM earlier.users \
             WHERE id NOT IN (SELECT id FROM main.users) ORDER BY login",
        )
        .await
    }

    /// Logins of users who are in the later one alone.
    ///
    /// # Errors
    /// As above.
    pub async fn created(&mut self) -> Result<Vec<String>, Fault> {
        self.names(
            "SELECT login FROM main.users \
             WHERE id NOT IN (SELECT id FROM earlier.users) ORDER BY login",
        )
        .await
    }

    /// Logins of users who have changed their password.
    ///
    /// # Errors
    /// As above.
    pub async fn passwords(&mut self) -> Result<Vec<String>, Fault> {
        self.names(
            "SELECT e.login FROM main.users o JOIN earlier.users e ON e.id = o.id \
             WHERE o.password_changed_at IS NOT e.password_changed_at ORDER BY e.login",
        )
        .await
    }

    /// Names of signing keys that were retired, or removed, in the later one alone.
    ///
    /// # Errors
    /// As above.
    pub async fn retired_keys(&mut self) -> Result<Vec<String>, Fault> {
        self.names(
            "SELECT kid FROM earlier.signing_keys WHERE state <> 'retired' AND kid NOT IN ( \
             SELECT kid FROM main.signing_keys WHERE state <> 'retired') ORDER BY kid",
        )
        .await
    }

    /// Ids of clients that were made, changed or removed.
    ///
    /// # Errors
    /// As above.
    pub async fn clients(&mut self) -> Result<Vec<String>, Fault> {
        self.names(
            "SELECT client_id FROM (SELECT client_id, updated_at FROM main.clients \
             UNION ALL SELECT client_id, updated_at FROM earlier.clients) AS both_of_them \
             GROUP BY client_id HAVING count(*) = 1 OR min(updated_at) <> max(updated_at) ORDER BY client_id",
        )
        .await
    }

    /// Closes it.
    pub async fn close(self) {
        let _ = self.conn.close().await;
    }
}

//! A connection lent by the pool, and its state on return.
//!
//! Tracks whether the last statement on a connection has ended, and whether it is in a transaction. A connection in
//! an unknown state is rolled back or closed; one in a known state needs no check.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};
use tokio::time::{Instant, timeout};

use super::pg_pool::Shared;

/// How long closing or cleaning a connection may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// An open connection.
pub(super) struct Live {
    pub(super) connection: PgConnection,
    opened: Instant,
    /// When it was used last.
    used: Instant,
    /// When it answered last.
    answered: Instant,
}

impl Live {
    pub(super) fn new(connection: PgConnection) -> Self {
        let now = Instant::now();
        Self { connection, opened: now, used: now, answered: now }
    }

    pub(super) fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    pub(super) fn unused(&self) -> Duration {
        self.used.elapsed()
    }

    pub(super) fn rested(&self) -> Duration {
        self.answered.elapsed()
    }
}

/// The known state of a lent connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// Nothing runs on it.
    Idle,
    /// A statement was begun, and its end was not seen.
    Busy,
    /// It must not be used again: its transaction may or may not have begun or ended.
    Unknown,
}

/// A lent connection, which is returned on drop.
pub(in crate::store) struct Lease {
    shared: Arc<Shared>,
    live: Option<Live>,
    condition: Condition,
    in_transaction: bool,
}

impl Lease {
    pub(super) fn new(shared: &Arc<Shared>, live: Live) -> Self {
        let shared = Arc::clone(shared);
        Self { shared, live: Some(live), condition: Condition::Idle, in_transaction: false }
    }

    /// The connection, for one statement; call [`done`](Self::done) after it.
    pub(in crate::store) fn connection(&mut self) -> &mut PgConnection {
        if self.condition == Condition::Idle {
            self.condition = Condition::Busy;
        }
        // Only `into_live` and drop take the connection, and both end the lease.
        match &mut self.live {
            Some(live) => &mut live.connection,
            None => unreachable!("a lease has its connection until its end"),
        }
    }

    /// The statement has ended.
    pub(in crate::store) fn done(&mut self) {
        self.checked();
        if let Some(live) = &mut self.live {
            live.used = live.answered;
        }
    }

    /// Records that it answered a check.
    pub(super) fn checked(&mut self) {
        if self.condition == Condition::Busy {
            self.condition = Condition::Idle;
        }
        if let Some(live) = &mut self.live {
            live.answered = Instant::now();
        }
    }

    /// Runs a statement that begins or ends a transaction. If it is cancelled or fails, the connection is closed,
    /// because only the server knows the state of the transaction.
    pub(super) async fn turn(
        &mut self,
        statement: sqlx::SqlStr,
        in_transaction: bool,
    ) -> Result<(), sqlx::Error> {
        self.condition = Condition::Unknown;
        self.connection().execute(sqlx::raw_sql(statement)).await?;
        self.in_transaction = in_transaction;
        self.condition = Condition::Busy;
        self.done();
        Ok(())
    }

    /// Closes the connection.
    pub(in crate::store) fn give_up(mut self) {
        self.condition = Condition::Unknown;
    }

    /// Ends the lease without giving the connection back.
    pub(super) fn into_live(mut self) -> Option<Live> {
        self.live.take()
    }

    pub(super) fn age(&self) -> Duration {
        self.live.as_ref().map_or(Duration::ZERO, Live::age)
    }

    pub(super) fn rested(&self) -> Duration {
        self.live.as_ref().map_or(Duration::ZERO, Live::rested)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(live) = self.live.take() else { return };
        match (self.condition, self.in_transaction) {
            (Condition::Idle, false) => self.shared.give(live),
            (Condition::Unknown, _) => {
                self.shared.runtime.spawn(close(Arc::clone(&self.shared), live));
            }
            (_, in_transaction) => {
                let shared = Arc::clone(&self.shared);
                self.shared.runtime.spawn(clear_up(shared, live, in_transaction));
            }
        }
    }
}

async fn close(shared: Arc<Shared>, live: Live) {
    let _ = timeout(FAREWELL, live.connection.close()).await;
    shared.gone();
}

/// Waits for the end of the running statement and rolls back the transaction.
async fn clear_up(shared: Arc<Shared>, mut live: Live, in_transaction: bool) {
    let cleared = timeout(FAREWELL, async {
        if in_transaction {
            live.connection.execute("ROLLBACK").await.map(drop)
        } else {
            live.connection.ping().await
        }
    });
    match cleared.await {
        Ok(Ok(())) => shared.give(live),
        _ => close(shared, live).await,
    }
}

//! Opens connections to a PostgreSQL server, and handles a server that allows no more.
//!
//! Owns the retries while a caller waits, and the fallback to fewer connections.

use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnection;
use tokio::time::{Instant, timeout};

use super::pg_lease::Live;
use super::pg_pool::{Allowed, Shared, State};
use crate::store::error::{Remedy, is_full, remedy_of};

/// How long no further connection is opened after the server has refused one because of its limit.
const CONTENT: Duration = Duration::from_secs(30);
/// The pauses between two attempts to open a connection grow from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

/// Opens a connection, as long as a caller waits for one.
pub(super) async fn open(shared: Arc<Shared>) {
    let mut pause = PAUSES.0;
    loop {
        let error = match timeout(shared.deadlines.connect(), shared.options.connect()).await {
            Ok(Ok(connection)) => return shared.opened(connection),
            Ok(Err(error)) => error,
            Err(_) => no_answer(),
        };
        if !shared.not_opened(error) {
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// The error of a server that does not answer.
pub(super) fn no_answer() -> sqlx::Error {
    std::io::Error::new(std::io::ErrorKind::TimedOut, "the server does not answer").into()
}

impl Shared {
    fn opened(self: &Arc<Self>, connection: PgConnection) {
        let mut state = self.state();
        state.opening -= 1;
        state.failure = None;
        let serving = state.serving();
        if serving >= self.most {
            state.allowed = None;
        } else if let Some(allowed) = &mut state.allowed
            && serving > allowed.count
        {
            (allowed.count, allowed.until) = (serving, Instant::now());
            tracing::info!(connections = serving, "PostgreSQL allows more connections again");
        }
        drop(state);
        self.give(Live::new(connection));
    }

    /// Handles a failed attempt. Returns whether to retry.
    fn not_opened(&self, error: sqlx::Error) -> bool {
        let mut state = self.state();
        state.waiting.retain(|waits| !waits.is_closed());
        let serving = state.serving();
        let goes_on = if is_full(&error) && serving > 0 {
            // Waiting callers get returned connections.
            self.make_do(&mut state, &error);
            false
        } else {
            if remedy_of(&error) == Remedy::Configuration {
                state.waiting.clear();
            }
            state.failure = Some(Arc::new(error));
            !state.waiting.is_empty() && !state.closed
        };
        if !goes_on {
            state.open -= 1;
            state.opening -= 1;
            if state.closed {
                self.emptied.notify_waiters();
            }
        }
        goes_on
    }

    fn make_do(&self, state: &mut State, error: &sqlx::Error) {
        let count = state.serving();
        let reason = error.to_string();
        if state.allowed.as_ref().is_none_or(|allowed| allowed.count != count) {
            tracing::warn!(
                connections = count,
                wanted = self.most,
                reason,
                "PostgreSQL allows no more connections; Signet continues with those it has. Raise the \
                 limit of the role, the database or the server, or lower \
                 SIGNET_DATABASE_CONNECTIONS"
            );
        }
        state.allowed = Some(Allowed { count, until: Instant::now() + CONTENT, reason });
    }
}

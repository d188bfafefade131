//! Whether this process may rely on its clock. Checks the common time of all processes, so that a jump of the
//! database's clock is noticed as well.
//!
//! Owns the time that processes record in the database, and the message about a clock that jumped. The decision is
//! in `domain::clock_skew`.

use std::sync::PoisonError;

use crate::base::{TimeSpan, Timestamp};
use crate::domain::clock_skew::{Reading, Verdict};
use crate::domain::outcome::Fault;
use crate::store::meta;

use super::App;

/// The name of the row with the last recorded time, in milliseconds.
const LAST_TICK: &str = "last_tick";
/// How often it is written: rarely, because every write costs.
const WRITE_EVERY: TimeSpan = TimeSpan::from_mins(1);

impl App {
    /// Whether the clock is plausible. Every job that deletes rows by time checks this first.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn clock_is_steady(&self) -> Result<bool, Fault> {
        let written = self.last_tick().await?;
        let reading = Reading { wall: self.now(), counted: self.clock.counted() };
        let verdict = {
            let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
            watch.judge(reading, written)
        };
        if let Verdict::Jumped(by) = verdict {
            tracing::error!(
                event = "clock_jumped",
                seconds = by.secs(),
                last_tick = written.map(Timestamp::rfc3339),
                "the clock jumped, or this server was off for more than an hour. Key rotation and housekeeping wait \
                 until it has run evenly for an hour; if it is wrong, correct it"
            );
        }
        let steady = verdict == Verdict::Steady;
        if steady && written.is_none_or(|at| reading.wall - at >= WRITE_EVERY || at > reading.wall)
        {
            self.write_tick(reading.wall).await?;
        }
        Ok(steady)
    }

    /// The result of the last check.
    #[must_use]
    pub fn clock_was_steady(&self) -> bool {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner).believes()
    }

    async fn last_tick(&self) -> Result<Option<Timestamp>, Fault> {
        let stored = meta::get(&mut self.db.reader().await?, LAST_TICK).await?;
        let millis = stored.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
        Ok(millis.map(Timestamp::from_millis))
    }

    async fn write_tick(&self, at: Timestamp) -> Result<(), Fault> {
        let mut tx = self.db.begin().await?;
        meta::set(&mut tx, LAST_TICK, at.millis().to_string().as_bytes()).await?;
        tx.commit().await
    }
}

//! The clock that stored times are read from.
//!
//! Owns the correction in force: the wall clock of this machine plus its measured offset to the clock of the
//! database (`domain::clock_offset`). On SQLite there is one process, and the offset is 0.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::base::{Clock, TimeSpan, Timestamp};
use crate::domain::clock_offset::{self, Correction};
use crate::domain::clock_skew::Reading;
use crate::domain::outcome::Fault;
use crate::store::Db;

use super::App;

/// The maximum duration of a measurement: the response may be from any moment within it, so a longer one is
/// too imprecise.
const TOO_SLOW: TimeSpan = TimeSpan::from_secs(1);

/// The wall clock, corrected.
pub struct CommonClock {
    clock: Arc<dyn Clock>,
    correction: ArcSwap<Correction>,
    /// The last measured offset, applied or not.
    measured: ArcSwap<TimeSpan>,
}

impl CommonClock {
    /// Measures and applies the offset at once, because no time has been used yet.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn start(clock: Arc<dyn Clock>, db: &Db) -> Result<Self, Fault> {
        let measured = measure(&*clock, db).await?.map_or(TimeSpan::ZERO, |(offset, _)| offset);
        if is_large(measured) {
            warn(measured);
        }
        Ok(Self {
            clock,
            correction: ArcSwap::from_pointee(Correction::at_start(measured)),
            measured: ArcSwap::from_pointee(measured),
        })
    }

    /// The time that all processes on the database agree on.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.correction.load().common_time(self.reading())
    }

    /// The last measured difference of the clock of the database and the wall clock.
    #[must_use]
    pub fn offset(&self) -> TimeSpan {
        **self.measured.load()
    }

    /// Measures again and adjusts.
    ///
    /// # Errors
    /// When the database cannot be read. The correction stays as it is.
    pub async fn follow(&self, db: &Db) -> Result<(), Fault> {
        let Some((offset, reading)) = measure(&*self.clock, db).await? else { return Ok(()) };
        let before = self.offset();
        self.correction.store(Arc::new(self.correction.load().after(offset, reading)));
        self.measured.store(Arc::new(offset));
        if is_large(offset) && !is_large(before) {
            warn(offset);
        } else if is_large(before) && !is_large(offset) {
            tracing::info!("the clock of this machine and that of the database agree again");
        }
        Ok(())
    }

    fn reading(&self) -> Reading {
        Reading { wall: self.clock.now(), counted: self.clock.counted() }
    }
}

/// The clock of the database minus the wall clock, and the time of the measurement. `None` on SQLite, and if
/// the response took too long.
async fn measure(clock: &dyn Clock, db: &Db) -> Result<Option<(TimeSpan, Reading)>, Fault> {
    let asked = clock.counted();
    let Some(read) = db.time().await? else { return Ok(None) };
    let reading = Reading { wall: clock.now(), counted: clock.counted() };
    let way = reading.counted - asked;
    if way > TOO_SLOW {
        return Ok(None);
    }
    let at_answer = clock.database_time(read) + TimeSpan::from_millis(way.millis() / 2);
    Ok(Some((at_answer - reading.wall, reading)))
}

fn is_large(offset: TimeSpan) -> bool {
    clock_offset::length(offset) > clock_offset::LOGGED_ABOVE
}

/// Warns that the clocks differ.
fn warn(offset: TimeSpan) {
    tracing::warn!(
        event = "clock_offset",
        milliseconds = offset.millis(),
        "the clock of the database is {} s {} that of this machine. Stored times follow the database; synchronize \
         the clocks (NTP)",
        clock_offset::length(offset).secs(),
        if offset < TimeSpan::ZERO { "behind" } else { "ahead of" }
    );
}

impl App {
    /// The clock of the database minus that of this machine.
    #[must_use]
    pub fn clock_offset(&self) -> TimeSpan {
        self.common_clock.offset()
    }

    /// Whether the offset is small enough to serve.
    #[must_use]
    pub fn agrees_with_database_clock(&self) -> bool {
        clock_offset::length(self.clock_offset()) <= self.clock_offset_limit()
    }

    fn clock_offset_limit(&self) -> TimeSpan {
        clock_offset::limit(self.lifetimes.retry_window)
    }

    /// The time for the claims of tokens, and for times that clients have set. It is the common time, because
    /// other processes compare claims with stored times. If the clock of the database is so far off that this
    /// process is not ready, it is the wall clock, so that a wrong database clock does not invalidate every token.
    #[must_use]
    pub fn claim_time(&self, now: Timestamp) -> Timestamp {
        if self.agrees_with_database_clock() { now } else { now - self.clock_offset() }
    }
}

//! Whether the database can be written, for readiness.
//!
//! Owns how often it is tried. `/ready` needs no credentials, so concurrent requests share one result, and a commit
//! of any other work counts as a success until a write fails.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::Mutex;

use crate::base::TimeSpan;
use crate::domain::outcome::Fault;
use crate::store::meta;

use super::App;

/// How long a result, or a commit of other work, is used.
const FRESH: TimeSpan = TimeSpan::from_secs(5);

/// The row that is written. Its value ends with the time and a counter.
const ROW: &str = "write_probe";

/// The size of the row after a write has failed, in bytes: larger than the failed write, so that the last free
/// pages of a full disk are not taken for free space.
const AFTER_REFUSAL: usize = 256 * 1024;

/// The last result, shared by all callers.
#[derive(Default)]
pub struct WriteProbe(Mutex<Tries>);

#[derive(Default)]
struct Tries {
    count: u64,
    /// The time of the last try by the monotonic clock, and its result.
    last: Option<(TimeSpan, bool)>,
    /// When a large row was last written.
    cleared: Option<TimeSpan>,
}

impl App {
    /// Whether the database could be written within the last five seconds. Writes one row if nothing else was
    /// committed, at most once in five seconds and never concurrently. A write that failed for lack of space
    /// outranks every commit of those five seconds, and a larger row is written afterwards.
    pub async fn can_write(&self) -> bool {
        // Locked during the write, so that concurrent callers wait for its result.
        let mut tries = self.write_probe.0.lock().await;
        let now = self.clock.counted();
        let refused_at = self.db.last_write().refused_at();
        if refused_at.is_some_and(|at| now - at < FRESH) {
            return false;
        }
        let doubtful = refused_at.is_some_and(|at| tries.cleared.is_none_or(|then| then <= at));
        if !doubtful && self.db.last_write().is_within(FRESH, now) {
            return true;
        }
        if let Some((at, works)) = tries.last
            && now.millis().saturating_sub(at.millis()) < FRESH.millis()
        {
            return works;
        }
        tries.count += 1;
        let outcome = self.write_row(tries.count, doubtful).await;
        if let Err(fault) = &outcome {
            tracing::warn!(%fault, "the database cannot be written");
        }
        let works = outcome.is_ok();
        if doubtful && works {
            tries.cleared = Some(now);
        }
        tries.last = Some((now, works));
        works
    }

    async fn write_row(&self, count: u64, large: bool) -> Result<(), Fault> {
        let mut padding = vec![0; if large { AFTER_REFUSAL } else { 0 }];
        // Random, so that no database or file system compresses it.
        self.entropy.fill(&mut padding);
        let padding = URL_SAFE_NO_PAD.encode(padding);
        let value = format!("{padding} {} {count}", self.now().millis());
        let mut tx = self.db.begin().await?;
        if let Err(fault) = meta::set(&mut tx, ROW, value.as_bytes()).await {
            tx.rollback().await;
            return Err(fault);
        }
        tx.commit().await
    }
}

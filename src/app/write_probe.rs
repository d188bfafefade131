//! Whether the database can be written, for readiness.
//!
//! Owns how often it is tried. `/ready` asks for no credential, so many may ask at once: they share one
//! result, and a commit of any other work is evidence enough, until a write fails.

use tokio::sync::Mutex;

use crate::base::TimeSpan;
use crate::domain::outcome::Fault;
use crate::store::meta;

use super::App;

/// For how long a result, or a commit of other work, speaks for the present.
const FRESH: TimeSpan = TimeSpan::from_secs(5);

/// The row that is written; its value is the time and how often this process has written it.
const ROW: &str = "write_probe";

/// The last try, shared by all who ask.
#[derive(Default)]
pub struct WriteProbe(Mutex<Tries>);

#[derive(Default)]
struct Tries {
    count: u64,
    /// When the last one was, by a clock that cannot be set, and its result.
    last: Option<(TimeSpan, bool)>,
}

impl App {
    /// Whether the database could be written within the last five seconds. Writes one row where nothing
    /// else was committed meanwhile; never twice in five seconds, never two at a time.
    pub async fn can_write(&self) -> bool {
        // Held while the row is written: those who come meanwhile wait for this result.
        let mut tries = self.write_probe.0.lock().await;
        let now = self.clock.counted();
        if self.db.last_write().is_within(FRESH, now) {
            return true;
        }
        if let Some((at, works)) = tries.last
            && now.millis().saturating_sub(at.millis()) < FRESH.millis()
        {
            return works;
        }
        tries.count += 1;
        let outcome = self.write_row(tries.count).await;
        if let Err(fault) = &outcome {
            tracing::warn!(%fault, "the database cannot be written");
        }
        let works = outcome.is_ok();
        tries.last = Some((now, works));
        works
    }

    async fn write_row(&self, count: u64) -> Result<(), Fault> {
        let mut tx = self.db.begin().await?;
        let value = format!("{} {count}", self.now().millis());
        if let Err(fault) = meta::set(&mut tx, ROW, value.as_bytes()).await {
            tx.rollback().await;
            return Err(fault);
        }
        tx.commit().await
    }
}

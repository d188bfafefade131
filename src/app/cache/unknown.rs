//! Looking again for what this process does not know.
//!
//! Another process may have registered a client or an API, or begun to sign with a key, within the last
//! second. Names cost a caller nothing, so they must not cost a query each: the database is asked once a
//! second, and all who come meanwhile share the answer.

use crate::base::TimeSpan;
use crate::domain::outcome::Fault;

use crate::app::App;

/// For how long nothing more is asked. The next regular look is due by then.
const PAUSE: TimeSpan = TimeSpan::from_secs(1);

impl App {
    /// Reads what is cached again because a caller names something unknown, unless that was done within the
    /// last second.
    ///
    /// # Errors
    /// When the database cannot be read; what is in memory stays in force.
    pub async fn reload_for_unknown(&self) -> Result<(), Fault> {
        // Held while the database is asked: those who come meanwhile wait for this answer.
        let mut last = self.caches.asked_at.lock().await;
        let now = self.clock.counted();
        if last.is_some_and(|at| now - at < PAUSE) {
            return Ok(());
        }
        *last = Some(now);
        self.reload_if_changed().await
    }
}

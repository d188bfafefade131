//! Reloads the cache for an unknown name.
//!
//! Another process may have registered a client or an API, or begun to sign with a key, within the last second.
//! Callers can invent names, so a name must not cost a query: the cache is reloaded at most once a second, and
//! concurrent callers share the result.

use crate::base::TimeSpan;
use crate::domain::outcome::Fault;

use crate::app::App;

/// The minimum time between reloads. The next regular check is due by then.
const PAUSE: TimeSpan = TimeSpan::from_secs(1);

impl App {
    /// Reloads the cache because a caller names an unknown object, unless that was done within the last second.
    ///
    /// # Errors
    /// When the database cannot be read; the cached data stays in force.
    pub async fn reload_for_unknown(&self) -> Result<(), Fault> {
        // Locked during the reload, so that concurrent callers wait for its result.
        let mut last = self.caches.asked_at.lock().await;
        let now = self.clock.counted();
        if last.is_some_and(|at| now - at < PAUSE) {
            return Ok(());
        }
        *last = Some(now);
        self.reload_if_changed().await
    }
}

//! The rate limit of a user's writes, which leave rows, mostly audit events.
//!
//! Administrators are exempt: their work may need many writes and is audited. Service clients and the command line
//! are not limited here. Nor is a change of the password, which is limited by its hashes and must be possible while
//! an attacker with a token of the user writes. Nor is the end of one session, which happens at most once per
//! session.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::app::App;
use crate::app::limits::Subject;
use crate::domain::outcome::Refusal;
use crate::domain::rate_limit::RateLimit;
use crate::domain::user::{Role, User};

use super::lockout::too_many;

/// One write of a user, which counts once even if its transaction is retried.
pub struct UserWrite<'a> {
    app: &'a App,
    taken: AtomicBool,
}

impl<'a> UserWrite<'a> {
    /// A write that has not been counted yet.
    #[must_use]
    pub const fn new(app: &'a App) -> Self {
        Self { app, taken: AtomicBool::new(false) }
    }

    /// Counts it for `user`. Called when it is clear that something is written.
    ///
    /// # Errors
    /// `too_many_attempts`.
    pub fn take(&self, user: &User) -> Result<(), Refusal> {
        let Self { app, taken } = self;
        if !app.config.rate_limits || user.role == Role::Admin || taken.load(Ordering::Relaxed) {
            return Ok(());
        }
        let purpose = RateLimit::AuthenticatedWrite;
        let subject = Subject::of_user(purpose, user.id);
        app.address_limiter.take(subject).map_err(|wait| too_many(app, wait, purpose.as_str()))?;
        taken.store(true, Ordering::Relaxed);
        Ok(())
    }
}

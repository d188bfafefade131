//! Limits on requests of a new password, and on guessing codes.
//!
//! Owns the limits by network. Those by address are in `email_limits`.

use crate::app::App;
use crate::app::limits::Subject;
use crate::domain::outcome::Refusal;
use crate::domain::rate_limit::RateLimit;
use crate::domain::request_info::RequestInfo;
use crate::identity::lockout;

/// Counts one request of the network.
pub(super) fn take(app: &App, info: &RequestInfo) -> Result<(), Refusal> {
    if !app.config.rate_limits {
        return Ok(());
    }
    let purpose = RateLimit::Recovery;
    app.address_limiter
        .take(Subject::new(purpose, info.address()))
        .map_err(|wait| lockout::too_many(app, wait, purpose.as_str()))
}

/// Refuses while the limit of the network for wrong codes and passwords is reached.
pub(in crate::identity) fn check_guesses(app: &App, info: &RequestInfo) -> Result<(), Refusal> {
    lockout::check_network(app, info)
}

/// Counts a wrong code for the network, as a wrong password.
pub(in crate::identity) fn count_guess(app: &App, info: &RequestInfo) {
    if app.config.rate_limits {
        // If the bucket is empty, the next step is refused.
        let _ = app.address_limiter.take(Subject::new(RateLimit::Login, info.address()));
    }
}

//! How often one network may do what is stored although no client has authenticated. Clients that
//! authenticate are not held up: their own users are behind them, all at one address.

use crate::app::App;
use crate::app::limits::Subject;
use crate::base::id::UserId;
use crate::domain::audit::Origin;
use crate::domain::client::Client;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Code, Refusal};
use crate::domain::rate_limit::RateLimit;
use crate::metrics::Metrics;

/// Takes one from the bucket of this network.
///
/// # Errors
/// When it is empty.
pub(super) fn throttle(app: &App, purpose: RateLimit, origin: &Origin) -> Result<(), Refusal> {
    if !app.config.rate_limits {
        return Ok(());
    }
    app.address_limiter.take(Subject::new(purpose, origin.address)).map_err(|wait| {
        Metrics::count(&app.metrics.limited, purpose.as_str());
        let message = "Too many attempts. Wait, then try again.";
        Refusal::new(Code::TooManyAttempts, message).retry_after(wait)
    })
}

/// The same for a client that does not authenticate; nothing for one that does.
///
/// # Errors
/// When the bucket is empty.
pub(super) fn throttle_public(
    app: &App,
    client: &Client,
    purpose: RateLimit,
    origin: &Origin,
) -> Result<(), Refusal> {
    if client.is_public() { throttle(app, purpose, origin) } else { Ok(()) }
}

/// Counts a code that a user gets without being asked. What is done with such a code is stored: redeemed twice, it
/// ends its session, which leaves rows.
///
/// # Errors
/// `temporarily_unavailable` when the bucket of the user is empty.
pub(super) fn throttle_unattended(app: &App, user: UserId) -> Result<(), Refusal> {
    let purpose = RateLimit::UnattendedCode;
    if !app.config.rate_limits {
        return Ok(());
    }
    app.address_limiter.take(Subject::of_user(purpose, user)).map_err(|wait| {
        Metrics::count(&app.metrics.limited, purpose.as_str());
        let message = "This user gets too many codes without being asked. Wait ten seconds before the next request.";
        Refusal::oauth(OAuthError::TemporarilyUnavailable, message).retry_after(wait)
    })
}

/// Gives back what [`throttle_public`] took: the request was not what is counted.
pub(super) fn give_back(app: &App, client: &Client, purpose: RateLimit, origin: &Origin) {
    if app.config.rate_limits && client.is_public() {
        app.address_limiter.give_back(Subject::new(purpose, origin.address));
    }
}

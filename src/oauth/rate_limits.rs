//! Rate limits by network on requests that store data without client authentication. Clients that authenticate are
//! not limited: all their users may share one address.

use crate::app::App;
use crate::app::limits::Subject;
use crate::base::id::UserId;
use crate::domain::audit::Origin;
use crate::domain::client::Client;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Code, Refusal};
use crate::domain::rate_limit::RateLimit;
use crate::metrics::Metrics;

/// Takes a token from the bucket of this network.
///
/// # Errors
/// If the bucket is empty.
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

/// The same for a public client; does nothing for a confidential one.
///
/// # Errors
/// If the bucket is empty.
pub(super) fn throttle_public(
    app: &App,
    client: &Client,
    purpose: RateLimit,
    origin: &Origin,
) -> Result<(), Refusal> {
    if client.is_public() { throttle(app, purpose, origin) } else { Ok(()) }
}

/// Counts a code that is issued without asking the user. If such a code is redeemed twice, its session is ended,
/// which leaves rows.
///
/// # Errors
/// `temporarily_unavailable` if the bucket of the user is empty.
pub(super) fn throttle_unattended(app: &App, user: UserId) -> Result<(), Refusal> {
    let purpose = RateLimit::UnattendedCode;
    if !app.config.rate_limits {
        return Ok(());
    }
    app.address_limiter.take(Subject::of_user(purpose, user)).map_err(|wait| {
        Metrics::count(&app.metrics.limited, purpose.as_str());
        let message = "Too many authorization codes for this user without interaction. Wait ten seconds before the \
                       next request.";
        Refusal::oauth(OAuthError::TemporarilyUnavailable, message).retry_after(wait)
    })
}

/// Returns what [`throttle_public`] took, for a request that is not counted after all.
pub(super) fn give_back(app: &App, client: &Client, purpose: RateLimit, origin: &Origin) {
    if app.config.rate_limits && client.is_public() {
        app.address_limiter.give_back(Subject::new(purpose, origin.address));
    }
}

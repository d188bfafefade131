//! How often one address may do what writes something down without proving who it is. Clients that
//! authenticate are not held up: their own users are behind them, all at one address.

use crate::app::App;
use crate::base::{TimeSpan, Timestamp};
use crate::domain::audit::Origin;
use crate::domain::client::Client;
use crate::domain::outcome::{Code, Refusal};
use crate::domain::rate_limit::{ADDRESS_PROOFS, Bucket};
use crate::domain::request_info::RequestInfo;
use crate::metrics::Metrics;

/// Takes one from the bucket of this address.
///
/// # Errors
/// When it is empty.
pub(super) fn throttle(
    app: &App,
    purpose: &'static str,
    bucket: Bucket,
    info: &RequestInfo,
) -> Result<(), Refusal> {
    if !app.config.rate_limits {
        return Ok(());
    }
    let taken = app.address_limiter.take(purpose, bucket, info.address(), info.now);
    taken.map_err(|wait| too_many(app, purpose, wait))
}

/// The same for a client, if nobody knows who it is.
///
/// # Errors
/// When it is empty.
pub(super) fn throttle_public(
    app: &App,
    client: &Client,
    purpose: &'static str,
    bucket: Bucket,
    info: &RequestInfo,
) -> Result<(), Refusal> {
    if client.is_public() { throttle(app, purpose, bucket, info) } else { Ok(()) }
}

const PROOFS: &str = "proof";

/// Whether a client that does not authenticate may show a proof from this address: until too many came
/// to nothing. Whoever is right is not counted.
///
/// # Errors
/// When too many did.
pub(super) fn may_prove(app: &App, origin: &Origin, now: Timestamp) -> Result<(), Refusal> {
    if !app.config.rate_limits {
        return Ok(());
    }
    let open = app.address_limiter.peek(PROOFS, ADDRESS_PROOFS, origin.address, now);
    open.map_err(|wait| too_many(app, PROOFS, wait))
}

/// Counts a proof that came to nothing.
pub(super) fn proved_for_nothing(app: &App, origin: &Origin, now: Timestamp) {
    let _ = app.address_limiter.take(PROOFS, ADDRESS_PROOFS, origin.address, now);
}

fn too_many(app: &App, purpose: &'static str, wait: TimeSpan) -> Refusal {
    Metrics::count(&app.metrics.limited, purpose);
    let message = "Too many attempts. Wait, then try again.";
    Refusal::new(Code::TooManyAttempts, message).retry_after(wait)
}

//! How often one address may do what writes something down before anybody has proved who they are.

use crate::app::App;
use crate::base::Timestamp;
use crate::domain::audit::Origin;
use crate::domain::limit::Bucket;
use crate::domain::stop::{Code, Refusal};
use crate::metrics::Metrics;

/// Takes one from the bucket of this address.
///
/// # Errors
/// When it is empty.
pub(super) fn throttle(
    app: &App,
    purpose: &'static str,
    bucket: Bucket,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), Refusal> {
    if !app.config.rate_limits {
        return Ok(());
    }
    app.addresses.take(purpose, bucket, origin.address, now).map_err(|wait| {
        Metrics::count(&app.metrics.limited, purpose);
        let hint = "Too many attempts. Wait, then try again.";
        Refusal::new(Code::TooManyAttempts, hint).retry_after(wait)
    })
}

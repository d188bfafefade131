//! The consent decision of a user, for a client or a device.
//!
//! Dispatches by the kind of request.

use crate::app::App;
use crate::domain::outcome::Failure;
use crate::domain::request_info::RequestInfo;
use crate::identity::current_login::BrowserCookies;

use super::page_step::PageStep;
use super::pending_request::PendingRequest;
use super::{authorize, device};

/// Handles the decision; without one, the user is asked again.
///
/// # Errors
/// `forbidden` if the request is of another kind; `conflict` if it was already answered; too many
/// writes; faults.
pub async fn decide(
    app: App,
    request: PendingRequest,
    allow: Option<bool>,
    cookies: BrowserCookies,
    info: RequestInfo,
) -> Result<PageStep, Failure> {
    match (request.is_device(), allow) {
        (true, Some(allow)) => device::decide(app, request, allow, cookies, info).await,
        (true, None) => device::resume(app, request, cookies, info.now).await,
        (false, Some(allow)) => authorize::decide(app, request, allow, cookies, info).await,
        (false, None) => authorize::resume(app, request, cookies, info).await,
    }
}

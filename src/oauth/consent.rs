//! The decision of a user who was asked: for a client that sent them, or for a device.
//!
//! Owns which of the two a request belongs to.

use crate::app::App;
use crate::domain::outcome::Failure;
use crate::domain::request_info::RequestInfo;
use crate::identity::current_login::BrowserCookies;

use super::page_step::PageStep;
use super::pending_request::PendingRequest;
use super::{authorize, device};

/// The user has decided; without a decision they are asked once more.
///
/// # Errors
/// `forbidden` when the request is of another kind; `conflict` when it was answered already; too many writes;
/// faults.
pub async fn decide(
    app: App,
    request: PendingRequest,
    allow: Option<bool>,
    visitor: BrowserCookies,
    info: RequestInfo,
) -> Result<PageStep, Failure> {
    match (request.is_device(), allow) {
        (true, Some(allow)) => device::decide(app, request, allow, visitor, info).await,
        (true, None) => device::resume(app, request, visitor, info.now).await,
        (false, Some(allow)) => authorize::decide(app, request, allow, visitor, info).await,
        (false, None) => authorize::resume(app, request, visitor, info).await,
    }
}

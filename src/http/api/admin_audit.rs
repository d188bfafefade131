//! `/v1/admin/audit`.

use actix_web::HttpResponse;

use crate::admin::audit;
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::identity::administrator::Administrator;

use super::admin_sessions::user_param;
use crate::view;

/// A page of events, newest first, of one user if named.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn list(
    admin: Authenticated<Administrator>,
    params: Params,
) -> Result<HttpResponse, Problem> {
    let context = admin.context;
    let request = context.check(super::page_request(&params))?;
    let user = context.check(user_param(&params))?;
    let page = context.run(audit::list(context.app.clone(), user, request)).await?;
    Ok(HttpResponse::Ok().json(view::page(&page, view::event)))
}

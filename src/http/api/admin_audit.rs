//! `/v1/admin/audit`.

use actix_web::HttpResponse;

use crate::admin::audit;
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::fields::Params;
use crate::identity::bearer::Administrator;

use super::admin_sessions::user_param;
use super::shapes;

/// A page of events, newest first, of one user if named.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn list(
    admin: Authenticated<Administrator>,
    params: Params,
) -> Result<HttpResponse, Problem> {
    let context = admin.context;
    let request = context.check(shapes::page_request(&params))?;
    let user = context.check(user_param(&params))?;
    let page = context.run(audit::list(context.app.clone(), user, request)).await?;
    Ok(HttpResponse::Ok().json(shapes::page(&page, shapes::event)))
}

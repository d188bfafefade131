//! `/v1/admin/users/{id}/factors`.

use actix_web::HttpResponse;
use actix_web::web::Path;

use crate::admin::factors;
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::identity::administrator::Administrator;

use super::admin_users::user_id;
use super::factors::factor_id;
use crate::view;

type Admin = Authenticated<Administrator>;

/// The factors of a user.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn list(admin: Admin, id: Path<String>) -> Result<HttpResponse, Problem> {
    let id = admin.context.check(user_id(&id))?;
    let overview = admin.context.run(factors::list(admin.context.app.clone(), id)).await?;
    Ok(HttpResponse::Ok().json(view::factors(&overview)))
}

/// Removes all factors and recovery codes of a user.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn reset(admin: Admin, id: Path<String>) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let id = context.check(user_id(&id))?;
    let info = context.administration(&caller);
    context.run(factors::reset(context.app.clone(), id, info)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Removes one factor of a user.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn remove(admin: Admin, path: Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let (id, factor) = path.into_inner();
    let id = context.check(user_id(&id))?;
    let factor = context.check(factor_id(&factor))?;
    let info = context.administration(&caller);
    context.run(factors::remove(context.app.clone(), id, factor, info)).await?;
    Ok(HttpResponse::NoContent().finish())
}

//! `/v1/admin/clients/{client_id}/logo`: the logo that pages show for a client.

use actix_web::HttpResponse;
use actix_web::web::Path;

use crate::admin::client_logo;
use crate::http::body::Body;
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::identity::administrator::Administrator;
use crate::view;

type Admin = Authenticated<Administrator>;

/// Stores the logo of a client. The body is the file.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn put(admin: Admin, id: Path<String>, body: Body) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let file = context.check(body.0)?;
    let info = context.administration(&caller);
    let work = client_logo::set(context.app.clone(), id.into_inner(), file.to_vec(), info);
    let stored = context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::client(&stored)))
}

/// Removes the logo of a client. Succeeds if the client has no logo.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn delete(admin: Admin, id: Path<String>) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let info = context.administration(&caller);
    let work = client_logo::remove(context.app.clone(), id.into_inner(), info);
    let stored = context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::client(&stored)))
}

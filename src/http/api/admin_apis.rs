//! `/v1/admin/apis`.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Path;

use crate::admin::apis;
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::fields::{JsonFields, Params};
use crate::identity::bearer::Administrator;

use super::shapes;

type Admin = Authenticated<Administrator>;

/// A page of APIs.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn list(admin: Admin, params: Params) -> Result<HttpResponse, Problem> {
    let request = admin.context.check(shapes::page_request(&params))?;
    let page = admin.context.run(apis::list(admin.context.app.clone(), request)).await?;
    Ok(HttpResponse::Ok().json(shapes::page(&page, shapes::api)))
}

/// Registers an API.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn create(admin: Admin, mut body: JsonFields) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let identifier = body.string("identifier");
    let scopes = body.strings("scopes");
    context.check(body.finish())?;
    let origin = context.origin_of(caller.caller());
    let work = apis::create(context.app.clone(), identifier, scopes, origin, context.now());
    let stored = context.run(work).await?;
    let location = format!("{}/v1/admin/apis/{}", context.app.issuer(), stored.id);
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, location))
        .json(shapes::api(&stored)))
}

/// One API, by its id or its percent-encoded identifier.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn show(admin: Admin, id: Path<String>) -> Result<HttpResponse, Problem> {
    let work = apis::show(admin.context.app.clone(), id.into_inner());
    let stored = admin.context.run(work).await?;
    Ok(HttpResponse::Ok().json(shapes::api(&stored)))
}

/// Removes an API, by its id or its percent-encoded identifier.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn delete(admin: Admin, id: Path<String>) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let origin = context.origin_of(caller.caller());
    let work = apis::delete(context.app.clone(), id.into_inner(), origin, context.now());
    context.run(work).await?;
    Ok(HttpResponse::NoContent().finish())
}

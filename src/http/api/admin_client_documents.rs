//! `/v1/admin/client-documents`.

use actix_web::HttpResponse;

use crate::admin::client_documents;
use crate::domain::pagination::Page;
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::{JsonFields, Params};
use crate::identity::administrator::Administrator;

use crate::view;

type Admin = Authenticated<Administrator>;

/// A page of the clients that describe themselves, or the one of an address.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn list(admin: Admin, params: Params) -> Result<HttpResponse, Problem> {
    let context = admin.context;
    let app = context.app.clone();
    let page = match params.get("client_id") {
        Some(client_id) => {
            let found = context.run(client_documents::show(app, client_id.to_owned())).await?;
            Page { data: vec![found], next: None }
        }
        None => {
            let request = context.check(super::page_request(&params))?;
            context.run(client_documents::list(app, request)).await?
        }
    };
    Ok(HttpResponse::Ok().json(view::page(&page, view::client_document)))
}

/// Blocks a client.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn block(admin: Admin, mut body: JsonFields) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let client_id = body.string("client_id");
    context.check(body.finish())?;
    let info = context.administration(&caller);
    let work = client_documents::block(context.app.clone(), client_id, info);
    let stored = context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::client_document(&stored)))
}

/// Unblocks a client.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn unblock(admin: Admin, mut body: JsonFields) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let client_id = body.string("client_id");
    context.check(body.finish())?;
    let info = context.administration(&caller);
    context.run(client_documents::unblock(context.app.clone(), client_id, info)).await?;
    Ok(HttpResponse::NoContent().finish())
}

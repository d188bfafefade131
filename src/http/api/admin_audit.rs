//! `/v1/admin/audit`.

use actix_web::HttpResponse;

use crate::admin::audit::{self, ExportFormat};
use crate::domain::outcome::Refusal;
use crate::http::audit_export;
use crate::http::audit_params;
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::identity::administrator::Administrator;
use crate::view;

/// A page of the events that match the parameters, newest first.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn list(
    admin: Authenticated<Administrator>,
    params: Params,
) -> Result<HttpResponse, Problem> {
    let context = admin.context;
    let request = context.check(super::page_request(&params))?;
    let filter = audit_params::filter(&context, &params).await?;
    let page = context.run(audit::list(context.app.clone(), filter, request)).await?;
    Ok(HttpResponse::Ok().json(view::audit::page(&page)))
}

/// All events that match the parameters, newest first, as a file. It is read and sent a page at a time.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn export(
    admin: Authenticated<Administrator>,
    params: Params,
) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let message = "format is csv or ndjson.";
    let unknown = || Refusal::field("format", "unknown", message);
    let format = params.get("format").unwrap_or("ndjson").parse().map_err(|_| unknown());
    let format: ExportFormat = context.check(format)?;
    let filter = audit_params::filter(&context, &params).await?;
    let info = context.administration(&caller);
    context.run(audit::begin_export(context.app.clone(), format, info)).await?;
    Ok(audit_export::file(context.app.clone(), filter, format))
}

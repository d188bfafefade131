//! `/v1/admin/audit`.

use std::fmt;

use actix_web::HttpResponse;
use actix_web::http::header;
use bytes::Bytes;
use futures_util::stream;

use crate::admin::audit::{self, ExportFormat};
use crate::app::App;
use crate::domain::audit_filter::AuditFilter;
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::pagination::{MAX_LIMIT, PageRequest};
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::identity::administrator::Administrator;
use crate::view;

use super::audit_params;

/// A page of events, newest first, those that the parameters name.
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

/// All events that the parameters name, newest first, as a file. It is read and sent a page at a time.
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
    let (media_type, name) = match format {
        ExportFormat::Csv => ("text/csv; charset=utf-8", "audit.csv"),
        ExportFormat::Ndjson => ("application/x-ndjson", "audit.ndjson"),
    };
    let attachment = format!("attachment; filename=\"{name}\"");
    Ok(HttpResponse::Ok()
        .content_type(media_type)
        .insert_header((header::CONTENT_DISPOSITION, attachment))
        .streaming(pages(context.app.clone(), filter, format)))
}

/// Where an export is: before its first page, after a page, or at its end.
enum Place {
    First,
    After(String),
    End,
}

fn pages(
    app: App,
    filter: AuditFilter,
    format: ExportFormat,
) -> impl stream::Stream<Item = Result<Bytes, ExportInterrupted>> {
    stream::try_unfold(Place::First, move |place| {
        let (app, filter) = (app.clone(), filter.clone());
        async move {
            let (after, is_first) = match &place {
                Place::End => return Ok(None),
                Place::First => (None, true),
                Place::After(cursor) => (PageRequest::cursor(cursor), false),
            };
            let request = PageRequest { after, limit: MAX_LIMIT };
            let listed = app.run_to_completion(audit::list(app.clone(), filter, request)).await;
            let listed = listed.map_err(interrupted)?;
            let text = match format {
                ExportFormat::Csv => view::audit::csv(&listed.page.data, is_first),
                ExportFormat::Ndjson => view::audit::ndjson(&listed.page.data),
            };
            let next = listed.page.next.map_or(Place::End, Place::After);
            Ok(Some((Bytes::from(text), next)))
        }
    })
}

/// An export ends early: the connection is closed before the end of the body, which clients take for an error.
#[derive(Debug)]
struct ExportInterrupted;

impl fmt::Display for ExportInterrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the export was interrupted")
    }
}

impl std::error::Error for ExportInterrupted {}

fn interrupted(failure: Failure) -> ExportInterrupted {
    if let Failure::Failed(fault) = failure {
        tracing::error!(%fault, "an export of the audit trail was interrupted");
    }
    ExportInterrupted
}

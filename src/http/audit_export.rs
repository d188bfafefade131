//! An export of the audit trail as a file, at `/v1` and in the console.
//!
//! Reads and sends it page by page, and ensures that an interrupted export is not mistaken for a complete one.

use std::fmt;

use actix_web::HttpResponse;
use actix_web::http::header;
use bytes::Bytes;
use futures_util::stream;

use crate::admin::audit::{self, ExportFormat};
use crate::app::App;
use crate::domain::audit_filter::AuditFilter;
use crate::domain::outcome::Failure;
use crate::domain::pagination::{MAX_LIMIT, PageRequest};
use crate::view;

/// The file of all events that match a filter. The event of the export itself is already recorded.
pub fn file(app: App, filter: AuditFilter, format: ExportFormat) -> HttpResponse {
    let (media_type, name) = match format {
        ExportFormat::Csv => ("text/csv; charset=utf-8", "audit.csv"),
        ExportFormat::Ndjson => ("application/x-ndjson", "audit.ndjson"),
    };
    let attachment = format!("attachment; filename=\"{name}\"");
    HttpResponse::Ok()
        .content_type(media_type)
        .insert_header((header::CONTENT_DISPOSITION, attachment))
        .streaming(pages(app, filter, format))
}

/// The position of an export: before its first page, after a page, or at its end.
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

/// The export failed midway: the connection is closed before the end of the body, which clients treat as an error.
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

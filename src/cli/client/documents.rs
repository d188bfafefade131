//! `signet client` for clients that describe themselves: their cached documents, and blocking.

use clap::Args;
use serde_json::Value;

use crate::admin::client_documents;
use crate::app::App;
use crate::base::Timestamp;
use crate::cli::error::{CommandError, about};
use crate::cli::output::{self, Format, Output, Row};
use crate::cli::paging::Paging;
use crate::cli::relative_time::ago;
use crate::cli::startup_report;
use crate::cli::table::Table;
use crate::cli::with_app::with_app;
use crate::domain::pagination::Page;
use crate::domain::request_info::RequestInfo;
use crate::store::client_documents::StoredDocument;
use crate::view;

use super::rows::setting;

/// A client that describes itself.
#[derive(Debug, Args)]
pub struct DocumentArgs {
    /// Its client_id: the https address of its document
    #[arg(value_name = "URL")]
    client_id: String,
}

impl Row for StoredDocument {
    const HEAD: &'static [&'static str] = &["client_id", "name", "status", "confirmed", "used"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let status = match (self.blocked_at, &self.failed) {
            (Some(at), _) => format!("blocked {}", ago(at, now)),
            (None, Some((at, _))) => format!("failing {}", ago(*at, now)),
            (None, None) if now < self.fresh_until => "fresh".to_owned(),
            (None, None) => "stale".to_owned(),
        };
        vec![
            self.client_id.clone(),
            self.content.as_ref().map(|content| content.name.clone()).unwrap_or_default(),
            status,
            if self.content.is_some() { ago(self.confirmed_at, now) } else { String::new() },
            self.authorized_at.map_or_else(String::new, |at| ago(at, now)),
        ]
    }

    fn json(&self) -> Value {
        view::client_document(self)
    }
}

/// Lists cached documents, oldest first.
pub fn list(paging: &Paging, output: Output) -> Result<(), CommandError> {
    with_app(async |app| {
        paging
            .write(output.list(), async |request| -> Result<Page<StoredDocument>, CommandError> {
                let work = client_documents::list(app.clone(), request);
                Ok(app.run_to_completion(work).await?)
            })
            .await
    })
}

/// Writes all data of a cached document.
pub async fn show(app: &App, client_id: &str, output: Output) -> Result<(), CommandError> {
    let work = client_documents::show(app.clone(), client_id.to_owned());
    let stored = app.run_to_completion(work).await.map_err(about("client", client_id))?;
    if output.format() != Format::Table {
        return Ok(output.one(&stored)?);
    }
    let shape = view::client_document(&stored);
    let members = shape.as_object().into_iter().flatten();
    let rows: Vec<Vec<String>> =
        members.map(|(name, value)| vec![name.clone(), setting(name, value)]).collect();
    Ok(output::write(&Table::new(&["setting", "value"]).lines(&rows))?)
}

/// Blocks a client.
pub fn block(args: &DocumentArgs, output: Output) -> Result<(), CommandError> {
    with_app(async |app| {
        let (id, info) = (args.client_id.clone(), RequestInfo::cli(app.now()));
        let work = client_documents::block(app.clone(), id, info);
        let stored = app.run_to_completion(work).await.map_err(about("client", &args.client_id))?;
        startup_report::say(&format!("Blocked client {}\n", args.client_id));
        Ok(output.one(&stored)?)
    })
}

/// Unblocks a client.
pub fn unblock(args: &DocumentArgs) -> Result<(), CommandError> {
    with_app(async |app| {
        let (id, info) = (args.client_id.clone(), RequestInfo::cli(app.now()));
        let work = client_documents::unblock(app.clone(), id, info);
        app.run_to_completion(work).await.map_err(about("client", &args.client_id))?;
        startup_report::say(&format!("Unblocked client {}\n", args.client_id));
        Ok(())
    })
}

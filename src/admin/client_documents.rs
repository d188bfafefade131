//! Clients that describe themselves: their cached documents, and blocking.
//!
//! Only reads stored documents; `oauth` fetches one when its client sends a user.

use crate::app::{App, AuditedTx};
use crate::base::entropy::random;
use crate::domain::audit::{Event, EventKind};
use crate::domain::client_document::DocumentUrl;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::permission::{Action, TargetKind};
use crate::domain::request_info::RequestInfo;
use crate::store::client_documents::{self, StoredDocument};
use crate::store::revocations::Revoked;

use super::authorization::authorize;

/// A page of cached documents, oldest first.
///
/// # Errors
/// Only faults.
pub async fn list(app: App, request: PageRequest) -> Result<Page<StoredDocument>, Failure> {
    Ok(client_documents::page(&mut app.db.reader().await?, request).await?)
}

/// The cached document of this URL.
///
/// # Errors
/// `not_found`.
pub async fn show(app: App, client_id: String) -> Result<StoredDocument, Failure> {
    let found = client_documents::find(&mut app.db.reader().await?, &client_id).await?;
    let message = "There is no copy of a client document with this address.";
    Ok(found.ok_or_else(|| Refusal::new(Code::NotFound, message))?)
}

/// Blocks a client, even if no user has used it yet: all its requests are refused from the next one on. Idempotent.
///
/// # Errors
/// `validation_failed` if this is not a valid document URL.
pub async fn block(
    app: App,
    client_id: String,
    info: RequestInfo,
) -> Result<StoredDocument, Failure> {
    let now = info.now;
    let url = DocumentUrl::parse(&client_id);
    let message = "Name the client_id of a client that describes itself: an https URL with a path.";
    let url = url.ok_or_else(|| Refusal::field("client_id", "malformed", message))?;
    let id = uuid::Builder::from_unix_timestamp_millis(
        u64::try_from(now.millis()).unwrap_or(0),
        &random(&*app.entropy),
    )
    .into_uuid();
    let stored = app
        .transaction_or_nothing(&info, async |tx| {
            authorize(tx, Action::DisableClient, &[TargetKind::Ordinary]).await?;
            let version = client_documents::raise_version(tx).await?;
            if client_documents::block(tx, (id, url.as_str()), now, version).await? {
                tx.cut(Revoked::Client(url.as_str())).await?;
                record(tx, EventKind::ClientDisabled, url.as_str()).await?;
            }
            let stored = client_documents::find(&mut **tx, url.as_str()).await?;
            Ok(stored.ok_or_else(|| Fault::internal("a client document that was just written"))?)
        })
        .await?;
    app.reload_if_changed().await?;
    Ok(stored)
}

/// Unblocks a client.
///
/// # Errors
/// `not_found` if it is not blocked.
pub async fn unblock(app: App, client_id: String, info: RequestInfo) -> Result<(), Failure> {
    app.transaction_or_nothing(&info, async |tx| {
        authorize(tx, Action::EnableClient, &[TargetKind::Ordinary]).await?;
        let version = client_documents::raise_version(tx).await?;
        if !client_documents::unblock(tx, &client_id, version).await? {
            let message = "No client document with this address is blocked.";
            return Err(Refusal::new(Code::NotFound, message).into());
        }
        Ok(record(tx, EventKind::ClientEnabled, &client_id).await?)
    })
    .await?;
    app.reload_if_changed().await?;
    Ok(())
}

async fn record(tx: &mut AuditedTx, kind: EventKind, client_id: &str) -> Result<(), Fault> {
    tx.record(&Event::new(kind).for_client(client_id).detail(client_id)).await
}

//! Clients that describe themselves, at the authorization endpoint: the only place that fetches their documents.
//!
//! Owns when a cached document is used and when it is fetched again. Every other endpoint uses the cached document
//! whatever its age, so that an unreachable host ends no session (`app/cache/documents.rs`). `domain::client_document`
//! decides which documents are valid.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::time::timeout;
use url::Url;

use crate::app::cache::KnownDocument;
use crate::app::limits::{HOST_PAUSE, LoadError};
use crate::app::{App, AuditedTx};
use crate::base::entropy::random;
use crate::base::{TimeSpan, Timestamp};
use crate::crypto::client_key::check_key;
use crate::domain::audit::Origin;
use crate::domain::client::Client;
use crate::domain::client_document::{
    Allowance, DocumentContent, DocumentError, DocumentUrl, MAX_DOCUMENT, STALE_AT_MOST, freshness,
};
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::rate_limit::RateLimit;
use crate::domain::refusal_reason::Reason;
use crate::domain::request_info::RequestInfo;
use crate::domain::special_use::AddressPolicy;
use crate::http_client::{Fetch, FetchError, Fetched};
use crate::store::client_documents::{self, StoredDocument};

use super::rate_limits::throttle;

/// The most cached documents, and the most of them that no user has authorized.
const MAX_COPIES: (i64, i64) = (10_000, 5_000);
/// The accepted difference between the clocks of two processes.
const CLOCK_SKEW: TimeSpan = TimeSpan::from_secs(60);
/// The precision of the time at which a user last authorized a client.
const AUTHORIZED_EXACT_TO: TimeSpan = TimeSpan::from_days(1);

/// Fetches the document of the client of a request, if `client_id` is the URL of one and no fresh one is cached. For
/// any other `client_id` nothing is fetched.
///
/// # Errors
/// A refusal if there is no valid document; faults.
pub(super) fn ensure_document<'a>(
    app: &'a App,
    client_id: &'a str,
    info: &'a RequestInfo,
) -> BoxFuture<'a, Result<(), Failure>> {
    ensure(app, client_id, info).boxed()
}

async fn ensure(app: &App, client_id: &str, info: &RequestInfo) -> Result<(), Failure> {
    let now = info.now;
    let Some((url, allowance)) = describes_itself(app, client_id).await? else { return Ok(()) };
    let known = app.document(client_id);
    let needs_none =
        |known: &KnownDocument| known.stored.blocked_at.is_some() || is_fresh(known, now);
    if known.as_deref().is_some_and(needs_none) {
        return Ok(());
    }
    if known.is_none() {
        throttle(app, RateLimit::ClientDocument, &info.origin)?;
    }
    let begin = || {
        let (app, url) = (app.clone(), url.clone());
        // A separate task, because the caller may disconnect.
        let loading = tokio::spawn(async move {
            let outcome = load(&app, &url, allowance).await;
            app.document_fetches.leave(url.as_str());
            outcome
        });
        async move {
            loading.await.unwrap_or_else(|error| {
                let fault = Fault::internal("a fetch of a client document panicked");
                Err(LoadError::Store(Arc::new(fault.with_source(error))))
            })
        }
    };
    let Err(error) = app.document_fetches.join(client_id, begin).await else { return Ok(()) };
    // A stale document is used for a day.
    let is_usable = |known: &KnownDocument| {
        known.client.is_some() && now < known.stored.confirmed_at + STALE_AT_MOST
    };
    if known.as_deref().is_some_and(is_usable) { Ok(()) } else { Err(refused(client_id, &error)) }
}

/// The document URL and what the operator allows its client, if `client_id` is such a URL and no client is
/// registered under it.
async fn describes_itself(
    app: &App,
    client_id: &str,
) -> Result<Option<(DocumentUrl, Allowance)>, Fault> {
    if app.config.client_documents.is_off() || app.is_registered_client(client_id) {
        return Ok(None);
    }
    let Some(url) = DocumentUrl::parse(client_id) else { return Ok(None) };
    let Some(allowance) = app.config.client_documents.allowance(&url) else { return Ok(None) };
    if app.document(client_id).is_none() {
        // Another process may have registered, blocked or fetched it within the last second.
        app.reload_for_unknown().await?;
    }
    // Tokens for an API of this name must not be confused with ID tokens for a client of this name.
    let is_taken = app.is_registered_client(client_id) || app.audience_named(client_id).is_some();
    Ok((!is_taken).then_some((url, allowance)))
}

fn is_fresh(known: &KnownDocument, now: Timestamp) -> bool {
    let stored = &known.stored;
    // A time further in the future was stored before the clock was set back.
    let is_past = stored.confirmed_at <= now + CLOCK_SKEW;
    known.client.is_some() && is_past && now < stored.fresh_until
}

/// The refusal that a user sees if the client's document cannot be used.
fn refused(client_id: &str, error: &LoadError) -> Failure {
    match error {
        LoadError::Busy(wait) => busy(*wait),
        LoadError::Full => busy(HOST_PAUSE),
        LoadError::Store(fault) => fault.shared().into(),
        LoadError::Fetch(_) | LoadError::Keys(_) | LoadError::Content(_) => {
            tracing::info!(client_id, %error, "the document of a client was refused");
            Refusal::oauth_because(OAuthError::InvalidRequest, Reason::DocumentRefused).into()
        }
    }
}

fn busy(wait: TimeSpan) -> Failure {
    let refusal = Refusal::because(Code::Unavailable, Reason::DocumentBusy).retry_after(wait);
    Failure::Refused(Refusal { oauth: Some(OAuthError::TemporarilyUnavailable), ..refusal })
}

/// Fetches a document, validates and stores it.
async fn load(app: &App, url: &DocumentUrl, allowance: Allowance) -> Result<(), LoadError> {
    let (fetches, now) = (&app.document_fetches, app.now());
    // Another fetch may have completed in the meantime.
    if app.document(url.as_str()).is_some_and(|known| is_fresh(&known, now)) {
        return Ok(());
    }
    let counted = app.clock.counted();
    fetches.take(url.host(), counted).map_err(LoadError::Busy)?;
    let place = timeout(app.config.deadlines.fetch(), fetches.place()).await;
    let Ok(Some(_place)) = place else { return Err(LoadError::Busy(HOST_PAUSE)) };
    let known = app.document(url.as_str());
    let outcome = match fetched(app, url, allowance, known.as_deref()).await {
        Ok(copy) => store(app, copy, now).await,
        Err(error) => {
            fetches.pause(url.host(), app.clock.counted());
            note_failure(app, url.as_str(), known.is_some(), &error, now).await;
            Err(error)
        }
    };
    if let Err(fault) = app.reload_if_changed().await {
        return Err(LoadError::Store(Arc::new(fault)));
    }
    outcome
}

/// A document to be stored.
struct Copy {
    client_id: String,
    content: DocumentContent,
    etag: Option<String>,
    max_age: Option<u64>,
}

/// Requests the document from its host.
async fn fetched(
    app: &App,
    url: &DocumentUrl,
    allowance: Allowance,
    known: Option<&KnownDocument>,
) -> Result<Copy, LoadError> {
    let copy = known.and_then(|known| Some((known.stored.content.clone()?, &known.stored.etag)));
    // Without a usable document in the cache no entity tag is sent: the stored content was validated under
    // the operator's earlier settings.
    let etag = copy.as_ref().filter(|_| known.is_some_and(|known| known.client.is_some()));
    let etag = etag.and_then(|(_, etag)| etag.as_deref());
    let (content, etag, max_age) =
        match get(app, url.url(), etag).await.map_err(LoadError::Fetch)? {
            Fetched::Document { body, etag, max_age } => {
                let content = DocumentContent::read(&body, url, allowance, check_key);
                (content.map_err(LoadError::Content)?, etag, max_age)
            }
            Fetched::NotModified { max_age } => {
                let (content, etag) = copy.ok_or(LoadError::Fetch(FetchError::Status(304)))?;
                (content, etag.clone(), max_age)
            }
        };
    let content = with_keys(app, content).await?;
    Ok(Copy { client_id: url.as_str().to_owned(), content, etag, max_age })
}

/// The content with the keys at its `jwks_uri`, if it has one.
async fn with_keys(app: &App, mut content: DocumentContent) -> Result<DocumentContent, LoadError> {
    let Some(uri) = &content.jwks_uri else { return Ok(content) };
    let uri = Url::parse(uri).map_err(|_| LoadError::Content(DocumentError::JwksUri))?;
    let Fetched::Document { body, .. } = get(app, &uri, None).await.map_err(LoadError::Keys)?
    else {
        return Err(LoadError::Keys(FetchError::Status(304)));
    };
    let jwks: Value =
        serde_json::from_slice(&body).map_err(|_| LoadError::Content(DocumentError::Keys))?;
    content.set_keys(&jwks, check_key).map_err(LoadError::Content)?;
    Ok(content)
}

async fn get(app: &App, url: &Url, etag: Option<&str>) -> Result<Fetched, FetchError> {
    let policy = &AddressPolicy::PUBLIC;
    app.http_client.fetch(Fetch { url, policy, limit: MAX_DOCUMENT, etag }).await
}

/// Stores a document. If too many documents are stored that no user has authorized, one of them is removed.
async fn store(app: &App, copy: Copy, now: Timestamp) -> Result<(), LoadError> {
    let id = uuid::Builder::from_unix_timestamp_millis(
        u64::try_from(now.millis()).unwrap_or(0),
        &random(&*app.entropy),
    )
    .into_uuid();
    let info = RequestInfo::without_device(Origin::system(), now);
    let Copy { client_id, content, etag, max_age } = copy;
    let stored = StoredDocument {
        id,
        client_id,
        content: Some(content),
        etag,
        confirmed_at: now,
        fresh_until: now + freshness(max_age),
        failed: None,
        authorized_at: None,
        blocked_at: None,
        version: 0,
    };
    let outcome = app
        .transaction_or_nothing(&info, async |tx| {
            let version = client_documents::raise_version(tx).await?;
            if !has_room(tx, &stored.client_id).await? {
                return Ok(false);
            }
            client_documents::put(tx, &StoredDocument { version, ..stored.clone() }).await?;
            Ok(true)
        })
        .await;
    match outcome {
        Ok(true) => Ok(()),
        Ok(false) => {
            tracing::error!(
                "no room for another client that describes itself; see signet client list --documents"
            );
            Err(LoadError::Full)
        }
        Err(Failure::Failed(fault)) => Err(LoadError::Store(Arc::new(fault))),
        Err(Failure::Refused(_)) => Err(LoadError::Busy(HOST_PAUSE)),
    }
}

/// Whether the document of this URL can be stored, after removing others if necessary.
async fn has_room(tx: &mut AuditedTx, client_id: &str) -> Result<bool, Fault> {
    if client_documents::find(&mut **tx, client_id).await?.is_some() {
        return Ok(true);
    }
    let (most, most_unauthorized) = MAX_COPIES;
    let (copies, unauthorized) = client_documents::counts(&mut **tx).await?;
    let surplus = (unauthorized + 1 - most_unauthorized).max(copies + 1 - most);
    if surplus <= 0 {
        return Ok(true);
    }
    let removed = client_documents::evict(tx, surplus.min(unauthorized)).await?;
    Ok(i64::try_from(removed).unwrap_or(0) >= surplus)
}

/// Records with a cached document why it could not be fetched again. Without one, nothing is stored: an
/// unauthenticated caller must not be able to create rows.
async fn note_failure(
    app: &App,
    client_id: &str,
    has_copy: bool,
    error: &LoadError,
    now: Timestamp,
) {
    if !has_copy {
        return;
    }
    let info = RequestInfo::without_device(Origin::system(), now);
    let failure = error.to_string();
    let noted = app
        .transaction_or_nothing(&info, async |tx| {
            let version = client_documents::raise_version(tx).await?;
            Ok(client_documents::note_failure(tx, client_id, &failure, now, version).await?)
        })
        .await;
    if let Err(Failure::Failed(fault)) = noted {
        tracing::warn!(%fault, client_id, "the failure of a fetch was not stored");
    }
}

/// Records that a user has authorized the client, with the precision of a day, so that its document is kept.
///
/// # Errors
/// If the database cannot be written.
pub(super) async fn keep(tx: &mut AuditedTx, client: &Client) -> Result<(), Fault> {
    if client.document.is_none() {
        return Ok(());
    }
    let now = tx.info().now;
    client_documents::note_authorization(tx, &client.client_id, now, now - AUTHORIZED_EXACT_TO)
        .await
}

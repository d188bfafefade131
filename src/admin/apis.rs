//! Managing APIs.

use uuid::Uuid;

use crate::app::App;
use crate::base::Timestamp;
use crate::base::entropy::random;
use crate::domain::api::{Api, ApiError, is_api_scope};
use crate::domain::audit::{Event, EventKind, Origin};
use crate::domain::page::{Page, PageRequest};
use crate::domain::scope::Scopes;
use crate::domain::stop::{Code, Refusal, Stop};
use crate::store::apis::{self, StoredApi};
use crate::store::{audit, settle};

fn not_found() -> Refusal {
    Refusal::new(Code::NotFound, "There is no such API.")
}

/// A page of APIs, oldest first.
///
/// # Errors
/// Only faults.
pub async fn list(app: App, request: PageRequest) -> Result<Page<StoredApi>, Stop> {
    Ok(apis::page(&mut app.db.reader().await?, request).await?)
}

/// One API, by its identifier or its row id.
///
/// # Errors
/// `not_found`.
pub async fn show(app: App, identifier: String) -> Result<StoredApi, Stop> {
    let found = apis::find(&mut app.db.reader().await?, &identifier).await?;
    Ok(found.ok_or_else(not_found)?)
}

/// Registers an API. In force here at once, in every other process within seconds.
///
/// # Errors
/// Refused when the identifier is none or taken, or a scope is malformed.
pub async fn create(
    app: App,
    identifier: String,
    scopes: Vec<String>,
    origin: Origin,
    now: Timestamp,
) -> Result<StoredApi, Stop> {
    let hint = "A scope is up to 128 printable ASCII characters without space, quote or backslash.";
    let malformed = || Refusal::field("scopes", "malformed", hint);
    if !scopes.iter().all(|scope| is_api_scope(scope) || scope.starts_with("signet:")) {
        return Err(malformed().into());
    }
    let scopes = Scopes::parse(&scopes.join(" ")).map_err(|_| malformed())?;
    let api = Api::new(&identifier, scopes).map_err(|error| match error {
        ApiError::Identifier => Refusal::field("identifier", "not_an_identifier", error.hint()),
        ApiError::ReservedScope => Refusal::field("scopes", "reserved", error.hint()),
    })?;
    if api.identifier == app.issuer() {
        let hint = "The issuer's own address cannot name an API.";
        return Err(Refusal::field("identifier", "reserved", hint).into());
    }
    let id = uuid::Builder::from_unix_timestamp_millis(
        u64::try_from(now.millis()).unwrap_or(0),
        &random(&*app.entropy),
    )
    .into_uuid();
    let mut tx = app.db.begin().await?;
    let outcome = async {
        if !apis::insert(&mut tx, id, &api, now).await? {
            let hint = "An API with this identifier exists already.";
            return Err(Refusal::new(Code::Conflict, hint).into());
        }
        let event = Event::new(EventKind::ApiCreated).detail(&*api.identifier);
        audit::record(&mut tx, &event, &origin, now, &*app.entropy).await?;
        Ok(())
    }
    .await;
    settle(tx, outcome).await?;
    app.reload_if_changed().await?;
    Ok(StoredApi { id: Uuid::from_bytes(id.into_bytes()), api, created_at: now })
}

/// Removes the API with this identifier or this row id. Its tokens live until they expire; new ones
/// are not made.
///
/// # Errors
/// `not_found`.
pub async fn delete(app: App, name: String, origin: Origin, now: Timestamp) -> Result<(), Stop> {
    let mut tx = app.db.begin().await?;
    let outcome = async {
        let identifier = apis::delete(&mut tx, &name).await?.ok_or_else(not_found)?;
        let event = Event::new(EventKind::ApiDeleted).detail(identifier);
        audit::record(&mut tx, &event, &origin, now, &*app.entropy).await?;
        Ok(())
    }
    .await;
    settle(tx, outcome).await?;
    app.reload_if_changed().await?;
    Ok(())
}

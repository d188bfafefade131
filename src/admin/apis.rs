//! Managing APIs: their scopes, and the form of their tokens.

use crate::app::{App, AuditedTx, MadeKey};
use crate::base::entropy::random;
use crate::base::{Secret, Timestamp};
use crate::domain::api::{Api, ApiError, is_api_scope};
use crate::domain::audit::{Event, EventKind};
use crate::domain::client::{self, Client};
use crate::domain::identifier_namespace;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::permission::Action;
use crate::domain::request_info::RequestInfo;
use crate::domain::scope::Scopes;
use crate::domain::token_rules::TokenAlg;
use crate::domain::verifier_compat::algorithms;
use crate::store::apis::{self, StoredApi};
use crate::store::revocations::Revoked;
use crate::store::{Tx, clients, verifiers};

pub use super::api_change::Change;
use super::authorization::authorize;
use super::{key_rotation, managed};

/// An API that was created or changed, with what is reported only once.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The API as it is now.
    pub stored: StoredApi,
    /// A new shared secret. It cannot be read later.
    pub shared_secret: Option<Secret<String>>,
    /// Warnings for the administrator who chose the algorithm.
    pub warnings: Vec<String>,
}

impl Change {
    /// Creates, keeps or drops the shared secret, as the algorithm requires.
    async fn settle_secret(
        &self,
        app: &App,
        tx: &mut Tx,
        stored: &mut StoredApi,
    ) -> Result<Option<Secret<String>>, Failure> {
        if !stored.api.rules.is_shared_secret() {
            stored.secret = None;
            return Ok(None);
        }
        if stored.secret.is_some() && !self.new_secret {
            return Ok(None);
        }
        let (sealed, spelt) = app.new_shared_secret(tx, stored.id).await?;
        stored.secret = Some(sealed);
        Ok(Some(spelt))
    }

    /// The key that will sign the API's tokens, if there is none of its algorithm yet. It is generated before the
    /// transaction and stored in it, so that neither exists without the other.
    async fn missing_key(&self, app: &App, now: Timestamp) -> Result<Option<MadeKey>, Failure> {
        match self.signing_alg {
            Some(Some(TokenAlg::Key(alg))) => Ok(key_rotation::missing(app, alg, now).await?),
            _ => Ok(None),
        }
    }

    fn warnings(&self) -> Vec<String> {
        self.signing_alg.flatten().map(algorithms::warnings).unwrap_or_default()
    }
}

pub(super) fn parse_scopes(field: &'static str, scopes: &[String]) -> Result<Scopes, Refusal> {
    let message =
        "A scope is up to 128 printable ASCII characters without space, quote or backslash.";
    let malformed = || Refusal::field(field, "malformed", message);
    if !scopes.iter().all(|scope| is_api_scope(scope) || scope.starts_with("signet:")) {
        return Err(malformed());
    }
    Scopes::parse(&scopes.join(" ")).map_err(|_| malformed())
}

pub(super) fn refused(error: ApiError) -> Refusal {
    match error {
        ApiError::Identifier => Refusal::field("identifier", "not_an_identifier", error.message()),
        ApiError::ReservedScope => Refusal::field("scopes", "reserved", error.message()),
        ApiError::UnknownScope => Refusal::field("scope_descriptions", "unknown", error.message()),
        ApiError::KeyScope => Refusal::field("key_scopes", "unknown", error.message()),
        ApiError::ScopeDescription => {
            Refusal::field("scope_descriptions", "malformed", error.message())
        }
    }
}

fn taken() -> Refusal {
    Refusal::new(Code::Conflict, "An API with this identifier already exists.")
}

fn not_found() -> Refusal {
    Refusal::new(Code::NotFound, "There is no such API.")
}

/// A page of APIs, oldest first.
///
/// # Errors
/// Only faults.
pub async fn list(app: App, request: PageRequest) -> Result<Page<StoredApi>, Failure> {
    Ok(apis::page(&mut app.db.reader().await?, request).await?)
}

/// One API, by its identifier or its row id.
///
/// # Errors
/// `not_found`.
pub async fn show(app: App, identifier: String) -> Result<StoredApi, Failure> {
    let found = apis::find(&mut app.db.reader().await?, &identifier).await?;
    Ok(found.ok_or_else(not_found)?)
}

/// Registers an API. It takes effect here at once, and in other processes within seconds.
///
/// # Errors
/// Refused when the identifier is invalid or taken, or a setting is invalid.
pub async fn create(
    app: App,
    identifier: String,
    change: Change,
    info: RequestInfo,
) -> Result<Changed, Failure> {
    let now = info.now;
    let api = Api::new(&identifier, Scopes::default()).map_err(refused)?;
    let api = change.applied_to(api, app.lifetimes.retry_window)?;
    if let Some(clash) =
        identifier_namespace::clash(&api.identifier, app.issuer(), [client::BUILT_IN])
    {
        return Err(Refusal::field("identifier", "reserved", clash.message()).into());
    }
    // An early check, because generating a key is slow. The insertion decides.
    if apis::find(&mut app.db.reader().await?, &api.identifier).await?.is_some() {
        return Err(taken().into());
    }
    let key = change.missing_key(&app, now).await?;
    let id = uuid::Builder::from_unix_timestamp_millis(
        u64::try_from(now.millis()).unwrap_or(0),
        &random(&*app.entropy),
    )
    .into_uuid();
    let name_since = Timestamp::from_millis(0);
    let new = StoredApi { id, api, secret: None, created_at: now, name_since };
    let (stored, shared_secret, holders) = app
        .transaction_or_nothing(&info, async |tx| {
            authorize(tx, Action::CreateApi, &[]).await?;
            let mut stored = new.clone();
            // Locked before the master key, as everywhere.
            apis::hold(tx, &stored.api.identifier).await?;
            let shared_secret = change.settle_secret(&app, tx, &mut stored).await?;
            register(tx, &stored, key.as_ref()).await?;
            let holders = clients_that_name(tx, &stored.api.identifier).await?;
            Ok((stored, shared_secret, holders))
        })
        .await?;
    app.reload_if_changed().await?;
    let mut warnings = change.warnings();
    warnings.extend(holders);
    Ok(Changed { stored, shared_secret, warnings })
}

/// Registers an API within a transaction, with the key that its tokens are signed with if there was none.
///
/// # Errors
/// Refused when the identifier is taken.
pub(super) async fn register(
    tx: &mut AuditedTx,
    stored: &StoredApi,
    key: Option<&MadeKey>,
) -> Result<(), Failure> {
    let identifier = &*stored.api.identifier;
    // The lock is taken first: a concurrent registration of a client of this name then waits or is visible.
    if apis::hold(tx, identifier).await?.is_some() {
        return Err(taken().into());
    }
    let others = apis::all(&mut **tx).await?;
    let others = others.iter().map(|other| &*other.api.identifier);
    if let Some(clash) = identifier_namespace::look_alike(identifier, others) {
        return Err(Refusal::new(Code::Conflict, clash.message()).into());
    }
    if clients::find(&mut **tx, identifier).await?.is_some() {
        let clash = identifier_namespace::Clash::Taken;
        return Err(Refusal::new(Code::Conflict, clash.message()).into());
    }
    if !apis::insert(tx, stored).await? {
        return Err(taken().into());
    }
    key_rotation::begin(tx, key).await?;
    Ok(tx.record(&Event::new(EventKind::ApiCreated).detail(identifier)).await?)
}

/// Stores a changed API within a transaction, with the key that its tokens are signed with if there was none.
///
/// # Errors
/// Only faults.
pub(super) async fn store(
    tx: &mut AuditedTx,
    stored: &StoredApi,
    key: Option<&MadeKey>,
) -> Result<(), Failure> {
    apis::update(tx, stored).await?;
    key_rotation::begin(tx, key).await?;
    tx.record(&Event::new(EventKind::ApiUpdated).detail(&*stored.api.identifier)).await?;
    Ok(())
}

/// Removes an API within a transaction, by its identifier or its row id.
///
/// # Errors
/// `not_found`.
pub(super) async fn remove(tx: &mut AuditedTx, name: &str) -> Result<(), Failure> {
    let now = tx.info().now;
    let identifier = apis::delete(tx, name, now).await?.ok_or_else(not_found)?;
    verifiers::remove(tx, &identifier).await?;
    tx.cut(Revoked::Api(&identifier)).await?;
    Ok(tx.record(&Event::new(EventKind::ApiDeleted).detail(identifier)).await?)
}

/// A warning for each client whose registration still lists this identifier, from an earlier, deleted API. Its tokens
/// and consents are not valid for the new API; its permission to request the API stays until an administrator removes
/// it.
async fn clients_that_name(tx: &mut Tx, api: &str) -> Result<Vec<String>, Fault> {
    let clients = clients::all(tx).await?;
    let clients = clients.iter().map(|stored| &stored.client);
    let warning = |client: &Client| {
        let (id, may) = (
            &client.client_id,
            match (client.may_target_api(api), client.is_api(api)) {
                (false, false) => return None,
                (true, false) => "may get tokens for this API",
                (false, true) => "may introspect tokens of this API",
                (true, true) => "may get tokens for this API and introspect them",
            },
        );
        Some(format!(
            "The client {id} {may}: its registration lists this identifier, which belonged to a deleted API. \
             To change that: signet client update {id} with --audience and --serves, or --no-audiences."
        ))
    };
    Ok(clients.filter_map(warning).collect())
}

/// The clients that may get tokens for an API, or introspect them.
///
/// # Errors
/// Only faults.
pub async fn clients_of(app: App, identifier: String) -> Result<Vec<Client>, Failure> {
    let all = clients::all(&mut app.db.reader().await?).await?;
    let all = all.into_iter().map(|stored| stored.client);
    let concerns =
        |client: &Client| client.may_target_api(&identifier) || client.is_api(&identifier);
    Ok(all.filter(concerns).collect())
}

/// Changes the API with this identifier or row id. The change shows in tokens from the next log-in or refresh on.
/// Fields that equal the stored value are ignored. If none is left, nothing is written.
///
/// # Errors
/// `not_found`; `managed_object`; refused when a setting is invalid.
pub async fn update(
    app: App,
    name: String,
    change: Change,
    info: RequestInfo,
) -> Result<Changed, Failure> {
    let now = info.now;
    let window = app.lifetimes.retry_window;
    // Checked first, so that an invalid change generates no key. The API is read again below.
    let seen = show(app.clone(), name.clone()).await?;
    let planned = change.clone().without_unchanged(&seen);
    if planned.is_empty() {
        return Ok(Changed { stored: seen, shared_secret: None, warnings: change.warnings() });
    }
    planned.applied_to(seen.api, window)?;
    let key = planned.missing_key(&app, now).await?;
    let (stored, shared_secret) = app
        .transaction_or_nothing(&info, async |tx| {
            authorize(tx, Action::UpdateApi, &[]).await?;
            let mut stored = apis::hold(tx, &name).await?.ok_or_else(not_found)?;
            let change = change.clone().without_unchanged(&stored);
            if change.is_empty() {
                return Ok((stored, None));
            }
            stored.api = change.applied_to(stored.api, window)?;
            managed::guard(tx, stored.id).await?;
            let shared_secret = change.settle_secret(&app, tx, &mut stored).await?;
            store(tx, &stored, key.as_ref()).await?;
            Ok((stored, shared_secret))
        })
        .await?;
    app.reload_if_changed().await?;
    Ok(Changed { stored, shared_secret, warnings: change.warnings() })
}

/// Removes the API with this identifier or this row id. Its tokens stay valid until they expire. No new ones are
/// issued: its sessions end at their next refresh. An API that is registered under the identifier again is a new
/// API.
///
/// # Errors
/// `not_found`; `managed_object`.
pub async fn delete(app: App, name: String, info: RequestInfo) -> Result<(), Failure> {
    app.transaction_or_nothing(&info, async |tx| {
        authorize(tx, Action::DeleteApi, &[]).await?;
        let stored = apis::hold(tx, &name).await?.ok_or_else(not_found)?;
        managed::guard(tx, stored.id).await?;
        remove(tx, &name).await
    })
    .await?;
    app.reload_if_changed().await?;
    Ok(())
}

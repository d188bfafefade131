//! Managing clients: their registration, redirect URIs and secrets.
//!
//! Owns the uniqueness of names, even under concurrent registration, and the secrets, which are shown once and
//! stored as hashes. Never sends a request to a URI of a client.

use crate::app::{App, AuditedTx};
use crate::base::Secret;
use crate::base::entropy::random;
use crate::crypto::client_key;
use crate::domain::audit::EventKind;
use crate::domain::client::{Client, ClientMetadata, ClientType, MAX_SECRETS, is_client_id};
use crate::domain::client_jwks;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::permission::{Action, TargetKind};
use crate::domain::request_info::RequestInfo;
use crate::oauth::grants;
use crate::store::clients::{self, StoredClient};
use crate::store::revocations::Revoked;

use super::authorization::{authorize, authorize_on_client, grant_admin_scopes};
pub use super::client_patch::Change;
use super::client_writes::{
    Named, end_credentials_before_grant, new_secret, not_found, record, refuse, register, remove,
    require_apis, require_narrow_rules, settle_secrets, unacceptable_name,
};
use super::{key_rotation, managed};

/// A client to be registered.
#[derive(Debug, Clone)]
pub struct New {
    /// Its `client_id`; without one it gets a new UUID.
    pub client_id: Option<String>,
    /// The displayed name.
    pub name: String,
    /// The kind of application.
    pub client_type: ClientType,
}

/// A client that was created or changed, with what is reported only once.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The client as it is now.
    pub stored: StoredClient,
    /// A new secret. It cannot be read later.
    pub client_secret: Option<Secret<String>>,
    /// Warnings for the administrator.
    pub warnings: Vec<String>,
}

/// A page of clients, oldest first.
///
/// # Errors
/// Only faults.
pub async fn list(app: App, request: PageRequest) -> Result<Page<StoredClient>, Failure> {
    Ok(clients::page(&mut app.db.reader().await?, request).await?)
}

/// One client.
///
/// # Errors
/// `not_found`.
pub async fn show(app: App, client_id: String) -> Result<StoredClient, Failure> {
    check_name(&client_id)?;
    let found = clients::find(&mut app.db.reader().await?, &client_id).await?;
    Ok(found.ok_or_else(not_found)?)
}

/// Warnings about the stored keys of a client.
#[must_use]
pub fn key_warnings(client: &Client) -> Vec<String> {
    let (id, keys) = (&client.client_id, &client.metadata.jwks);
    let mut warnings = Vec::new();
    let open = client_jwks::of_two_algorithms(keys);
    if !open.is_empty() {
        warnings.push(format!(
            "No alg in the RSA key {}: it verifies RS256 and PS256, and a key should verify one \
             (RFC 8725 §3.1). Register the keys again, with alg:  signet client update {id} \
             --jwks-file FILE",
            open.join(", ")
        ));
    }
    let weak = client_jwks::named(keys, client_key::is_weak);
    if !weak.is_empty() {
        warnings.push(format!(
            "The RSA key {} has the ROCA weakness (CVE-2017-15361) and is refused: its private half \
             can be computed from the public one. Register another:  signet client update {id} \
             --jwks-file FILE",
            weak.join(", ")
        ));
    }
    warnings
}

/// Refuses a text that cannot be a `client_id` without a lookup.
fn check_name(client_id: &str) -> Result<(), Refusal> {
    if is_client_id(client_id) { Ok(()) } else { Err(not_found()) }
}

/// Registers a client, with a secret if it authenticates with one. It takes effect here at once, and in other
/// processes within seconds.
///
/// # Errors
/// `validation_failed` when a setting is invalid, including an API that is not registered; `conflict` when a client
/// or an API has the `client_id`.
pub async fn create(
    app: App,
    new: New,
    change: Change,
    info: RequestInfo,
) -> Result<Changed, Failure> {
    let now = info.now;
    let id = uuid::Builder::from_unix_timestamp_millis(
        u64::try_from(now.millis()).unwrap_or(0),
        &random(&*app.entropy),
    )
    .into_uuid();
    let client_id = new.client_id.unwrap_or_else(|| id.to_string());
    let change = Change { name: Some(new.name.clone()), ..change };
    let before = ClientMetadata::new(new.name, new.client_type, grants::ALL);
    let (settings, mut wrong) = change.applied_to(before, app.lifetimes.retry_window);
    wrong.extend(unacceptable_name(&client_id, app.issuer()));
    refuse(wrong)?;
    let client = Client::new(client_id, settings, now);
    let new = StoredClient { id, client, updated_at: now };
    let key = key_rotation::missing(&app, new.client.metadata.id_token_alg, now).await?;
    let (stored, client_secret) = app
        .transaction_or_nothing(&info, async |tx| {
            let mut stored = new.clone();
            let client_secret = settle_secrets(&app, &mut stored.client, now);
            register(tx, &stored, key.as_ref()).await?;
            Ok((stored, client_secret))
        })
        .await?;
    app.reload_if_changed().await?;
    let warnings = change.warnings(&stored.client, true);
    Ok(Changed { stored, client_secret, warnings })
}

/// Changes a client. Another authentication method drops the secrets or creates the first one; the first
/// administration scopes replace the secrets. Fields that equal the stored value are ignored. If none is left,
/// nothing is written.
///
/// # Errors
/// `not_found`; `managed_object`; `validation_failed` when a setting is invalid.
pub async fn update(
    app: App,
    client_id: String,
    change: Change,
    info: RequestInfo,
) -> Result<Changed, Failure> {
    let now = info.now;
    let window = app.lifetimes.retry_window;
    // Checked first, so that an invalid change generates no key. The client is read again below.
    let seen = show(app.clone(), client_id.clone()).await?;
    let planned = change.clone().without_unchanged(&seen.client.metadata);
    if planned.is_empty() {
        let warnings = change.warnings(&seen.client, false);
        return Ok(Changed { stored: seen, client_secret: None, warnings });
    }
    let (planned, wrong) = planned.applied_to(seen.client.metadata, window);
    refuse(wrong)?;
    // The key that will sign its ID tokens, if there is none of the algorithm yet. It is generated before the
    // transaction and stored in it.
    let key = key_rotation::missing(&app, planned.id_token_alg, now).await?;
    let work = async |tx: &mut AuditedTx, stored: &mut StoredClient| {
        let names = Named { keys: change.jwks.is_some(), workloads: change.workloads.is_some() };
        let change = change.clone().without_unchanged(&stored.client.metadata);
        if change.is_empty() {
            return Ok((Vec::new(), None));
        }
        managed::guard(tx, stored.id).await?;
        let (settings, wrong) = change.applied_to(stored.client.metadata.clone(), window);
        refuse(wrong)?;
        require_apis(tx, change.audiences.as_deref(), change.resource_servers.as_deref()).await?;
        if change.workloads.is_some() {
            require_narrow_rules(tx, &settings).await?;
        }
        let before = std::mem::replace(&mut stored.client.metadata, settings);
        grant_admin_scopes(tx, Some(&before), &stored.client).await?;
        end_credentials_before_grant(tx, &before, &mut stored.client, names).await?;
        let client_secret = settle_secrets(&app, &mut stored.client, now);
        key_rotation::begin(tx, key.as_ref()).await?;
        let mut events = vec![EventKind::ClientUpdated];
        events.extend(client_secret.as_ref().map(|_| EventKind::ClientSecretRotated));
        Ok((events, client_secret))
    };
    let (stored, client_secret) =
        changed(&app, Action::UpdateClient, &client_id, &info, work).await?;
    let warnings = change.warnings(&stored.client, false);
    Ok(Changed { stored, client_secret, warnings })
}

/// Disables a client. Its requests are refused from the next one on. Idempotent.
///
/// # Errors
/// `not_found`.
pub async fn disable(
    app: App,
    client_id: String,
    info: RequestInfo,
) -> Result<StoredClient, Failure> {
    let now = info.now;
    let work = async |tx: &mut AuditedTx, stored: &mut StoredClient| {
        if stored.client.disabled_at.is_some() {
            return Ok((Vec::new(), ()));
        }
        managed::guard(tx, stored.id).await?;
        stored.client.disabled_at = Some(now);
        tx.cut(Revoked::Client(&stored.client.client_id)).await?;
        Ok((vec![EventKind::ClientDisabled], ()))
    };
    Ok(changed(&app, Action::DisableClient, &client_id, &info, work).await?.0)
}

/// Enables a client again. Idempotent.
///
/// # Errors
/// `not_found`.
pub async fn enable(
    app: App,
    client_id: String,
    info: RequestInfo,
) -> Result<StoredClient, Failure> {
    let work = async |tx: &mut AuditedTx, stored: &mut StoredClient| {
        if stored.client.disabled_at.take().is_none() {
            return Ok((Vec::new(), ()));
        }
        managed::guard(tx, stored.id).await?;
        Ok((vec![EventKind::ClientEnabled], ()))
    };
    Ok(changed(&app, Action::EnableClient, &client_id, &info, work).await?.0)
}

/// Creates a new secret. The previous one stays valid until the next rotation, so that the client can be
/// reconfigured without an outage; with `revoke_old` all others end at once.
///
/// # Errors
/// `not_found`; `conflict` when the client authenticates without a secret.
pub async fn rotate_secret(
    app: App,
    client_id: String,
    revoke_old: bool,
    info: RequestInfo,
) -> Result<Changed, Failure> {
    let now = info.now;
    let work = async |tx: &mut AuditedTx, stored: &mut StoredClient| {
        managed::guard_secret(tx, stored.id).await?;
        let client = &mut stored.client;
        if !client.metadata.auth_method.has_secret() {
            let message = "This client authenticates without a secret.";
            return Err(Refusal::new(Code::Conflict, message).into());
        }
        let (hash, secret) = new_secret(&app, now);
        client.secrets.insert(0, hash);
        client.secrets.truncate(if revoke_old { 1 } else { MAX_SECRETS });
        Ok((vec![EventKind::ClientSecretRotated], Some(secret)))
    };
    let (stored, client_secret) =
        changed(&app, Action::RotateSecret, &client_id, &info, work).await?;
    Ok(Changed { stored, client_secret, warnings: Vec::new() })
}

/// Removes a client and the consents of its users. A client that is registered later under the same `client_id` is
/// a different one.
///
/// # Errors
/// `not_found`.
pub async fn delete(app: App, client_id: String, info: RequestInfo) -> Result<(), Failure> {
    check_name(&client_id)?;
    app.transaction_or_nothing(&info, async |tx| {
        let stored = clients::hold(tx, &client_id).await?.ok_or_else(not_found)?;
        authorize_on_client(tx, Action::DeleteClient, &stored.client.metadata).await?;
        managed::guard(tx, stored.id).await?;
        remove(tx, &stored).await
    })
    .await?;
    app.reload_if_changed().await?;
    Ok(())
}

/// One change of a client, whose row is locked from the read to the commit, with its audit events. Without
/// events, nothing has changed.
pub(super) async fn changed<T>(
    app: &App,
    action: Action,
    client_id: &str,
    info: &RequestInfo,
    work: impl AsyncFnOnce(&mut AuditedTx, &mut StoredClient) -> Result<(Vec<EventKind>, T), Failure>
    + Clone,
) -> Result<(StoredClient, T), Failure> {
    let now = info.now;
    check_name(client_id)?;
    let changed = app
        .transaction_or_nothing(info, async |tx| {
            let mut stored = clients::hold(tx, client_id).await?.ok_or_else(not_found)?;
            let before = TargetKind::of_client(&stored.client.metadata);
            authorize(tx, action, &[before]).await?;
            let (events, told) = work.clone()(tx, &mut stored).await?;
            // The caller must also be allowed to change the client in its new form.
            authorize_on_client(tx, action, &stored.client.metadata).await?;
            if !events.is_empty() {
                stored.updated_at = now;
                clients::update(tx, &stored).await?;
            }
            for kind in events {
                record(tx, kind, &stored).await?;
            }
            Ok((stored, told))
        })
        .await?;
    app.reload_if_changed().await?;
    Ok(changed)
}

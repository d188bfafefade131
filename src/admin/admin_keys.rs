//! Administration keys of service clients.
//!
//! Owns creating, listing and revoking them. The secret is shown once and stored as a hash. The rules for a key
//! are in `domain::admin_key`; `identity::administrator` authenticates requests with one.

use crate::app::{App, AuditedTx};
use crate::base::id::AdminKeyId;
use crate::base::{Secret, opaque_token};
use crate::crypto::digest::token_hash;
use crate::domain::admin_key::{AdminKey, MAX_KEYS, NewAdminKey};
use crate::domain::audit::{Event, EventKind};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::permission::{Action, TargetKind};
use crate::domain::request_info::RequestInfo;
use crate::store::{admin_keys, clients};

use super::authorization::authorize;
use super::client_writes::not_found;
use super::clients::show;

/// A key that was just created.
#[derive(Debug, Clone)]
pub struct Created {
    /// The key.
    pub key: AdminKey,
    /// Its secret. It cannot be read again.
    pub secret: Secret<String>,
}

/// A page of the keys of a client, oldest first.
///
/// # Errors
/// `not_found`.
pub async fn list(
    app: App,
    client_id: String,
    request: PageRequest,
) -> Result<Page<AdminKey>, Failure> {
    show(app.clone(), client_id.clone()).await?;
    Ok(admin_keys::page(&mut app.db.reader().await?, &client_id, request).await?)
}

/// Creates a key of a service client, with scopes that the client has.
///
/// # Errors
/// `not_found`; `forbidden`, `reauthentication_required`; `conflict` when the client has no administration
/// scopes, or too many keys; `validation_failed`.
pub async fn create(
    app: App,
    client_id: String,
    new: NewAdminKey,
    info: RequestInfo,
) -> Result<Created, Failure> {
    let now = info.now;
    let secret = opaque_token::generate(opaque_token::ADMIN_KEY, &*app.entropy);
    let (id, hash) = (AdminKeyId::new(now, &*app.entropy), token_hash(&secret));
    let key = app
        .transaction_or_nothing(&info, async |tx| {
            let client = clients::hold(tx, &client_id).await?.ok_or_else(not_found)?.client;
            authorize(tx, Action::CreateAdminKey, &[TargetKind::AdminClient]).await?;
            let of_client = &client.metadata.admin_scopes;
            if of_client.is_empty() {
                let message = "The client has no administration scopes. Give it some first: signet client update \
                               CLIENT_ID --admin-scope SCOPE.";
                return Err(Refusal::new(Code::Conflict, message).advising().into());
            }
            let (scopes, networks) = new.checked(of_client).map_err(Refusal::fields)?;
            let key = AdminKey {
                id,
                client_id: client.client_id,
                name: new.name.clone(),
                scopes,
                networks,
                created_at: now,
                expires_at: now + new.life,
                last_used_at: None,
            };
            if !admin_keys::insert(tx, &key, &hash, MAX_KEYS).await? {
                return Err(conflict("A client has at most 32 keys. Revoke one that is not needed."));
            }
            record(tx, EventKind::AdminKeyCreated, &key.client_id, id).await?;
            Ok(key)
        })
        .await?;
    // `clients::hold` has raised the version of the cached clients.
    app.reload_if_changed().await?;
    Ok(Created { key, secret: Secret::new(secret) })
}

/// Revokes a key. It is refused from the next request on.
///
/// # Errors
/// `not_found`; `forbidden`.
pub async fn revoke(
    app: App,
    client_id: String,
    id: AdminKeyId,
    info: RequestInfo,
) -> Result<(), Failure> {
    app.transaction_or_nothing(&info, async |tx| {
        authorize(tx, Action::RevokeAdminKey, &[TargetKind::AdminClient]).await?;
        if !admin_keys::delete(tx, &client_id, id).await? {
            return Err(no_key().into());
        }
        record(tx, EventKind::AdminKeyRevoked, &client_id, id).await
    })
    .await
}

/// The refusal of an unknown key id.
#[must_use]
pub fn no_key() -> Refusal {
    Refusal::new(Code::NotFound, "The client has no such administration key.")
}

async fn record(
    tx: &mut AuditedTx,
    kind: EventKind,
    client_id: &str,
    id: AdminKeyId,
) -> Result<(), Failure> {
    Ok(tx.record(&Event::new(kind).for_client(client_id).detail(id.to_string())).await?)
}

fn conflict(message: &'static str) -> Failure {
    Refusal::new(Code::Conflict, message).into()
}

//! The steps of a change of a client that run within a transaction: registering, storing, removing.
//!
//! Shared by the use cases of single clients and by configuration files, which change many objects in one
//! transaction. Owns that a name is unique, even under concurrent registration, and that secrets are dropped with
//! the authentication method.

use crate::app::{App, AuditedTx, MadeKey};
use crate::base::{Secret, Timestamp, opaque_token};
use crate::crypto::digest::token_hash;
use crate::domain::audit::{Event, EventKind};
use crate::domain::client::{BUILT_IN, Client, ClientMetadata, SecretHash, is_client_id};
use crate::domain::identifier_namespace::{self, Clash};
use crate::domain::outcome::{Code, Failure, FieldError, Refusal};
use crate::domain::permission::Action;
use crate::domain::workload::rule::WorkloadRuleError;
use crate::store::clients::{self, StoredClient};
use crate::store::revocations::Revoked;
use crate::store::{Tx, admin_keys, apis, trusted_issuers, verifiers};

use super::authorization::{authorize_on_client, grant_admin_scopes};
use super::key_rotation;

pub(super) fn not_found() -> Refusal {
    Refusal::new(Code::NotFound, "There is no such client.")
}

fn taken() -> Refusal {
    Refusal::new(Code::Conflict, "A client with this client_id already exists.")
}

/// Registers a client, with the key that its ID tokens are signed with if there was none.
///
/// # Errors
/// `conflict` when a client or an API has the name; `validation_failed` for an API that is not registered.
pub(super) async fn register(
    tx: &mut AuditedTx,
    stored: &StoredClient,
    key: Option<&MadeKey>,
) -> Result<(), Failure> {
    let client = &stored.client;
    // The lock is taken first: a concurrent registration of this name, also as an API, then waits or is visible.
    if clients::hold(tx, &client.client_id).await?.is_some() {
        return Err(taken().into());
    }
    if is_api(tx, &client.client_id).await? {
        return Err(Refusal::new(Code::Conflict, Clash::Taken.message()).into());
    }
    let metadata = &client.metadata;
    require_apis(tx, Some(&metadata.audiences), Some(&metadata.resource_servers)).await?;
    require_narrow_rules(tx, metadata).await?;
    authorize_on_client(tx, Action::CreateClient, metadata).await?;
    if !clients::insert(tx, stored).await? {
        return Err(taken().into());
    }
    key_rotation::begin(tx, key).await?;
    record(tx, EventKind::ClientCreated, stored).await?;
    grant_admin_scopes(tx, None, client).await
}

/// Stores a changed client, with the key that its ID tokens are signed with if there was none.
///
/// # Errors
/// Only faults.
pub(super) async fn store(
    tx: &mut AuditedTx,
    stored: &StoredClient,
    event: EventKind,
    key: Option<&MadeKey>,
) -> Result<(), Failure> {
    clients::update(tx, stored).await?;
    key_rotation::begin(tx, key).await?;
    record(tx, event, stored).await
}

/// Removes a client and the consents of its users.
///
/// # Errors
/// Only faults.
pub(super) async fn remove(tx: &mut AuditedTx, stored: &StoredClient) -> Result<(), Failure> {
    let (client_id, now) = (&*stored.client.client_id, tx.info().now);
    clients::delete(tx, client_id, now).await?;
    verifiers::remove(tx, client_id).await?;
    tx.cut(Revoked::Client(client_id)).await?;
    record(tx, EventKind::ClientDeleted, stored).await
}

pub(super) async fn record(
    tx: &mut AuditedTx,
    kind: EventKind,
    stored: &StoredClient,
) -> Result<(), Failure> {
    let client_id = &*stored.client.client_id;
    Ok(tx.record(&Event::new(kind).for_client(client_id).detail(client_id)).await?)
}

/// The credentials that a change contains.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named {
    /// Public keys.
    pub keys: bool,
    /// Rules for workloads.
    pub workloads: bool,
}

impl Named {
    /// All of them: a configuration file always declares the complete client.
    pub(super) const ALL: Self = Self { keys: true, workloads: true };
}

/// Refuses rules that name no trusted issuer, or that could match programs of other owners.
///
/// # Errors
/// `validation_failed`.
pub(super) async fn require_narrow_rules(
    tx: &mut Tx,
    metadata: &ClientMetadata,
) -> Result<(), Failure> {
    if metadata.workloads.is_empty() {
        return Ok(());
    }
    let issuers = trusted_issuers::all(tx).await?;
    for rule in &metadata.workloads {
        let issuer = issuers.iter().find(|issuer| issuer.name == rule.issuer);
        let checked =
            issuer.map_or(Err(WorkloadRuleError::UnknownIssuer), |found| rule.check(found.preset));
        checked.map_err(|error| Refusal::field("workloads", error.code(), error.message()))?;
    }
    Ok(())
}

/// Revokes the credentials that a client had before its first administration scopes: a caller who may not grant such
/// scopes may know them. Secrets are replaced, administration keys of an earlier grant are revoked, and public keys and
/// workload rules must be part of the change.
///
/// # Errors
/// `validation_failed` when the client has keys or rules that the change does not contain; faults.
pub(super) async fn end_credentials_before_grant(
    tx: &mut Tx,
    before: &ClientMetadata,
    client: &mut Client,
    names: Named,
) -> Result<(), Failure> {
    let metadata = &client.metadata;
    if metadata.admin_scopes.is_empty() || !before.admin_scopes.is_empty() {
        return Ok(());
    }
    if !metadata.workloads.is_empty() && !names.workloads {
        let message = "Name the client's rules for workloads again with its first administration scopes: the workloads of \
                       those that were there before would administer.";
        return Err(Refusal::field("workloads", "required", message).into());
    }
    if !metadata.jwks.is_empty() && !names.keys {
        let message = "Send the client's keys again with its first administration scopes: otherwise the holder of a \
                       key that was registered before could administer.";
        return Err(Refusal::field("jwks", "required", message).into());
    }
    client.secrets.clear();
    Ok(admin_keys::delete_of_client(tx, &client.client_id).await?)
}

/// Creates the first secret of a client that authenticates with one, and drops the secrets of any other client.
pub(super) fn settle_secrets(
    app: &App,
    client: &mut Client,
    now: Timestamp,
) -> Option<Secret<String>> {
    if !client.metadata.auth_method.has_secret() {
        client.secrets.clear();
        return None;
    }
    if !client.secrets.is_empty() {
        return None;
    }
    let (hash, secret) = new_secret(app, now);
    client.secrets.push(hash);
    Some(secret)
}

pub(super) fn new_secret(app: &App, now: Timestamp) -> (SecretHash, Secret<String>) {
    let secret = opaque_token::generate(opaque_token::CLIENT_SECRET, &*app.entropy);
    let hash = SecretHash { hash: *token_hash(&secret).digest(), created_at: now };
    (hash, Secret::new(secret))
}

pub(super) fn refuse(wrong: Vec<FieldError>) -> Result<(), Refusal> {
    if wrong.is_empty() { Ok(()) } else { Err(Refusal::fields(wrong)) }
}

/// Why the `client_id` is not allowed.
pub(super) fn unacceptable_name(client_id: &str, issuer: &str) -> Option<FieldError> {
    let field = "client_id";
    // A colon separates name and secret in a Basic header, and libraries do not encode it. Clients from an older
    // version may have one and keep it.
    if !is_client_id(client_id) || client_id.contains(':') {
        let message = "A client_id is 1 to 128 letters, digits or characters from - . _ ~ /.";
        return Some(FieldError { field, code: "malformed", message });
    }
    if client_id == "new" {
        let message = "The web console reserves this name for the page of new clients. Choose another client_id.";
        return Some(FieldError { field, code: "reserved", message });
    }
    let clash = identifier_namespace::clash(client_id, issuer, [BUILT_IN])?;
    Some(FieldError { field, code: "reserved", message: clash.message() })
}

/// Whether an API has this identifier.
async fn is_api(tx: &mut Tx, identifier: &str) -> Result<bool, Failure> {
    // An API is found by the id of its row as well.
    let found = apis::find(tx, identifier).await?;
    Ok(found.is_some_and(|stored| stored.api.identifier == identifier))
}

/// Refuses APIs that are not registered. Only new choices are checked: an API that has been deleted since an earlier
/// choice must not block another change.
///
/// # Errors
/// `validation_failed`; faults.
pub(super) async fn require_apis(
    tx: &mut Tx,
    audiences: Option<&[String]>,
    resource_servers: Option<&[String]>,
) -> Result<(), Failure> {
    let message = "This is not a registered API: signet api create.";
    let mut wrong = Vec::new();
    for (field, chosen) in [("audiences", audiences), ("serves", resource_servers)] {
        for identifier in chosen.unwrap_or_default() {
            if !is_api(tx, identifier).await? {
                wrong.push(FieldError { field, code: "unknown_api", message });
                break;
            }
        }
    }
    Ok(refuse(wrong)?)
}

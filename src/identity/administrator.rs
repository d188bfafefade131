//! Callers of `/v1/admin`: users with one of Signet's own roles, and service clients with administration scopes.
//!
//! Owns the credentials of a request and its authority. The permissions are in `domain::permission`; use cases
//! check them again for their targets (`admin::authorization`).

use std::net::IpAddr;

use crate::app::App;
use crate::base::id::{AdminKeyId, UserId};
use crate::base::{Timestamp, opaque_token};
use crate::crypto::digest::token_hash;
use crate::domain::admin_key::AdminKey;
use crate::domain::audit::ActingClient;
use crate::domain::authn::AssuranceLevel;
use crate::domain::client::Client;
use crate::domain::liveness::inactive_client;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::permission::{Action, Authority};
use crate::domain::request_info::RequestInfo;
use crate::domain::scope::Scopes;
use crate::store::admin_keys;

use super::bearer::{Bearer, Caller, authenticate, invalid_token};

/// The credentials of a request.
pub struct Presented {
    /// The access token or administration key.
    pub token: String,
    /// The address of the request.
    pub address: Option<IpAddr>,
}

/// A caller that may perform one action. Only [`require_administrator`] creates one.
#[derive(Debug, Clone)]
pub struct Administrator {
    actor: Actor,
    authority: Authority,
}

#[derive(Debug, Clone)]
enum Actor {
    User(UserId),
    Client(ActingClient),
}

impl Administrator {
    /// The request with the caller as its actor.
    #[must_use]
    pub fn acting(&self, info: RequestInfo) -> RequestInfo {
        let info = match &self.actor {
            Actor::User(user) => info.by(*user),
            Actor::Client(client) => info.by_client(client.clone()),
        };
        info.authorized(self.authority.clone())
    }
}

/// Checks an access token or an administration key, and that its holder may perform `action` on some target.
///
/// # Errors
/// `invalid_token`; `insufficient_scope` when the token lacks a scope for the action, `forbidden` when no
/// role of the user allows it, `insufficient_user_authentication` when the server's policy requires a second factor
/// of the role and the token has none; faults.
pub async fn require_administrator(
    app: App,
    presented: Presented,
    action: Action,
    now: Timestamp,
) -> Result<Administrator, Failure> {
    if presented.token.starts_with(opaque_token::ADMIN_KEY) {
        return by_key(&app, &presented, action, now).await;
    }
    match authenticate(&app, &presented.token, now).await? {
        Bearer::User(caller) => Ok(by_user(&app, &caller, action, now)?),
        Bearer::Client { client_id, scopes } => {
            let client = app.client(&client_id).ok_or_else(invalid_token)?;
            let acting = ActingClient { client_id, key: None };
            Ok(by_client(&client, acting, &scopes, action)?)
        }
    }
}

fn by_user(
    app: &App,
    caller: &Caller,
    action: Action,
    now: Timestamp,
) -> Result<Administrator, Refusal> {
    let role = caller.user.role;
    let authority = Authority::User {
        role,
        scopes: caller.scopes().clone(),
        epoch: caller.epoch(),
        factors: caller.factors(),
    };
    authority.require(action)?;
    if app.config.second_factor.is_required(role, now) && caller.acr() < AssuranceLevel::Multi {
        let message = "Administration needs a sign-in with a second factor. Step the session up at \
                       /v1/step-up, or sign in again.";
        return Err(Refusal::new(Code::InsufficientUserAuthentication, message));
    }
    Ok(Administrator { actor: Actor::User(caller.user.id), authority })
}

/// Scopes that were withdrawn from the client since the token or key was issued are ignored.
fn by_client(
    client: &Client,
    acting: ActingClient,
    scopes: &Scopes,
    action: Action,
) -> Result<Administrator, Refusal> {
    let scopes = scopes.only(|scope| client.metadata.admin_scopes.contains(scope));
    let authority = Authority::Client { scopes };
    authority.require(action)?;
    Ok(Administrator { actor: Actor::Client(acting), authority })
}

async fn by_key(
    app: &App,
    presented: &Presented,
    action: Action,
    now: Timestamp,
) -> Result<Administrator, Failure> {
    let unknown = || {
        Refusal::new(Code::InvalidToken, "The administration key does not exist, or was revoked.")
    };
    if !opaque_token::is_well_formed(opaque_token::ADMIN_KEY, &presented.token) {
        return Err(unknown().into());
    }
    let hash = token_hash(&presented.token);
    let found = admin_keys::by_hash(&mut app.db.reader().await?, &hash).await?;
    let key = found.ok_or_else(unknown)?;
    key.check(presented.address, now)
        .map_err(|reason| Refusal::new(Code::InvalidToken, reason.message()))?;
    let client = app.client_or_reload(&key.client_id).await?;
    let client =
        client.filter(|client| inactive_client(Some(&**client).into(), key.created_at).is_none());
    let disabled =
        || Refusal::new(Code::InvalidToken, "The client of the administration key is disabled.");
    let client = client.ok_or_else(disabled)?;
    let acting = ActingClient { client_id: key.client_id.clone(), key: Some(key.id) };
    let administrator = by_client(&client, acting, &key.scopes, action)?;
    note_use(app, &key, now).await;
    Ok(administrator)
}

/// Records the use of a key. A failure does not refuse the request, which may only read.
async fn note_use(app: &App, key: &AdminKey, now: Timestamp) {
    let Some(minute) = key.next_use(now) else { return };
    let (app, id) = (app.clone(), key.id);
    let noted =
        app.clone().run_to_completion(async move { write_use(&app, id, minute).await }).await;
    if let Err(failure) = noted {
        tracing::warn!(?failure, key_id = %id, "the use of an administration key could not be noted");
    }
}

async fn write_use(app: &App, id: AdminKeyId, minute: Timestamp) -> Result<(), Failure> {
    app.transaction_or_nothing(&RequestInfo::system(minute), async |tx| {
        admin_keys::note_use(tx, id, minute).await?;
        Ok(())
    })
    .await
}

//! What a client gets of what it requests: which API, which scopes.
//!
//! Owns the one way from parameters to granted access; every grant and the authorization endpoint go
//! through it. The rules themselves are `domain::grant`'s and the client's.

use std::sync::Arc;

use crate::app::App;
use crate::app::cache::Audience;
use crate::domain::api::Target;
use crate::domain::client::Client;
use crate::domain::grant::{self, AvailableScopes, GrantedScopes, ScopeError};
use crate::domain::oauth_error::OAuthError;
use crate::domain::oidc;
use crate::domain::outcome::{Failure, Fault, Refusal};
use crate::domain::scope::{RequestedScopes, Scopes};

use super::params::Params;

/// The longest `scope` of a client that speaks for itself, in bytes.
const MAX_SCOPE_TEXT: usize = 4 * 1024;

/// An API and scopes that a client may have.
#[derive(Debug, Clone)]
pub struct Narrowed {
    /// The API; none means the issuer itself.
    pub audience: Option<String>,
    /// The scopes.
    pub scopes: GrantedScopes,
}

/// The same for tokens about a user, with the requested scopes that are left out.
#[derive(Debug, Clone)]
pub struct NarrowedForUser {
    /// What the client may have.
    pub narrowed: Narrowed,
    /// What it requested in vain.
    pub dropped: RequestedScopes,
}

/// Reads a `scope` parameter of which everything has to exist.
///
/// # Errors
/// `invalid_scope` when it is not a list of scopes.
pub fn scopes(text: Option<&str>) -> Result<Scopes, Refusal> {
    let text = text.unwrap_or_default();
    let parsed = (text.len() <= MAX_SCOPE_TEXT).then(|| Scopes::parse(text).ok()).flatten();
    parsed.ok_or_else(|| invalid_scope("The scope is too long or not a list of scopes."))
}

/// Reads a `scope` parameter that may name scopes which do not exist.
///
/// # Errors
/// `invalid_scope` when it is not a list of scopes.
pub fn requested_scopes(text: &str) -> Result<RequestedScopes, Refusal> {
    RequestedScopes::parse(text)
        .map_err(|_| invalid_scope("The scope is longer than 4 KiB or not a list of scopes."))
}

/// What `client` gets for a user of what `params` request (`scope`, and `resource` or `audience`).
///
/// Scopes that are unknown or not for the client are as if they had not been requested. Without a
/// target the client's only API is meant where it offers one of the scopes: many libraries cannot
/// send a target.
///
/// # Errors
/// `invalid_target`; `invalid_scope` when nothing is left; faults when an API has to be looked up.
pub async fn narrow_for_user(
    app: &App,
    client: &Client,
    params: &Params,
) -> Result<NarrowedForUser, Failure> {
    let requested = requested_scopes(params.get("scope").unwrap_or_default())?;
    let audience = match named_target(app, params).await? {
        Some(named) => match named.target.audience() {
            None => None,
            Some(api) => Some(own_api(client, api)?),
        },
        None => only_api(app, client, &requested).await?,
    };
    let known = app.audience_or_reload(audience.as_deref()).await?.ok_or_else(invalid_target)?;
    let available = grant::grant_available(&known.target, client, &requested);
    let AvailableScopes { granted, dropped } = available.map_err(refused)?;
    Ok(NarrowedForUser { narrowed: Narrowed { audience, scopes: granted }, dropped })
}

/// What `client` gets in its own name of what `params` request: all of it, or nothing. One that
/// names no scope gets all it may have there (RFC 6749 §3.3 leaves the default to the server).
///
/// # Errors
/// `invalid_target`, `invalid_scope`; faults when an API has to be looked up.
pub async fn narrow_for_client(
    app: &App,
    client: &Client,
    params: &Params,
) -> Result<Narrowed, Failure> {
    let requested = scopes(params.get("scope"))?;
    let named = named_target(app, params).await?;
    let audience = match (named, client.metadata.audiences.as_slice()) {
        (Some(named), _) => own_api(client, named.target.audience().ok_or_else(invalid_target)?)?,
        (None, [only]) => only.clone(),
        (None, _) => {
            let message = "Say which API the token is for: resource=IDENTIFIER.";
            return Err(Refusal::oauth(OAuthError::InvalidTarget, message).into());
        }
    };
    let known = app.audience_or_reload(Some(&audience)).await?.ok_or_else(invalid_target)?;
    let requested = match (params.get("scope"), &known.target) {
        (None, Target::Api(api)) => api.scopes.only(|scope| client.may_request_scope(scope)),
        _ => requested,
    };
    if requested.iter().any(oidc::is_scope) {
        let message = "A client that speaks for itself has no user to tell about.";
        return Err(invalid_scope(message).into());
    }
    let scopes = grant::grant_client(&known.target, client, &requested).map_err(refused)?;
    Ok(Narrowed { audience: Some(audience), scopes })
}

/// Counts the scopes of an accepted request that were left out, so that an operator sees which
/// client requests what it cannot have. The scopes themselves are for debugging only: a caller
/// without credentials chooses them.
pub(super) fn count_dropped(app: &App, client: &Client, dropped: &RequestedScopes) {
    if dropped.is_empty() {
        return;
    }
    let scopes = dropped.iter().count();
    app.metrics.count_dropped_scopes(&client.client_id, scopes);
    tracing::debug!(client_id = %client.client_id, scopes, "requested scopes were left out");
}

/// The target a request names, if it names one.
async fn named_target(app: &App, params: &Params) -> Result<Option<Arc<Audience>>, Failure> {
    let mut named: Option<Arc<Audience>> = None;
    for target in params.targets() {
        let known = app.audience_named_or_reload(target).await?.ok_or_else(invalid_target)?;
        // One token is for one API: with two audiences either could play it against the other.
        if named.is_some_and(|named| named.target.audience() != known.target.audience()) {
            let message = "One token is for one API. Ask for each by itself.";
            return Err(Refusal::oauth(OAuthError::InvalidTarget, message).into());
        }
        named = Some(known);
    }
    Ok(named)
}

/// The API of this identifier, if tokens of `client` may be for it.
fn own_api(client: &Client, api: &str) -> Result<String, Refusal> {
    if client.may_target_api(api) { Ok(api.to_owned()) } else { Err(invalid_target()) }
}

/// The only API of `client`, if it offers one of the scopes that are requested.
async fn only_api(
    app: &App,
    client: &Client,
    requested: &RequestedScopes,
) -> Result<Option<String>, Fault> {
    let [only] = client.metadata.audiences.as_slice() else { return Ok(None) };
    let is_of_issuer = |scope: &str| oidc::is_scope(scope) || oidc::is_unsupported(scope);
    if requested.iter().all(is_of_issuer) {
        return Ok(None);
    }
    let known = app.audience_or_reload(Some(only)).await?;
    let is_offered = known.is_some_and(|known| {
        requested
            .iter()
            .filter(|scope| !oidc::is_scope(scope))
            .any(|scope| grant::is_available(&known.target, client, scope))
    });
    Ok(is_offered.then(|| only.clone()))
}

fn refused(error: ScopeError) -> Refusal {
    invalid_scope(error.message())
}

fn invalid_scope(message: &'static str) -> Refusal {
    Refusal::oauth(OAuthError::InvalidScope, message)
}

fn invalid_target() -> Refusal {
    let message = "The API is not registered, or not for this client.";
    Refusal::oauth(OAuthError::InvalidTarget, message)
}

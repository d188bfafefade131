//! Narrows a client's request to an API and its allowed scopes.
//!
//! Every grant and the authorization endpoint use it. The API is determined in `target`; the rules are in
//! `domain::grant` and the client's registration.

use crate::app::App;
use crate::app::cache::Audience;
use crate::domain::api::Target;
use crate::domain::client::Client;
use crate::domain::grant::{self, AvailableScopes, GrantedScopes, ScopeError};
use crate::domain::oauth_error::OAuthError;
use crate::domain::oidc;
use crate::domain::outcome::{Failure, Refusal, quotable};
use crate::domain::scope::{self, RequestedScopes, Scopes};

use super::client_target::{names_own_apis, target_of_client};
use super::params::Params;
use super::target::{TargetError, invalid_target, named_target, only_api, own_api};

/// The longest `scope` of a client that acts for itself, in bytes.
const MAX_SCOPE_TEXT: usize = 4 * 1024;

/// The detail of a finding about scopes about a user.
const USER_SCOPES: &str = "A client that authenticates for itself requested scopes about a user.";

/// An API, and scopes that the client is granted there.
#[derive(Debug, Clone)]
pub struct Narrowed {
    /// The API; `None` means the issuer itself.
    pub audience: Option<String>,
    /// The scopes.
    pub scopes: GrantedScopes,
}

/// The same for tokens about a user, with the dropped scopes.
#[derive(Debug, Clone)]
pub struct NarrowedForUser {
    /// The granted access.
    pub narrowed: Narrowed,
    /// The dropped scopes.
    pub dropped: RequestedScopes,
}

/// Parses a `scope` parameter in which every scope must exist.
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

/// The access of `client` for a user, as requested by `params` (`scope`, and `resource` or `audience`).
///
/// Scopes that are unknown or not for the client are dropped. Without a target, the client's only API is used if it
/// offers one of the scopes, because many libraries cannot send a target.
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

/// The access of `client` for itself, as requested by `params`: all of it, or none. Without `scope`, it gets
/// all its scopes there (RFC 6749 §3.3 leaves the default to the server).
///
/// # Errors
/// `invalid_target`, `invalid_scope`; faults when an API has to be looked up.
pub async fn narrow_for_client(
    app: &App,
    client: &Client,
    params: &Params,
) -> Result<Narrowed, Failure> {
    let requested = scopes(params.get("scope"))?;
    let audience = match named_target(app, params).await {
        Ok(named) if is_for_issuer(client, named.as_deref(), &requested) => {
            return administration(client, &requested);
        }
        Ok(named) => target_of_client(client, named.as_deref())?,
        Err(TargetError::Unknown(target)) => {
            return Err(names_own_apis(client).with_finding([target]).into());
        }
        Err(error) => return Err(error.into()),
    };
    let known = app.audience_or_reload(Some(&audience)).await?.ok_or_else(invalid_target)?;
    let requested = match (params.get("scope"), &known.target) {
        (None, Target::Api(api)) => api.scopes.only(|scope| client.may_request_scope(scope)),
        _ => requested,
    };
    let about_users = requested.only(oidc::is_scope);
    if about_users.iter().next().is_some() {
        let message = format!(
            "These scopes are about a user: {}. Leave them out: a client that authenticates for itself has no \
             user.",
            quotable(&about_users.to_string())
        );
        let refusal = invalid_scope("").with_message(message).with_finding([USER_SCOPES]);
        return Err(refusal.into());
    }
    let scopes = grant::grant_client(&known.target, client, &requested).map_err(refused)?;
    Ok(Narrowed { audience: Some(audience), scopes })
}

/// Whether a client with administration scopes targets the issuer itself: it names the issuer, or names no API and
/// requests nothing that an API offers.
fn is_for_issuer(client: &Client, named: Option<&Audience>, requested: &Scopes) -> bool {
    if client.metadata.admin_scopes.is_empty() {
        return false;
    }
    match named {
        Some(named) => named.target == Target::Issuer,
        None if requested.is_empty() => client.metadata.audiences.is_empty(),
        None => requested.iter().all(scope::is_reserved),
    }
}

/// Administration scopes are granted only when they are requested.
fn administration(client: &Client, requested: &Scopes) -> Result<Narrowed, Failure> {
    if requested.is_empty() {
        let message = format!(
            "Request the administration scopes that the token needs: {}.",
            client.metadata.admin_scopes
        );
        return Err(invalid_scope("").with_message(message).into());
    }
    let scopes = grant::grant_administration(client, requested).map_err(refused)?;
    Ok(Narrowed { audience: None, scopes })
}

/// The remaining access of `client` for an accepted request. Scopes that an administrator has withdrawn are dropped
/// like unknown ones. `api` is the current API of the request, if it is the same one. `None` if nothing is left.
pub(super) fn still_available(
    client: &Client,
    api: Option<&Audience>,
    scopes: &Scopes,
) -> Option<AvailableScopes> {
    let api = api.filter(|api| client.may_target(api.target.audience()))?;
    grant::grant_available(&api.target, client, &RequestedScopes::from(scopes)).ok()
}

/// Counts the dropped scopes of a request to `endpoint`, for metrics and `signet client why`.
pub(super) fn count_dropped(
    app: &App,
    client: &Client,
    endpoint: &'static str,
    dropped: &RequestedScopes,
) {
    if dropped.is_empty() {
        return;
    }
    let scopes = dropped.iter().count();
    // Only a registered client gets its own series and findings.
    let registered = client.document.is_none();
    app.metrics.count_dropped_scopes(if registered { &client.client_id } else { "" }, scopes);
    if registered {
        app.note_dropped(client, endpoint, dropped);
    }
    tracing::debug!(client_id = %client.client_id, scopes, "requested scopes were left out");
}

/// The refusal of an accepted request for which [`still_available`] leaves nothing.
pub(super) fn withdrawn(scopes: &Scopes) -> Refusal {
    let scopes = quotable(&scopes.to_string());
    let message = format!("The API or all requested scopes are no longer offered: {scopes}");
    invalid_scope("")
        .with_message(message)
        .with_finding(["Every scope that was requested was withdrawn."])
}

/// The refusal of `scopes` that exceed `may`.
pub(super) fn beyond(scopes: &Scopes, may: &str) -> Refusal {
    let message = format!("The scope exceeds {may}: {}", quotable(&scopes.to_string()));
    invalid_scope("").with_message(message).with_finding([format!("The scope exceeds {may}.")])
}

fn refused(error: ScopeError) -> Refusal {
    invalid_scope("").with_message(error.message()).with_finding(error.scopes())
}

fn invalid_scope(message: &'static str) -> Refusal {
    Refusal::oauth(OAuthError::InvalidScope, message)
}

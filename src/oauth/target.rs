//! The target of a request: by `resource` or `audience` (RFC 8707), or by the requested scopes.
//!
//! Owns the comparison with the target of a code or token. Equivalent spellings are in `domain::http_uri`.

use std::sync::Arc;

use crate::app::App;
use crate::app::cache::Audience;
use crate::domain::client::Client;
use crate::domain::grant;
use crate::domain::oauth_error::OAuthError;
use crate::domain::oidc;
use crate::domain::outcome::{Failure, Fault, Refusal};
use crate::domain::scope::RequestedScopes;

use super::params::Params;

/// Why the targets of a request do not determine an audience.
pub(super) enum TargetError {
    /// No API has this identifier.
    Unknown(String),
    /// They name more than one API.
    Several,
    /// The registered APIs could not be read.
    Failed(Fault),
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Unknown(target) => invalid_target().with_finding([target]).into(),
            TargetError::Several => {
                let message = "One token is for one API. Request a token for each.";
                Refusal::oauth(OAuthError::InvalidTarget, message).into()
            }
            TargetError::Failed(fault) => fault.into(),
        }
    }
}

/// The target that a request names, if any.
///
/// # Errors
/// [`TargetError`], which is `invalid_target` unless it is a fault.
pub(super) async fn named_target(
    app: &App,
    params: &Params,
) -> Result<Option<Arc<Audience>>, TargetError> {
    let mut named: Option<Arc<Audience>> = None;
    for target in params.targets() {
        let known = app.audience_named_or_reload(target).await.map_err(TargetError::Failed)?;
        let known = known.ok_or_else(|| TargetError::Unknown(target.to_owned()))?;
        // With two audiences, each API could present the token to the other.
        if named.is_some_and(|named| named.target.audience() != known.target.audience()) {
            return Err(TargetError::Several);
        }
        named = Some(known);
    }
    Ok(named)
}

/// The API of this identifier, if `client` may target it.
///
/// # Errors
/// `invalid_target` if it may not.
pub(super) fn own_api(client: &Client, api: &str) -> Result<String, Refusal> {
    if client.may_target_api(api) {
        Ok(api.to_owned())
    } else {
        Err(invalid_target().with_finding([api]))
    }
}

/// The only API of `client`, if it offers one of the requested scopes.
///
/// # Errors
/// Faults of the lookup.
pub(super) async fn only_api(
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

/// Whether every target that `params` name is `audience`; `None` means the issuer itself.
pub(super) fn names_only(app: &App, params: &Params, audience: Option<&str>) -> bool {
    params.targets().all(|named| {
        // An identical spelling needs no lookup.
        Some(named) == audience
            || app.audience_named(named).is_some_and(|known| known.target.audience() == audience)
    })
}

/// The refusal of an API that is unknown or not allowed for this client.
pub(super) fn invalid_target() -> Refusal {
    let message = "The API is not registered, or not for this client.";
    Refusal::oauth(OAuthError::InvalidTarget, message)
}

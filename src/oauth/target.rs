//! Which API a request means: by `resource` or `audience` (RFC 8707), or by the scopes it requests.
//!
//! Owns the comparison of a name with what a code or token was issued for. Which spellings name an API
//! is `domain::http_uri`.

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

/// The target a request names, if it names one.
///
/// # Errors
/// `invalid_target` when it is unknown or there are two; faults when it has to be looked up.
pub(super) async fn named_target(
    app: &App,
    params: &Params,
) -> Result<Option<Arc<Audience>>, Failure> {
    let mut named: Option<Arc<Audience>> = None;
    for target in params.targets() {
        let unknown = || invalid_target().with_finding([target]);
        let known = app.audience_named_or_reload(target).await?.ok_or_else(unknown)?;
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
///
/// # Errors
/// `invalid_target` when they may not.
pub(super) fn own_api(client: &Client, api: &str) -> Result<String, Refusal> {
    if client.may_target_api(api) {
        Ok(api.to_owned())
    } else {
        Err(invalid_target().with_finding([api]))
    }
}

/// The only API of `client`, if it offers one of the scopes that are requested.
///
/// # Errors
/// When it has to be looked up and cannot be.
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

/// Whether every target that `params` name is `audience`; none means the issuer itself.
pub(super) fn names_only(app: &App, params: &Params, audience: Option<&str>) -> bool {
    params.targets().all(|named| {
        // Without a look at the registered APIs where the spelling is the same.
        Some(named) == audience
            || app.audience_named(named).is_some_and(|known| known.target.audience() == audience)
    })
}

const INVALID_TARGET: &str = "The API is not registered, or not for this client.";

/// The refusal of an API that is unknown, or not for this client.
pub(super) fn invalid_target() -> Refusal {
    Refusal::oauth(OAuthError::InvalidTarget, INVALID_TARGET)
}

/// Whether this is that refusal.
pub(super) fn is_invalid_target(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused(refusal) if refusal.message == INVALID_TARGET)
}

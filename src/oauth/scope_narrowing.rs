//! What a client gets of what it asks for: which API, which scopes.
//!
//! Owns the one way from parameters to a granted request; every grant and the authorization endpoint
//! go through it. The rules themselves are `domain::grant`'s and the client's.

use crate::app::App;
use crate::domain::api::Target;
use crate::domain::client::Client;
use crate::domain::grant::{self, GrantedScopes, ScopeError};
use crate::domain::oauth_error::OAuthError;
use crate::domain::oidc;
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::scope::Scopes;

use super::params::Params;

/// The longest `scope`, in bytes.
const MAX_SCOPE_TEXT: usize = 4 * 1024;

/// An API and scopes that a client may have.
#[derive(Debug, Clone)]
pub struct Narrowed {
    /// The API; none means the issuer itself.
    pub audience: Option<String>,
    /// The scopes.
    pub scopes: GrantedScopes,
}

/// Who the tokens will speak for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// A user: a token for the issuer itself is good at userinfo.
    User,
    /// The client itself: it has business with APIs only.
    Client,
}

/// Reads a `scope` parameter.
///
/// # Errors
/// `invalid_scope` when it is no list of scopes.
pub fn scopes(text: Option<&str>) -> Result<Scopes, Refusal> {
    let text = text.unwrap_or_default();
    let parsed = (text.len() <= MAX_SCOPE_TEXT).then(|| Scopes::parse(text).ok()).flatten();
    parsed.ok_or_else(|| {
        Refusal::oauth(OAuthError::InvalidScope, "The scope is too long or not a list of scopes.")
    })
}

/// What `client` gets of what `params` ask for (`scope`, and `resource` or `audience`).
///
/// Without a target the only API of the client is meant where it asks for scopes of an API: many
/// libraries cannot send one. A client that speaks for itself and names no scope gets all it may
/// have there (RFC 6749 §3.3 leaves the default to the server).
///
/// # Errors
/// `invalid_target`, `invalid_scope`; faults when an API has to be looked up.
pub async fn narrow(
    app: &App,
    client: &Client,
    params: &Params,
    speaker: Speaker,
) -> Result<Narrowed, Failure> {
    let asked = scopes(params.get("scope"))?;
    let audience = target(app, client, params, &asked, speaker)?;
    let known = app.audience_or_reload(audience.as_deref()).await?.ok_or_else(invalid_target)?;
    let target = &known.target;
    let asked = match (speaker, params.get("scope"), target) {
        (Speaker::Client, None, Target::Api(api)) => {
            api.scopes.only(|scope| client.may_request_scope(scope))
        }
        _ => asked,
    };
    if speaker == Speaker::Client && asked.iter().any(oidc::is_scope) {
        let message = "A client that speaks for itself has no user to tell about.";
        return Err(Refusal::oauth(OAuthError::InvalidScope, message).into());
    }
    let scopes = grant::grant_client(target, client, &asked).map_err(|error| {
        let message = match error {
            ScopeError::Unknown => "A scope does not exist there.",
            ScopeError::NotAllowed => "A scope is not for this client.",
        };
        Refusal::oauth(OAuthError::InvalidScope, message)
    })?;
    Ok(Narrowed { audience, scopes })
}

/// The API that is meant.
fn target(
    app: &App,
    client: &Client,
    params: &Params,
    asked: &Scopes,
    speaker: Speaker,
) -> Result<Option<String>, Refusal> {
    let mut targets = params.targets();
    let named = targets.next();
    // One token is for one API: with two audiences either could play it against the other.
    if targets.any(|other| Some(other) != named) {
        let message = "One token is for one API. Ask for each by itself.";
        return Err(Refusal::oauth(OAuthError::InvalidTarget, message));
    }
    let own = &client.metadata.audiences;
    match named {
        Some(named) if named == app.issuer() && speaker == Speaker::User => Ok(None),
        Some(named) if client.may_target_api(named) => Ok(Some(named.to_owned())),
        Some(_) => Err(invalid_target()),
        None => {
            let of_api =
                asked.iter().any(|scope| !oidc::is_scope(scope) && !oidc::is_unsupported(scope));
            match own.as_slice() {
                [only] if of_api || speaker == Speaker::Client => Ok(Some(only.clone())),
                _ if speaker == Speaker::Client => {
                    let message = "Say which API the token is for: resource=IDENTIFIER.";
                    Err(Refusal::oauth(OAuthError::InvalidTarget, message))
                }
                _ => Ok(None),
            }
        }
    }
}

fn invalid_target() -> Refusal {
    let message = "The API is not registered, or not for this client.";
    Refusal::oauth(OAuthError::InvalidTarget, message)
}

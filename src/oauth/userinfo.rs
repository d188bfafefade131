//! The userinfo endpoint (OpenID Connect Core §5.3).

use serde_json::{Value, json};

use crate::app::App;
use crate::base::Timestamp;
use crate::domain::client::Client;
use crate::domain::oauth_error::OAuthError;
use crate::domain::oidc::{self, OPENID};
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::scope::Scopes;

use super::dpop::{self, Endpoint, Purpose};
use super::security_profile;
use crate::tokens::validate::{self, Source};

/// A presented access token.
pub struct Presented {
    /// The token, without the authentication scheme.
    pub token: String,
    /// Whether it was presented as a bound token (`Authorization: DPoP`).
    pub as_bound: bool,
    /// The proof of the request.
    pub proof: Option<String>,
    /// The method of the request.
    pub method: &'static str,
}

/// The refusal of a token.
fn invalid_token() -> Refusal {
    Refusal::oauth(OAuthError::InvalidToken, "The access token is not valid here.")
}

/// The claims of the token's scopes.
///
/// # Errors
/// `invalid_token`; `insufficient_scope` when it lacks the scope `openid`.
pub async fn userinfo(app: App, presented: Presented, now: Timestamp) -> Result<Value, Failure> {
    let token = validate::require_active(&app, &presented.token, now).await?;
    // An API with a shared secret could forge such a token and learn about any user.
    let token = token.and_then(Source::issued).ok_or_else(invalid_token)?;
    prove(
        &app,
        &presented,
        token.client(),
        token.claims().cnf.as_ref().map(|cnf| cnf.jkt.as_str()),
        now,
    )
    .await?;
    let (session, user) = token.session().ok_or_else(invalid_token)?;
    // Claims of withdrawn scopes are no longer disclosed.
    let may_request_scope =
        |scope: &str| token.client().is_none_or(|client| client.may_request_scope(scope));
    let scopes =
        Scopes::parse(&token.claims().scope).map_err(|_| invalid_token())?.only(may_request_scope);
    if !scopes.contains(OPENID) {
        let message = "The access token does not have the scope openid.";
        return Err(Refusal::oauth(OAuthError::InsufficientScope, message).into());
    }
    let mut said = json!({ "sub": user.id });
    if let Some(object) = said.as_object_mut() {
        object.extend(oidc::userinfo(user, &scopes, &session.asked_claims.only(may_request_scope)));
    }
    Ok(said)
}

/// Checks that the sender holds the key of a bound token. An unbound token must not be presented as bound:
/// otherwise an attacker could omit the proof (RFC 9449 §7.1).
async fn prove(
    app: &App,
    presented: &Presented,
    client: Option<&Client>,
    bound_to: Option<&str>,
    now: Timestamp,
) -> Result<(), Failure> {
    let Some(jkt) = bound_to else {
        return if presented.as_bound { Err(invalid_token().into()) } else { Ok(()) };
    };
    let proof = presented.proof.as_ref().filter(|_| presented.as_bound);
    let proof = proof.ok_or_else(invalid_token)?;
    let purpose = Purpose {
        method: presented.method,
        endpoint: Endpoint::Own("/oauth2/userinfo"),
        access_token: Some(&presented.token),
    };
    let verified = dpop::verify(app, proof, purpose, now)?;
    // Checked before the proof is stored, because a caller can sign any number of proofs with other keys.
    if !verified.is_by(jkt) {
        return Err(invalid_token().into());
    }
    let proved = verified.spend(app).await?;
    if let Some(client) = client {
        security_profile::check_proof(client, Some(&proved))?;
    }
    Ok(())
}

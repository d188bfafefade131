//! Forward authentication: decides for a gateway whether a request may pass, and identifies its caller.
//!
//! The decision depends on the token and on the gateway's configuration, never on a header that describes the
//! request, which a client could have sent. The one exception is a DPoP proof, whose method and address only a
//! trusted proxy can supply.

use std::sync::Arc;

use crate::app::App;
use crate::app::cache::Audience;
use crate::base::Timestamp;
use crate::domain::forward_auth::{Missing, Requirement};
use crate::domain::outcome::Failure;
use crate::domain::scope::Scopes;
use crate::domain::token_diagnosis::TokenCode;
use crate::tokens::validate::{self, ActiveToken, Source, VerifyError};
use crate::tokens::{identity, rejection};

use super::dpop::{self, Endpoint, Purpose};
use super::security_profile;

/// The claim that an API requests if its services get the roles of users.
pub const ROLES_CLAIM: &str = "roles";

/// The token of a request, as the gateway passed it on.
pub struct Presented {
    /// The token.
    pub token: String,
    /// Whether it was presented as a bound token (`Authorization: DPoP`).
    pub as_bound: bool,
    /// The proof, if a trusted proxy describes its request.
    pub proof: Option<Proof>,
}

/// A DPoP proof and its request.
pub struct Proof {
    /// The proof.
    pub proof: String,
    /// The method of the request.
    pub method: String,
    /// The address of the request.
    pub uri: String,
}

/// The caller of the request.
pub struct Identity {
    /// The identity token.
    pub token: Arc<str>,
    /// The user, or the client that speaks for itself.
    pub subject: String,
    /// The client.
    pub client_id: String,
    /// The scopes of the access token.
    pub scope: String,
    /// The roles of the user, if the API requests them.
    pub roles: Vec<String>,
}

/// Why a request does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// The token does not verify.
    Invalid(TokenCode),
    /// The token is genuine, but it was revoked, or its session, user or client is no longer active.
    Ended,
    /// The token is bound to a key, and there is no valid proof.
    ProofRequired,
    /// The token lacks a scope or role that the gateway requires.
    Missing(Missing),
}

/// Whether a request with this token may pass.
///
/// # Errors
/// When it cannot be decided at the moment.
pub async fn check(
    app: &App,
    audience: &Audience,
    requirement: &Requirement,
    presented: &Presented,
    now: Timestamp,
) -> Result<Result<Identity, Denial>, Failure> {
    let expected = audience.target.audience().unwrap_or(app.issuer());
    let invalid = || Denial::Invalid(rejection::code_of(app, &presented.token, expected, now));
    // Verified first without the database, so that an invalid token costs no statement.
    match validate::verify_signature(app, &presented.token, now).await {
        Ok(verified) if verified.claims.aud == expected => {}
        Err(VerifyError::Failed(fault)) => return Err(fault.into()),
        Ok(_) => return Ok(Err(Denial::Invalid(TokenCode::WrongAudience))),
        Err(VerifyError::Invalid | VerifyError::Expired(_)) => return Ok(Err(invalid())),
    }
    let active = validate::require_active(app, &presented.token, now).await?;
    // A token that the API itself may have forged must not lead to a statement signed by this server.
    let Some(active) = active.and_then(Source::issued) else { return Ok(Err(Denial::Ended)) };
    if !is_proved(app, presented, &active, now).await? {
        return Ok(Err(Denial::ProofRequired));
    }
    let claims = active.claims();
    let Ok(scopes) = Scopes::parse(&claims.scope) else { return Ok(Err(invalid())) };
    let roles = roles_of(&active);
    if let Some(missing) = requirement.missing(&scopes, &roles) {
        return Ok(Err(Denial::Missing(missing)));
    }
    let token = identity::identity_token(app, &presented.token, &active, now)?;
    Ok(Ok(Identity {
        token,
        subject: claims.sub.clone(),
        client_id: claims.client_id.clone(),
        scope: claims.scope.clone(),
        roles,
    }))
}

/// The roles of the user, if the API requests them. Otherwise any client could learn them with its token.
fn roles_of(active: &ActiveToken) -> Vec<String> {
    let asks = active.audience().target.rules().has_claim(ROLES_CLAIM);
    match active.session() {
        Some((_, user)) if asks => user.subject().token_roles(),
        _ => Vec::new(),
    }
}

/// Whether the holder of the key of a bound token makes the request. An unbound token must not be presented as
/// bound.
async fn is_proved(
    app: &App,
    presented: &Presented,
    active: &ActiveToken,
    now: Timestamp,
) -> Result<bool, Failure> {
    let Some(bound_to) = &active.claims().cnf else { return Ok(!presented.as_bound) };
    let Some(proof) = presented.proof.as_ref().filter(|_| presented.as_bound) else {
        return Ok(false);
    };
    let purpose = Purpose {
        method: &proof.method,
        endpoint: Endpoint::Elsewhere(&proof.uri),
        access_token: Some(&presented.token),
    };
    let Ok(verified) = dpop::verify(app, &proof.proof, purpose, now) else { return Ok(false) };
    if !verified.is_by(&bound_to.jkt) {
        return Ok(false);
    }
    match verified.spend(app).await {
        Ok(proved) => Ok(active
            .client()
            .is_none_or(|client| security_profile::check_proof(client, Some(&proved)).is_ok())),
        Err(Failure::Refused(_)) => Ok(false),
        Err(fault @ Failure::Failed(_)) => Err(fault),
    }
}

//! Forward authentication: decides for a gateway whether a request may pass, and identifies its caller.
//!
//! The decision depends on the token and on the gateway's configuration, never on headers that describe the
//! request, which a client could have sent. The only exception is a DPoP proof, whose method and URL only a
//! trusted proxy can supply.

use std::net::IpAddr;
use std::sync::Arc;

use crate::app::cache::Audience;
use crate::app::{App, AuditedTx};
use crate::base::Timestamp;
use crate::domain::api_key::ApiKey;
use crate::domain::client::BUILT_IN;
use crate::domain::forward_auth::{Missing, Requirement};
use crate::domain::outcome::Failure;
use crate::domain::request_info::RequestInfo;
use crate::domain::scope::Scopes;
use crate::domain::token_diagnosis::TokenCode;
use crate::store::api_keys;
use crate::tokens::api_key::{self, KeyRefusal};
use crate::tokens::validate::{self, ActiveToken, Source, VerifyError};
use crate::tokens::{identity, rejection};

use super::dpop::{self, Endpoint, Purpose};
use super::security_profile;

/// The claim that an API must request for its services to receive the roles of users.
pub const ROLES_CLAIM: &str = "roles";

/// The token of a request, as the gateway passed it on.
pub struct Presented {
    /// The token, without the authentication scheme.
    pub token: String,
    /// Whether it was presented as a bound token (`Authorization: DPoP`).
    pub as_bound: bool,
    /// The address of the client, if the gateway is trusted to report it.
    pub address: Option<IpAddr>,
    /// The proof, if a trusted proxy describes its request.
    pub proof: Option<Proof>,
}

/// A DPoP proof and its request.
pub struct Proof {
    /// The proof.
    pub proof: String,
    /// The method of the request.
    pub method: String,
    /// The URL of the request.
    pub uri: String,
}

/// The caller of the request.
pub struct Identity {
    /// The identity token.
    pub token: Arc<str>,
    /// The user, or the client that acts for itself.
    pub subject: String,
    /// The client.
    pub client_id: String,
    /// The scopes of the access token.
    pub scope: String,
    /// The roles of the user, if the API requests them.
    pub roles: Vec<String>,
}

/// Why a request may not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// The token does not verify.
    Invalid(TokenCode),
    /// The token is genuine, but was revoked, or its session, user or client is no longer active.
    Ended,
    /// The token is bound to a key, and there is no valid proof.
    ProofRequired,
    /// The token lacks a scope or role that the gateway requires.
    Missing(Missing),
}

/// Whether a request with this token may pass.
///
/// # Errors
/// If the decision is temporarily impossible.
pub async fn check(
    app: &App,
    audience: &Audience,
    requirement: &Requirement,
    presented: &Presented,
    now: Timestamp,
) -> Result<Result<Identity, Denial>, Failure> {
    if api_key::is_api_key(&presented.token) && !presented.as_bound {
        return by_key(app, audience, requirement, presented, now).await;
    }
    let expected = audience.target.audience().unwrap_or(app.issuer());
    let invalid = || Denial::Invalid(rejection::code_of(app, &presented.token, expected, now));
    // Verified first without the database, so that an invalid token causes no statement.
    match validate::verify_signature(app, &presented.token, now).await {
        Ok(verified) if verified.claims.aud == expected => {}
        Err(VerifyError::Failed(fault)) => return Err(fault.into()),
        Ok(_) => return Ok(Err(Denial::Invalid(TokenCode::WrongAudience))),
        Err(VerifyError::Invalid | VerifyError::Expired(_)) => return Ok(Err(invalid())),
    }
    let active = validate::require_active(app, &presented.token, now).await?;
    // The API itself may have forged a token with its shared secret. It must not be converted into an
    // identity token signed by this server.
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
    let caller = identity::Caller::of_token(&active);
    let token = identity::identity_token(app, &presented.token, &caller, now)?;
    Ok(Ok(Identity {
        token,
        subject: claims.sub.clone(),
        client_id: claims.client_id.clone(),
        scope: claims.scope.clone(),
        roles,
    }))
}

/// The same for an API key of a user, which the gateway passes on unchanged: the service behind it only receives the
/// identity token. Failures are not counted: all requests come from the address of the gateway, and a key cannot be
/// guessed.
async fn by_key(
    app: &App,
    audience: &Audience,
    requirement: &Requirement,
    presented: &Presented,
    now: Timestamp,
) -> Result<Result<Identity, Denial>, Failure> {
    let found = api_key::require_active_key(app, &presented.token, presented.address, now).await?;
    let active = match found {
        Ok(active) => active,
        Err(KeyRefusal::Unknown) => return Ok(Err(Denial::Invalid(TokenCode::ApiKey))),
        Err(KeyRefusal::Inactive(_) | KeyRefusal::Network) => return Ok(Err(Denial::Ended)),
    };
    if audience.target.audience() != Some(&active.key().audience) {
        return Ok(Err(Denial::Invalid(TokenCode::WrongAudience)));
    }
    let asks = audience.target.rules().has_claim(ROLES_CLAIM);
    let roles = if asks { active.user().subject().token_roles() } else { Vec::new() };
    if let Some(missing) = requirement.missing(active.scopes(), &roles) {
        return Ok(Err(Denial::Missing(missing)));
    }
    let caller = identity::Caller::of_key(&active);
    let token = identity::identity_token(app, &presented.token, &caller, now)?;
    note_use(app, active.key(), now).await;
    Ok(Ok(Identity {
        token,
        subject: active.sub().to_owned(),
        client_id: BUILT_IN.to_owned(),
        scope: active.scope().to_owned(),
        roles,
    }))
}

/// A failure to record the use does not refuse the request.
async fn note_use(app: &App, key: &ApiKey, now: Timestamp) {
    let hour = ApiKey::hour_of(now);
    if key.last_used_at.is_some_and(|last| last >= hour) {
        return;
    }
    let (unit, id) = (app.clone(), key.id);
    let noted = app.run_to_completion(async move {
        let info = RequestInfo::system(unit.now());
        let write =
            async |tx: &mut AuditedTx| Ok(api_keys::note_use(tx, id, hour).await.map(drop)?);
        unit.transaction_or_nothing(&info, write).await
    });
    if let Err(failure) = noted.await {
        tracing::warn!(?failure, "the use of an API key was not noted");
    }
}

/// The roles of the user, if the API requests them. Otherwise a client could learn them with its token.
fn roles_of(active: &ActiveToken) -> Vec<String> {
    let asks = active.audience().target.rules().has_claim(ROLES_CLAIM);
    match active.user() {
        Some(user) if asks => user.subject().token_roles(),
        _ => Vec::new(),
    }
}

/// Whether the sender holds the key of a bound token. An unbound token must not be presented as bound.
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

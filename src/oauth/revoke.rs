//! Revocation (RFC 7009).
//!
//! A refresh token ends its session; an access token ends itself and the tokens it was exchanged for. A token of
//! another client, and text that is not a token, change nothing and get the same answer.

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::BranchId;
use crate::domain::audit::{Event, EventKind};
use crate::domain::claims::VerifiedClaims;
use crate::domain::client::Client;
use crate::domain::outcome::Failure;
use crate::domain::rate_limit::RateLimit;
use crate::domain::request_info::RequestInfo;
use crate::domain::session::EndReason;
use crate::domain::token_rules::MAX_ACCESS_TTL;
use crate::store::revocations::{self, Revoked};
use crate::store::{sessions, sessions::end::Ending, spent_ids};
use crate::tokens::lineage;
use crate::tokens::validate::{self, VerifyError};

use super::client_auth::{self, Call};
use super::rate_limits::throttle_public;
use super::token::ClientRequest;

/// Revokes the token, if it was issued to this client.
///
/// # Errors
/// `invalid_client`, `invalid_request`; too many requests of public clients; unavailable when it cannot be
/// made durable.
pub async fn revoke(app: App, request: ClientRequest, now: Timestamp) -> Result<(), Failure> {
    let ClientRequest { params, authorization, origin, device, .. } = request;
    let info = RequestInfo::new(origin, device, now);
    params.once()?;
    let client = client_auth::authenticate_client(
        &app,
        Call { path: "/oauth2/revoke", authorization: authorization.as_deref() },
        &params,
        &info.origin,
        now,
    )
    .await?;
    let client = client.client();
    throttle_public(&app, client, RateLimit::Revocation, &info.origin)?;
    let token = params.required("token", "token is missing.")?;
    let presented = app.refresh_keys().authenticate(token);
    if let Some(presented) = presented {
        return session(&app, client, presented.branch, &info).await;
    }
    let verified = match validate::verify_signature(&app, token, now).await {
        Ok(verified) => verified.issued(),
        Err(VerifyError::Failed(fault)) => return Err(fault.into()),
        Err(VerifyError::Invalid | VerifyError::Expired(_)) => None,
    };
    match verified {
        Some(verified) if verified.claims.client_id == client.client_id => {
            access_token(&app, client, &verified.claims, &info).await
        }
        _ => Ok(()),
    }
}

/// Revokes one access token only. A resource server has the same token as the client, so revoking more would let
/// it end the session of a public client.
async fn access_token(
    app: &App,
    client: &Client,
    claims: &VerifiedClaims,
    info: &RequestInfo,
) -> Result<(), Failure> {
    let id = lineage::revocation_hash(&claims.jti);
    // Kept at most for the longest lifetime of a token.
    let until = Timestamp::from_secs(claims.exp).min(info.now + MAX_ACCESS_TTL);
    app.transaction_or_nothing(info, async |tx| {
        if spent_ids::spend(tx, &id, until).await? {
            revocations::insert(tx, Revoked::Token(&claims.jti), info.now, until).await?;
            let mut event = Event::new(EventKind::TokenRevoked).detail(&*client.client_id);
            event.session = claims.sid.as_ref().and_then(|sid| sid.parse().ok());
            tx.record(&event).await?;
        }
        Ok(())
    })
    .await
}

async fn session(
    app: &App,
    client: &Client,
    branch: BranchId,
    info: &RequestInfo,
) -> Result<(), Failure> {
    app.transaction_or_nothing(info, async |tx| {
        let found = sessions::of_branch(tx, branch).await?;
        let own = found.filter(|(session, _)| {
            session.client_id == client.client_id && client.owned_name_at(session.created_at)
        });
        let Some((session, _)) = own else { return Ok(()) };
        tx.end_session(session.id, Ending::of(EndReason::TokenRevoked)).await?;
        Ok(())
    })
    .await
}

//! Revocation (RFC 7009): a client says that it will not use a token any more.
//!
//! Owns what ends with it: with a token of a session the session, with a token that no session vouches
//! for that token alone. A token of somebody else, or none at all, is answered the same and left.

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::SessionId;
use crate::domain::audit::{Event, EventKind};
use crate::domain::client::Client;
use crate::domain::outcome::Failure;
use crate::domain::request_info::RequestInfo;
use crate::domain::session::EndReason;
use crate::store::{sessions, spent_ids};
use crate::tokens::lineage;
use crate::tokens::validate::{self, VerifiedToken};

use super::client_auth;
use super::token::ClientRequest;

/// Revokes the token, if it is this client's.
///
/// # Errors
/// `invalid_client`, `invalid_request`; unavailable when it cannot be made durable.
pub async fn revoke(app: App, request: ClientRequest, now: Timestamp) -> Result<(), Failure> {
    let ClientRequest { params, authorization, origin, device, .. } = request;
    let info = RequestInfo { origin, device, now };
    params.once()?;
    let client = client_auth::authenticate_client(
        &app,
        authorization.as_deref(),
        &params,
        &info.origin,
        now,
    )
    .await?;
    let client = client.client();
    let token = params.required("token", "token is missing.")?;
    let presented = app.refresh_keys().authenticate(token);
    if let Some(presented) = presented {
        return session(&app, client, presented.session, &info).await;
    }
    let Ok(VerifiedToken { claims, .. }) = validate::verify_signature(&app, token, now) else {
        return Ok(());
    };
    if claims.client_id != client.client_id {
        return Ok(());
    }
    match claims.sid.as_ref().and_then(|sid| sid.parse().ok()) {
        Some(sid) if claims.act.is_none() => session(&app, client, sid, &info).await,
        _ => {
            let id = lineage::revocation_hash(&claims.jti);
            app.transaction_or_nothing(&info, async |tx| {
                if spent_ids::spend(tx, &id, Timestamp::from_secs(claims.exp)).await? {
                    let event = Event::new(EventKind::TokenRevoked).detail(&*client.client_id);
                    tx.record(&event).await?;
                }
                Ok(())
            })
            .await
        }
    }
}

async fn session(
    app: &App,
    client: &Client,
    id: SessionId,
    info: &RequestInfo,
) -> Result<(), Failure> {
    let now = info.now;
    app.transaction_or_nothing(info, async |tx| {
        let found = sessions::with_user(tx, id).await?;
        let own = found.is_some_and(|(session, _)| {
            session.client_id == client.client_id && client.owned_name_at(session.created_at)
        });
        if !own {
            return Ok(());
        }
        let reason = EndReason::TokenRevoked;
        if let Some(user) = sessions::revoke(tx, id, reason, now).await? {
            let event = Event::new(EventKind::SessionEnded)
                .about(user)
                .in_session(id)
                .detail(reason.as_str());
            tx.record(&event).await?;
        }
        Ok(())
    })
    .await
}

//! Access tokens that come back to us, whomever they are for.
//!
//! Owns whether one is good now: genuine, in time, its client enabled, and its session and user
//! alive. A signature may be believed for a while; the rest is asked for every time.

use std::sync::Arc;

use crate::app::App;
use crate::app::cache::Audience;
pub use crate::app::cache::VerifiedToken;
use crate::base::Timestamp;
use crate::crypto::digest::token_hash;
use crate::crypto::jwt::{Expected, decode_unverified};
use crate::domain::claims::VerifiedClaims;
use crate::domain::client::{BUILT_IN, Client};
use crate::domain::outcome::Fault;
use crate::domain::session::Session;
use crate::domain::user::User;

use super::lineage;

/// A token that is good now.
pub struct Live {
    /// What it says.
    pub claims: Arc<VerifiedClaims>,
    /// Whom it is for.
    pub audience: Arc<Audience>,
    /// The client it was issued to, where that is a registered one.
    pub client: Option<Arc<Client>>,
    /// The session that vouches for it and its user; none where a client speaks for itself.
    pub user: Option<Box<(Session, User)>>,
}

/// The token, if its signature is ours, for this issuer, and its time is now.
#[must_use]
pub fn genuine(app: &App, token: &str, now: Timestamp) -> Option<VerifiedToken> {
    // Read before anything is concluded from it.
    let (version, hash) = (app.cache_version(), token_hash(token));
    let genuine = match app.verified_tokens.get(&hash, version) {
        Some(known) => known,
        None => {
            let genuine = verified(app, token)?;
            app.verified_tokens.keep(&hash, version, genuine.clone());
            genuine
        }
    };
    (genuine.claims.exp > now.secs()).then_some(genuine)
}

fn verified(app: &App, token: &str) -> Option<VerifiedToken> {
    // Read before it is verified, only to know by which rules it has to be verified.
    let anatomy = decode_unverified(token);
    let aud = anatomy.claims.as_ref()?.get("aud")?.as_str()?;
    let audience = app.audience((aud != app.issuer()).then_some(aud))?;
    let typ = audience.target.rules().token_type();
    let expected = Expected { issuer: app.issuer(), audience: aud, typ };
    let claims: VerifiedClaims = match &audience.secret {
        Some(secret) => secret.verify(token, &expected)?,
        None => app.keyring().verify(token, &expected)?,
    };
    claims.is_access().then(|| VerifiedToken { claims: Arc::new(claims), audience })
}

/// The token, if everything about it is good now.
///
/// # Errors
/// When the database cannot be read.
pub async fn live(app: &App, token: &str, now: Timestamp) -> Result<Option<Live>, Fault> {
    match genuine(app, token, now) {
        Some(genuine) => alive(app, genuine, now).await,
        None => Ok(None),
    }
}

/// Whether a genuine token is good now.
///
/// # Errors
/// When the database cannot be read.
pub async fn alive(
    app: &App,
    VerifiedToken { claims, audience }: VerifiedToken,
    now: Timestamp,
) -> Result<Option<Live>, Fault> {
    let client = app.client(&claims.client_id);
    let Some(sid) = &claims.sid else {
        let Some(client) = client else { return Ok(None) };
        // Its own, or exchanged for the token of another client that is still there.
        let speaks = claims.sub == claims.client_id
            || (claims.act.is_some() && app.client(&claims.sub).is_some());
        let good = speaks && holds(&client, &claims);
        if !good || is_revoked(app, &claims).await? {
            return Ok(None);
        }
        return Ok(Some(Live { claims, audience, client: Some(client), user: None }));
    };
    let Ok(sid) = sid.parse() else { return Ok(None) };
    let Some((session, user)) = app.session_loader.session(sid).await? else { return Ok(None) };
    let good = session.live(user.session_epoch, now).is_ok()
        && user.disabled_at.is_none()
        && user.id.to_string() == claims.sub
        && is_clients(app, &session);
    if !good {
        return Ok(None);
    }
    // One that was exchanged for another's belongs to whoever acts, and is revoked by itself.
    let exchanged = claims.client_id != session.client_id;
    let acts = claims.act.is_some() && client.as_ref().is_some_and(|client| holds(client, &claims));
    if exchanged && !acts {
        return Ok(None);
    }
    if claims.act.is_some() && is_revoked(app, &claims).await? {
        return Ok(None);
    }
    Ok(Some(Live { claims, audience, client, user: Some(Box::new((session, user))) }))
}

/// Whether the token was made for this client, and not for one that had its name before.
fn holds(client: &Client, claims: &VerifiedClaims) -> bool {
    client
        .owned_name_at(Timestamp::from_millis(claims.iat.saturating_mul(1000).saturating_add(999)))
}

/// Whether the client a session was opened through is still there, and still the same one.
#[must_use]
pub fn is_clients(app: &App, session: &Session) -> bool {
    session.client_id == BUILT_IN
        || app
            .client(&session.client_id)
            .is_some_and(|known| known.owned_name_at(session.created_at))
}

async fn is_revoked(app: &App, claims: &VerifiedClaims) -> Result<bool, Fault> {
    lineage::is_revoked(&mut app.db.reader().await?, &claims.jti).await
}

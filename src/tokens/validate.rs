//! Validation of access tokens, for any audience.
//!
//! Owns whether one is active (RFC 7662 §2.2): its signature, times, client, session and user. A verified signature
//! is cached; the rest is checked every time, by the rule in `domain::liveness`.
//!
//! Also owns the possible origin of a token. A token under a shared secret could have been forged by its API, so
//! only [`Issued`] tokens disclose, end or issue anything.

use std::ops::Deref;
use std::sync::Arc;

use crate::app::App;
use crate::app::cache::Audience;
pub use crate::app::cache::VerifiedToken;
use crate::base::Timestamp;
use crate::crypto::digest::token_hash;
use crate::crypto::jwt::{Expected, decode_unverified};
use crate::domain::claims::{SessionClaims, VerifiedClaims};
use crate::domain::client::{BUILT_IN, Client};
use crate::domain::liveness::{
    ActiveKey, ActiveSession, ClientState, active_session, inactive_client, made_at_the_latest,
};
use crate::domain::outcome::Fault;
use crate::domain::session::Session;
use crate::domain::signing_key::is_kid;
use crate::domain::user::User;
use crate::store::session_loader::Held;

use super::{api_key, lineage};

/// A token that only this issuer can have made, because no other party has its signing key. Created only in this
/// file.
#[derive(Debug, Clone)]
pub struct Issued<T>(T);

impl<T> Issued<T> {
    /// The token.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Issued<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// The possible origin of a token with a valid signature.
pub enum Source<T> {
    /// This issuer alone.
    Issued(Issued<T>),
    /// This issuer, or the API of the token, which has the same secret.
    SharedSecret(T),
}

impl<T> Source<T> {
    fn of(token: T, audience: &Audience) -> Self {
        match audience.secret {
            None => Self::Issued(Issued(token)),
            Some(_) => Self::SharedSecret(token),
        }
    }

    /// The token, from either source.
    #[must_use]
    pub fn into_inner(self) -> T {
        match self {
            Self::Issued(Issued(token)) | Self::SharedSecret(token) => token,
        }
    }

    /// The token, if only this issuer can have made it.
    #[must_use]
    pub fn issued(self) -> Option<Issued<T>> {
        match self {
            Self::Issued(token) => Some(token),
            Self::SharedSecret(_) => None,
        }
    }
}

impl<T> Deref for Source<T> {
    type Target = T;
    fn deref(&self) -> &T {
        match self {
            Self::Issued(Issued(token)) | Self::SharedSecret(token) => token,
        }
    }
}

/// A token that is active now. Only [`require_active`] and [`require_active_at_issuer`] create one.
pub struct ActiveToken {
    claims: Arc<VerifiedClaims>,
    audience: Arc<Audience>,
    client: Option<Arc<Client>>,
    holder: Holder,
}

/// The basis of a token.
enum Holder {
    /// The client, which acts for itself.
    Client,
    /// The session of a user.
    Session(Box<(ActiveSession, User)>),
    /// An API key of a user.
    Key(Box<(ActiveKey, User)>),
}

impl ActiveToken {
    /// Its claims.
    #[must_use]
    pub fn claims(&self) -> &VerifiedClaims {
        &self.claims
    }

    /// Its audience.
    #[must_use]
    pub fn audience(&self) -> &Audience {
        &self.audience
    }

    /// The client it was issued to, if that is a registered one.
    #[must_use]
    pub fn client(&self) -> Option<&Client> {
        self.client.as_deref()
    }

    /// The session of the token, and its user; `None` if a client acts for itself, or for a token of an API key.
    #[must_use]
    pub fn session(&self) -> Option<(&Session, &User)> {
        match &self.holder {
            Holder::Session(held) => Some((held.0.session(), &held.1)),
            Holder::Client | Holder::Key(_) => None,
        }
    }

    /// The API key of the token, if it has one.
    #[must_use]
    pub const fn api_key(&self) -> Option<&ActiveKey> {
        match &self.holder {
            Holder::Key(held) => Some(&held.0),
            Holder::Client | Holder::Session(_) => None,
        }
    }

    /// The user; `None` if a client acts for itself.
    #[must_use]
    pub const fn user(&self) -> Option<&User> {
        match &self.holder {
            Holder::Client => None,
            Holder::Session(held) => Some(&held.1),
            Holder::Key(held) => Some(&held.1),
        }
    }

    /// When and how its user authenticated; `None` if a client acts for itself.
    #[must_use]
    pub fn session_claims(&self) -> Option<SessionClaims> {
        let (session, _) = self.session()?;
        Some(SessionClaims::of_token(session, &self.claims))
    }

    /// Returns the session and its user.
    #[must_use]
    pub fn into_session(self) -> Option<(Session, User)> {
        let Holder::Session(held) = self.holder else { return None };
        let (session, user) = *held;
        Some((session.into_session(), user))
    }
}

/// Why the signature of a token, or its time, is refused.
pub enum VerifyError {
    /// Not an access token of this issuer.
    Invalid,
    /// An expired access token of this issuer.
    Expired(VerifiedToken),
    /// The database could not be read.
    Failed(Fault),
}

/// Why a token is not active at the issuer's own endpoints.
pub enum NotActive {
    /// Any other reason.
    Invalid,
    /// It has expired.
    Expired,
    /// The database could not be read.
    Failed(Fault),
}

impl From<Fault> for NotActive {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

/// The token, if its signature and issuer are right and it has not expired. Its session, user and client are not
/// checked.
///
/// A token with an unknown key, API or client may have been issued by another process within the last second, so
/// the cache is reloaded first, at most once a second.
///
/// # Errors
/// An expired token is reported separately; a database that cannot be read is a fault.
pub async fn verify_signature(
    app: &App,
    token: &str,
    now: Timestamp,
) -> Result<Source<VerifiedToken>, VerifyError> {
    match verify_by_known_keys(app, token, now) {
        Err(VerifyError::Invalid) if names_unknown(app, token) => {}
        Ok(verified) if is_of_unknown_client(app, &verified.claims) => {}
        verified => return verified,
    }
    app.reload_for_unknown().await.map_err(VerifyError::Failed)?;
    verify_by_known_keys(app, token, now)
}

fn is_of_unknown_client(app: &App, claims: &VerifiedClaims) -> bool {
    claims.client_id != BUILT_IN && app.client(&claims.client_id).is_none()
}

/// Whether a token that does not verify claims to be from this issuer, and names a key or an API that this
/// process may not have loaded yet.
fn names_unknown(app: &App, token: &str) -> bool {
    let anatomy = decode_unverified(token);
    let (Some(header), Some(claims)) = (&anatomy.header, &anatomy.claims) else { return false };
    let text = |name: &str| claims.get(name).and_then(|value| value.as_str());
    if !anatomy.plain_header || text("iss") != Some(app.issuer()) {
        return false;
    }
    let (Some(kid), Some(aud)) = (header.get("kid").and_then(|kid| kid.as_str()), text("aud"))
    else {
        return false;
    };
    if !is_kid(kid) {
        return false;
    }
    match app.audience((aud != app.issuer()).then_some(aud)) {
        None => true,
        Some(audience) => match &audience.secret {
            Some(secret) => secret.kid() != kid,
            None => !app.keyring().knows(kid),
        },
    }
}

fn verify_by_known_keys(
    app: &App,
    token: &str,
    now: Timestamp,
) -> Result<Source<VerifiedToken>, VerifyError> {
    // Read before the token is evaluated with the cached keys.
    let (version, hash) = (app.cache_version(), token_hash(token));
    let verified = match app.verified_tokens.get(&hash, version) {
        Some(known) => known,
        None => {
            let verified = verify(app, token).ok_or(VerifyError::Invalid)?;
            app.verified_tokens.keep(&hash, version, verified.clone());
            verified
        }
    };
    // Without leeway, because the same clock issued it.
    if verified.claims.exp > app.claim_time(now).secs() {
        let audience = Arc::clone(&verified.audience);
        Ok(Source::of(verified, &audience))
    } else {
        Err(VerifyError::Expired(verified))
    }
}

fn verify(app: &App, token: &str) -> Option<VerifiedToken> {
    // Decoded before verification, only to find the rules for verifying it.
    let anatomy = decode_unverified(token);
    let aud = anatomy.claims.as_ref()?.get("aud")?.as_str()?;
    let audience = app.audience((aud != app.issuer()).then_some(aud))?;
    let typ = audience.target.rules().token_type();
    let expected = Expected { issuer: app.issuer(), audience: aud, typ };
    let claims: VerifiedClaims = match &audience.secret {
        Some(secret) => secret.verify(token, &expected)?,
        None => app.keyring().verify(token, &expected)?,
    };
    // A token for an earlier API with the same identifier.
    if !audience.owned_name_at(made_at_the_latest(claims.iat)) {
        return None;
    }
    claims.is_access().then(|| VerifiedToken { claims: Arc::new(claims), audience })
}

/// The token, if it is active, for any audience.
///
/// # Errors
/// When the database cannot be read.
pub async fn require_active(
    app: &App,
    token: &str,
    now: Timestamp,
) -> Result<Option<Source<ActiveToken>>, Fault> {
    let verified = match verify_signature(app, token, now).await {
        Ok(verified) => verified,
        Err(VerifyError::Failed(fault)) => return Err(fault),
        Err(VerifyError::Invalid | VerifyError::Expired(_)) => return Ok(None),
    };
    let audience = Arc::clone(&verified.audience);
    let active = active(app, (*verified).clone(), now).await?;
    Ok(active.map(|active| Source::of(active, &audience)))
}

/// The token, if it is active and for the issuer itself. One for an API is refused without reading the database.
///
/// # Errors
/// An expired token is reported separately.
pub async fn require_active_at_issuer(
    app: &App,
    token: &str,
    now: Timestamp,
) -> Result<Issued<ActiveToken>, NotActive> {
    let for_issuer = |verified: &VerifiedToken| verified.claims.aud == app.issuer();
    match verify_signature(app, token, now).await {
        Ok(Source::Issued(Issued(verified))) if for_issuer(&verified) => {
            active(app, verified, now).await?.map(Issued).ok_or(NotActive::Invalid)
        }
        Err(VerifyError::Expired(verified)) if for_issuer(&verified) => Err(NotActive::Expired),
        Err(VerifyError::Failed(fault)) => Err(NotActive::Failed(fault)),
        _ => Err(NotActive::Invalid),
    }
}

async fn active(
    app: &App,
    VerifiedToken { claims, audience }: VerifiedToken,
    now: Timestamp,
) -> Result<Option<ActiveToken>, Fault> {
    let client = app.client(&claims.client_id);
    if let Some(key) = &claims.api_key_id {
        let is_known = claims.client_id == BUILT_IN || is_of(client.as_deref(), &claims);
        let held = if is_known { api_key::of_token(app, key, &claims, now).await? } else { None };
        let holder = held.map(|held| Holder::Key(Box::new(held)));
        return Ok(holder.map(|holder| ActiveToken { claims, audience, client, holder }));
    }
    let Some(sid) = &claims.sid else {
        // The client's own token, or exchanged for one of another existing client.
        let speaks = claims.sub == claims.client_id
            || (claims.act.is_some() && app.client(&claims.sub).is_some());
        if !speaks || !is_of(client.as_deref(), &claims) || is_revoked(app, &claims).await? {
            return Ok(None);
        }
        return Ok(Some(ActiveToken { claims, audience, client, holder: Holder::Client }));
    };
    let Ok(sid) = sid.parse() else { return Ok(None) };
    let Some(ids) = lineage::revocation_hashes(&claims.jti) else { return Ok(None) };
    let held = app.session_loader.session(sid, ids).await?;
    let Some(Held { session, user, revoked: false }) = held else { return Ok(None) };
    let opener = client_state(app, &session.client_id);
    let Ok(session) = active_session(session, (&user).into(), opener, now) else { return Ok(None) };
    if user.id.to_string() != claims.sub {
        return Ok(None);
    }
    // An exchanged token belongs to the client that acts.
    let exchanged = claims.client_id != session.session().client_id;
    let acts = claims.act.is_some() && is_of(client.as_deref(), &claims);
    if exchanged && !acts {
        return Ok(None);
    }
    let holder = Holder::Session(Box::new((session, user)));
    Ok(Some(ActiveToken { claims, audience, client, holder }))
}

/// Whether the token was issued to this client, and not to an earlier one with the same name.
fn is_of(client: Option<&Client>, claims: &VerifiedClaims) -> bool {
    inactive_client(client.into(), made_at_the_latest(claims.iat)).is_none()
}

/// Whether the client of a session still exists and is the same one.
#[must_use]
pub fn has_active_client(app: &App, session: &Session) -> bool {
    inactive_client(client_state(app, &session.client_id), session.created_at).is_none()
}

fn client_state(app: &App, client_id: &str) -> ClientState {
    if client_id == BUILT_IN {
        return ClientState::BuiltIn;
    }
    app.client(client_id).as_deref().into()
}

async fn is_revoked(app: &App, claims: &VerifiedClaims) -> Result<bool, Fault> {
    lineage::is_revoked(&mut app.db.reader().await?, &claims.jti).await
}

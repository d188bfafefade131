//! Gathers the evidence for the diagnosis of a token.
//!
//! Owns what is read and from where; `crypto` verifies and `domain::token_diagnosis` decides. Changes nothing,
//! consumes nothing, and neither logs nor returns the token.

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::crypto::hs256::SharedSecret;
use crate::crypto::jwt::{Expected, UnverifiedHeader, VerifyingKey, decode_unverified};
use crate::domain::audit::EventKind;
use crate::domain::claims::VerifiedClaims;
use crate::domain::client::{BUILT_IN, is_client_id};
use crate::domain::liveness::made_at_the_latest;
use crate::domain::outcome::{Failure, Fault};
use crate::domain::session::Session;
use crate::domain::token_diagnosis::{
    self, EpochRaise, Evidence, Genuine, Holder, NamedKey, Opaque, OpaqueKind, Presented,
    Registered, ReliedRows, Report, Signed, StoredState,
};
use crate::domain::token_rules::TokenAlg;
use crate::domain::user::User;
use crate::store::audit::StoredEvent;
use crate::store::{Link, api_keys, audit, clients, keys, sessions, users};
use crate::tokens::lineage;

/// The most events that are searched for the one that ended a session.
const MAX_ENDINGS: i64 = 1000;

/// Every check of `token` as of `at`. Without `audience` it must be for the issuer itself or a
/// registered API.
///
/// # Errors
/// Only faults: an invalid token is a result.
pub async fn why(
    app: App,
    token: String,
    audience: Option<String>,
    at: Timestamp,
) -> Result<Report, Failure> {
    let facts = gather(&app, &token, audience).await?;
    Ok(token_diagnosis::diagnose(&facts, at))
}

/// The evidence about `token`, whatever its kind.
///
/// # Errors
/// When the database cannot be read.
pub async fn gather(app: &App, token: &str, audience: Option<String>) -> Result<Evidence, Fault> {
    let presented = match OpaqueKind::of(token) {
        Some(kind) => Presented::Opaque(Box::new(opaque(app, kind, token).await?)),
        None => Presented::Signed(Box::new(signed(app, token).await?)),
    };
    Ok(Evidence { issuer: app.issuer().to_owned(), audience, presented })
}

async fn opaque(app: &App, kind: OpaqueKind, token: &str) -> Result<Opaque, Fault> {
    let presented = match kind {
        OpaqueKind::RefreshToken => app.refresh_keys().authenticate(token),
        _ => None,
    };
    let Some(presented) = presented else { return Ok(Opaque { kind, genuine: None }) };
    let mut reader = app.db.reader().await?;
    let found = sessions::of_branch(&mut reader, presented.branch).await?;
    let state = state(&mut reader, found, None).await?;
    Ok(Opaque { kind, genuine: Some(Genuine { counter: presented.counter, state }) })
}

async fn signed(app: &App, token: &str) -> Result<Signed, Fault> {
    let mut signed = Signed::of(decode_unverified(token));
    let audience = signed.text("aud").and_then(|audience| app.audience(Some(audience)));
    let made = signed.time("iat").map_or(i64::MAX, Timestamp::secs);
    signed.registered =
        audience.as_ref().is_some_and(|api| api.owned_name_at(made_at_the_latest(made)));
    signed.either_type = signed.text("aud").is_some_and(|audience| audience != app.issuer());
    if let Some(audience) = &audience {
        signed.expected_type = audience.target.rules().token_type();
    }
    let Some(kid) = signed.header("kid").map(str::to_owned) else { return Ok(signed) };
    let mut reader = app.db.reader().await?;
    let secret = audience.as_ref().and_then(|audience| audience.secret.as_ref());
    match secret.filter(|secret| secret.kid() == kid) {
        Some(secret) => check_secret(secret, token, &mut signed),
        None => check_key(app, &mut reader, &kid, token, &mut signed).await?,
    }
    // Claims are only looked up if the signature is valid.
    if signed.signature == Some(true) {
        signed.state = Some(standing_of(&mut reader, &signed).await?);
        if let Some(jti) = signed.text("jti") {
            signed.revoked = lineage::is_revoked(&mut reader, jti).await?;
        }
    }
    Ok(signed)
}

/// The stored objects that the claims refer to.
async fn standing_of(reader: &mut impl Link, signed: &Signed) -> Result<StoredState, Fault> {
    let (subject, client) = (signed.text("sub"), signed.text("client_id"));
    let made = signed.time("iat");
    let mut state = if signed.is_of_client() {
        StoredState::default()
    } else {
        let found = match signed.text("sid").and_then(|id| id.parse().ok()) {
            Some(id) => sessions::with_user(reader, id).await?,
            None => None,
        };
        let user = subject.and_then(|id| id.parse().ok());
        let named = user.map(|user| Named { user, made: made.unwrap_or_default() });
        state(reader, found, named).await?
    };
    if let Some(id) = signed.text("api_key_id").and_then(|id| id.parse().ok()) {
        state.key = api_keys::with_user(reader, id).await?.map(|(key, _)| key);
    }
    // The client and the actor. With a session, the client is only relevant if it is not the one that opened the
    // session.
    let opener = state.session.as_ref().map(|session| session.client_id.as_str());
    let of_key = signed.is_of_key() && client != Some(BUILT_IN);
    let speaks = signed.is_of_client() || of_key || (opener.is_some() && opener != client);
    if let Some(client) = client.filter(|_| speaks) {
        state.clients.push(relied(reader, client, made).await?);
    }
    // The client acts for another client.
    if let Some(subject) = subject.filter(|_| signed.is_of_client() && subject != client) {
        state.clients.push(relied(reader, subject, made).await?);
    }
    Ok(state)
}

/// Checks the token with the signing key that it names, published or not. A key has one algorithm, so another `alg`
/// is not tried.
async fn check_key(
    app: &App,
    reader: &mut impl Link,
    kid: &str,
    token: &str,
    signed: &mut Signed,
) -> Result<(), Fault> {
    let stored = keys::signing_keys(reader).await?;
    let Some(stored) = stored.into_iter().find(|key| key.facts.kid == kid) else { return Ok(()) };
    if signed.header("alg") == Some(stored.facts.alg.as_str())
        && let Some(key) = app.parsed_key(&stored)
    {
        let key = VerifyingKey::new(key.alg, &key.public)?;
        signed.signature = Some(key.made(token));
        signed.accepted = accepted(token, signed, |header, expected| {
            key.verify::<VerifiedClaims>(token, header, expected).is_some()
        });
    }
    signed.key = Some(NamedKey::Signing(Box::new(stored.facts)));
    Ok(())
}

/// Checks the token with the secret of its API.
fn check_secret(secret: &SharedSecret, token: &str, signed: &mut Signed) {
    if signed.header("alg") == Some(TokenAlg::SharedSecret.as_str()) {
        signed.signature = Some(secret.made(token));
        signed.accepted =
            accepted(token, signed, |_, expected| secret.verify(token, expected).is_some());
    }
    signed.key = Some(NamedKey::SharedSecret);
}

/// Whether a verifier accepts the issuer and the audience of the token.
fn accepted(
    token: &str,
    signed: &Signed,
    verifies: impl FnOnce(&UnverifiedHeader, &Expected<'_>) -> bool,
) -> bool {
    let (Some(issuer), Some(audience)) = (signed.text("iss"), signed.text("aud")) else {
        return false;
    };
    let (Some(header), Some(typ)) = (UnverifiedHeader::read(token), signed.fitting_type()) else {
        return false;
    };
    verifies(&header, &Expected { issuer, audience, typ })
}

/// An existing user that a token names, and who already existed when it was issued.
struct Named {
    user: UserId,
    made: Timestamp,
}

/// The session with its user and client, or the user that the token names if the session does not exist.
async fn state(
    reader: &mut impl Link,
    found: Option<(Session, User)>,
    named: Option<Named>,
) -> Result<StoredState, Fault> {
    if let Some((session, user)) = found {
        let raises = raises(reader, &session, &user).await?;
        let mut clients = Vec::new();
        if session.grant_type.is_some() {
            clients.push(relied(reader, &session.client_id, Some(session.created_at)).await?);
        }
        let user = Holder::Known(Box::new(user));
        return Ok(StoredState { session: Some(session), user, raises, clients, key: None });
    }
    let user = match named {
        None => Holder::Unnamed,
        Some(named) => match users::find(reader, named.user).await? {
            Some(user) => Holder::Known(Box::new(user)),
            None => Holder::Gone(deleted_at(reader, &named).await?),
        },
    };
    Ok(StoredState { user, ..StoredState::default() })
}

/// The current registration of the client, read without the cache of this process.
async fn relied(
    reader: &mut impl Link,
    client_id: &str,
    since: Option<Timestamp>,
) -> Result<ReliedRows, Fault> {
    // A claim may be any text. One that cannot be a `client_id` needs no lookup.
    let found = match is_client_id(client_id) {
        true => clients::find(reader, client_id).await?,
        false => None,
    };
    let found = found.map(|stored| Registered::from(&stored.client));
    Ok(ReliedRows { client_id: client_id.to_owned(), since, found })
}

/// The events that may have ended the session's epoch, as far as the audit trail goes back.
async fn raises(
    reader: &mut impl Link,
    session: &Session,
    user: &User,
) -> Result<Vec<EpochRaise>, Fault> {
    if session.user_epoch == user.session_epoch {
        return Ok(Vec::new());
    }
    let mut events = audit::endings(reader, user.id, session.created_at, MAX_ENDINGS).await?;
    events.extend(audit::endings_of_all(reader, session.created_at, MAX_ENDINGS).await?);
    events.sort_unstable_by_key(|event| std::cmp::Reverse(event.id));
    Ok(events.iter().filter_map(raise).collect())
}

fn raise(event: &StoredEvent) -> Option<EpochRaise> {
    let why: EventKind = event.kind.parse().ok()?;
    Some(EpochRaise { at: event.at, why, certain: why != EventKind::UserUpdated })
}

async fn deleted_at(reader: &mut impl Link, named: &Named) -> Result<Option<Timestamp>, Fault> {
    let events = audit::endings(reader, named.user, named.made, MAX_ENDINGS).await?;
    let deleted = |event: &&StoredEvent| event.kind == EventKind::UserDeleted.as_str();
    Ok(events.iter().find(deleted).map(|event| event.at))
}

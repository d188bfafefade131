//! Looking at access tokens: those that exist, and those a log-in would get.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::crypto::jwt::{Expected, UnverifiedHeader};
use crate::domain::claims::{TokenType, VerifiedClaims};
use crate::domain::session::{EndReason, Ended};
use crate::domain::stop::{Code, Fault, Refusal, Stop};
use crate::identity::login::{self, Asked};
use crate::oauth::issue;
use crate::store::sessions;

use super::users;

/// Why an access token is not good. Told to administrators only: whoever calls the API learns no
/// more than `invalid_token`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// An opaque secret, such as a refresh token.
    Opaque,
    /// Not of the form of Signet's access tokens.
    NotOurs,
    /// No published key has this name.
    UnknownKey {
        /// The name in the token's header.
        kid: String,
    },
    /// The signature does not fit.
    BadSignature,
    /// Genuine, but made for another issuer.
    WrongIssuer {
        /// The issuer in the token.
        found: String,
        /// The issuer in force.
        expected: String,
    },
    /// Genuine, but for somebody else.
    WrongAudience {
        /// The audience in the token.
        found: String,
        /// The audience asked for; none when any registered API would do.
        expected: Option<String>,
    },
    /// Genuine, but its time is over.
    Expired {
        /// When it expired.
        at: Timestamp,
    },
    /// Genuine, but its session's time is over.
    SessionExpired,
    /// Genuine, but its session was ended.
    SessionEnded {
        /// Why, where the session says so; none when all of its user's were ended.
        reason: Option<EndReason>,
    },
}

/// The claims of an access token that is good at `now`: genuine, of this issuer, in time, and its
/// session alive. Without `audience` it must be for the issuer itself or a registered API.
///
/// The outer result is about looking, the inner one about the token.
///
/// # Errors
/// Only faults.
pub async fn verify(
    app: App,
    token: String,
    audience: Option<String>,
    now: Timestamp,
) -> Result<Result<Value, Problem>, Stop> {
    let (claims, verified) = match genuine(&app, &token, audience, now) {
        Ok(genuine) => genuine,
        Err(problem) => return Ok(Err(problem)),
    };
    Ok(match session_problem(&app, &claims, &verified, now).await? {
        Some(problem) => Err(problem),
        None => Ok(claims),
    })
}

/// What can be said without the database.
fn genuine(
    app: &App,
    token: &str,
    audience: Option<String>,
    now: Timestamp,
) -> Result<(Value, VerifiedClaims), Problem> {
    if !token.contains('.') && ["srt_", "sac_", "scs_", "sak_"].iter().any(|p| token.starts_with(p))
    {
        return Err(Problem::Opaque);
    }
    let header = UnverifiedHeader::read(token).ok_or(Problem::NotOurs)?;
    let typ: TokenType = header.typ.parse().map_err(|_| Problem::NotOurs)?;
    let claims = payload(token).ok_or(Problem::NotOurs)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    let (issuer, found) = text("iss").zip(text("aud")).ok_or(Problem::NotOurs)?;
    // The issuer's own tokens are of one kind; an API may have chosen the other one meanwhile.
    if typ != TokenType::AtJwt && found == app.issuer() {
        return Err(Problem::NotOurs);
    }

    // Checked against its own issuer and audience first: only of a genuine token is it worth
    // saying that it is somebody else's, or when it expired.
    let expected = Expected { issuer: &issuer, audience: &found, typ };
    let registered = app.audience(Some(&found));
    let secret = registered.as_ref().and_then(|audience| audience.secret.as_ref());
    let verified = match secret.filter(|secret| secret.kid() == header.kid) {
        Some(secret) => secret.verify(token, &expected),
        None if app.keyring().has(&header.kid) => app.keyring().verify(token, &expected),
        None => return Err(Problem::UnknownKey { kid: header.kid }),
    };
    let verified = verified.ok_or(Problem::BadSignature)?;
    if issuer != app.issuer() {
        return Err(Problem::WrongIssuer { found: issuer, expected: app.issuer().to_owned() });
    }
    let fits = match &audience {
        Some(audience) => *audience == found,
        None => found == app.issuer() || registered.is_some(),
    };
    if !fits {
        return Err(Problem::WrongAudience { found, expected: audience });
    }
    if verified.exp <= now.secs() {
        return Err(Problem::Expired { at: Timestamp::from_secs(verified.exp) });
    }
    Ok((claims, verified))
}

/// What stands for a value that is new in every token.
const NEW_EACH_TIME: &str = "(new each time)";

/// Header and claims of the access token that a log-in of `user` asking for `asked` would get at
/// `now`. Nothing is signed and nothing is written.
///
/// # Errors
/// As the log-in would be refused; `not_found`; `conflict` when the user is disabled.
pub async fn preview(app: App, user: UserId, asked: Asked, now: Timestamp) -> Result<Value, Stop> {
    let request = login::request(&app, &asked).await?;
    let user = users::show(app.clone(), user).await?;
    if user.disabled_at.is_some() {
        // To tell this apart from a wrong password is an administrator's right.
        let hint = "This user is disabled and cannot log in.";
        return Err(Refusal::new(Code::Conflict, hint).into());
    }
    let session = request.session(&app, &user, now)?;
    let mut draft = issue::draft(&app, &session, || Ok(user.subject()), NEW_EACH_TIME, now)?;
    draft.claims.sid = NEW_EACH_TIME.to_owned();
    Ok(json!({ "header": draft.header(&app)?, "claims": draft.claims }))
}

fn payload(token: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// What the session, which may have ended since, says about a genuine token.
async fn session_problem(
    app: &App,
    claims: &Value,
    verified: &VerifiedClaims,
    now: Timestamp,
) -> Result<Option<Problem>, Fault> {
    let gone = Some(Problem::SessionEnded { reason: None });
    let Ok(id) = verified.sid.parse() else { return Ok(gone) };
    let mut reader = app.db.reader().await?;
    let Some((session, user)) = sessions::with_user(&mut reader, id).await? else {
        return Ok(gone);
    };
    match session.live(user.session_epoch, now) {
        Err(Ended::Expired) => return Ok(Some(Problem::SessionExpired)),
        Err(Ended::Revoked) => {
            let reason = session.revoked.map(|(_, reason)| reason);
            return Ok(Some(Problem::SessionEnded { reason }));
        }
        Ok(()) => {}
    }
    // The claims came from this very session unless the database was put together by hand.
    let audience = session.audience.as_deref().unwrap_or(app.issuer());
    let belongs = user.disabled_at.is_none()
        && user.id.to_string() == verified.sub
        && claims.get("aud").and_then(Value::as_str) == Some(audience);
    Ok(if belongs { None } else { gone })
}

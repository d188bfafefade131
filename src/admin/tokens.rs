//! Verifying access tokens, and previewing those that a log-in would get.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::app::App;
use crate::app::cache::Audience;
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::claims::AccessTokenGrant;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::session::EndReason;
use crate::domain::token_diagnosis::{self, Presented, Signed, TokenCode};
use crate::domain::user::User;
use crate::identity::login::{self, CheckedLoginRequest, RequestedAccess};
use crate::tokens::issue;

use super::{token_diagnosis as diagnosis, users};

/// Why an access token is invalid. Only administrators see this: other callers get `invalid_token`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// An opaque secret, such as a refresh token.
    Opaque,
    /// Not an access token of Signet.
    NotOurs,
    /// No published key has this `kid`.
    UnknownKey {
        /// The `kid` in the token's header.
        kid: String,
    },
    /// The key with this `kid` is published but does not sign yet.
    KeyNotSigning {
        /// The `kid` in the token's header.
        kid: String,
    },
    /// The signature is invalid.
    BadSignature,
    /// Genuine, but from another issuer.
    WrongIssuer {
        /// The issuer in the token.
        found: String,
        /// The issuer in force.
        expected: String,
    },
    /// Genuine, but for another API.
    WrongAudience {
        /// The audience in the token.
        found: String,
        /// The requested audience; `None` when any registered API is accepted.
        expected: Option<String>,
    },
    /// Genuine, but issued in the future: a clock is wrong.
    IssuedInFuture {
        /// Its `iat`.
        at: Timestamp,
    },
    /// Genuine, but expired.
    Expired {
        /// When it expired.
        at: Timestamp,
    },
    /// Genuine, but its session has expired.
    SessionExpired,
    /// Genuine, but its session was ended.
    SessionEnded {
        /// Why, if recorded; `None` when all sessions of the user were ended.
        reason: Option<EndReason>,
    },
    /// Genuine, but the API key it was issued for is no longer active.
    ApiKeyEnded,
    /// Genuine, but of a client that does not exist or no longer exists.
    ClientUnknown,
    /// Genuine, but of a client that is disabled.
    ClientDisabled,
    /// Genuine, but revoked by the client it was issued to.
    Revoked,
}

/// The claims of an access token that is valid at `now`: genuine, of this issuer, not expired, and with a live
/// session or, without a session, an existing client. Without `audience` it must be for the issuer itself or a
/// registered API.
///
/// The outer result is about reading, the inner one about the token.
///
/// # Errors
/// Only faults.
pub async fn verify(
    app: App,
    token: String,
    audience: Option<String>,
    now: Timestamp,
) -> Result<Result<Value, Problem>, Failure> {
    let facts = diagnosis::gather(&app, &token, audience).await?;
    let report = token_diagnosis::diagnose(&facts, now);
    let signed = match facts.presented {
        Presented::Opaque(_) => return Ok(Err(Problem::Opaque)),
        Presented::Signed(signed) => *signed,
    };
    Ok(match (report.good, &signed.anatomy.claims) {
        (true, Some(claims)) => Ok(Value::Object(claims.clone())),
        _ => Err(problem(report.code, &signed, facts.issuer, facts.audience)),
    })
}

/// The first failure as a [`Problem`].
fn problem(
    code: Option<TokenCode>,
    signed: &Signed,
    issuer: String,
    audience: Option<String>,
) -> Problem {
    let text = |name| signed.text(name).unwrap_or_default().to_owned();
    let kid = || signed.header("kid").unwrap_or_default().to_owned();
    let time = |name| signed.time(name).unwrap_or_default();
    match code {
        Some(TokenCode::UnknownKey | TokenCode::KeyRetired) => Problem::UnknownKey { kid: kid() },
        Some(TokenCode::KeyNotSigning) => Problem::KeyNotSigning { kid: kid() },
        Some(TokenCode::WrongAlgorithm | TokenCode::BadSignature) => Problem::BadSignature,
        Some(TokenCode::WrongIssuer) => {
            Problem::WrongIssuer { found: text("iss"), expected: issuer }
        }
        Some(TokenCode::WrongAudience | TokenCode::UnregisteredAudience) => {
            Problem::WrongAudience { found: text("aud"), expected: audience }
        }
        Some(TokenCode::IssuedInFuture) => Problem::IssuedInFuture { at: time("iat") },
        Some(TokenCode::Expired) => Problem::Expired { at: time("exp") },
        Some(TokenCode::SessionExpired) => Problem::SessionExpired,
        Some(TokenCode::ApiKeyEnded) => Problem::ApiKeyEnded,
        Some(TokenCode::ClientUnknown) => Problem::ClientUnknown,
        Some(TokenCode::ClientDisabled) => Problem::ClientDisabled,
        Some(TokenCode::TokenRevoked) => Problem::Revoked,
        Some(
            TokenCode::UserDeleted
            | TokenCode::UserDisabled
            | TokenCode::UserChanged
            | TokenCode::SessionUnknown
            | TokenCode::SessionMismatch
            | TokenCode::SessionEnded,
        ) => {
            let session = signed.state.as_ref().and_then(|found| found.session.as_ref());
            let reason = session.and_then(|session| session.revoked).map(|(_, reason)| reason);
            Problem::SessionEnded { reason }
        }
        _ => Problem::NotOurs,
    }
}

/// The header (without `kid`) and claims of the access token that a log-in of `user` would get for `audience` with
/// all its scopes. The rules of `audience` need not be in force. `None` if the log-in would get no token.
///
/// # Errors
/// Only faults.
pub fn sample(
    app: &App,
    user: &User,
    audience: &Arc<Audience>,
    now: Timestamp,
) -> Result<Option<Value>, Fault> {
    if user.disabled_at.is_some() {
        return Ok(None);
    }
    let request = CheckedLoginRequest::of_everything(Arc::clone(audience));
    let Ok(session) = request.session(app, user, now) else { return Ok(None) };
    let entitled = AccessTokenGrant::of(&session);
    let (audience, subject) = (Arc::clone(audience), || Ok(user.subject()));
    let mut draft = issue::draft_for(app, audience, &entitled, subject, (NEW_EACH_TIME, now))?;
    draft.claims.sid = Some(NEW_EACH_TIME.to_owned());
    Ok(Some(json!({ "header": draft.form(), "claims": draft.claims })))
}

/// The placeholder for a value that differs in every token.
const NEW_EACH_TIME: &str = "(new each time)";

/// The header and claims of the access token that a log-in of `user` with `asked` would get at `now`. Nothing is
/// signed and nothing is written.
///
/// # Errors
/// The refusals of a log-in; `not_found`; `conflict` when the user is disabled.
pub async fn preview(
    app: App,
    user: UserId,
    asked: RequestedAccess,
    now: Timestamp,
) -> Result<Value, Failure> {
    let request = login::request(&app, &asked).await?;
    let user = users::show(app.clone(), user).await?;
    if user.disabled_at.is_some() {
        // Only administrators may distinguish this from a wrong password.
        let message = "This user is disabled and cannot log in.";
        return Err(Refusal::new(Code::Conflict, message).into());
    }
    let session = request.session(&app, &user, now)?;
    let entitled = AccessTokenGrant::of(&session);
    let subject = || Ok(user.subject());
    let mut draft = issue::draft(&app, &entitled, subject, NEW_EACH_TIME, now)?;
    draft.claims.sid = Some(NEW_EACH_TIME.to_owned());
    Ok(json!({ "header": draft.header(&app)?, "claims": draft.claims }))
}

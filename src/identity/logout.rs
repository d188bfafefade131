//! Logging out.

use crate::app::App;
use crate::base::Timestamp;
use crate::crypto::jwt::decode_unverified;
use crate::crypto::keyring::TokenProblem;
use crate::domain::claims::VerifiedClaims;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::domain::session::EndReason;
use crate::store::sessions::{self, end::Ending};

use crate::tokens::lineage;

use super::bearer::{invalid_token, session_of};
use super::logout_notices;

/// The token that identifies the session to end.
pub enum Evidence {
    /// A refresh token, however old.
    RefreshToken(String),
    /// An access token, which may be expired.
    AccessToken(String),
}

/// Ends the session. Idempotent: an ended session, or a refresh token without a session, is a success (as in RFC
/// 7009 §2.2).
///
/// # Errors
/// Refused when an access token is not genuine; unavailable when it cannot be made durable.
pub async fn logout(app: App, evidence: Evidence, info: RequestInfo) -> Result<(), Failure> {
    let now = info.now;
    let (session, subject) = match evidence {
        Evidence::RefreshToken(token) => {
            let Some(presented) = app.refresh_keys().authenticate(&token) else { return Ok(()) };
            let mut reader = app.db.reader().await?;
            match sessions::id_of_branch(&mut reader, presented.branch).await? {
                Some(session) => (session, None),
                None => return Ok(()),
            }
        }
        Evidence::AccessToken(token) => {
            let claims = of_access_token(&app, &token, now)?;
            // A token that its client revoked must not end the continuing session.
            if lineage::is_revoked(&mut app.db.reader().await?, &claims.jti).await? {
                return Err(invalid_token().into());
            }
            (session_of(&claims).ok_or_else(invalid_token)?, Some(claims.sub))
        }
    };
    app.transaction_or_nothing(&info, async |tx| {
        let ended = tx.end_session(session, Ending::of(EndReason::Logout)).await?;
        // A token that names one user and the session of another is invalid, as everywhere else.
        if let (Some(ended), Some(subject)) = (&ended, subject)
            && subject != ended.user_id.to_string()
        {
            return Err(invalid_token().into());
        }
        logout_notices::tell(&app, tx, ended.as_slice(), now).await?;
        Ok(())
    })
    .await
}

fn of_access_token(app: &App, token: &str, now: Timestamp) -> Result<VerifiedClaims, Refusal> {
    let issuer = app.issuer();
    match app.keyring().verify_access(token, issuer, issuer, now) {
        Ok(claims) => Ok(claims),
        Err(TokenProblem::Expired(claims)) => Ok(*claims),
        Err(TokenProblem::Invalid) if is_for_api(app, token) => Err(Refusal::new(
            Code::InvalidToken,
            "The access token is for an API. Send refresh_token, or an access token that was issued without an \
             audience.",
        )),
        Err(TokenProblem::Invalid) => Err(invalid_token()),
    }
}

/// Whether a token claims to be for a registered API; only for the text of a refusal.
fn is_for_api(app: &App, token: &str) -> bool {
    let claims = decode_unverified(token).claims;
    let aud = claims.as_ref().and_then(|claims| claims.get("aud")).and_then(|aud| aud.as_str());
    aud.is_some_and(|aud| app.audience(Some(aud)).is_some())
}

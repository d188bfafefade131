//! Refreshing: a genuine refresh token continues its session, at `/v1` and at the token endpoint alike.

use std::sync::Arc;

use crate::app::App;
use crate::base::{TimeSpan, Timestamp};
use crate::domain::audit::Origin;
use crate::domain::liveness::Inactive;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Code, Failure, Refusal, quotable};
use crate::domain::refresh::{Alarm, Answer, Holder};
use crate::domain::request_info::RequestInfo;
use crate::domain::scope::RequestedScopes;
use crate::domain::session::{EndReason, Session};
use crate::store::attributes::StoredSubject;
use crate::store::refresh_batch::{Presentation, Refreshed};
use crate::store::sessions::end::{Ending, end_branch};

/// The detail of a finding about a refresh that requests more than its session has.
const WIDENED: &str = "A refresh requested a scope that the session does not have.";

/// A presented refresh token.
pub struct Presented<'a> {
    /// The token.
    pub refresh_token: &'a str,
    /// The caller that presents it.
    pub holder: Holder,
    /// The new idle lifetime of the session.
    pub idle: TimeSpan,
    /// The requested scopes, if fewer than were granted.
    pub requested: Option<RequestedScopes>,
}

/// A session that continues.
pub struct Continued {
    /// The session; its chain names the live refresh token.
    pub session: Box<Session>,
    /// The data about its user that tokens may contain.
    pub subject: Arc<StoredSubject>,
}

/// Handles a refresh token. The MAC is checked before the database is read; the caller signs after the commit.
///
/// # Errors
/// The documented refusals; unavailable when storage cannot keep up.
pub async fn present(
    app: &App,
    presented: Presented<'_>,
    origin: Origin,
    now: Timestamp,
) -> Result<Continued, Failure> {
    let count = |result| app.count_refresh(result);
    let Some(genuine) = app.refresh_keys().authenticate(presented.refresh_token) else {
        count("not_genuine");
        return Err(invalid().into());
    };
    let by = origin.clone();
    let presentation = Presentation {
        branch: genuine.branch,
        counter: genuine.counter,
        now,
        origin,
        holder: presented.holder,
        idle: presented.idle,
        requested: presented.requested,
    };
    match app.refresher.present(presentation).await? {
        Refreshed::Answered(session, answer, subject) => {
            if app.audience_given_at(session.audience.as_deref(), session.created_at).is_none() {
                without_api(app, &session, RequestInfo::without_device(by, now)).await?;
            }
            count(match answer {
                Answer::Rotate => "rotated",
                Answer::Resend => "resent",
                Answer::Supersede => "superseded",
                Answer::Keep => "kept",
            });
            Ok(Continued { session, subject })
        }
        Refreshed::ScopeExceeded(more) => {
            count("widened");
            let message =
                format!("The scope exceeds that of the session: {}", quotable(more.as_str()));
            let refusal = Refusal::oauth(OAuthError::InvalidScope, "").with_message(message);
            Err(refusal.with_finding([WIDENED]).into())
        }
        Refreshed::Compromised(Alarm::Ahead) => {
            count("rollback_detected");
            Err(Refusal::new(
                Code::RefreshTokenInvalid,
                "The refresh token is newer than the server's records; the session was ended.",
            )
            .into())
        }
        Refreshed::Compromised(_) => {
            count("reuse_detected");
            Err(Refusal::new(
                Code::RefreshTokenReused,
                "The refresh token was used before; the session was ended.",
            )
            .into())
        }
        Refreshed::Ended(Inactive::Expired(_)) => {
            count("expired");
            Err(Refusal::new(Code::SessionExpired, "The session has expired. Log in again.").into())
        }
        Refreshed::Ended(_) | Refreshed::Unknown | Refreshed::NotHolder => {
            count("ended");
            Err(invalid().into())
        }
    }
}

/// Handles a session whose API is not cached, or was registered later than the session was opened. Unless a reload
/// finds the API, the branch ends, and with its last branch the session: no new token is issued for it, and leaving
/// it open would make the client's next attempts look like reuse. This happens here and not at the deletion of the
/// API, which may have millions of sessions.
async fn without_api(app: &App, session: &Session, info: RequestInfo) -> Result<(), Failure> {
    let (audience, opened_at) = (session.audience.clone(), session.created_at);
    let (id, branch, own) = (session.id, session.branch, app.clone());
    app.run_to_completion(async move {
        // A guaranteed reload, even under many unknown names, because this ends a session.
        own.reload_if_changed().await?;
        let known = own.audience(audience.as_deref());
        if known.is_some_and(|known| known.owned_name_at(opened_at)) {
            return Ok(());
        }
        let ended = own.transaction(&info, async |tx| {
            if !end_branch(tx, id, branch, EndReason::ApiDeleted, info.now).await? {
                tx.end_session(id, Ending::of(EndReason::ApiDeleted)).await?;
            }
            let message = "The API this session was for has been deleted; the session was ended.";
            Err(Refusal::new(Code::RefreshTokenInvalid, message).into())
        });
        let ended = ended.await;
        own.count_refresh("ended");
        ended
    })
    .await
}

/// The refusal of a token without a live session.
#[must_use]
pub fn invalid() -> Refusal {
    Refusal::new(Code::RefreshTokenInvalid, "This is not a refresh token of an active session.")
}

//! Refreshing: a genuine refresh token for new tokens.

use crate::app::App;
use crate::base::Timestamp;
use crate::domain::audit::Origin;
use crate::domain::refresh::{Alarm, Answer};
use crate::domain::session::Ended;
use crate::domain::stop::{Code, Refusal, Stop};
use crate::metrics::Metrics;
use crate::oauth::issue::{self, Tokens};
use crate::store::refresher::{Presentation, Refreshed};

/// Answers a refresh token. The MAC is checked before the database is asked; signing happens on the
/// caller's thread, after the commit.
///
/// # Errors
/// Refused as the contract says; unavailable when storage cannot keep up.
pub async fn refresh(
    app: &App,
    refresh_token: &str,
    origin: Origin,
    now: Timestamp,
) -> Result<Tokens, Stop> {
    let count = |result| Metrics::count(&app.metrics.refreshes, result);
    let Some(presented) = app.refresh_keys().authenticate(refresh_token) else {
        count("not_genuine");
        return Err(invalid().into());
    };
    let presentation =
        Presentation { session: presented.session, counter: presented.counter, now, origin };
    match app.refresher.present(presentation).await? {
        Refreshed::Answered(session, answer) => {
            count(match answer {
                Answer::Rotate => "rotated",
                Answer::Resend => "resent",
                Answer::Supersede => "superseded",
            });
            issue::tokens(app, &session, now)
        }
        Refreshed::Alarmed(Alarm::Ahead) => {
            count("rollback_detected");
            Err(Refusal::new(
                Code::RefreshTokenInvalid,
                "The refresh token is newer than the server's records; the session was ended.",
            )
            .into())
        }
        Refreshed::Alarmed(_) => {
            count("reuse_detected");
            Err(Refusal::new(
                Code::RefreshTokenReused,
                "The refresh token was used before; the session was ended.",
            )
            .into())
        }
        Refreshed::Dead(Ended::Expired) => {
            count("expired");
            Err(Refusal::new(Code::SessionExpired, "The session has expired. Log in again.").into())
        }
        Refreshed::Dead(Ended::Revoked) | Refreshed::Unknown => {
            count("ended");
            Err(invalid().into())
        }
    }
}

fn invalid() -> Refusal {
    Refusal::new(Code::RefreshTokenInvalid, "This is not a refresh token of a live session.")
}

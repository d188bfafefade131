//! Refreshing at `/v1`: a genuine refresh token of a log-in there for new tokens.

use crate::app::App;
use crate::base::Timestamp;
use crate::domain::audit::Origin;
use crate::domain::outcome::Failure;
use crate::domain::refresh::Holder;
use crate::tokens::issue::{self, Tokens};
use crate::tokens::refresh::{self, Presented};
use crate::tokens::validate;

/// Answers a refresh token.
///
/// # Errors
/// Refused as the contract says; unavailable when storage cannot keep up.
pub async fn refresh(
    app: &App,
    refresh_token: &str,
    origin: Origin,
    now: Timestamp,
) -> Result<Tokens, Failure> {
    let presented = Presented {
        refresh_token,
        holder: Holder::FirstParty,
        idle: app.lifetimes.idle,
        requested: None,
    };
    let refreshed = refresh::present(app, presented, origin, now).await?;
    if !validate::has_active_client(app, &refreshed.session) {
        return Err(refresh::invalid().into());
    }
    issue::tokens(app, &refreshed.session, || refreshed.subject.read(), now)
}

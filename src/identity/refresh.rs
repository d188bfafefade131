//! Refreshing at `/v1`: new tokens for the refresh token of a log-in there.

use crate::app::App;
use crate::base::Timestamp;
use crate::domain::audit::Origin;
use crate::domain::grant;
use crate::domain::outcome::Failure;
use crate::domain::refresh::Holder;
use crate::tokens::issue::{self, Tokens};
use crate::tokens::refresh::{self, Presented};
use crate::tokens::validate;

/// Refreshes a session.
///
/// # Errors
/// The documented refusals; unavailable when storage cannot keep up.
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
    let mut session = refreshed.session;
    if !validate::has_active_client(app, &session) {
        return Err(refresh::invalid().into());
    }
    // `None` is the built-in client. Access that was withdrawn from a registered client is not renewed.
    if let Some(client) = app.client(&session.client_id) {
        if !client.metadata.first_party || !client.may_target(session.audience.as_deref()) {
            return Err(refresh::invalid().into());
        }
        session.scopes = grant::within_client(&client, &session.scopes);
    }
    let tokens = issue::tokens(app, &session, || refreshed.subject.read(), now)?;
    app.metrics.count_issued("refresh", tokens.alg());
    Ok(tokens)
}

//! Back-channel logout: clients are told that a session of theirs has ended (OpenID Connect
//! Back-Channel Logout 1.0).
//!
//! Delivers the outbox that `identity::logout_notices` fills: a slow client delays only itself, and a
//! crash loses no notice.

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::json;

use crate::app::App;
use crate::base::{TimeSpan, Timestamp};
use crate::domain::audit::{Event, EventKind, Origin};
use crate::domain::claims::{LogoutClaims, TokenType};
use crate::domain::client::Client;
use crate::domain::outcome::Fault;
use crate::store::audit;
use crate::store::logout_notices::{self, Notice};

/// How many are delivered at a time.
const BATCH: i64 = 16;
/// How often one is tried: with the pauses below that is about a day.
const MAX_TRIES: i64 = 9;
/// How long whoever takes a notice has for it before somebody else may.
const TURN: TimeSpan = TimeSpan::from_secs(60);
/// How long a logout token is good (Back-Channel Logout §2.4: keep it short).
const LIFE: TimeSpan = TimeSpan::from_mins(2);
/// The event of a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Delivers what is due.
///
/// # Errors
/// When the database cannot be read or written; what was taken is tried again later.
pub async fn deliver(app: &App) -> Result<(), Fault> {
    loop {
        let now = app.now();
        if !logout_notices::any_due(&mut app.db.reader().await?, now).await? {
            return Ok(());
        }
        let mut tx = app.db.begin().await?;
        let taken = logout_notices::take(&mut tx, now, now + TURN, BATCH).await?;
        tx.commit().await?;
        if taken.is_empty() {
            return Ok(());
        }
        let mut under_way: FuturesUnordered<_> = taken
            .iter()
            .map(|notice| async move { (notice, post(app, notice, now).await) })
            .collect();
        while let Some((notice, delivered)) = under_way.next().await {
            record_delivery(app, notice, delivered, now).await?;
        }
    }
}

/// Sends one notice.
async fn post(app: &App, notice: &Notice, now: Timestamp) -> Result<(), String> {
    // A client that is gone, or does not want to be told any more, has been told.
    let Some(client) = app.client(&notice.client_id) else { return Ok(()) };
    let Some(uri) = &client.metadata.backchannel_logout_uri else { return Ok(()) };
    let token = logout_token(app, &client, notice, now).map_err(|fault| fault.to_string())?;
    app.http_client.post_form(uri, &[("logout_token", &token)]).await
}

fn logout_token(
    app: &App,
    client: &Client,
    notice: &Notice,
    now: Timestamp,
) -> Result<String, Fault> {
    let claims = LogoutClaims {
        iss: app.issuer(),
        sub: notice.user_id.to_string(),
        aud: &client.client_id,
        iat: now.secs(),
        exp: (now + LIFE).secs(),
        jti: notice.id.to_string(),
        sid: notice.session_id.to_string(),
        events: json!({ EVENT: {} }),
    };
    let keyring = app.keyring();
    let signer = keyring.signer(client.metadata.id_token_alg);
    let signer = signer.ok_or_else(|| Fault::internal("there is no key for logout tokens"))?;
    signer.sign(TokenType::LogoutJwt, &claims)
}

async fn record_delivery(
    app: &App,
    notice: &Notice,
    delivered: Result<(), String>,
    now: Timestamp,
) -> Result<(), Fault> {
    let mut tx = app.db.begin().await?;
    match delivered {
        Ok(()) => drop(logout_notices::remove(&mut tx, notice.id).await?),
        Err(why) if notice.tries >= MAX_TRIES => {
            tracing::warn!(client_id = notice.client_id, why, "a client was not told of a log-out");
            logout_notices::remove(&mut tx, notice.id).await?;
            let event = Event::new(EventKind::LogoutNoticeFailed)
                .about(notice.user_id)
                .in_session(notice.session_id)
                .detail(&*notice.client_id);
            audit::record(&mut tx, &event, &Origin::system(), now, &*app.entropy).await?;
        }
        Err(why) => {
            tracing::info!(client_id = notice.client_id, why, "telling of a log-out failed");
            logout_notices::put_off(&mut tx, notice.id, now + pause(notice.tries)).await?;
        }
    }
    tx.commit().await
}

/// The pause after the try of this number: five seconds, then four times as long each time.
fn pause(tries: i64) -> TimeSpan {
    let exponent = u32::try_from(tries.clamp(1, 8) - 1).unwrap_or(0);
    TimeSpan::from_secs(5 * 4_i64.pow(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_about_a_day_in_all() {
        assert_eq!(pause(1), TimeSpan::from_secs(5));
        assert_eq!(pause(2), TimeSpan::from_secs(20));
        assert_eq!(pause(100), pause(8));
        let all: i64 = (1..MAX_TRIES).map(|tries| pause(tries).secs()).sum();
        assert!((20 * 3600..40 * 3600).contains(&all), "{all}");
    }
}

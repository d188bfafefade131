//! Logging in at Signet's own pages, for every client at once.
//!
//! Owns the cookie's life: its value changes with every authentication, and the one before is dead on
//! the server. What a client gets of it is the authorization endpoint's.

use crate::app::App;
use crate::base::id::BrowserId;
use crate::base::opaque_token::{self, BROWSER_SESSION};
use crate::base::{Secret, Timestamp};
use crate::crypto::digest::token_hash;
use crate::crypto::password::Lane;
use crate::domain::audit::{Event, EventKind, Origin};
use crate::domain::browser_session::BrowserSession;
use crate::domain::outcome::{Failure, Fault};
use crate::domain::password::Password;
use crate::domain::session::EndReason;
use crate::domain::user_agent::Device;
use crate::metrics::Metrics;
use crate::store::browser_sessions::Found;
use crate::store::sessions;
use crate::store::{Tx, audit, browser_sessions, commit_unless_failed};

use super::authenticate::{AuthenticatedUser, authenticate_user, invalid_credentials};
use super::{lockout, logout_notices};

/// The cookies of a browser.
#[derive(Debug, Clone, Default)]
pub struct BrowserCookies {
    /// What tells this browser from every other, logged in or not.
    pub browser: String,
    /// The log-in, if there is one.
    pub session: Option<String>,
}

/// Who is logged in with this cookie, and what they have allowed `client_id` at `audience`.
///
/// # Errors
/// When the database cannot be read.
pub async fn current_login(
    app: &App,
    cookies: &BrowserCookies,
    client_id: &str,
    audience: Option<&str>,
    now: Timestamp,
) -> Result<Option<Found>, Fault> {
    let Some(cookie) = &cookies.session else { return Ok(None) };
    if !opaque_token::is_well_formed(opaque_token::BROWSER_SESSION, cookie) {
        return Ok(None);
    }
    let mut reader = app.db.reader().await?;
    let found =
        browser_sessions::find(&mut reader, &token_hash(cookie), client_id, audience).await?;
    Ok(found.filter(|found| found.browser.is_live(&found.user, now)))
}

/// What somebody types into the page.
pub struct Typed {
    /// The login.
    pub login: String,
    /// The password.
    pub password: Password,
}

/// Checks the password and logs the person in in this browser; the value of the new cookie.
///
/// # Errors
/// `invalid_credentials`, too many attempts; unavailable when hashing or storage cannot keep up.
pub async fn sign_in(
    app: App,
    typed: Typed,
    visitor: BrowserCookies,
    origin: Origin,
    device: Device,
    now: Timestamp,
) -> Result<Secret<String>, Failure> {
    let lane = lane(&app, &visitor, &origin, now).await?;
    let proved = authenticate_user(&app, lane, &typed.login, typed.password, &origin, now).await?;
    let cookie = opaque_token::generate(BROWSER_SESSION, &*app.entropy);
    let mut tx = app.db.begin().await?;
    let outcome = accept(&app, &mut tx, &proved, &visitor, &cookie, &origin, &device, now).await;
    commit_unless_failed(tx, outcome).await?;
    proved.forgive_address(&app, now);
    Metrics::count(&app.metrics.logins, "ok");
    Ok(Secret::new(cookie))
}

/// A browser in which somebody is logged in is known wherever it is.
async fn lane(
    app: &App,
    visitor: &BrowserCookies,
    origin: &Origin,
    now: Timestamp,
) -> Result<Lane, Failure> {
    let lane = lockout::lane(app, origin.address, now).await?;
    if lane == Lane::Stranger && current_login(app, visitor, "", None, now).await?.is_some() {
        return Ok(Lane::Known);
    }
    Ok(lane)
}

#[expect(clippy::too_many_arguments, reason = "one transaction of one use case, called once")]
async fn accept(
    app: &App,
    tx: &mut Tx,
    proved: &AuthenticatedUser,
    visitor: &BrowserCookies,
    cookie: &str,
    origin: &Origin,
    device: &Device,
    now: Timestamp,
) -> Result<(), Failure> {
    proved.forgive(app, tx, now).await?;
    let user = &proved.user;
    let before = match &visitor.session {
        Some(before) => browser_sessions::find(tx, &token_hash(before), "", None).await?,
        None => None,
    };
    let before = before.filter(|found| found.browser.is_live(&found.user, now));
    let mut browser = BrowserSession {
        id: BrowserId::new(now, &*app.entropy),
        user_id: user.id,
        user_epoch: user.session_epoch,
        auth_time: now,
        expires_at: now + app.config.browser_session_ttl,
        ended_at: None,
    };
    let hash = token_hash(cookie);
    let begun = match before {
        // The same person again: what clients got hangs on the log-in and goes on.
        Some(found) if found.user.id == user.id => {
            browser.id = found.browser.id;
            browser_sessions::renew(tx, &browser, &hash).await?
        }
        other => {
            if let Some(found) = other {
                end_browser(app, tx, found.browser.id, origin, now).await?;
            }
            browser_sessions::begin(tx, &browser, &hash, device).await?
        }
    };
    if !begun {
        // Disabled, deleted or given a new password while the hash was computed.
        return Err(invalid_credentials().into());
    }
    let event = Event::new(EventKind::LoginSucceeded).about(user.id).detail("browser");
    audit::record(tx, &event, origin, now, &*app.entropy).await?;
    proved.rehash(tx).await?;
    Ok(())
}

/// Logs the person out in this browser, if anybody is logged in.
///
/// # Errors
/// Unavailable when it cannot be made durable.
pub async fn sign_out(
    app: App,
    visitor: BrowserCookies,
    origin: Origin,
    now: Timestamp,
) -> Result<(), Failure> {
    let Some(found) = current_login(&app, &visitor, "", None, now).await? else {
        return Ok(());
    };
    let origin = Origin { actor: Some(found.user.id), ..origin };
    let mut tx = app.db.begin().await?;
    let ended = end_browser(&app, &mut tx, found.browser.id, &origin, now).await;
    commit_unless_failed(tx, ended.map(drop).map_err(Failure::from)).await
}

/// Ends a log-in at our pages and the sessions that hang on it. False when it had ended before.
///
/// # Errors
/// When the database cannot be written.
pub async fn end_browser(
    app: &App,
    tx: &mut Tx,
    browser: BrowserId,
    origin: &Origin,
    now: Timestamp,
) -> Result<bool, Fault> {
    let Some(user) = browser_sessions::end(tx, browser, now).await? else { return Ok(false) };
    let ended = sessions::revoke_of_browser(tx, browser, EndReason::Logout, now).await?;
    logout_notices::tell(app, tx, &ended, now).await?;
    let event = Event::new(EventKind::SessionEnded).about(user).detail("browser");
    audit::record(tx, &event, origin, now, &*app.entropy).await?;
    Ok(true)
}

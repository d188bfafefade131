//! The user who is signed in in a browser, by the cookies of a request.
//!
//! Owns when a session cookie is valid.

use crate::app::App;
use crate::base::Timestamp;
use crate::base::opaque_token::{self, TokenHash};
use crate::crypto::digest::token_hash;
use crate::domain::browser_session::BrowserSession;
use crate::domain::outcome::Fault;
use crate::domain::user::User;
use crate::store::browser_sessions::{self, Consented};

/// The cookies of a browser.
#[derive(Debug, Clone, Default)]
pub struct BrowserCookies {
    /// The value that identifies this browser, with or without a sign-in.
    pub browser: String,
    /// The log-in, if there is one.
    pub session: Option<String>,
}

/// The user who is signed in in this browser.
///
/// Only [`current_login`] and [`current_login_for`] create one.
#[derive(Debug, Clone)]
pub struct CurrentLogin {
    /// The user as currently stored.
    pub user: User,
    /// The sign-in.
    pub browser: BrowserSession,
    /// The consent for the named client, if any.
    pub consented: Option<Consented>,
}

/// The user who is signed in in this browser.
///
/// # Errors
/// When the database cannot be read.
pub async fn current_login(
    app: &App,
    cookies: &BrowserCookies,
    now: Timestamp,
) -> Result<Option<CurrentLogin>, Fault> {
    current_login_for(app, cookies, ("", None), now).await
}

/// The same, with the user's consent for a client and an audience.
///
/// # Errors
/// When the database cannot be read.
pub async fn current_login_for(
    app: &App,
    cookies: &BrowserCookies,
    (client_id, audience): (&str, Option<&str>),
    now: Timestamp,
) -> Result<Option<CurrentLogin>, Fault> {
    let Some(cookie) = &cookies.session else { return Ok(None) };
    if !opaque_token::is_well_formed(opaque_token::BROWSER_SESSION, cookie) {
        return Ok(None);
    }
    let mut reader = app.db.reader().await?;
    let hash = session_hash(app, cookie, &cookies.browser);
    let found = browser_sessions::find(&mut reader, &hash, client_id, audience).await?;
    let found = found.filter(|found| found.browser.is_live(&found.user, now));
    Ok(found.map(|found| CurrentLogin {
        user: found.user,
        browser: found.browser,
        consented: found.consented,
    }))
}

/// The stored hash of a session cookie.
///
/// Below a path that cookie cannot have the prefix `__Host-`, so another host of the domain can set it. It is only
/// valid together with the browser cookie with which it was issued, which has the prefix, so that an attacker
/// cannot plant their own session in a user's browser.
pub(super) fn session_hash(app: &App, cookie: &str, browser: &str) -> TokenHash {
    if app.base_path.is_root() {
        return token_hash(cookie);
    }
    token_hash(&format!("{cookie}.{browser}"))
}

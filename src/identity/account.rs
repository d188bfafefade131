//! The account page: sessions, consents, and ending them.
//!
//! Profile and password have the same use cases as at `/v1`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use uuid::Uuid;

use crate::app::App;
use crate::base::id::{BrowserId, SessionId};
use crate::base::opaque_token::{self, BROWSER_SESSION, TokenHash};
use crate::base::{Secret, Timestamp};
use crate::crypto::digest::constant_time_eq;
use crate::domain::audit::{Event, EventKind};
use crate::domain::browser_session::BrowserSession;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::request_info::RequestInfo;
use crate::domain::session::{EndReason, Listed, SessionFilter};
use crate::domain::user_agent::Device;
use crate::store::consents::Consent;
use crate::store::sessions::end::{self, Ending};
use crate::store::{
    authorization_codes, browser_sessions, consents, device_codes, factors, recovery_codes,
    sessions, users,
};

use super::api_keys::{self, ListedKey};
use super::browser_login::{self, SignedInBrowser};
use super::current_login::{BrowserCookies, CurrentLogin, session_hash};
use super::logout_notices::{self, Fate, everything_of};
use super::write_limit::UserWrite;

/// The data of the account page.
pub struct Overview {
    /// Sign-ins at the pages, newest first.
    pub browsers: Page<(BrowserSession, Device)>,
    /// Sessions of clients, and of the built-in one, newest first.
    pub sessions: Page<Listed>,
    /// The consents.
    pub consents: Vec<Consent>,
    /// The number of unused recovery codes, if a second factor is enrolled.
    pub recovery_codes: Option<i64>,
    /// The API keys, newest first.
    pub keys: Vec<ListedKey>,
}

/// A new cookie for the sign-in in this browser with the same expiry, and its stored hash.
#[must_use]
pub fn another_cookie(
    app: &App,
    here: &CurrentLogin,
    cookies: &BrowserCookies,
    now: Timestamp,
) -> (SignedInBrowser, TokenHash) {
    let cookie = opaque_token::generate(BROWSER_SESSION, &*app.entropy);
    let hash = session_hash(app, &cookie, &cookies.browser);
    let BrowserSession { expires_at, persistent, .. } = here.browser;
    let stays = app.config.browser_session_persistent.outlives_browser(persistent);
    let kept_for = stays.then(|| expires_at - now);
    (SignedInBrowser { cookie: Secret::new(cookie), kept_for, recovery_codes: Vec::new() }, hash)
}

/// The CSRF token of the account page. It is bound to the sign-in, so that no other page can create one, and
/// invalid after its end.
#[must_use]
pub fn token(app: &App, cookies: &BrowserCookies) -> String {
    let session = cookies.session.as_deref().unwrap_or_default();
    URL_SAFE_NO_PAD.encode(app.pseudonyms.of("account/form", &[session.as_bytes()]))
}

/// Whether `text` is that token.
#[must_use]
pub fn is_token(app: &App, cookies: &BrowserCookies, text: &str) -> bool {
    cookies.session.is_some() && constant_time_eq(token(app, cookies).as_bytes(), text.as_bytes())
}

/// The part of a list that the account page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The rows after this one; `None` starts with the newest.
    From(Option<Uuid>),
    /// Nothing: all rows were on earlier pages.
    Seen,
}

/// The parts of its lists that the account page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// The part of the sign-ins at Signet's pages.
    pub browsers: Part,
    /// The part of the sessions of applications.
    pub sessions: Part,
}

impl Default for Shown {
    fn default() -> Self {
        Self { browsers: Part::From(None), sessions: Part::From(None) }
    }
}

/// The most rows of each list on one account page.
const ON_A_PAGE: i64 = 50;

/// The data of the account page.
///
/// # Errors
/// Only faults.
pub async fn overview(
    app: App,
    here: CurrentLogin,
    shown: Shown,
    now: Timestamp,
) -> Result<Overview, Failure> {
    let user = here.user.id;
    let keys = api_keys::list(app.clone(), user, now).await?;
    let mut reader = app.db.reader().await?;
    let mut consents = consents::of_user(&mut reader, user).await?;
    consents.retain(|consent| {
        let client = app.client(&consent.client_id);
        let audience = app.audience_given_at(consent.audience.as_deref(), consent.updated_at);
        audience.is_some() && client.is_some_and(|client| client.owned_name_at(consent.updated_at))
    });
    let has_factors = !factors::of_user(&mut reader, user).await?.is_empty();
    let recovery_codes =
        if has_factors { Some(recovery_codes::left(&mut reader, user).await?) } else { None };
    Ok(Overview {
        keys,
        recovery_codes,
        browsers: match shown.browsers {
            Part::From(after) => {
                let request = PageRequest { after, limit: ON_A_PAGE };
                let filter = SessionFilter::of_user(user);
                browser_sessions::list::page(&mut reader, &filter, request, now).await?
            }
            Part::Seen => Page { data: Vec::new(), next: None },
        },
        sessions: match shown.sessions {
            Part::From(after) => {
                let request = PageRequest { after, limit: ON_A_PAGE };
                let filter = SessionFilter::of_user(user);
                sessions::list::page(&mut reader, &filter, request, now).await?
            }
            Part::Seen => Page { data: Vec::new(), next: None },
        },
        consents,
    })
}

/// Ends one session or sign-in of the account. Those of other accounts are not distinguished from unknown ones.
///
/// # Errors
/// `not_found`.
pub async fn end_one(
    app: App,
    here: CurrentLogin,
    id: String,
    info: RequestInfo,
) -> Result<(), Failure> {
    let now = info.now;
    let not_found = || Refusal::new(Code::NotFound, "There is no such session.");
    let id: SessionId = id.parse().map_err(|_| not_found())?;
    let user = here.user.id;
    app.transaction(&info, async |tx| {
        let browser = BrowserId::from_uuid(id.uuid());
        if browser_sessions::is_of(tx, browser, user).await? {
            browser_login::end_browser(tx, browser).await?;
            return Ok(());
        }
        let found = sessions::with_user(tx, id).await?;
        let (session, _) = found.filter(|(_, owner)| owner.id == user).ok_or_else(not_found)?;
        let ended = tx.end_session(session.id, Ending::of(EndReason::EndedByUser)).await?;
        logout_notices::tell(&app, tx, ended.as_slice(), now).await?;
        Ok(())
    })
    .await
}

/// Ends all sessions of the account except this browser's sign-in, whose cookie is replaced, so that an attacker
/// with the previous cookie is signed out as well.
///
/// # Errors
/// `not_found` if this sign-in has ended in the meantime; too many writes.
pub async fn end_others(
    app: App,
    here: CurrentLogin,
    cookie: TokenHash,
    info: RequestInfo,
) -> Result<(), Failure> {
    let now = info.now;
    let gone = || Refusal::new(Code::NotFound, "You were logged out in the meantime.");
    let user = here.user.id;
    UserWrite::new(&app).take(&here.user)?;
    app.transaction(&info, async |tx| {
        let everything = everything_of(tx, user, Fate::Stays).await?.ok_or_else(gone)?;
        let epoch = users::raise_epoch(tx, user, now).await?.ok_or_else(gone)?;
        let (id, epochs) = (here.browser.id, (epoch - 1, epoch));
        if !browser_sessions::carry_over(tx, id, epochs, Some(&cookie)).await? {
            return Err(gone().into());
        }
        everything.ended(tx, None).await?;
        tx.record(&Event::new(EventKind::SessionsEnded).about(user).detail("others")).await?;
        Ok(())
    })
    .await
}

/// Withdraws the consent of a client and ends its sessions.
///
/// # Errors
/// `not_found` when there is no consent; too many writes.
pub async fn remove_app(
    app: App,
    here: CurrentLogin,
    client_id: String,
    info: RequestInfo,
) -> Result<(), Failure> {
    let now = info.now;
    let user = here.user.id;
    UserWrite::new(&app).take(&here.user)?;
    app.transaction(&info, async |tx| {
        // Codes first, because one may be redeemed concurrently.
        authorization_codes::void(tx, user, now).await?;
        device_codes::void(tx, user, &client_id).await?;
        let forgot = consents::forget(tx, user, &client_id).await?;
        let reason = EndReason::ConsentRevoked;
        let (inner, context) = tx.for_ending();
        let ended = end::end_sessions_of_client(inner, user, &client_id, reason, &context).await?;
        if !forgot && ended.is_empty() {
            let message = "This application has no access.";
            return Err(Refusal::new(Code::NotFound, message).into());
        }
        logout_notices::tell(&app, tx, &ended, now).await?;
        tx.record(&Event::new(EventKind::ConsentRevoked).about(user).detail(&*client_id)).await?;
        Ok(())
    })
    .await
}

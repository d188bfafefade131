//! Logging in at Signet's own pages, for every client at once.
//!
//! Owns the cookie: its value changes with every authentication, and the server no longer accepts the previous one.

use serde::{Deserialize, Serialize};

use crate::app::{App, AuditedTx};
use crate::base::id::BrowserId;
use crate::base::opaque_token::{self, BROWSER_SESSION};
use crate::base::{Secret, TimeSpan, Timestamp};
use crate::crypto::password::Lane;
use crate::crypto::webauthn::AssertionResponse;
use crate::domain::audit::{Event, EventKind};
use crate::domain::authn::{Authentication, Demand};
use crate::domain::browser_session::BrowserSession;
use crate::domain::outcome::{Failure, Fault};
use crate::domain::password::Password;
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::request_info::RequestInfo;
use crate::domain::session::EndReason;
use crate::store::browser_sessions;
use crate::store::sessions::end::{self, Ending, OfBrowser};

use super::admission::{self, Admission};
use super::authenticate::authenticate_user;
use super::authentication::{
    Begun, Channel, Completed, Continuation, Entry, IssuedChallenge, PasskeyChallenge,
    PasskeySignIn, PendingAuthentication, Waiting,
};
use super::browser_limit;
use super::browser_step_up::step_up;
use super::current_login::{BrowserCookies, current_login, session_hash};
use super::logout_notices;

/// The place in audit events.
pub(super) const PLACE: &str = "browser";

/// The entries of the sign-in page.
pub struct Typed {
    /// The login.
    pub login: String,
    /// The password.
    pub password: Password,
    /// Whether the sign-in outlives the browser.
    pub stay: bool,
    /// The requirements on the sign-in besides those of the account.
    pub demand: Demand,
}

/// The response of a passkey in a sign-in at the pages.
pub struct PasskeyAnswer {
    /// The sealed sign-in.
    pub challenge: String,
    /// The assertion.
    pub response: AssertionResponse,
    /// Whether the sign-in outlives the browser.
    pub stay: bool,
}

/// The outcome of a sign-in at the pages.
pub enum SignInOutcome {
    /// The user is signed in in this browser.
    SignedIn(SignedInBrowser),
    /// Another step is required.
    Pending(IssuedChallenge),
}

/// A browser in which a user is signed in.
pub struct SignedInBrowser {
    /// The value of the new cookie.
    pub cookie: Secret<String>,
    /// How long the browser keeps it; `None` until it is closed.
    pub kept_for: Option<TimeSpan>,
    /// New recovery codes, if the user has enrolled the first factor in this sign-in.
    pub recovery_codes: Vec<RecoveryCode>,
}

/// The purpose of an authentication at the pages.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum BrowserPurpose {
    /// A sign-in that may outlive the browser.
    Stay {
        /// Always true; distinguishes the serialised forms.
        stay: bool,
    },
    /// A step-up of this sign-in; without one, a sign-in until the browser is closed.
    StepUp(Option<BrowserId>),
}

/// An authentication at the pages.
pub(super) type Pending = PendingAuthentication<BrowserPurpose>;

/// Checks the password and signs the user in in this browser, unless another step is missing.
///
/// # Errors
/// `invalid_credentials`, too many attempts; unavailable when hashing or storage cannot keep up.
pub async fn sign_in(
    app: App,
    typed: Typed,
    cookies: BrowserCookies,
    info: RequestInfo,
) -> Result<SignInOutcome, Failure> {
    let purpose = BrowserPurpose::sign_in(typed.stay);
    let admission = admission(&app, &cookies, &info).await?;
    let authenticated =
        authenticate_user(&app, admission, &typed.login, typed.password, &info).await?;
    // Further requirements of a request and its client are met by a step-up, before the request gets its response.
    match authenticated.proceed(&app, &typed.demand, &info).await? {
        Begun::Completed(completed) => open(&app, (&completed, purpose), &cookies, &info).await,
        Begun::Pending(first) => {
            app.transaction(&info, async |tx| Ok(first.record(tx, Some(PLACE)).await?)).await?;
            let pending = Pending::begin(&app, first.progress, purpose, info.now);
            let channel = Channel::Browser(&cookies.browser);
            let challenge = pending.issue(&app, channel, first.step, &info).await?;
            Ok(SignInOutcome::Pending(challenge))
        }
    }
}

/// Performs the next step of a sign-in; the last one completes it in this browser.
///
/// # Errors
/// `challenge_invalid`, and errors of the entry; too many attempts; unavailable when hashing or storage
/// cannot keep up.
pub async fn continue_sign_in(
    app: App,
    (challenge, entry): (String, Entry),
    cookies: BrowserCookies,
    info: RequestInfo,
) -> Result<SignInOutcome, Failure> {
    let channel = Channel::Browser(&cookies.browser);
    let pending = Pending::open(&app, &challenge, channel, info.now)?;
    let purpose = pending.purpose;
    match pending.advance(&app, channel, entry, &info).await? {
        Continuation::Completed(completed) => {
            open(&app, (&completed, purpose), &cookies, &info).await
        }
        Continuation::Pending(challenge) => Ok(SignInOutcome::Pending(challenge)),
    }
}

/// The challenge for a sign-in with a passkey in this browser; `None` if passkeys are off. It contains no user and
/// is not stored.
///
/// # Errors
/// Only faults of the crypto library.
pub fn begin_with_passkey(
    app: &App,
    cookies: &BrowserCookies,
    now: Timestamp,
) -> Result<Option<PasskeyChallenge>, Failure> {
    if app.relying_party.is_none() {
        return Ok(None);
    }
    let purpose = BrowserPurpose::sign_in(false);
    PasskeySignIn::begin(app, Channel::Browser(&cookies.browser), purpose, now).map(Some)
}

/// Signs in the user whose passkey has signed the challenge, unless another step is needed.
///
/// # Errors
/// `challenge_invalid`; `mfa_failed`; `feature_disabled`; too many attempts.
pub async fn sign_in_with_passkey(
    app: App,
    PasskeyAnswer { challenge, response, stay }: PasskeyAnswer,
    cookies: BrowserCookies,
    info: RequestInfo,
) -> Result<SignInOutcome, Failure> {
    let channel = Channel::Browser(&cookies.browser);
    let mut pending = PasskeySignIn::<BrowserPurpose>::open(&app, &challenge, channel, info.now)?;
    // Only known now, because the challenge is on the same page as the tick box.
    let purpose = BrowserPurpose::sign_in(stay);
    pending.purpose = purpose;
    // Further requirements of a request and its client are met by a step-up, before the request gets its response.
    let asserted = (response, &Demand::default());
    match pending.advance(&app, channel, asserted, &info).await? {
        Continuation::Completed(completed) => {
            open(&app, (&completed, purpose), &cookies, &info).await
        }
        Continuation::Pending(challenge) => Ok(SignInOutcome::Pending(challenge)),
    }
}

/// The state of a pending sign-in in this browser.
///
/// # Errors
/// `challenge_invalid`; faults.
pub async fn waiting(
    app: App,
    challenge: String,
    cookies: BrowserCookies,
    now: Timestamp,
) -> Result<Waiting, Failure> {
    let channel = Channel::Browser(&cookies.browser);
    Pending::open(&app, &challenge, channel, now)?.waiting(&app, channel, now).await
}

impl BrowserPurpose {
    const fn sign_in(stay: bool) -> Self {
        if stay { Self::Stay { stay } } else { Self::StepUp(None) }
    }
}

async fn open(
    app: &App,
    (completed, purpose): (&Completed, BrowserPurpose),
    cookies: &BrowserCookies,
    info: &RequestInfo,
) -> Result<SignInOutcome, Failure> {
    let cookie = opaque_token::generate(BROWSER_SESSION, &*app.entropy);
    let persistent = app.config.browser_session_persistent;
    let work = app.transaction(info, async |tx| match purpose {
        BrowserPurpose::StepUp(Some(browser)) => {
            step_up(tx, (completed, browser), cookies, &cookie).await
        }
        BrowserPurpose::StepUp(None) | BrowserPurpose::Stay { .. } => {
            let asked = matches!(purpose, BrowserPurpose::Stay { stay: true });
            let stays = persistent.outlives_browser(asked);
            accept(tx, (completed, stays), cookies, &cookie).await
        }
    });
    let BrowserSession { expires_at, persistent: stays, .. } = work.await?;
    // Also after a step-up on a server that no longer offers it.
    let kept_for = persistent.outlives_browser(stays).then(|| expires_at - info.now);
    app.count_login("ok");
    let recovery_codes = completed.recovery_codes.clone();
    let cookie = Secret::new(cookie);
    Ok(SignInOutcome::SignedIn(SignedInBrowser { cookie, kept_for, recovery_codes }))
}

/// The admission of a request. A browser with a live sign-in is known in any network.
async fn admission(
    app: &App,
    cookies: &BrowserCookies,
    info: &RequestInfo,
) -> Result<Admission, Failure> {
    let now = info.now;
    let admission = admission::of(app, info.address(), now).await?;
    if admission.lane == Lane::Stranger
        && let Some(found) = current_login(app, cookies, now).await?
    {
        return Ok(Admission::authenticated(found.user.id));
    }
    Ok(admission)
}

async fn accept(
    tx: &mut AuditedTx,
    (completed, persistent): (&Completed, bool),
    cookies: &BrowserCookies,
    cookie: &str,
) -> Result<BrowserSession, Failure> {
    let (app, info) = (tx.app(), tx.info());
    let now = info.now;
    let Authentication { auth_time, factors } = completed.authentication;
    let user = completed.enter(tx).await?;
    let before = match &cookies.session {
        Some(before) => {
            let hash = session_hash(&app, before, &cookies.browser);
            browser_sessions::find(tx, &hash, "", None).await?
        }
        None => None,
    };
    let before = before.filter(|found| found.browser.is_live(&found.user, now));
    let mut browser = BrowserSession {
        id: BrowserId::new(now, &*app.entropy),
        user_id: user.id,
        user_epoch: user.session_epoch,
        auth_time,
        factors,
        expires_at: now + app.config.browser_session_ttl,
        persistent,
        ended_at: None,
    };
    let hash = session_hash(&app, cookie, &cookies.browser);
    let begun = match before {
        // The same user again: the sessions of clients belong to the sign-in and continue.
        Some(found) if found.user.id == user.id => {
            browser.id = found.browser.id;
            browser_sessions::renew(tx, &browser, &hash).await?
        }
        other => {
            let begun = browser_limit::make_room(tx, &user).await?
                && browser_sessions::begin(tx, &browser, &hash, &info.device).await?;
            // A refusal is committed: it must not have ended the sign-in of the other user.
            if let Some(found) = other.filter(|_| begun) {
                end_browser(tx, found.browser.id).await?;
            }
            begun
        }
    };
    if !begun {
        // Disabled, deleted or given a new password while the hash was computed.
        return Err(completed.refuse(tx, "account_changed").await);
    }
    let event = Event::new(EventKind::LoginSucceeded).about(user.id).detail(PLACE);
    completed.settle(tx, &event).await?;
    Ok(browser)
}

/// Signs the user out in this browser, if one is signed in.
///
/// # Errors
/// Unavailable when it cannot be made durable.
pub async fn sign_out(app: App, cookies: BrowserCookies, info: RequestInfo) -> Result<(), Failure> {
    let Some(found) = current_login(&app, &cookies, info.now).await? else {
        return Ok(());
    };
    let info = info.by(found.user.id);
    app.transaction(&info, async |tx| {
        end_browser(tx, found.browser.id).await?;
        Ok(())
    })
    .await
}

/// Ends a sign-in at Signet's pages and the sessions that belong to it, except those that may continue without their
/// user (`offline_access`). The clients of both are notified (OpenID Connect Back-Channel Logout §2.7). False when
/// it had ended before.
///
/// # Errors
/// When the database cannot be written.
pub async fn end_browser(tx: &mut AuditedTx, browser: BrowserId) -> Result<bool, Fault> {
    end_browser_for(tx, browser, EndReason::Logout).await
}

/// The same for a reason other than a log-out.
pub(super) async fn end_browser_for(
    tx: &mut AuditedTx,
    browser: BrowserId,
    reason: EndReason,
) -> Result<bool, Fault> {
    let (app, now) = (tx.app(), tx.info().now);
    let Some(user) = browser_sessions::end(tx, browser, now).await? else { return Ok(false) };
    for OfBrowser { session, goes_on } in end::of_browser(tx, browser, now).await? {
        if goes_on {
            end::end_online_branches(tx, session.id, reason, now).await?;
        } else {
            tx.end_session(session.id, Ending::of(reason)).await?;
        }
        logout_notices::tell(&app, tx, &[session], now).await?;
    }
    let detail = match reason {
        EndReason::SessionLimit => "browser_session_limit",
        _ => "browser",
    };
    tx.record(&Event::new(EventKind::SessionEnded).about(user).detail(detail)).await?;
    Ok(true)
}

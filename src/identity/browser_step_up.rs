//! Step-up of a sign-in at the pages: further factors, or enrolment of a second factor.
//!
//! The sign-in keeps its identity.

use crate::app::{App, AuditedTx};
use crate::base::Timestamp;
use crate::base::id::BrowserId;
use crate::domain::audit::{Event, EventKind};
use crate::domain::authn::{Authentication, AuthnStep, Demand, Method, Refused};
use crate::domain::browser_session::BrowserSession;
use crate::domain::outcome::Failure;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;
use crate::store::browser_sessions::{self, Found};
use crate::store::users;

use super::authenticate::account_state;
use super::authentication::{
    Channel, Completed, IssuedChallenge, Progress, RemainingStep, challenge_invalid,
};
use super::browser_login::{BrowserPurpose, PLACE, Pending};
use super::current_login::{BrowserCookies, CurrentLogin, session_hash};
use super::totp_enrolment::TotpSetup;

/// The enrolment of a second factor that a sign-in at the pages requires.
pub struct Enrolment {
    /// The user.
    pub user: User,
    /// Whether it may be postponed.
    pub may_skip: bool,
}

/// The enrolment for which a challenge was issued.
///
/// # Errors
/// `challenge_invalid`; `validation_failed` when the next step is another one; faults.
pub async fn enrolment(
    app: App,
    challenge: String,
    cookies: BrowserCookies,
    info: RequestInfo,
) -> Result<Enrolment, Failure> {
    let channel = Channel::Browser(&cookies.browser);
    let pending = Pending::open(&app, &challenge, channel, info.now)?;
    let (user, may_skip) = pending.enrolling(&app, &info).await?;
    Ok(Enrolment { user, may_skip })
}

/// A TOTP secret for the enrolment for which a challenge was issued.
///
/// # Errors
/// As [`enrolment`].
pub async fn begin_enrolment(
    app: App,
    challenge: String,
    cookies: BrowserCookies,
    info: RequestInfo,
) -> Result<TotpSetup, Failure> {
    let channel = Channel::Browser(&cookies.browser);
    let pending = Pending::open(&app, &challenge, channel, info.now)?;
    pending.begin_totp(&app, &info).await
}

/// Whether the mailed code of a challenge was sent.
///
/// # Errors
/// `challenge_invalid`; faults.
pub async fn has_sent_code(
    app: App,
    challenge: String,
    cookies: BrowserCookies,
    now: Timestamp,
) -> Result<bool, Failure> {
    let channel = Channel::Browser(&cookies.browser);
    let pending = Pending::open(&app, &challenge, channel, now)?;
    Ok(pending.has_sent_code(&app, channel, now).await?)
}

/// Sends the mailed code of a challenge; an earlier one becomes invalid.
///
/// # Errors
/// `challenge_invalid`; `validation_failed` when the next step is another one; too many mails;
/// unavailable when too many mails wait.
pub async fn send_code(
    app: App,
    challenge: String,
    cookies: BrowserCookies,
    info: RequestInfo,
) -> Result<(), Failure> {
    let channel = Channel::Browser(&cookies.browser);
    let pending = Pending::open(&app, &challenge, channel, info.now)?;
    pending.send_code(&app, channel, &info).await
}

/// The remaining steps of a sign-in at the pages.
pub enum Lacking {
    /// None that the user could complete.
    Nothing,
    /// A step.
    Step(IssuedChallenge),
    /// A new sign-in, because the current one is too old.
    SignIn,
    /// A factor that the account does not have, without which the request fails.
    Unmet,
}

/// The steps that a sign-in needs to meet `demand` and the policy. A sufficient sign-in costs no statement.
/// An enrolment that can be postponed is only offered at the sign-in.
///
/// # Errors
/// When the database cannot be read.
pub async fn lacking(
    app: &App,
    current: &CurrentLogin,
    demand: Demand,
    cookies: &BrowserCookies,
    now: Timestamp,
) -> Result<Lacking, Failure> {
    let CurrentLogin { user, browser, .. } = current;
    let factors = browser.authentication().factors();
    let requirements = app.config.second_factor.requirements(user.role, &demand);
    if factors.acr() >= requirements.level() {
        return Ok(Lacking::Nothing);
    }
    let credential = users::credential_of(&mut app.db.reader().await?, user.id).await?;
    let credential = credential.ok_or_else(challenge_invalid)?;
    let progress = Progress::step_up(user, browser.user_epoch, factors, demand);
    let account = account_state(&credential);
    let step = match progress.next_step(app, (&credential.user, &account), now) {
        AuthnStep::Done(_) | AuthnStep::Enrol { may_skip: true } => return Ok(Lacking::Nothing),
        AuthnStep::Refuse(Refused::UnmetRequirements) => return Ok(Lacking::Unmet),
        AuthnStep::Refuse(Refused::AccountChanged) => return Err(challenge_invalid().into()),
        AuthnStep::Authenticate(methods) if methods.contains(&Method::Password) => {
            return Ok(Lacking::SignIn);
        }
        AuthnStep::Authenticate(methods) => RemainingStep::Factor(methods),
        AuthnStep::ChangePassword => RemainingStep::NewPassword,
        AuthnStep::Enrol { may_skip } => RemainingStep::Enrol { may_skip },
    };
    // A GET request sends no mail: the page of the mailed code asks first.
    let pending = Pending::begin(app, progress, BrowserPurpose::StepUp(Some(browser.id)), now);
    Ok(Lacking::Step(pending.seal(app, Channel::Browser(&cookies.browser), step, now)?))
}

/// Raises the level of the sign-in in this browser, without changing its expiry.
pub(super) async fn step_up(
    tx: &mut AuditedTx,
    (completed, stepped_up): (&Completed, BrowserId),
    cookies: &BrowserCookies,
    cookie: &str,
) -> Result<BrowserSession, Failure> {
    let (app, now) = (tx.app(), tx.info().now);
    let Authentication { auth_time, factors } = completed.authentication;
    let user = completed.enter(tx).await?;
    let before = match &cookies.session {
        Some(before) => {
            let hash = session_hash(&app, before, &cookies.browser);
            browser_sessions::find(tx, &hash, "", None).await?
        }
        None => None,
    };
    // Not if the user has signed out, or signed in again, in the meantime.
    let here = before
        .filter(|found| found.browser.id == stepped_up && found.browser.is_live(&found.user, now));
    let Some(Found { browser, .. }) = here else {
        return Err(completed.refuse(tx, "browser_signed_out").await);
    };
    let user_epoch = user.session_epoch;
    let raised = BrowserSession { auth_time, factors, user_epoch, ..browser };
    let hash = session_hash(&app, cookie, &cookies.browser);
    if !browser_sessions::renew(tx, &raised, &hash).await? {
        return Err(completed.refuse(tx, "account_changed").await);
    }
    let event = Event::new(EventKind::LoginSteppedUp).about(user.id).detail(PLACE);
    completed.settle(tx, &event).await?;
    Ok(raised)
}

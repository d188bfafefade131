//! Audit events of failed sign-in attempts.
//!
//! Owns the pseudonym of the typed login, and the folding into rows. The typed text is never stored, because users
//! type passwords into the login field. Known and unknown logins leave the same trace.

use crate::app::App;
use crate::app::refusal_log::RefusedAttempt;
use crate::domain::audit::{Event, EventKind};
use crate::domain::authn::Method;
use crate::domain::failure_reason::{FailureReason, SealedReason};
use crate::domain::outcome::Fault;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;

use super::admission;

/// The stored length of the keyed hash, in bytes.
const LOGIN_REF: usize = 16;

/// The pseudonym of a login name: of its key, or of the typed text if it is not a login name.
pub fn login_ref(app: &App, key: &str) -> Vec<u8> {
    let mut pseudonym = app.pseudonyms.of("audit/login", &[key.as_bytes()]);
    pseudonym.truncate(LOGIN_REF);
    pseudonym
}

/// The event of a wrong password. Failures fold into one row per minute for each login, place, address and reason.
pub(super) fn wrong_password(
    app: &App,
    (key, place): (&str, Option<&str>),
    reason: SealedReason,
    info: &RequestInfo,
) -> Event {
    compared(app, EventKind::LoginFailed, (key, place), reason, info)
}

/// The event of an attempt without a comparison, because the account is closed to unknown networks. Folded in the
/// same way.
pub(super) fn closed(app: &App, (key, place): (&str, Option<&str>), info: &RequestInfo) -> Event {
    let reason = SealedReason::new(FailureReason::AccountFromStrangers);
    compared(app, EventKind::LoginThrottled, (key, place), reason, info)
}

fn compared(
    app: &App,
    kind: EventKind,
    (key, place): (&str, Option<&str>),
    reason: SealedReason,
    info: &RequestInfo,
) -> Event {
    let event = Event::new(kind).of_login(login_ref(app, key)).because(reason);
    let minute = info.now.secs().div_euclid(60).to_be_bytes();
    let address = info.address().map_or_else(String::new, |address| address.to_string());
    let reason = event.reason.map_or("", FailureReason::as_str);
    let mut parts: Vec<&[u8]> =
        vec![key.as_bytes(), address.as_bytes(), &minute, reason.as_bytes()];
    parts.extend(place.map(str::as_bytes));
    let fold = app.pseudonyms.of("audit/login.failed", &parts);
    event.folded(fold).by_methods([Method::Password.as_str()])
}

/// The event of a right password with a refused sign-in.
///
/// # Errors
/// When the stored login of the user cannot be read.
pub(super) fn refused(app: &App, user: &User, why: &str) -> Result<Event, Fault> {
    let login = user.login_name()?;
    let event = Event::new(EventKind::LoginRefused).about(user.id).detail(why);
    Ok(event.of_login(login_ref(app, login.key())))
}

/// Records an attempt that was refused because of earlier failures. The first refusal of a minute is written at
/// once, for each login and network; the others are counted in memory.
pub(super) async fn throttled(
    app: &App,
    key: Option<&str>,
    reason: FailureReason,
    info: &RequestInfo,
) {
    if note(app, EventKind::LoginThrottled, key, reason, info)
        && let Err(fault) = app.write_refusals().await
    {
        tracing::debug!(%fault, "a refused attempt is recorded later");
    }
}

/// Records an attempt that was refused because of the failures of its network, in a step without a login.
pub(super) fn network_throttled(app: &App, info: &RequestInfo) {
    let _ = note(app, EventKind::LoginThrottled, None, FailureReason::Address, info);
}

/// Records an attempt that was refused because of overload, in memory, so that the request itself writes nothing.
pub(super) fn shed(app: &App, reason: FailureReason, info: &RequestInfo) {
    let _ = note(app, EventKind::LoginShed, None, reason, info);
}

fn note(
    app: &App,
    kind: EventKind,
    key: Option<&str>,
    reason: FailureReason,
    info: &RequestInfo,
) -> bool {
    let mut event = Event::new(kind).because(SealedReason::new(reason));
    event.login_ref = key.map(|key| login_ref(app, key));
    event.sign_in.client_id.clone_from(&info.client_id);
    event.sign_in.browser = info.device.recognised();
    let minute = info.now.secs().div_euclid(60).to_be_bytes();
    let login_key = key.map(str::to_owned);
    let attempt = RefusedAttempt { event, login_key, origin: info.origin.clone(), at: info.now };
    app.refusal_log.note(attempt, |login, address| {
        let network = admission::spelt(address);
        let login = login.unwrap_or_default();
        let named = [u8::from(!login.is_empty())];
        let parts = [&named, login.as_bytes(), network.as_bytes(), &minute];
        app.pseudonyms.of(&format!("audit/{kind}/{reason}"), &parts)
    })
}

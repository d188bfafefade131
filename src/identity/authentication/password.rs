//! The step in which a user enters the password again, for a step-up.

use crate::app::App;
use crate::crypto::password::Slot;
use crate::domain::audit::{Event, EventKind};
use crate::domain::authn::Method;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::password::Password;
use crate::domain::request_info::RequestInfo;
use crate::identity::admission::Admission;
use crate::identity::authenticate::{Attempted, judge, turned_away};
use crate::identity::lockout;
use crate::store::users::Credential;

/// The place in audit events of a step-up.
pub(super) const PLACE: &str = "step_up";

/// Checks the password. The attempt stays counted until the last step. Returns whether it counts against the limit
/// of unknown networks.
///
/// # Errors
/// `mfa_failed` when it is wrong; too many attempts; unavailable when hashing or storage cannot keep up.
pub(super) async fn check(
    app: &App,
    mut slots: Vec<Slot>,
    credential: &Credential,
    typed: Password,
    info: &RequestInfo,
) -> Result<bool, Failure> {
    let user = &credential.user;
    let login = user.login_name()?;
    // An attacker with an access token must not be able to guess the password with it.
    let counted = lockout::count(app, login.key(), info, &mut slots).await?;
    let admission = Admission::authenticated(user.id);
    let slot = match slots.pop().map_or_else(|| admission.reserve(app), Ok) {
        Ok(slot) => slot,
        Err(refusal) => return Err(turned_away(app, counted, refusal).await),
    };
    let key = login.key();
    let attempted = Attempted { key, credential: Some(credential), counted, place: Some(PLACE) };
    let right = judge(app, slot, attempted, typed, info).await.map_err(wrong)?;
    let event = Event::new(EventKind::LoginFirstFactor).about(user.id).detail(PLACE);
    let event = event.by_methods([Method::Password.as_str()]);
    app.transaction(info, async |tx| Ok(right.first_of_several(tx, user, &event).await?)).await?;
    Ok(right.counts_everywhere())
}

/// The user is known here, so only the password can be wrong.
fn wrong(failure: Failure) -> Failure {
    match failure {
        Failure::Refused(refusal) if refusal.code == Code::InvalidCredentials => {
            Refusal::new(Code::MfaFailed, "The password is wrong.").into()
        }
        other => other,
    }
}

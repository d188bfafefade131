//! The displayed state of a pending authentication: its user, the step, and the options for a passkey.

use serde_json::Value;

use crate::app::App;
use crate::base::Timestamp;
use crate::domain::authn::{AuthnStep, Method};
use crate::domain::outcome::Failure;
use crate::domain::user::User;
use crate::identity::authenticate::account_state;
use crate::identity::passkey_options::options_of_user;

use super::{Progress, RemainingStep, SingleUse, challenge_invalid, read_anew};

/// The state of a pending authentication.
pub struct Waiting {
    /// Its user.
    pub user: User,
    /// The step.
    pub step: RemainingStep,
    /// The options for a passkey, if one is among the factors.
    pub public_key: Option<Value>,
}

/// The state of a pending authentication, with the options for a passkey, whose challenge is `challenge`. The
/// account is read again.
///
/// # Errors
/// `challenge_invalid` when it was used, or the account has changed; faults.
pub async fn waiting(
    app: &App,
    progress: &Progress,
    (challenge, single_use): (&str, Option<&SingleUse>),
    now: Timestamp,
) -> Result<Waiting, Failure> {
    let credential = read_anew(app, progress, single_use).await?;
    let account = account_state(&credential);
    let step = match progress.next_step(app, (&credential.user, &account), now) {
        AuthnStep::Authenticate(methods) => RemainingStep::Factor(methods),
        AuthnStep::ChangePassword => RemainingStep::NewPassword,
        AuthnStep::Enrol { may_skip } => RemainingStep::Enrol { may_skip },
        AuthnStep::Done(_) | AuthnStep::Refuse(_) => return Err(challenge_invalid().into()),
    };
    let asks_passkey =
        matches!(&step, RemainingStep::Factor(methods) if methods.contains(&Method::Passkey));
    let mut public_key = None;
    if asks_passkey && app.relying_party.is_some() {
        let mut reader = app.db.reader().await?;
        public_key = Some(options_of_user(app, &mut reader, progress.user, challenge).await?);
    }
    Ok(Waiting { user: credential.user, step, public_key })
}

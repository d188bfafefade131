//! The step in which a user enrols a second factor, if a policy requires one.

use crate::app::App;
use crate::domain::authn::AuthnStep;
use crate::domain::outcome::Failure;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;
use crate::identity::authenticate::account_state;
use crate::identity::totp_enrolment::{self, Confirmation, Enrolled, TotpSetup};
use crate::identity::write_limit::UserWrite;
use crate::store::users;

use super::{PendingAuthentication, another_entry, challenge_invalid, read_anew};

impl<A> PendingAuthentication<A> {
    /// The user, and whether they may postpone the enrolment that this authentication waits for.
    ///
    /// # Errors
    /// `challenge_invalid`; `validation_failed` when it waits for another step; faults.
    pub async fn enrolling(&self, app: &App, info: &RequestInfo) -> Result<(User, bool), Failure> {
        let credential = read_anew(app, &self.progress, None).await?;
        let account = account_state(&credential);
        match self.progress.next_step(app, (&credential.user, &account), info.now) {
            AuthnStep::Enrol { may_skip } => Ok((credential.user, may_skip)),
            other => Err(another_entry(&other).into()),
        }
    }

    /// A TOTP secret for the enrolment that this authentication waits for. Nothing is stored.
    ///
    /// # Errors
    /// As [`Self::enrolling`].
    pub async fn begin_totp(&self, app: &App, info: &RequestInfo) -> Result<TotpSetup, Failure> {
        let (user, _) = self.enrolling(app, info).await?;
        Ok(totp_enrolment::new_setup(app, &user, info.now)?)
    }
}

/// Stores the factor if the code is right, even if the sign-in fails later, because the user has it in their app.
///
/// # Errors
/// As [`totp_enrolment::confirm_totp`].
pub(super) async fn confirm(
    app: &App,
    user: &User,
    confirmation: Confirmation,
    info: &RequestInfo,
) -> Result<Enrolled, Failure> {
    let confirmed = totp_enrolment::check(app, user, confirmation, info.now)?;
    let write = UserWrite::new(app);
    app.transaction_or_nothing(info, async |tx| {
        if !users::hold(tx, user.id, user.session_epoch).await? {
            return Err(challenge_invalid().into());
        }
        write.take(user)?;
        confirmed.store(tx, user).await
    })
    .await
}

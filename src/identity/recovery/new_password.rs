//! The last step of a recovery: the new password is stored, and all sessions of the user end.
//!
//! The mailed code and the code of the second factor are consumed in the same transaction, guarded by the epoch
//! at which the mail was sent, so that only one of several requests with a link sets a password.

use crate::app::{App, AuditedTx};
use crate::domain::audit::{Event, EventKind};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::password::{Check, Password};
use crate::domain::request_info::RequestInfo;
use crate::identity::logout_notices::{Fate, everything_of};
use crate::identity::notifications::{Notification, notify};
use crate::identity::password::unchanged;
use crate::identity::register::parse_password_of;
use crate::identity::second_factor::{self, UsableFactorCode, use_up};
use crate::identity::{admission, unlock};
use crate::store::passwords;
use crate::store::users::Credential;

use super::{ProvedMailbox, gone, mailed_codes};

/// The field of forms and of `/v1` that contains it.
const FIELD: &str = "new_password";

/// The password that was typed, if it follows the rules.
///
/// # Errors
/// `weak_password`.
pub(super) fn acceptable(
    app: &App,
    credential: &Credential,
    typed: &str,
) -> Result<Password, Failure> {
    parse_password_of(app, FIELD, typed, &credential.user)
}

/// Stores the new password, and consumes the code of a second factor that was compared for it. Opens no session.
///
/// # Errors
/// `weak_password`; `mfa_failed` when another request has consumed the code; [`gone`] when another request was
/// first or the account has changed; unavailable when hashing cannot keep up.
pub(super) async fn store(
    app: &App,
    (proved, code): (&ProvedMailbox, Option<UsableFactorCode>),
    credential: &Credential,
    typed: String,
    info: &RequestInfo,
) -> Result<(), Failure> {
    let password = acceptable(app, credential, &typed)?;
    let login = credential.user.login_name()?;
    let user = &credential.user;
    let admission = admission::of(app, info.address(), info.now).await?;
    if let Some(present) = &credential.password_hash
        && user.must_change_password
    {
        // An administrator may know the current password.
        let compared =
            app.verify_password(admission.reserve(app)?, password.clone(), present.clone());
        if compared.await?.check == Check::Matches {
            return Err(unchanged().into());
        }
    }
    let hash = app.hash_password(admission.reserve(app)?, password).await?;
    let work = async |tx: &mut AuditedTx| {
        // The user's row is locked first, as in every transaction that ends sessions.
        let Some(everything) = everything_of(tx, user.id, Fate::Stays).await? else {
            return Err(refused());
        };
        if !mailed_codes::consume(tx, &proved.link_hash()).await? {
            return Err(refused());
        }
        if let Some(code) = &code
            && !use_up(tx, user, code).await?
        {
            return Err(Refusal::new(Code::MfaFailed, "The code was used before.").into());
        }
        let now = tx.info().now;
        if passwords::change_password(tx, user.id, proved.epoch, &hash, now).await?.is_none() {
            return Err(refused());
        }
        everything.ended(tx, None).await?;
        // The user has proved the mailbox, so attackers elsewhere must not lock them out.
        unlock::clear_passwords(tx, login.key()).await?;
        let event = Event::new(EventKind::AccountRecovered).about(user.id);
        tx.record(&event.detail(proved.purpose.as_str())).await?;
        tx.record(&Event::new(EventKind::PasswordChanged).about(user.id).detail("recovered"))
            .await?;
        notify(tx, user, Notification::RecoveryUsed).await?;
        Ok(())
    };
    // A refusal rolls back: nothing is consumed unless all checks pass.
    match (app.transaction_or_nothing(info, work).await, code) {
        (Err(Failure::Refused(refusal)), Some(code)) if refusal.code == Code::MfaFailed => {
            let record = async |tx: &mut AuditedTx| {
                Err(second_factor::refused(tx, user, code.method()).await)
            };
            app.transaction(info, record).await
        }
        (outcome, _) => outcome,
    }
}

fn refused() -> Failure {
    let refusal: Refusal = gone();
    refusal.into()
}

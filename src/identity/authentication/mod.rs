//! Authentication: the completed factors, the next step, and the end.
//!
//! Owns the order of every step, for all interfaces: the account is read again,
//! [`next_step`](crate::domain::authn::next_step) decides the step, the entry is checked, and the same rule decides
//! the following step. `/v1`, the pages and the authorization challenge endpoint only encode the result. A session
//! can only be opened with a [`Completed`], which only this module creates. Challenges are sealed in `challenge`;
//! an authentication with a password starts in `authenticate`.
//!
//! A new method is a variant of [`Entry`] and an arm in [`advance`].

mod challenge;
mod completed;
mod enrolment;
mod first_passkey;
mod mailbox;
mod new_password;
mod passkey;
mod password;
mod progress;
mod remaining_step;
mod waiting;

use crate::app::limits::Subject;
use crate::app::{App, AuditedTx};
use crate::base::opaque_token::TokenHash;
use crate::base::{Secret, Timestamp};
use crate::crypto::password::Slot;
use crate::crypto::webauthn::AssertionResponse;
use crate::domain::audit::{Event, EventKind};
use crate::domain::authn::{AccountState, AuthnStep, Demand, Factors, Method, Purpose, Refused};
use crate::domain::failure_reason::{FailureReason, SealedReason};
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::password::Password;
use crate::domain::rate_limit::RateLimit;
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;
use crate::store::users::Credential;
use crate::store::{spent_ids, users};

use super::admission::{self, Admission};
use super::authenticate::{AuthenticatedUser, account_state, invalid_credentials};
use super::passkey::{Assertion, check_assertion};
use super::second_factor::{TypedCode, check_code};
use super::sign_in_alarms;
use super::totp_enrolment::Confirmation;
use super::{failed_attempts, lockout};

pub use challenge::{Channel, Continuation, IssuedChallenge, PendingAuthentication};
pub use completed::Completed;
use completed::{Continued, How};
pub use first_passkey::begin_with_passkey;
pub use passkey::{PasskeyChallenge, PasskeySignIn};
pub use progress::Progress;
pub use remaining_step::{RemainingStep, unmet_requirements};
use remaining_step::{another_entry, waits_for_code};
pub use waiting::{Waiting, waiting};

/// The user's entry for the next step.
pub enum Entry {
    /// A code of a second factor.
    Code(TypedCode),
    /// The password, typed again to step a sign-in up.
    Password(Password),
    /// The response of a passkey.
    Passkey(AssertionResponse),
    /// A new password, as typed.
    NewPassword(String),
    /// The first code of a TOTP secret that is enrolled.
    Totp(Confirmation),
    /// Nothing: the user postpones the enrolment.
    PutOff,
    /// A code that was mailed: before an enrolment, or in the recovery of an account (see `recovery`).
    MailedCode(Secret<String>),
}

/// The result of a right password.
pub enum Begun {
    /// The password is sufficient.
    Completed(Box<Completed>),
    /// Another step is needed.
    Pending(Box<FirstFactor>),
}

/// A right password that needs another step and has not been recorded yet.
#[must_use = "a password that was judged leaves an audit event"]
pub struct FirstFactor {
    /// The completed factors.
    pub progress: Progress,
    /// The next step.
    pub step: RemainingStep,
    authenticated: AuthenticatedUser,
}

/// The result of a step.
pub enum Advanced {
    /// The user is authenticated.
    Completed(Box<Completed>),
    /// Another step is missing.
    Pending(Progress, RemainingStep),
}

/// One step of an authentication.
pub struct Step {
    /// The factors completed before.
    pub progress: Progress,
    /// The user's entry.
    pub entry: Entry,
    /// The id that the last step consumes; `None` if the caller prevents replay in another way.
    pub single_use: Option<SingleUse>,
    /// The challenge for a passkey, in base64url.
    pub passkey_challenge: String,
}

/// The single-use id of an authentication.
#[derive(Clone)]
pub struct SingleUse {
    /// The hash of the id.
    pub id: TokenHash,
    /// Until when it is kept.
    pub kept_until: Timestamp,
}

/// The refusal of an authentication that is unknown, expired, altered, used, or belongs to another caller, and of
/// one whose account has changed since: one text for all.
#[must_use]
pub fn challenge_invalid() -> Refusal {
    let message = "The challenge is invalid, expired or already used, or the account has changed since. Start again.";
    Refusal::new(Code::ChallengeInvalid, message)
}

impl Entry {
    /// The places in the queue for password hashes that this entry needs.
    fn reserve(&self, app: &App, admission: Admission) -> Result<Vec<Slot>, Refusal> {
        let hashes = match self {
            Self::Code(_)
            | Self::Passkey(_)
            | Self::MailedCode(_)
            | Self::Totp(_)
            | Self::PutOff => 0,
            Self::Password(_) => 1,
            // One slot to compare with the old password, one to hash the new one.
            Self::NewPassword(_) => 2,
        };
        (0..hashes).map(|_| admission.reserve(app)).collect()
    }
}

impl AuthenticatedUser {
    /// Decides the step after the right password, given the requirements of the request and its client.
    ///
    /// # Errors
    /// `invalid_credentials`, after recording it, if the sign-in is refused: any other response would
    /// reveal that the password is right. [`unmet_requirements`], which reveals it like a request for a second
    /// factor does.
    pub async fn proceed(
        self,
        app: &App,
        demand: &Demand,
        info: &RequestInfo,
    ) -> Result<Begun, Failure> {
        let now = info.now;
        let progress = Progress {
            purpose: Purpose::SignIn,
            user: self.user.id,
            epoch: self.user.session_epoch,
            factors: Factors::password(now),
            demand: *demand,
            is_counted: true,
            counted_everywhere: self.right.counts_everywhere(),
            put_off: false,
        };
        let pending = |step, authenticated| {
            Ok(Begun::Pending(Box::new(FirstFactor { progress, step, authenticated })))
        };
        let why = match progress.next_step(app, (&self.user, &self.account), now) {
            AuthnStep::Done(factors) => {
                let Self { user, right, .. } = self;
                return Ok(Begun::Completed(Box::new(Completed {
                    user,
                    authentication: factors.authentication(now),
                    recovery_codes: Vec::new(),
                    how: How::AtOnce(right),
                })));
            }
            AuthnStep::Authenticate(methods) => {
                return pending(RemainingStep::Factor(methods), self);
            }
            AuthnStep::ChangePassword => return pending(RemainingStep::NewPassword, self),
            AuthnStep::Enrol { may_skip } => {
                return pending(RemainingStep::Enrol { may_skip }, self);
            }
            AuthnStep::Refuse(Refused::AccountChanged) => "account_changed",
            AuthnStep::Refuse(Refused::UnmetRequirements) => {
                return app
                    .transaction(info, async |tx| {
                        let why = "unmet_requirements";
                        let event = failed_attempts::refused(&tx.app(), &self.user, why)?;
                        self.right.first_of_several(tx, &self.user, &event).await?;
                        Err(unmet_requirements().into())
                    })
                    .await;
            }
        };
        app.transaction(info, async |tx| {
            self.right.refused(tx, &self.user, why).await?;
            Err(invalid_credentials().into())
        })
        .await
    }
}

impl FirstFactor {
    /// Records the first factor. `place` is the place in audit events; `None` for `/v1`.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn record(&self, tx: &mut AuditedTx, place: Option<&str>) -> Result<(), Fault> {
        let AuthenticatedUser { user, right, .. } = &self.authenticated;
        let mut event = Event::new(EventKind::LoginFirstFactor).about(user.id);
        event = event.by_methods([Method::Password.as_str()]);
        event.detail = place.map(str::to_owned);
        if matches!(self.step, RemainingStep::NewPassword) {
            event = event.because(SealedReason::new(FailureReason::PasswordChangeRequired));
        }
        right.first_of_several(tx, user, &event).await?;
        match self.step {
            RemainingStep::Factor(_) => sign_in_alarms::first_factor(tx, user).await,
            RemainingStep::NewPassword | RemainingStep::Enrol { .. } => Ok(()),
        }
    }

    /// The user whose password was right.
    #[must_use]
    pub const fn user(&self) -> &User {
        &self.authenticated.user
    }

    /// Records that it was refused, and why.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn refused(&self, tx: &mut AuditedTx, why: &'static str) -> Result<(), Fault> {
        let AuthenticatedUser { user, right, .. } = &self.authenticated;
        let event = failed_attempts::refused(&tx.app(), user, why)?;
        right.first_of_several(tx, user, &event).await
    }
}

/// Performs one step. The changes of the last step are written by [`Completed::enter`], in the transaction that
/// opens a session. A code is counted and consumed here, even if the sign-in fails later: if its check were rolled
/// back, it could be guessed without being counted.
///
/// # Errors
/// `challenge_invalid`; errors of the entry, after which the same authentication can continue; too many
/// attempts; unavailable when hashing or storage cannot keep up.
pub async fn advance(app: &App, step: Step, info: &RequestInfo) -> Result<Advanced, Failure> {
    let Step { progress, entry, single_use, passkey_challenge } = step;
    let now = info.now;
    lockout::check_network(app, info)?;
    let slots = entry.reserve(app, admission::of(app, info.address(), now).await?)?;
    let credential = read_anew(app, &progress, single_use.as_ref()).await?;
    let account = account_state(&credential);
    let waits = progress.next_step(app, (&credential.user, &account), now);
    let mut taken = Taken { progress, account, new_password: None, recovery_codes: Vec::new() };
    match (waits, entry) {
        (AuthnStep::ChangePassword, Entry::NewPassword(typed)) => {
            let hash = new_password::hash(app, slots, &credential, &typed).await;
            taken.new_password = Some(hash.map_err(|failure| counted(app, info, failure))?);
            taken.account.must_change_password = false;
        }
        (AuthnStep::Authenticate(methods), Entry::Code(code)) if waits_for_code(&methods) => {
            let check = async |tx: &mut AuditedTx| check_code(tx, &credential.user, &code).await;
            let checked = app.transaction(info, check).await;
            taken.complete(checked.map_err(|failure| counted(app, info, failure))?, now);
        }
        (AuthnStep::Authenticate(methods), Entry::Password(typed))
            if methods.contains(&Method::Password) =>
        {
            let counted_everywhere = password::check(app, slots, &credential, typed, info).await?;
            taken.progress = Progress { is_counted: true, counted_everywhere, ..taken.progress };
            taken.complete(Method::Password, now);
        }
        (AuthnStep::Authenticate(methods), Entry::Passkey(response))
            if methods.contains(&Method::Passkey) =>
        {
            let assertion = Assertion { challenge: passkey_challenge, response };
            let checked = check_assertion(app, &credential.user, &assertion, info).await;
            checked.map_err(|failure| counted(app, info, failure))?;
            taken.complete(Method::Passkey, now);
        }
        (AuthnStep::Authenticate(methods), Entry::MailedCode(typed))
            if methods.contains(&Method::MailedCode) =>
        {
            let check = mailbox::check(app, &credential.user, single_use.as_ref(), &typed, info);
            check.await.map_err(|failure| counted(app, info, failure))?;
            taken.complete(Method::MailedCode, now);
        }
        (AuthnStep::Enrol { .. }, Entry::Totp(confirmation)) => {
            let enrolled = enrolment::confirm(app, &credential.user, confirmation, info).await?;
            taken.recovery_codes = enrolled.recovery_codes;
            taken.account.has_totp = true;
            taken.complete(Method::Totp, now);
        }
        (AuthnStep::Enrol { may_skip: true }, Entry::PutOff) => taken.progress.put_off = true,
        (waits, _) => return Err(another_entry(&waits).into()),
    }
    conclude(app, taken, (credential, single_use), info).await
}

/// Decides the step after the completed factors.
async fn conclude(
    app: &App,
    Taken { progress, account, new_password, recovery_codes }: Taken,
    (credential, single_use): (Credential, Option<SingleUse>),
    info: &RequestInfo,
) -> Result<Advanced, Failure> {
    let now = info.now;
    let step = match progress.next_step(app, (&credential.user, &account), now) {
        AuthnStep::Done(factors) => {
            let Progress { purpose, is_counted, counted_everywhere, .. } = progress;
            let continued =
                Continued { purpose, is_counted, counted_everywhere, single_use, new_password };
            return Ok(Advanced::Completed(Box::new(Completed {
                user: credential.user,
                authentication: factors.authentication(now),
                recovery_codes,
                how: How::Continued(continued),
            })));
        }
        AuthnStep::Authenticate(methods) => RemainingStep::Factor(methods),
        AuthnStep::ChangePassword => RemainingStep::NewPassword,
        AuthnStep::Enrol { may_skip } => RemainingStep::Enrol { may_skip },
        AuthnStep::Refuse(Refused::AccountChanged) => return Err(challenge_invalid().into()),
        AuthnStep::Refuse(Refused::UnmetRequirements) => return Err(unmet_requirements().into()),
    };
    // Hashes are never sealed into challenges, so a new password before another step is stored at once.
    let epoch = match new_password {
        Some(hash) => completed::store_now(app, &credential.user, &hash, info).await?,
        None => progress.epoch,
    };
    Ok(Advanced::Pending(Progress { epoch, ..progress }, step))
}

/// The changes of a step, before the next step is known.
struct Taken {
    progress: Progress,
    account: AccountState,
    new_password: Option<String>,
    recovery_codes: Vec<RecoveryCode>,
}

impl Taken {
    fn complete(&mut self, method: Method, now: Timestamp) {
        self.progress.factors = self.progress.factors.with(method, now);
    }
}

/// A refused entry is counted for the network like a wrong password, so that one address can neither try many
/// accounts nor cause hashes without limit.
fn counted(app: &App, info: &RequestInfo, failure: Failure) -> Failure {
    if let Failure::Refused(refusal) = &failure
        && matches!(refusal.code, Code::MfaFailed | Code::WeakPassword)
        && app.config.rate_limits
    {
        // If the bucket is empty, the next step is refused.
        let _ = app.address_limiter.take(Subject::new(RateLimit::Login, info.address()));
    }
    failure
}

/// The current state of the account: two statements. A replay is found here, before a password is hashed for it.
async fn read_anew(
    app: &App,
    progress: &Progress,
    single_use: Option<&SingleUse>,
) -> Result<Credential, Failure> {
    let mut reader = app.db.reader().await?;
    if let Some(SingleUse { id, .. }) = single_use
        && spent_ids::any_spent(&mut reader, std::slice::from_ref(id)).await?
    {
        return Err(challenge_invalid().into());
    }
    let found = users::credential_of(&mut reader, progress.user).await?;
    Ok(found.ok_or_else(challenge_invalid)?)
}

//! An authentication under way: what its user has completed, which step is next, and how it ends.
//!
//! Owns the order of every step, wherever the user authenticates: the account is read anew,
//! [`next_step`] says what it waits for, the entry is checked, and the same
//! rule says what follows. `/v1`, the pages and the authorization challenge endpoint only encode the result.
//! [`Completed`] is the only way to a session, and only this module makes one. How a challenge is sealed is
//! `challenge`'s; how a user without any completed factor begins is `authenticate`'s.
//!
//! A new method is a variant of [`Entry`] and an arm in [`advance`].

mod challenge;
mod completed;
mod first_passkey;
mod new_password;
mod passkey;
mod waiting;

use serde::{Deserialize, Serialize};

use crate::app::limits::Subject;
use crate::app::{App, AuditedTx};
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::base::opaque_token::TokenHash;
use crate::crypto::password::Slot;
use crate::crypto::webauthn::AssertionResponse;
use crate::domain::audit::{Event, EventKind};
use crate::domain::authn::{
    AccountState, Attempt, Factors, Method, NextStep, Purpose, Requirements, next_step,
};
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::rate_limit::RateLimit;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;
use crate::store::users::Credential;
use crate::store::{spent_ids, users};

use super::admission::{self, Admission};
use super::authenticate::{AuthenticatedUser, account_state, invalid_credentials};
use super::lockout;
use super::passkey::{Assertion, check_assertion};
use super::second_factor::{TypedCode, check_code};

pub use challenge::{Channel, Continuation, IssuedChallenge, PendingAuthentication};
pub use completed::Completed;
use completed::{Continued, How};
pub use first_passkey::begin_with_passkey;
pub use passkey::{PasskeyChallenge, PasskeySignIn};
pub use waiting::{Waiting, waiting};

/// What a user has completed so far. Sealed into what the caller sends back with the next step; holds nothing
/// that could be guessed against.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Progress {
    user: UserId,
    /// The user's epoch when the first factor was checked.
    epoch: i64,
    factors: Factors,
    /// Whether the first attempt counts against the limit of all networks that the account does not know.
    counted_everywhere: bool,
}

/// What an authentication waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemainingStep {
    /// The user completes one of these factors.
    Factor(Vec<Method>),
    /// The user chooses a new password.
    NewPassword,
}

/// What a user entered for the step that an authentication waits for.
pub enum Entry {
    /// A code of a second factor.
    Code(TypedCode),
    /// What a passkey has signed.
    Passkey(AssertionResponse),
    /// A new password, as typed.
    NewPassword(String),
}

/// What a right password leads to.
pub enum Begun {
    /// It is enough.
    Completed(Box<Completed>),
    /// A step is missing.
    Pending(Box<FirstFactor>),
}

/// A right password that is not enough, of which nothing is recorded yet.
#[must_use = "a password that was judged leaves an audit event"]
pub struct FirstFactor {
    /// What was completed.
    pub progress: Progress,
    /// What is missing.
    pub step: RemainingStep,
    authenticated: AuthenticatedUser,
}

/// What a step leads to.
pub enum Advanced {
    /// The user is authenticated.
    Completed(Box<Completed>),
    /// Another step is missing.
    Pending(Progress, RemainingStep),
}

/// One step of an authentication.
pub struct Step {
    /// What was completed before.
    pub progress: Progress,
    /// What the user entered.
    pub entry: Entry,
    /// What the last step uses up; none where the caller guards it in another way.
    pub single_use: Option<SingleUse>,
    /// The challenge that a passkey has to answer, in base64url.
    pub passkey_challenge: String,
}

/// The id of an authentication, which counts once.
#[derive(Clone)]
pub struct SingleUse {
    /// The hash of the id.
    pub id: TokenHash,
    /// Until when it is kept.
    pub kept_until: Timestamp,
}

/// The one refusal of an authentication that is unknown, expired, altered, used up, or belongs to another caller,
/// and of one whose account has changed since.
#[must_use]
pub fn challenge_invalid() -> Refusal {
    let message = "The challenge is invalid, expired or already used, or the account has changed since. Sign in \
                   again.";
    Refusal::new(Code::ChallengeInvalid, message)
}

impl RemainingStep {
    /// The code that names this step on the wire.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Factor(_) => Code::MfaRequired,
            Self::NewPassword => Code::PasswordChangeRequired,
        }
    }

    /// What the user has to do, as a sentence.
    #[must_use]
    pub const fn message(&self) -> &'static str {
        match self {
            Self::Factor(_) => "The password is right, and a second factor has to follow.",
            Self::NewPassword => "The password is right and has to be replaced by a new one first.",
        }
    }

    /// The factors of which one is next; none where no factor is.
    #[must_use]
    pub fn methods(&self) -> &[Method] {
        match self {
            Self::Factor(methods) => methods,
            Self::NewPassword => &[],
        }
    }
}

impl Progress {
    /// A passkey of `user`, whom nothing was counted for.
    fn of_passkey(user: &User, now: Timestamp) -> Self {
        let factors = Factors::default().with(Method::Passkey, now);
        Self { user: user.id, epoch: user.session_epoch, factors, counted_everywhere: false }
    }

    fn next_step(&self, account: &AccountState, now: Timestamp) -> NextStep {
        let Self { epoch, factors, .. } = *self;
        let attempt = Attempt { purpose: Purpose::SignIn, epoch, factors };
        next_step(&attempt, account, &Requirements::BASIC, now)
    }
}

impl Entry {
    /// The places in the queue for password hashes that this entry needs.
    fn reserve(&self, app: &App, admission: Admission) -> Result<Vec<Slot>, Refusal> {
        let hashes = match self {
            Self::Code(_) | Self::Passkey(_) => 0,
            // One to compare with the old password, one to store.
            Self::NewPassword(_) => 2,
        };
        (0..hashes).map(|_| admission.reserve(app)).collect()
    }
}

impl AuthenticatedUser {
    /// What the right password leads to.
    ///
    /// # Errors
    /// `invalid_credentials`, once it is recorded, where it leads to nothing: another answer than for a wrong
    /// password would tell that this one is right.
    pub async fn proceed(self, app: &App, info: &RequestInfo) -> Result<Begun, Failure> {
        let now = info.now;
        let progress = Progress {
            user: self.user.id,
            epoch: self.user.session_epoch,
            factors: Factors::password(now),
            counted_everywhere: self.right.counts_everywhere(),
        };
        let pending = |step, authenticated| {
            Ok(Begun::Pending(Box::new(FirstFactor { progress, step, authenticated })))
        };
        let why = match progress.next_step(&self.account, now) {
            NextStep::Done(factors) => {
                let Self { user, right, .. } = self;
                let authentication = factors.authentication(now);
                let completed = Completed { user, authentication, how: How::AtOnce(right) };
                return Ok(Begun::Completed(Box::new(completed)));
            }
            NextStep::Authenticate(methods) => {
                return pending(RemainingStep::Factor(methods), self);
            }
            NextStep::ChangePassword => return pending(RemainingStep::NewPassword, self),
            NextStep::Refuse(_) => "account_changed",
            NextStep::Enrol { .. } => "factor_missing",
        };
        app.transaction(info, async |tx| {
            self.right.refused(tx, &self.user, why).await?;
            Err(invalid_credentials().into())
        })
        .await
    }
}

impl FirstFactor {
    /// Records it. `place` tells the audit events of one place from those of others; nothing for `/v1`.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn record(&self, tx: &mut AuditedTx, place: Option<&str>) -> Result<(), Fault> {
        let AuthenticatedUser { user, right, .. } = &self.authenticated;
        let mut event = Event::new(EventKind::LoginFirstFactor).about(user.id);
        event.detail = place.map(str::to_owned);
        right.first_of_several(tx, user, &event).await
    }

    /// The user whose password was right.
    #[must_use]
    pub const fn user(&self) -> &User {
        &self.authenticated.user
    }

    /// Records that nothing comes of it, and why.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn refused(&self, tx: &mut AuditedTx, why: &'static str) -> Result<(), Fault> {
        let AuthenticatedUser { user, right, .. } = &self.authenticated;
        let event = Event::new(EventKind::LoginRefused).about(user.id).detail(why);
        right.first_of_several(tx, user, &event).await
    }
}

/// Takes one step. What the last step changes is written in the transaction that opens something, by
/// [`Completed::enter`]. A code is counted and used up here, also where nothing is opened in the end: a code
/// whose check was undone could be guessed without being counted.
///
/// # Errors
/// `challenge_invalid`; what is wrong with the entry, after which the same authentication can go on; too many
/// attempts; unavailable when hashing or storage cannot keep up.
pub async fn advance(app: &App, step: Step, info: &RequestInfo) -> Result<Advanced, Failure> {
    let Step { progress, entry, single_use, passkey_challenge: challenge } = step;
    let now = info.now;
    lockout::check_network(app, info.address())?;
    let slots = entry.reserve(app, admission::of(app, info.address(), now).await?)?;
    let credential = read_anew(app, &progress, single_use.as_ref()).await?;
    let account = account_state(&credential);
    let (progress, new_password) = match (progress.next_step(&account, now), entry) {
        (NextStep::ChangePassword, Entry::NewPassword(typed)) => {
            let hash = new_password::hash(app, slots, &credential, &typed).await;
            (progress, Some(hash.map_err(|failure| counted(app, info, failure))?))
        }
        (NextStep::Authenticate(_), Entry::Code(code)) => {
            let check = async |tx: &mut AuditedTx| check_code(tx, &credential.user, &code).await;
            let checked = app.transaction(info, check).await;
            let method = checked.map_err(|failure| counted(app, info, failure))?;
            (Progress { factors: progress.factors.with(method, now), ..progress }, None)
        }
        (NextStep::Authenticate(methods), Entry::Passkey(response))
            if methods.contains(&Method::Passkey) =>
        {
            let assertion = Assertion { challenge, response };
            let checked = check_assertion(app, &credential.user, &assertion, info).await;
            checked.map_err(|failure| counted(app, info, failure))?;
            (Progress { factors: progress.factors.with(Method::Passkey, now), ..progress }, None)
        }
        (NextStep::ChangePassword, Entry::Code(_) | Entry::Passkey(_)) => {
            return Err(
                waits_for("new_password", "This challenge waits for a new password.").into()
            );
        }
        (NextStep::Authenticate(_), Entry::NewPassword(_) | Entry::Passkey(_)) => {
            return Err(
                waits_for("code", "This challenge waits for a code of the second factor.").into()
            );
        }
        (NextStep::Done(_) | NextStep::Enrol { .. } | NextStep::Refuse(_), _) => {
            return Err(challenge_invalid().into());
        }
    };
    conclude(progress, credential, (single_use, new_password), now)
}

/// What the completed factors lead to.
fn conclude(
    progress: Progress,
    credential: Credential,
    (single_use, new_password): (Option<SingleUse>, Option<String>),
    now: Timestamp,
) -> Result<Advanced, Failure> {
    let account = account_state(&credential);
    let must_change_password = account.must_change_password && new_password.is_none();
    let account = AccountState { must_change_password, ..account };
    match progress.next_step(&account, now) {
        NextStep::Done(factors) => {
            let Progress { counted_everywhere, .. } = progress;
            let continued = Continued { counted_everywhere, single_use, new_password };
            Ok(Advanced::Completed(Box::new(Completed {
                user: credential.user,
                authentication: factors.authentication(now),
                how: How::Continued(continued),
            })))
        }
        NextStep::Authenticate(methods) => {
            Ok(Advanced::Pending(progress, RemainingStep::Factor(methods)))
        }
        NextStep::ChangePassword => Ok(Advanced::Pending(progress, RemainingStep::NewPassword)),
        NextStep::Enrol { .. } | NextStep::Refuse(_) => Err(challenge_invalid().into()),
    }
}

/// The refusal of an entry for another step than the next one. The challenge stays valid.
fn waits_for(field: &'static str, message: &'static str) -> Refusal {
    Refusal::field(field, "missing", message)
}

/// An entry that was refused counts for the network, as a wrong password does: many accounts must not be tried from
/// one address, nor one hash after another be asked for.
fn counted(app: &App, info: &RequestInfo, failure: Failure) -> Failure {
    if let Failure::Refused(refusal) = &failure
        && matches!(refusal.code, Code::MfaFailed | Code::WeakPassword)
        && app.config.rate_limits
    {
        // Where the bucket is empty, the next step is refused.
        let _ = app.address_limiter.take(Subject::new(RateLimit::Login, info.address()));
    }
    failure
}

/// The account as it is now: two statements. A replay is found here, before anything is hashed for it.
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

//! Fresh authentication: changes of a user's credentials require every factor that the account asks for, completed a
//! few minutes ago.
//!
//! Owns the limit and the refusal (RFC 9470), and that a change of factors needs one of the factors that exist, also
//! where the password alone signs in (NIST SP 800-63B-4 §4.1.2.1). Exchanged tokens do not get
//! here: `bearer` accepts only sessions that were opened by a sign-in.

use crate::app::App;
use crate::base::id::UserId;
use crate::base::{TimeSpan, Timestamp};
use crate::domain::authn::{
    AccountState, AssuranceLevel, Attempt, AuthnStep, Factors, Purpose, Requirements, next_step,
};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::refusal_reason::Reason;
use crate::domain::user::User;
use crate::store::{Link, users};

use super::authenticate::account_state;
use super::bearer::{Caller, invalid_token};
use super::current_login::CurrentLogin;
use super::password::Keep;

/// The maximum age of a fresh authentication.
pub const MAX_AGE: TimeSpan = TimeSpan::from_mins(5);

/// The requirements of every sensitive change.
const FRESH: Requirements = Requirements { max_age: Some(MAX_AGE), ..Requirements::BASIC };

/// The requirements of a change of factors: a second factor, if the account has one that can be used. Otherwise an
/// attacker with the password could add a factor and remove the owner's. A passkey is not required if the account
/// has another second factor, because a lost passkey could never be removed then.
const FRESH_WITH_FACTOR: Requirements = Requirements { wished: AssuranceLevel::Multi, ..FRESH };

/// A user who is signed in at `/v1` or at the pages, and the factors of the sign-in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The user as stored now.
    pub user: User,
    /// The session or sign-in, which stays active when all others end.
    pub keep: Keep,
    /// The user's epoch that it belongs to.
    pub epoch: i64,
    /// The factors of the access token. Its session may have more by now.
    pub factors: Factors,
    /// The factors of the session or sign-in.
    pub stored_factors: Factors,
}

impl From<Caller> for SignedIn {
    fn from(caller: Caller) -> Self {
        let factors = caller.factors();
        let Caller { user, session, .. } = caller;
        let keep = Keep::Session(session.id);
        let stored_factors = session.factors();
        Self { user, keep, epoch: session.user_epoch, factors, stored_factors }
    }
}

impl From<CurrentLogin> for SignedIn {
    fn from(CurrentLogin { user, browser, .. }: CurrentLogin) -> Self {
        let keep = Keep::Browser(browser.id);
        let factors = browser.authentication().factors();
        Self { user, keep, epoch: browser.user_epoch, factors, stored_factors: factors }
    }
}

/// Whether a page may offer changes that need a fresh authentication.
///
/// # Errors
/// Only faults.
pub async fn is_fresh_at(app: &App, signed_in: SignedIn, now: Timestamp) -> Result<bool, Failure> {
    is_fresh(&mut app.db.reader().await?, &signed_in, now).await
}

/// Whether [`require_fresh`] would accept the sign-in.
///
/// # Errors
/// Only faults.
pub async fn is_fresh(
    link: &mut impl Link,
    signed_in: &SignedIn,
    now: Timestamp,
) -> Result<bool, Failure> {
    is_accepted(require_fresh(link, signed_in, now).await)
}

/// Whether [`require_fresh_factor`] would accept the sign-in.
///
/// # Errors
/// Only faults.
pub async fn is_fresh_factor(
    link: &mut impl Link,
    signed_in: &SignedIn,
    now: Timestamp,
) -> Result<bool, Failure> {
    is_accepted(require_fresh_factor(link, signed_in, now).await)
}

fn is_accepted(outcome: Result<(), Failure>) -> Result<bool, Failure> {
    match outcome {
        Ok(()) => Ok(true),
        Err(Failure::Refused(_)) => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// Refuses a sign-in that is older than [`MAX_AGE`], or that lacks a factor of the account.
///
/// # Errors
/// `reauthentication_required`; `invalid_token` when the account has changed; faults.
pub async fn require_fresh(
    link: &mut impl Link,
    signed_in: &SignedIn,
    now: Timestamp,
) -> Result<(), Failure> {
    let SignedIn { user, epoch, factors, .. } = signed_in;
    require_fresh_user(link, user.id, (*epoch, *factors), now).await
}

/// The same for a change of the user's factors: also refuses a sign-in without a second factor if the account has
/// one, whether or not a password requires it.
///
/// # Errors
/// As [`require_fresh`].
pub async fn require_fresh_factor(
    link: &mut impl Link,
    signed_in: &SignedIn,
    now: Timestamp,
) -> Result<(), Failure> {
    let SignedIn { user, epoch, factors, .. } = signed_in;
    require(link, (user.id, *epoch, *factors), &FRESH_WITH_FACTOR, now).await
}

/// The same as [`require_fresh`], for a user whose session belongs to this epoch and whose token stands for
/// these factors.
///
/// # Errors
/// As [`require_fresh`].
pub async fn require_fresh_user(
    link: &mut impl Link,
    user: UserId,
    (epoch, factors): (i64, Factors),
    now: Timestamp,
) -> Result<(), Failure> {
    require(link, (user, epoch, factors), &FRESH, now).await
}

async fn require(
    link: &mut impl Link,
    (user, epoch, factors): (UserId, i64, Factors),
    requirements: &Requirements,
    now: Timestamp,
) -> Result<(), Failure> {
    let credential = users::credential_of(link, user).await?.ok_or_else(invalid_token)?;
    let account = account_state(&credential);
    let attempt = Attempt { purpose: Purpose::StepUp, epoch, factors };
    match next_step(&attempt, &account, requirements, now) {
        AuthnStep::Done(_) => Ok(()),
        AuthnStep::Refuse(_) => Err(invalid_token().into()),
        AuthnStep::Authenticate(_) | AuthnStep::ChangePassword | AuthnStep::Enrol { .. } => {
            Err(stale(&account, requirements).into())
        }
    }
}

/// The refusal. It names the level if a step-up can help: a step-up to a level that the account cannot reach
/// would fail.
fn stale(account: &AccountState, requirements: &Requirements) -> Refusal {
    if requirements.level() > AssuranceLevel::Single && account.has_second_factor() {
        return Refusal::because(Code::ReauthenticationRequired, Reason::FactorNeeded);
    }
    let message = "This needs a sign-in of the last 5 minutes, with every factor of the account. Step the session up at \
                   /v1/step-up, or sign in again; then repeat the request.";
    Refusal::new(Code::ReauthenticationRequired, message)
}

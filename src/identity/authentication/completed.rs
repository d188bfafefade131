//! A user who has completed every step of an authentication.
//!
//! Owns the writes of the last step besides what it opens: the used id, the new password, the returned attempt,
//! the known network, the audit event. All of it is in the transaction that opens a session, a sign-in at the
//! pages or an authorization code.

use crate::app::{App, AuditedTx};
use crate::domain::audit::{Event, EventKind};
use crate::domain::authn::{Authentication, Purpose};
use crate::domain::outcome::{Failure, Fault};
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;
use crate::identity::authenticate::{RightPassword, invalid_credentials};
use crate::identity::logout_notices::{Fate, everything_of};
use crate::identity::notifications::{Notification, notify};
use crate::identity::{account_networks, failed_attempts, sign_in_alarms};
use crate::store::{passwords, spent_ids, user_search};

use super::{SingleUse, challenge_invalid};

/// An authenticated user. Everything that is opened for them is guarded by the session epoch that was read
/// with the account.
#[must_use = "a password that was judged leaves an audit event"]
pub struct Completed {
    /// The user, as read with the account.
    pub user: User,
    /// The time and the factors.
    pub authentication: Authentication,
    /// New recovery codes, if the user has enrolled the first factor in this authentication. Shown once.
    pub recovery_codes: Vec<RecoveryCode>,
    pub(super) how: How,
}

/// The number of requests that the authentication took.
pub(super) enum How {
    /// One: the password was sufficient.
    AtOnce(RightPassword),
    /// Several.
    Continued(Continued),
}

/// The writes of the last of several requests.
pub(super) struct Continued {
    pub(super) purpose: Purpose,
    /// See [`Progress`](super::Progress).
    pub(super) is_counted: bool,
    pub(super) counted_everywhere: bool,
    pub(super) single_use: Option<SingleUse>,
    /// The hash of the new password, if the user had to choose one.
    pub(super) new_password: Option<String>,
}

impl Completed {
    /// Consumes the authentication and stores the new password. Comes first in the transaction. Returns the
    /// user, whose epoch a new password raises.
    ///
    /// # Errors
    /// `challenge_invalid` when another request has consumed it, or the account has changed; faults.
    pub async fn enter(&self, tx: &mut AuditedTx) -> Result<User, Failure> {
        let How::Continued(Continued { single_use, new_password, .. }) = &self.how else {
            return Ok(self.user.clone());
        };
        if let Some(SingleUse { id, kept_until }) = single_use
            && !spent_ids::spend(tx, id, *kept_until).await?
        {
            // A concurrent request won, and has returned the attempt.
            self.record_refusal(tx, "challenge_used").await?;
            return Err(challenge_invalid().into());
        }
        match new_password {
            Some(hash) => match store_password(tx, &self.user, hash).await? {
                Some(user) => Ok(user),
                None => Err(self.refuse(tx, "account_changed").await),
            },
            None => Ok(self.user.clone()),
        }
    }

    /// Records the outcome, returns the attempt and records the network.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn settle(&self, tx: &mut AuditedTx, event: &Event) -> Result<(), Fault> {
        let factors = self.authentication.factors();
        let methods = factors.iter().map(|factor| factor.method.as_str());
        let event = &event.clone().by_methods(methods);
        if event.kind == EventKind::LoginSucceeded {
            let now = tx.info().now;
            user_search::note_login(tx, self.user.id, now).await?;
        }
        match &self.how {
            How::AtOnce(right) => right.settle(tx, &self.user, event).await,
            How::Continued(continued) => {
                if self.note_network(tx, continued).await? {
                    sign_in_alarms::new_network(tx, &self.user).await?;
                }
                tx.record(event).await
            }
        }
    }

    /// Returns the attempt, if a password was counted, and records the network. Returns whether it is new to the
    /// account. A step-up without a password records no network, because its session was opened before.
    async fn note_network(&self, tx: &mut AuditedTx, continued: &Continued) -> Result<bool, Fault> {
        let login = self.user.login_name()?;
        match continued {
            Continued { is_counted: true, counted_everywhere, .. } => {
                account_networks::forgive_earlier(tx, login.key(), *counted_everywhere).await
            }
            Continued { purpose: Purpose::SignIn, .. } => {
                account_networks::remember_network(tx, login.key()).await
            }
            Continued { .. } => Ok(false),
        }
    }

    /// Records that the authentication was completed but refused, and why.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn refused(&self, tx: &mut AuditedTx, why: &'static str) -> Result<(), Fault> {
        match &self.how {
            How::AtOnce(right) => right.refused(tx, &self.user, why).await,
            How::Continued(_) => self.record_refusal(tx, why).await,
        }
    }

    /// Records why it was refused. The response is the one to a wrong password, or to an invalid challenge,
    /// because any other would reveal which part was right.
    pub async fn refuse(&self, tx: &mut AuditedTx, why: &'static str) -> Failure {
        if let Err(fault) = self.refused(tx, why).await {
            return fault.into();
        }
        match &self.how {
            How::AtOnce(_) => invalid_credentials().into(),
            How::Continued(_) => challenge_invalid().into(),
        }
    }

    async fn record_refusal(&self, tx: &mut AuditedTx, why: &'static str) -> Result<(), Fault> {
        let event = failed_attempts::refused(&tx.app(), &self.user, why)?;
        tx.record(&event).await
    }
}

/// Stores a new password and ends all sessions, like any change of it. Returns the changed user; `None` if the
/// account has changed in the meantime.
async fn store_password(
    tx: &mut AuditedTx,
    user: &User,
    hash: &str,
) -> Result<Option<User>, Failure> {
    let (now, epoch) = (tx.info().now, user.session_epoch);
    let everything = everything_of(tx, user.id, Fate::Stays).await?;
    let changed = passwords::change_password(tx, user.id, epoch, hash, now).await?;
    let (Some(everything), Some(session_epoch)) = (everything, changed) else { return Ok(None) };
    everything.ended(tx, None).await?;
    let event = Event::new(EventKind::PasswordChanged).about(user.id).detail("required");
    tx.record(&event).await?;
    notify(tx, user, Notification::PasswordChanged).await?;
    Ok(Some(User { session_epoch, must_change_password: false, ..user.clone() }))
}

/// Stores a new password before another step. Returns the raised epoch.
///
/// # Errors
/// `challenge_invalid` when the account has changed meanwhile; faults.
pub(super) async fn store_now(
    app: &App,
    user: &User,
    hash: &str,
    info: &RequestInfo,
) -> Result<i64, Failure> {
    app.transaction_or_nothing(info, async |tx| match store_password(tx, user, hash).await? {
        Some(user) => Ok(user.session_epoch),
        None => Err(challenge_invalid().into()),
    })
    .await
}

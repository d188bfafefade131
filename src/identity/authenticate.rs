//! Authenticating a user with login name and password: at `/v1`, at the pages, and when a password is
//! changed.
//!
//! Owns the order: reserve a hash slot, count, read, hash, decide. A wrong login name and a wrong password take the
//! same path and the same time, and leave the same traces. Owns the audit event of every compared password: a wrong
//! one is recorded here, a right one by [`RightPassword::settle`], which is the only way to return the attempt.

use crate::app::{App, AuditedTx, PasswordNotHashed};
use crate::crypto::password::{Slot, Verified};
use crate::domain::audit::Event;
use crate::domain::authn::AccountState;
use crate::domain::failure_reason::FailureReason;
use crate::domain::login_name::LoginName;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::password::{Account, Password, Verdict, decide, hash_cost};
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;
use crate::store::passwords;
use crate::store::users::{self, Credential};

use super::admission::Admission;
use super::email::account_key;
use super::lockout::{self, Counted};
use super::{failed_attempts, sign_in_alarms};

/// A user whose password was right. Later writes are guarded by the epoch that was read with the hash.
pub struct AuthenticatedUser {
    /// The user.
    pub user: User,
    /// The stored state of the account.
    pub account: AccountState,
    /// The password.
    pub right: RightPassword,
}

/// A right password that has not been recorded yet.
#[must_use = "a password that was judged leaves an audit event"]
pub struct RightPassword {
    counted: Counted,
    rehash: Option<(String, String)>,
}

/// A password that is to be checked.
pub(super) struct Attempted<'a> {
    /// The key of the login name, or the typed text if it is not a login name.
    pub key: &'a str,
    /// The stored credential, if there is an account.
    pub credential: Option<&'a Credential>,
    /// The attempt, as it was counted.
    pub counted: Counted,
    /// The place in audit events; `None` for a log-in at `/v1`.
    pub place: Option<&'static str>,
}

/// The refusal of a wrong login name, a wrong password and a disabled user alike.
#[must_use]
pub fn invalid_credentials() -> Refusal {
    Refusal::new(Code::InvalidCredentials, "The login or the password is wrong.")
}

/// Checks a password.
///
/// # Errors
/// [`invalid_credentials`], too many attempts; unavailable when hashing or storage cannot keep up.
pub async fn authenticate_user(
    app: &App,
    admission: Admission,
    login: &str,
    password: Password,
    info: &RequestInfo,
) -> Result<AuthenticatedUser, Failure> {
    // Before the attempt is counted, so that a refusal costs neither a write nor an attempt.
    let mut slots = vec![admission.reserve_to_compare(app, info)?];
    let parsed = LoginName::parse(login).ok();
    // A text that is not a login name takes the same path as one that no account has.
    let key = match &parsed {
        Some(typed) => account_key(app, typed).await?,
        None => login.to_owned(),
    };
    let key = key.as_str();
    let counted = match lockout::count(app, key, info, &mut slots).await {
        Ok(counted) => counted,
        Err(stop) => {
            app.count_login("throttled");
            return Err(stop);
        }
    };
    let slot = match slots.pop().map_or_else(|| admission.reserve_to_compare(app, info), Ok) {
        Ok(slot) => slot,
        Err(refusal) => return Err(turned_away(app, counted, refusal).await),
    };
    let credential = {
        let mut reader = app.db.reader().await?;
        users::credential(&mut reader, key).await?
    };
    let attempted = Attempted { key, credential: credential.as_ref(), counted, place: None };
    let right = judge(app, slot, attempted, password, info).await?;
    let found = credential
        .ok_or_else(|| Fault::internal("a password matched, but no account was loaded"))?;
    let account = account_state(&found);
    Ok(AuthenticatedUser { user: found.user, account, right })
}

/// Checks a password against the credential that was read after the attempt was counted.
///
/// # Errors
/// [`invalid_credentials`], or too many attempts while the account is closed to unknown networks,
/// once the failure is recorded; unavailable when hashing or storage cannot keep up.
pub(super) async fn judge(
    app: &App,
    slot: Slot,
    attempted: Attempted<'_>,
    password: Password,
    info: &RequestInfo,
) -> Result<RightPassword, Failure> {
    let Attempted { key, credential, counted, place } = attempted;
    let own = credential.and_then(|found| found.password_hash.as_deref());
    // The user sees the failure in the history of the account.
    let subject = credential.map(|found| found.user.id);
    // If the account is closed to this network, no password is accepted. It is still hashed at the cost of the
    // stored hash, because another cost would reveal that the account exists.
    let credential = credential.filter(|_| counted.may_be_right());
    let stored = credential.and_then(|found| found.password_hash.clone());
    // No connection is held during the slow hash.
    let compared = match (&stored, own) {
        (Some(stored), _) => stored.clone(),
        (None, Some(closed)) => app.decoys.like(closed),
        (None, None) => app.decoy(key),
    };
    let verified = match app.verify_password(slot, password.clone(), compared).await {
        Ok(verified) => verified,
        Err(why) => return Err(unhashed(app, counted, why, info).await),
    };
    let Verified { check, outdated } = verified;
    match decide(credential.map(account), check, outdated) {
        Verdict::Accept { rehash } => {
            let new = if rehash { rehashed(app, password, credential).await } else { None };
            Ok(RightPassword { counted, rehash: stored.zip(new) })
        }
        Verdict::Refuse(reason) => {
            let (closed_for, is_closed) = (counted.closed_for(), !counted.may_be_right());
            counted.failed(app);
            let refusal = match closed_for {
                Some(wait) => lockout::too_many(app, wait, "login_account"),
                None => invalid_credentials(),
            };
            let result = if closed_for.is_some() { "throttled" } else { "failed" };
            app.count_login(result);
            // While the account is closed, known and unknown networks run the same statements.
            let mut event = match is_closed {
                true => failed_attempts::closed(app, (key, place), info),
                false => failed_attempts::wrong_password(app, (key, place), reason, info),
            };
            (event.subject, event.detail) = (subject, place.map(str::to_owned));
            app.transaction(info, async |tx| {
                tx.record(&event).await?;
                Err(refusal.clone().into())
            })
            .await
        }
    }
}

impl RightPassword {
    /// Records the outcome, returns the attempt, and stores a new hash if the old one has an outdated cost.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn settle(
        &self,
        tx: &mut AuditedTx,
        user: &User,
        event: &Event,
    ) -> Result<(), Fault> {
        let (app, now) = (tx.app(), tx.info().now);
        if self.counted.forgive(&app, tx, now).await? {
            sign_in_alarms::new_network(tx, user).await?;
        }
        tx.record(event).await?;
        self.rehash(tx, user).await
    }

    /// Records that it is the first of several factors. The attempt stays counted and the network unknown until
    /// the last one, so that an attacker with only the password cannot make a network known.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub(super) async fn first_of_several(
        &self,
        tx: &mut AuditedTx,
        user: &User,
        event: &Event,
    ) -> Result<(), Fault> {
        tx.record(event).await?;
        self.rehash(tx, user).await
    }

    /// Whether the attempt counts against the limit of unknown networks.
    pub(super) const fn counts_everywhere(&self) -> bool {
        self.counted.counts_everywhere()
    }

    async fn rehash(&self, tx: &mut AuditedTx, user: &User) -> Result<(), Fault> {
        match &self.rehash {
            Some((old, new)) => passwords::rehash(tx, user.id, old, new).await,
            None => Ok(()),
        }
    }

    /// Records that the sign-in was refused, and why.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn refused(
        &self,
        tx: &mut AuditedTx,
        user: &User,
        why: &'static str,
    ) -> Result<(), Fault> {
        let event = failed_attempts::refused(&tx.app(), user, why)?;
        self.settle(tx, user, &event).await
    }
}

/// The hash at the current cost. A failure neither fails the log-in nor delays others: the next log-in retries.
async fn rehashed(
    app: &App,
    password: Password,
    credential: Option<&Credential>,
) -> Option<String> {
    if app.hasher.queue_depth() > 0 {
        return None;
    }
    let Admission { lane, who } = Admission::authenticated(credential?.user.id);
    let slot = app.reserve_hash_slot(lane, who).ok()?;
    app.hash_password(slot, password).await.ok()
}

/// Returns an attempt that waited for others and then found no slot in the queue.
pub(super) async fn turned_away(app: &App, counted: Counted, refusal: Refusal) -> Failure {
    if let Err(fault) = counted.take_back(app).await {
        tracing::debug!(%fault, "an attempt that was not looked at stays counted");
    }
    refusal.into()
}

/// Returns an attempt whose password was not compared, unless the caller disconnected: otherwise
/// disconnecting would allow unlimited guesses.
async fn unhashed(
    app: &App,
    counted: Counted,
    why: PasswordNotHashed,
    info: &RequestInfo,
) -> Failure {
    match why {
        PasswordNotHashed::Late(refusal) => {
            failed_attempts::shed(app, FailureReason::Late, info);
            return turned_away(app, counted, refusal).await;
        }
        PasswordNotHashed::Gone => counted.failed(app),
        PasswordNotHashed::Failed(_) => {}
    }
    why.into()
}

/// The account state of a credential, for [`next_step`](crate::domain::authn::next_step).
pub(super) fn account_state(found: &Credential) -> AccountState {
    AccountState {
        second_factor_since: found.second_factor_since,
        has_verified_email: found.user.verified_email().is_some(),
        has_totp: found.has_totp,
        has_passkey: found.has_passkey,
        has_recovery_codes: found.has_recovery_codes,
        ..AccountState::from(&found.user)
    }
}

/// The input of [`decide`] for a stored credential.
fn account(found: &Credential) -> Account {
    Account {
        enabled: found.user.disabled_at.is_none(),
        has_password: found.password_hash.is_some(),
        is_readable: found.password_hash.as_deref().is_none_or(|hash| hash_cost(hash).is_some()),
    }
}

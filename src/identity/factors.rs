//! The second factors of the user's account: naming and removing them, and recovery codes.
//!
//! Every change needs a fresh authentication with one of the factors that exist. Adding a factor ends no session;
//! removing one ends all but the caller's, which continues without that factor. Enrolment is in `totp_enrolment`.

use crate::app::{App, AuditedTx};
use crate::base::Timestamp;
use crate::base::id::{FactorId, SessionId, UserId};
use crate::domain::audit::{Event, EventKind};
use crate::domain::authn::{Factors, Method};
use crate::domain::factor::{Factor, FactorKind, NAME_RULE, is_name};
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::recovery_code::{CODES, RecoveryCode};
use crate::domain::refusal_reason::Reason;
use crate::domain::request_info::RequestInfo;
use crate::store::{Tx, browser_sessions, factors, recovery_codes, sessions, users};

use super::bearer::invalid_token;
use super::fresh_authentication::{SignedIn, is_fresh_factor, require_fresh_factor};
use super::logout_notices::{Fate, everything_of};
use super::notifications::{Notification, notify};
use super::password::Keep;
use super::write_limit::UserWrite;

/// The second factors of an account.
pub struct Overview {
    /// The factors, oldest first.
    pub factors: Vec<Factor>,
    /// The number of unused recovery codes.
    pub recovery_codes: i64,
    /// Whether a second factor is required after the password.
    pub asks_second: bool,
}

/// The factors of a user.
///
/// # Errors
/// Only faults.
pub async fn overview(app: App, user: UserId) -> Result<Overview, Failure> {
    let mut reader = app.db.reader().await?;
    let stored = factors::of_user(&mut reader, user).await?;
    let factors = stored.into_iter().map(|stored| stored.factor).collect();
    let recovery_codes = recovery_codes::left(&mut reader, user).await?;
    let credential = users::credential_of(&mut reader, user).await?;
    let asks_second = credential.is_some_and(|found| found.second_factor_since.is_some());
    Ok(Overview { factors, recovery_codes, asks_second })
}

/// The factors of a user who is signed in, and whether the sign-in is fresh enough to change them.
///
/// # Errors
/// Only faults.
pub async fn own_overview(
    app: App,
    signed_in: SignedIn,
    now: Timestamp,
) -> Result<(Overview, bool), Failure> {
    let is_fresh = is_fresh_factor(&mut app.db.reader().await?, &signed_in, now).await?;
    Ok((overview(app, signed_in.user.id).await?, is_fresh))
}

fn no_such_factor() -> Refusal {
    Refusal::new(Code::NotFound, "There is no such factor.")
}

/// Checks the name of a factor.
///
/// # Errors
/// `validation_failed`, naming the field.
pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
    if is_name(name) { Ok(()) } else { Err(Refusal::field("name", "not_a_name", NAME_RULE)) }
}

pub(super) fn new_codes(app: &App) -> Vec<RecoveryCode> {
    (0..CODES).map(|_| RecoveryCode::generate(&*app.entropy)).collect()
}

pub(super) async fn replace_codes(
    tx: &mut AuditedTx,
    user: UserId,
    codes: &[RecoveryCode],
) -> Result<(), Fault> {
    let app = tx.app();
    let macs = codes.iter().map(|code| app.recovery_code_mac(user, code));
    recovery_codes::replace(tx, user, &macs.collect::<Result<Vec<_>, _>>()?).await?;
    tx.record(&Event::new(EventKind::RecoveryCodesRenewed).about(user)).await
}

/// Creates new recovery codes; earlier ones become invalid.
///
/// # Errors
/// `conflict` when the account has no second factor; `reauthentication_required`; too many writes.
pub async fn renew_recovery_codes(
    app: App,
    signed_in: SignedIn,
    info: RequestInfo,
) -> Result<Vec<RecoveryCode>, Failure> {
    let user = signed_in.user.id;
    let codes = new_codes(&app);
    let write = UserWrite::new(&app);
    app.transaction_or_nothing(&info, async |tx| {
        if !users::hold(tx, user, signed_in.epoch).await? {
            return Err(invalid_token().into());
        }
        require_fresh_factor(tx, &signed_in, info.now).await?;
        if factors::of_user(tx, user).await?.is_empty() {
            return Err(Refusal::because(Code::Conflict, Reason::NoRecoveryCodes).into());
        }
        write.take(&signed_in.user)?;
        replace_codes(tx, user, &codes).await?;
        notify(tx, &signed_in.user, Notification::RecoveryCodesRenewed).await?;
        Ok(codes.clone())
    })
    .await
}

/// Renames a factor; without a name it is unchanged.
///
/// # Errors
/// `not_found`; `validation_failed`; `reauthentication_required`; too many writes.
pub async fn rename(
    app: App,
    signed_in: SignedIn,
    id: FactorId,
    name: Option<String>,
    info: RequestInfo,
) -> Result<Factor, Failure> {
    let user = signed_in.user.id;
    let write = UserWrite::new(&app);
    app.transaction_or_nothing(&info, async |tx| {
        let factor = find(tx, user, id).await?;
        let Some(name) = name.as_deref().filter(|name| *name != factor.name) else {
            return Ok(factor);
        };
        check_name(name)?;
        require_fresh_factor(tx, &signed_in, info.now).await?;
        write.take(&signed_in.user)?;
        factors::rename(tx, user, id, name).await?;
        Ok(Factor { name: name.to_owned(), ..factor })
    })
    .await
}

/// One factor of a user.
///
/// # Errors
/// `not_found`.
pub async fn show(app: App, user: UserId, id: FactorId) -> Result<Factor, Failure> {
    let mut reader = app.db.reader().await?;
    let stored = factors::of_user(&mut reader, user).await?;
    let mut all = stored.into_iter().map(|stored| stored.factor);
    Ok(all.find(|factor| factor.id == id).ok_or_else(no_such_factor)?)
}

async fn find(tx: &mut AuditedTx, user: UserId, id: FactorId) -> Result<Factor, Failure> {
    let stored = factors::of_user(tx, user).await?;
    let found = stored.into_iter().find(|stored| stored.factor.id == id);
    Ok(found.ok_or_else(no_such_factor)?.factor)
}

/// Removes a factor. All sessions of the user end except the caller's, which loses the factor, and ends too if it had
/// no other. With the last factor, the recovery codes are removed and the password alone signs in.
///
/// # Errors
/// `not_found`; `reauthentication_required`; `conflict` when it is the last one and the server's policy requires
/// one; too many writes; `invalid_token` when the session has ended meanwhile.
pub async fn remove(
    app: App,
    signed_in: SignedIn,
    id: FactorId,
    info: RequestInfo,
) -> Result<(), Failure> {
    let now = info.now;
    let user = signed_in.user.id;
    let write = UserWrite::new(&app);
    app.transaction_or_nothing(&info, async |tx| {
        let everything = everything_of(tx, user, Fate::Stays).await?.ok_or_else(invalid_token)?;
        require_fresh_factor(tx, &signed_in, now).await?;
        let factor = find(tx, user, id).await?;
        write.take(&signed_in.user)?;
        let is_last = remove_factor(tx, user, id).await?;
        if is_last && app.config.second_factor.is_required(signed_in.user.role, now) {
            return Err(Refusal::because(Code::Conflict, Reason::LastFactor).into());
        }
        let epoch = users::raise_epoch(tx, user, now).await?.ok_or_else(invalid_token)?;
        let left = without_factor(signed_in.stored_factors, factor.kind, is_last);
        // A sign-in with only the passkey ends as well.
        let kept = if left == Factors::default() {
            None
        } else {
            carry_over(tx, &signed_in, left, epoch).await?
        };
        everything.ended(tx, kept).await?;
        notify(tx, &signed_in.user, Notification::FactorRemoved(factor.kind)).await?;
        let event = Event::new(EventKind::FactorRemoved).about(user).detail(factor.kind.as_str());
        Ok(tx.record(&event).await?)
    })
    .await
}

/// Removes a factor, and with the last one the recovery codes. Returns whether it was the last.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove_factor(tx: &mut Tx, user: UserId, id: FactorId) -> Result<bool, Fault> {
    factors::delete(tx, user, id).await?;
    let is_last = factors::of_user(tx, user).await?.is_empty();
    if is_last {
        recovery_codes::delete_all(tx, user).await?;
        factors::require_no_second(tx, user).await?;
    }
    Ok(is_last)
}

/// The factors of a session without this kind. A session does not record which of several factors of a kind it
/// used, so the kind is removed; a recovery code stays as long as there is a factor that it replaces.
fn without_factor(factors: Factors, kind: FactorKind, is_last: bool) -> Factors {
    factors.only(|factor| match factor.method {
        Method::Totp => kind != FactorKind::Totp,
        Method::Passkey => kind != FactorKind::Passkey,
        Method::RecoveryCode => !is_last,
        Method::Password | Method::MailedCode => true,
    })
}

/// Moves the caller's session to the new epoch. Returns it if it is one at `/v1`.
async fn carry_over(
    tx: &mut AuditedTx,
    signed_in: &SignedIn,
    left: Factors,
    epoch: i64,
) -> Result<Option<SessionId>, Failure> {
    let (user, old) = (signed_in.user.id, epoch - 1);
    let authentication = left.authentication(tx.info().now);
    let (carried, kept) = match signed_in.keep {
        Keep::Session(id) => {
            sessions::set_authentication(tx, id, &authentication).await?;
            (sessions::carry_over(tx, id, user, old, epoch).await?, Some(id))
        }
        Keep::Browser(id) => {
            browser_sessions::set_authentication(tx, id, &authentication).await?;
            (browser_sessions::carry_over(tx, id, (old, epoch), None).await?, None)
        }
    };
    // `false`: another request ended all sessions first, including this one.
    if carried { Ok(kept) } else { Err(invalid_token().into()) }
}

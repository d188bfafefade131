//! Checking a code of a second factor: of a TOTP secret, or a recovery code.
//!
//! Owns the order: count, compare, consume, all in the transaction of the caller. A refused code stays counted, and
//! the guarded write decides which of two requests consumed it. It is only reached after a right password, so that
//! its counters cannot be used to lock accounts without one. If another condition must hold as well,
//! `compare_code` and `use_up` are separate steps.

use std::net::IpAddr;

use crate::app::{App, AuditedTx};
use crate::base::Secret;
use crate::base::id::{FactorId, UserId};
use crate::domain::audit::{Event, EventKind};
use crate::domain::authn::Method;
use crate::domain::failure_reason::{FailureReason, SealedReason};
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::rate_limit::{
    Limit, RECOVERY_CODES, TOTP_FROM_NETWORK, TOTP_FROM_NETWORK_A_DAY, TOTP_FROM_STRANGERS,
};
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::request_info::RequestInfo;
use crate::domain::totp::{self, TimeStep};
use crate::domain::user::User;
use crate::store::login_limits::{self, Counter, Refused};
use crate::store::{factors, recovery_codes};

use super::notifications::{Notification, notify, reaches};
use super::{admission, failed_attempts, lockout, sign_in_alarms};

/// A code as a user typed it.
pub struct TypedCode {
    /// The intended kind of code.
    pub method: CodeMethod,
    /// The text.
    pub text: Secret<String>,
}

/// The second factors that are a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeMethod {
    /// A code of an authenticator app.
    Totp,
    /// A recovery code.
    RecoveryCode,
}

impl CodeMethod {
    /// The factor that a right code completes.
    #[must_use]
    pub const fn method(self) -> Method {
        match self {
            Self::Totp => Method::Totp,
            Self::RecoveryCode => Method::RecoveryCode,
        }
    }
}

impl TypedCode {
    /// A code of this kind.
    #[must_use]
    pub const fn new(method: CodeMethod, text: String) -> Self {
        Self { method, text: Secret::new(text) }
    }

    /// A code of unknown kind: digits are a code of an app, everything else is a recovery code.
    #[must_use]
    pub fn guess(text: String) -> Self {
        let is_totp = totp::parse_code(&text).is_some();
        let method = if is_totp { CodeMethod::Totp } else { CodeMethod::RecoveryCode };
        Self { method, text: Secret::new(text) }
    }
}

/// A code that may be consumed: of an app, after the comparison with its secret; a recovery code, as its MAC.
#[derive(Clone)]
pub(super) enum UsableFactorCode {
    /// The secret, and the time step of the code.
    Totp(FactorId, TimeStep),
    /// The MAC of a recovery code.
    RecoveryCode(Vec<u8>),
}

impl UsableFactorCode {
    /// The factor that it completes.
    pub(super) const fn method(&self) -> Method {
        match self {
            Self::Totp(..) => Method::Totp,
            Self::RecoveryCode(_) => Method::RecoveryCode,
        }
    }
}

/// Checks a code of `user` and consumes it. The caller's transaction commits refusals.
///
/// # Errors
/// `mfa_failed` when the code is wrong or was used before, `too_many_attempts`; faults.
pub async fn check_code(
    tx: &mut AuditedTx,
    user: &User,
    code: &TypedCode,
) -> Result<Method, Failure> {
    let app = tx.app();
    let counted = count(&app, tx, user, code.method).await?;
    let method = code.method.method();
    if let Some(found) = find(&app, tx, user, code).await?
        && use_up(tx, user, &found).await?
    {
        counted.forgive(tx).await?;
        return Ok(method);
    }
    Err(refused(tx, user, method).await)
}

/// Checks a code of `user` without consuming it. The caller's transaction commits refusals; [`use_up`] decides
/// later whether another request was first.
///
/// # Errors
/// `mfa_failed` when the code is wrong, `too_many_attempts`; faults.
pub(super) async fn compare_code(
    tx: &mut AuditedTx,
    user: &User,
    code: &TypedCode,
) -> Result<UsableFactorCode, Failure> {
    let app = tx.app();
    let counted = count(&app, tx, user, code.method).await?;
    let found = match find(&app, tx, user, code).await? {
        Some(UsableFactorCode::RecoveryCode(mac))
            if !recovery_codes::is_unused(tx, user.id, &mac).await? =>
        {
            None
        }
        found => found,
    };
    match found {
        Some(found) => {
            counted.forgive(tx).await?;
            Ok(found)
        }
        None => Err(refused(tx, user, code.method.method()).await),
    }
}

/// Consumes a code; `false` if another request was first, or a recovery code does not exist.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn use_up(
    tx: &mut AuditedTx,
    user: &User,
    found: &UsableFactorCode,
) -> Result<bool, Failure> {
    let now = tx.info().now;
    match found {
        UsableFactorCode::Totp(id, step) => Ok(factors::use_step(tx, *id, *step, now).await?),
        UsableFactorCode::RecoveryCode(mac) => use_recovery_code(tx, user, mac).await,
    }
}

/// The refusal of a code, once its event is recorded. The caller's transaction commits refusals.
pub(super) async fn refused(tx: &mut AuditedTx, user: &User, method: Method) -> Failure {
    match record_failed(tx, user, method).await {
        Ok(()) => Refusal::new(Code::MfaFailed, "The code is wrong, or it was used before.").into(),
        Err(fault) => fault.into(),
    }
}

/// The code that can be consumed; `None` if it is wrong. Does not tell whether a recovery code exists.
async fn find(
    app: &App,
    tx: &mut AuditedTx,
    user: &User,
    code: &TypedCode,
) -> Result<Option<UsableFactorCode>, Failure> {
    let typed = code.text.expose();
    match code.method {
        CodeMethod::Totp => find_step(app, tx, user, typed).await,
        CodeMethod::RecoveryCode => match RecoveryCode::parse(typed) {
            Some(code) => {
                let mac = app.recovery_code_mac(user.id, &code)?;
                Ok(Some(UsableFactorCode::RecoveryCode(mac)))
            }
            None => Ok(None),
        },
    }
}

/// Records a wrong code of `user`.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn record_failed(
    tx: &mut AuditedTx,
    user: &User,
    method: Method,
) -> Result<(), Fault> {
    let app = tx.app();
    app.count_login("factor_failed");
    let event = Event::new(EventKind::FactorFailed).about(user.id).detail(method.as_str());
    let event = event.by_methods([method.as_str()]);
    let event = event.because(SealedReason::new(FailureReason::FactorFailed));
    let event = event.of_login(failed_attempts::login_ref(&app, user.login_name()?.key()));
    let fold = fold(&app, user, method, &tx.info());
    tx.record(&event.folded(fold)).await
}

/// The counters in which an attempt was counted.
struct Counted {
    /// Cleared if the code was right.
    own: Option<Vec<u8>>,
    /// Counters to which one attempt is returned if the code was right; other attempts stay counted.
    shared: Vec<Vec<u8>>,
}

impl Counted {
    async fn forgive(&self, tx: &mut AuditedTx) -> Result<(), Fault> {
        if let Some(own) = &self.own {
            login_limits::forgive(tx, own).await?;
        }
        for shared in &self.shared {
            login_limits::give_back(tx, shared).await?;
        }
        Ok(())
    }
}

/// Counts an attempt before anything is compared. Its row is locked until the end of the transaction, so that
/// parallel attempts are compared one after the other.
async fn count(
    app: &App,
    tx: &mut AuditedTx,
    user: &User,
    method: CodeMethod,
) -> Result<Counted, Failure> {
    let mut counted = Counted { own: None, shared: Vec::new() };
    if !app.config.rate_limits {
        return Ok(counted);
    }
    let [of_recovery_code, of_totp, of_totp_a_day] =
        names_of_network(app, user.id, tx.info().address());
    match method {
        CodeMethod::RecoveryCode => {
            // By network: 80 bits cannot be guessed, and an attacker with the password must not lock the owner out.
            let name = of_recovery_code;
            count_in(tx, user, &name, RECOVERY_CODES).await?;
            counted.own = Some(name);
        }
        CodeMethod::Totp => {
            let info = tx.info();
            let name = of_totp;
            count_in(tx, user, &name, TOTP_FROM_NETWORK).await?;
            counted.own = Some(name);
            let name = of_totp_a_day;
            count_in(tx, user, &name, TOTP_FROM_NETWORK_A_DAY).await?;
            counted.shared.push(name);
            let login = user.login_name()?;
            if !admission::is_known_network(app, tx, login.key(), &info).await? {
                let name = name_of_strangers(app, user.id);
                count_in(tx, user, &name, TOTP_FROM_STRANGERS).await?;
                counted.shared.push(name);
            }
        }
    }
    Ok(counted)
}

async fn count_in(
    tx: &mut AuditedTx,
    user: &User,
    pseudonym: &[u8],
    limit: Limit,
) -> Result<(), Failure> {
    let (app, now) = (tx.app(), tx.info().now);
    let account = account_name(&app, user.id);
    let counter = Counter { pseudonym, account: Some(&account) };
    match login_limits::count_try_of(tx, counter, limit, now).await? {
        Ok(()) => Ok(()),
        Err(Refused { wait }) => {
            sign_in_alarms::limit_reached(tx, user, limit).await?;
            Err(lockout::too_many(&app, wait, "factor_account").into())
        }
    }
}

/// The pseudonyms of the counters that a user's second factors have for one network: of recovery codes, and of TOTP
/// codes in their window and in a day.
pub(super) fn names_of_network(app: &App, user: UserId, address: Option<IpAddr>) -> [Vec<u8>; 3] {
    let network = admission::spelt(address);
    ["factor/recovery-code", "factor/totp/network", "factor/totp/network/day"]
        .map(|kind| app.pseudonyms.of(kind, &[user.uuid().as_bytes(), network.as_bytes()]))
}

/// The pseudonym of the counter of wrong TOTP codes from unknown networks.
pub(super) fn name_of_strangers(app: &App, user: UserId) -> Vec<u8> {
    app.pseudonyms.of("factor/totp/strangers", &[user.uuid().as_bytes(), b""])
}

/// The pseudonym under which the counters of a user's second factors are found.
pub(super) fn account_name(app: &App, user: UserId) -> Vec<u8> {
    app.pseudonyms.of("factor/account", &[user.uuid().as_bytes()])
}

/// Compares with the accepted steps of every secret of the user.
async fn find_step(
    app: &App,
    tx: &mut AuditedTx,
    user: &User,
    typed: &str,
) -> Result<Option<UsableFactorCode>, Failure> {
    let now = tx.info().now;
    let stored = factors::of_user(tx, user.id).await?;
    let Some(code) = totp::parse_code(typed) else { return Ok(None) };
    let accepted = TimeStep::accepted(now);
    let mut found = None;
    // Every secret is compared, so that the time does not reveal which one matches.
    for stored in &stored {
        let Some(sealed) = &stored.sealed else { continue };
        let secret = app.unseal_totp(user.id, stored.factor.id, sealed)?;
        if let Some(step) = secret.step_of(&code, accepted) {
            found = found.or(Some(UsableFactorCode::Totp(stored.factor.id, step)));
        }
    }
    Ok(found)
}

async fn use_recovery_code(tx: &mut AuditedTx, user: &User, mac: &[u8]) -> Result<bool, Failure> {
    if !recovery_codes::spend(tx, user.id, mac).await? {
        return Ok(false);
    }
    tx.record(&Event::new(EventKind::RecoveryCodeUsed).about(user.id)).await?;
    if reaches(tx, user) {
        let left = recovery_codes::left(tx, user.id).await?;
        notify(tx, user, Notification::RecoveryCodeUsed(left)).await?;
    }
    Ok(true)
}

/// Failures fold into one row a minute for each user, method and address.
fn fold(app: &App, user: &User, method: Method, info: &RequestInfo) -> Vec<u8> {
    let minute = info.now.secs().div_euclid(60).to_be_bytes();
    let address = info.address().map_or_else(String::new, |address| address.to_string());
    let user = user.id.uuid();
    let parts = [user.as_bytes(), method.as_str().as_bytes(), address.as_bytes(), &minute];
    app.pseudonyms.of("audit/factor.failed", &parts)
}

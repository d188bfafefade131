//! How often mail can be requested to an address: a code to recover an account, to confirm the address, or to enrol a
//! factor.
//!
//! Limits per address are the same whether a user has it or not, and are counted before that is known. One limit is
//! per requesting user, so that an account cannot be used to mail many strangers.

use crate::app::AuditedTx;
use crate::base::id::UserId;
use crate::domain::email_address::EmailAddress;
use crate::domain::outcome::Failure;
use crate::domain::rate_limit::{
    CONFIRMATIONS_OF_USER, Limit, RECOVERY_FROM_NETWORK, RECOVERY_FROM_NETWORK_AN_HOUR,
    RECOVERY_FROM_STRANGERS,
};
use crate::store::email_owners;
use crate::store::login_limits::{self, Refused};
use crate::text_enum;

use super::{admission, lockout};

text_enum! {
    /// The kind of a mail. Each is counted separately, so that strangers who request one kind do not block another
    /// for the owner.
    pub(super) enum LimitedMail {
        /// To choose a new password. Needs no sign-in.
        Recovery = "recovery",
        /// To confirm an address.
        Confirmation = "email",
        /// To enrol a second factor during a sign-in.
        Enrolment = "enrolment",
        /// To create an account.
        SignUp = "sign_up",
    }
}

impl LimitedMail {
    /// The label of `signet_rate_limited_total`.
    const fn metric(self) -> &'static str {
        match self {
            Self::Recovery => "recovery",
            Self::Confirmation | Self::Enrolment => "email_confirmation",
            Self::SignUp => "registration",
        }
    }
}

/// Counts a request of `user` for mail to `address`.
///
/// # Errors
/// `too_many_attempts`; faults.
pub(super) async fn count(
    tx: &mut AuditedTx,
    user: UserId,
    address: &EmailAddress,
) -> Result<(), Failure> {
    let app = tx.app();
    if !app.config.rate_limits {
        return Ok(());
    }
    let name = app.pseudonyms.of("email/user", &[user.uuid().as_bytes()]);
    count_in(tx, LimitedMail::Confirmation, &name, CONFIRMATIONS_OF_USER).await?;
    count_of_address(tx, LimitedMail::Confirmation, address).await
}

/// Counts a mail of `kind` to `address`. Not counted for the user: an attacker in another network who has the password
/// must not be able to block the owner.
///
/// # Errors
/// `too_many_attempts`; faults.
pub(super) async fn count_of_address(
    tx: &mut AuditedTx,
    kind: LimitedMail,
    address: &EmailAddress,
) -> Result<(), Failure> {
    let (app, info) = (tx.app(), tx.info());
    if !app.config.rate_limits {
        return Ok(());
    }
    let of = |whose: &str, parts: &[&[u8]]| {
        app.pseudonyms.of(&format!("{}/{whose}", kind.as_str()), parts)
    };
    let key = address.key();
    let network = admission::spelt(info.address());
    let here = [key.as_bytes(), network.as_bytes()];
    count_in(tx, kind, &of("network", &here), RECOVERY_FROM_NETWORK).await?;
    count_in(tx, kind, &of("network-an-hour", &here), RECOVERY_FROM_NETWORK_AN_HOUR).await?;
    // The same statements if no user has the address.
    let login = email_owners::login_key_of_owner(&mut **tx, key).await?;
    let login = login.as_deref().unwrap_or(key);
    if !admission::is_known_network(&app, &mut **tx, login, &info).await? {
        let everywhere = of("strangers", &[key.as_bytes()]);
        count_in(tx, kind, &everywhere, RECOVERY_FROM_STRANGERS).await?;
    }
    Ok(())
}

/// Counts a mail to an address that signs up. No network is exempt, because an exemption would reveal an account.
///
/// # Errors
/// `too_many_attempts`; faults.
pub(super) async fn count_of_new_address(
    tx: &mut AuditedTx,
    address: &EmailAddress,
) -> Result<(), Failure> {
    let (app, info) = (tx.app(), tx.info());
    if !app.config.rate_limits {
        return Ok(());
    }
    let key = address.key().as_bytes();
    let network = admission::spelt(info.address());
    let kind = LimitedMail::SignUp;
    let of = |whose: &str, parts: &[&[u8]]| {
        app.pseudonyms.of(&format!("{}/{whose}", kind.as_str()), parts)
    };
    let here = of("network", &[key, network.as_bytes()]);
    count_in(tx, kind, &here, RECOVERY_FROM_NETWORK).await?;
    let everywhere = of("everywhere", &[key]);
    count_in(tx, kind, &everywhere, RECOVERY_FROM_STRANGERS).await
}

async fn count_in(
    tx: &mut AuditedTx,
    kind: LimitedMail,
    name: &[u8],
    limit: Limit,
) -> Result<(), Failure> {
    let (app, now) = (tx.app(), tx.info().now);
    match login_limits::count_try(tx, name, limit, now).await? {
        Ok(()) => Ok(()),
        Err(Refused { wait }) => Err(lockout::too_many(&app, wait, kind.metric()).into()),
    }
}

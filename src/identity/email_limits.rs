//! How often a user can have mail sent to an address that is not verified.
//!
//! Owns which limits a request is held against: those of the address are the same whether another user has it or not,
//! and one of the user who asks, so that an account cannot be used to mail many strangers.

use crate::app::AuditedTx;
use crate::base::id::UserId;
use crate::domain::email_address::EmailAddress;
use crate::domain::outcome::Failure;
use crate::domain::rate_limit::{
    CONFIRMATIONS_OF_USER, Limit, RECOVERY_FROM_NETWORK, RECOVERY_FROM_STRANGERS,
};
use crate::store::email_owners;
use crate::store::login_limits::{self, Refused};

use super::{admission, lockout};

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
    count_in(tx, &name, CONFIRMATIONS_OF_USER).await?;
    count_of_address(tx, "email", address).await
}

/// Counts a mail of `kind` to `address`. Mails that others can have sent, and those that a sign-in waits for, are
/// counted apart: strangers do not keep the owner from signing in. Not for the user: a thief of the password in another
/// network must not keep the owner waiting.
///
/// # Errors
/// `too_many_attempts`; faults.
pub(super) async fn count_of_address(
    tx: &mut AuditedTx,
    kind: &str,
    address: &EmailAddress,
) -> Result<(), Failure> {
    let (app, info) = (tx.app(), tx.info());
    if !app.config.rate_limits {
        return Ok(());
    }
    let of = |whose: &str, parts: &[&[u8]]| app.pseudonyms.of(&format!("{kind}/{whose}"), parts);
    let key = address.key();
    let network = admission::spelt(info.address());
    let here = of("network", &[key.as_bytes(), network.as_bytes()]);
    count_in(tx, &here, RECOVERY_FROM_NETWORK).await?;
    // The same statements where no user has the address.
    let login = email_owners::login_key_of_owner(&mut **tx, key).await?;
    let login = login.as_deref().unwrap_or(key);
    if !admission::is_known_network(&app, &mut **tx, login, &info).await? {
        let everywhere = of("strangers", &[key.as_bytes()]);
        count_in(tx, &everywhere, RECOVERY_FROM_STRANGERS).await?;
    }
    Ok(())
}

/// Counts a mail to an address that signs up. No network is exempt: that one is known to an account would tell that
/// there is one.
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
    let here = app.pseudonyms.of("sign-up/network", &[key, network.as_bytes()]);
    count_in(tx, &here, RECOVERY_FROM_NETWORK).await?;
    let everywhere = app.pseudonyms.of("sign-up/everywhere", &[key]);
    count_in(tx, &everywhere, RECOVERY_FROM_STRANGERS).await
}

async fn count_in(tx: &mut AuditedTx, name: &[u8], limit: Limit) -> Result<(), Failure> {
    let (app, now) = (tx.app(), tx.info().now);
    match login_limits::count_try(tx, name, limit, now).await? {
        Ok(()) => Ok(()),
        Err(Refused { wait }) => Err(lockout::too_many(&app, wait, "email_confirmation").into()),
    }
}

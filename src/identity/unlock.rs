//! Unlocking an account: clears its counters of failed attempts from all networks. They are also cleared with a
//! deleted account.
//!
//! Owns which counters belong to an account. Those of a network are in the memory of each process and expire.
//! Counters of sent mail stay, because they protect a mailbox.

use std::net::IpAddr;

use crate::app::AuditedTx;
use crate::base::id::UserId;
use crate::domain::outcome::Fault;
use crate::domain::rate_limit::KNOWN_NETWORK;
use crate::domain::user::User;
use crate::store::{known_networks, login_limits};

use super::attempt_names::AttemptNames;
use super::{admission, second_factor};

/// Clears every counted attempt at the password of the account named by `login_key`, because its mailbox was
/// proved or an administrator unlocks it.
///
/// # Errors
/// When the database cannot be written.
pub async fn clear_passwords(tx: &mut AuditedTx, login_key: &str) -> Result<(), Fault> {
    let name = admission::account_name(&tx.app(), login_key);
    login_limits::clear_account(tx, &name).await.map(drop)
}

/// Clears the counted attempts at the password and the second factors of a user from the network of `address`. False
/// when there were none.
///
/// # Errors
/// When the database cannot be written.
pub async fn clear_network(
    tx: &mut AuditedTx,
    user: &User,
    address: IpAddr,
) -> Result<bool, Fault> {
    let app = tx.app();
    let login = user.login_name()?;
    let names = AttemptNames::new(&app, login.key(), Some(address));
    let mut any = login_limits::forgive(tx, &names.from_network).await?;
    for name in second_factor::names_of_network(&app, user.id, Some(address)) {
        any |= login_limits::forgive(tx, &name).await?;
    }
    Ok(any)
}

/// Whether the user has recently signed in from the network of `address`.
///
/// # Errors
/// When the database cannot be read.
pub async fn knows_network(
    tx: &mut AuditedTx,
    user: &User,
    address: IpAddr,
) -> Result<bool, Fault> {
    let (app, now) = (tx.app(), tx.info().now);
    let names = AttemptNames::new(&app, user.login_name()?.key(), Some(address));
    known_networks::is_known(tx, &names.known, KNOWN_NETWORK, now).await
}

/// Clears the counters and known networks under the login name of a deleted account, because a new account with the
/// same name has another user.
///
/// # Errors
/// When the database cannot be written.
pub async fn forget_account(tx: &mut AuditedTx, login_key: &str) -> Result<(), Fault> {
    let name = admission::account_name(&tx.app(), login_key);
    login_limits::clear_account(tx, &name).await?;
    known_networks::forget(tx, &name).await
}

/// Clears every counted attempt at the second factors of a user.
///
/// # Errors
/// When the database cannot be written.
pub async fn clear_second_factors(tx: &mut AuditedTx, user: UserId) -> Result<(), Fault> {
    let name = second_factor::account_name(&tx.app(), user);
    login_limits::clear_account(tx, &name).await.map(drop)
}

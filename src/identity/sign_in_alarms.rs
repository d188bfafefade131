//! Notifies the owner of an account about sign-ins that look like an attack.
//!
//! Owns the triggers (a new network, right passwords without a second factor, the limit of wrong codes, and a passkey
//! that may have been copied) and how often a mail is sent, so that an attacker cannot fill the owner's mailbox. It never affects an attempt. If rate limits
//! are off, nothing is counted and no mail is sent.

use crate::app::AuditedTx;
use crate::base::TimeSpan;
use crate::domain::outcome::Fault;
use crate::domain::rate_limit::{KNOWN_NETWORK, Limit, WITHOUT_SECOND_FACTOR};
use crate::domain::user::User;
use crate::store::{known_networks, login_limits};

use super::attempt_names::AttemptNames;
use super::notifications::{Notification, notify, reaches};

/// How often a user is notified of a new network.
const NEW_NETWORK_EVERY: TimeSpan = TimeSpan::from_days(1);

/// How often a user is notified of a counter that did not increase: the counters of some synced passkeys are
/// unreliable.
const COUNTER_REUSED_EVERY: TimeSpan = TimeSpan::from_days(1);

/// Notifies the user of a sign-in from a network that was not known to the account before, except for the first
/// network of an account.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn new_network(tx: &mut AuditedTx, user: &User) -> Result<(), Fault> {
    if !reaches(tx, user) {
        return Ok(());
    }
    let info = tx.info();
    let names = names(tx, user)?;
    let oldest = info.now - KNOWN_NETWORK;
    if known_networks::knows_another(tx, &names.account, &names.known, oldest).await?
        && is_first_in(tx, user, "mail/new-network", NEW_NETWORK_EVERY).await?
    {
        notify(tx, user, Notification::NewNetwork).await?;
    }
    Ok(())
}

/// Counts a right password that needs a second factor, and notifies the user after too many without one. A
/// completed sign-in resets the count.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn first_factor(tx: &mut AuditedTx, user: &User) -> Result<(), Fault> {
    let app = tx.app();
    if !app.config.rate_limits || !reaches(tx, user) {
        return Ok(());
    }
    let names = names(tx, user)?;
    let (limit, now) = (WITHOUT_SECOND_FACTOR, tx.info().now);
    let tries = login_limits::count(tx, &names.without_second, limit.window, now).await?;
    if tries == limit.tries {
        notify(tx, user, Notification::SecondFactorMissing).await?;
    }
    Ok(())
}

/// Notifies the user that wrong codes have reached `limit`: once in its window.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn limit_reached(
    tx: &mut AuditedTx,
    user: &User,
    limit: Limit,
) -> Result<(), Fault> {
    if reaches(tx, user) && is_first_in(tx, user, "mail/second-factor-limit", limit.window).await? {
        notify(tx, user, Notification::SecondFactorLimit).await?;
    }
    Ok(())
}

/// Notifies the user that a passkey signed with a counter that did not increase.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn counter_reused(tx: &mut AuditedTx, user: &User) -> Result<(), Fault> {
    let kind = "mail/passkey-counter-reused";
    if reaches(tx, user) && is_first_in(tx, user, kind, COUNTER_REUSED_EVERY).await? {
        notify(tx, user, Notification::PasskeyCounterReused).await?;
    }
    Ok(())
}

/// Whether this is the first time in `window` for this user.
async fn is_first_in(
    tx: &mut AuditedTx,
    user: &User,
    kind: &str,
    window: TimeSpan,
) -> Result<bool, Fault> {
    let name = tx.app().pseudonyms.of(kind, &[user.id.uuid().as_bytes()]);
    let now = tx.info().now;
    Ok(login_limits::count_try(tx, &name, Limit { tries: 1, window }, now).await?.is_ok())
}

fn names(tx: &AuditedTx, user: &User) -> Result<AttemptNames, Fault> {
    let login = user.login_name()?;
    Ok(AttemptNames::new(&tx.app(), login.key(), tx.info().address()))
}

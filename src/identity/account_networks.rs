//! The known networks of an account: those that its user has signed in from.
//!
//! Owns what a completed sign-in clears and records. A known network skips the limit of unknown networks
//! (`lockout`).

use std::net::IpAddr;

use crate::app::{App, AuditedTx};
use crate::base::{TimeSpan, Timestamp};
use crate::domain::outcome::Fault;
use crate::domain::rate_limit::{KNOWN_NETWORK, STANDING_NETWORKS};
use crate::store::Tx;
use crate::store::known_networks::{self, KnownNetwork};
use crate::store::login_limits;

use super::attempt_names::AttemptNames;

/// How often a log-in from a known network is recorded.
const NOTE_EVERY: TimeSpan = TimeSpan::from_days(1);

/// The pseudonyms of an account, and the time and network of the sign-in.
#[derive(Clone, Copy)]
pub(super) struct SignedInFrom<'a> {
    pub(super) names: &'a AttemptNames,
    pub(super) address: Option<IpAddr>,
    pub(super) now: Timestamp,
}

/// Clears the failures from this network and the count of passwords without a second factor, and records the
/// network as known. Returns whether it was recorded now.
pub(super) async fn forgive_names(
    app: &App,
    tx: &mut Tx,
    signed_in: SignedInFrom<'_>,
) -> Result<bool, Fault> {
    let names = signed_in.names;
    login_limits::forgive_both(tx, &names.from_network, &names.without_second).await?;
    note_network(app, tx, signed_in).await
}

/// Records the network as known to the account. Returns whether it was recorded now.
async fn note_network(app: &App, tx: &mut Tx, signed_in: SignedInFrom<'_>) -> Result<bool, Fault> {
    let SignedInFrom { names: AttemptNames { known, network, account, .. }, address, now } =
        signed_in;
    let Some(address) = address else { return Ok(false) };
    let seen = KnownNetwork { pseudonym: known, network, account };
    let noted = known_networks::remember(tx, seen, NOTE_EVERY, now).await?;
    if noted {
        known_networks::lend_to_latest(tx, account, STANDING_NETWORKS).await?;
        app.standing.forget(address);
    }
    Ok(noted)
}

/// Clears an attempt that was counted in an earlier request, and records the network of this one, because the user
/// has completed an authentication. `counted_everywhere` is the earlier result of
/// [`Counted::counts_everywhere`](super::lockout::Counted::counts_everywhere). Returns whether the network of this
/// request is new to the account.
///
/// # Errors
/// When the database cannot be written.
pub async fn forgive_earlier(
    tx: &mut AuditedTx,
    key: &str,
    counted_everywhere: bool,
) -> Result<bool, Fault> {
    let (app, now, address) = (tx.app(), tx.info().now, tx.info().address());
    if !app.config.rate_limits {
        return Ok(false);
    }
    let names = AttemptNames::new(&app, key, address);
    let noted = forgive_names(&app, tx, SignedInFrom { names: &names, address, now }).await?;
    if counted_everywhere {
        login_limits::give_back(tx, &names.from_strangers).await?;
    }
    Ok(noted && counted_everywhere)
}

/// Records the network of this request under a key of the account, for a sign-in without a password or after a
/// change of the login name, where nothing was counted. Returns whether it is new to the account.
///
/// # Errors
/// When the database cannot be written.
pub async fn remember_network(tx: &mut AuditedTx, key: &str) -> Result<bool, Fault> {
    let (app, now, address) = (tx.app(), tx.info().now, tx.info().address());
    if !app.config.rate_limits {
        return Ok(false);
    }
    let names = AttemptNames::new(&app, key, address);
    let is_known = known_networks::is_known(tx, &names.known, KNOWN_NETWORK, now).await?;
    let signed_in = SignedInFrom { names: &names, address, now };
    Ok(note_network(&app, tx, signed_in).await? && !is_known)
}

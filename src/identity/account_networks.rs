//! The networks that an account knows: those its user has signed in from.
//!
//! Owns what a completed sign-in forgives and remembers. A known network skips the limit of all networks that the
//! account does not know (`lockout`).

use std::net::IpAddr;

use crate::app::{App, AuditedTx};
use crate::base::{TimeSpan, Timestamp};
use crate::domain::outcome::Fault;
use crate::domain::rate_limit::{KNOWN_NETWORK, STANDING_NETWORKS};
use crate::store::Tx;
use crate::store::known_networks::{self, KnownNetwork};
use crate::store::login_limits;

use super::attempt_names::AttemptNames;

/// How often a log-in from a known network is written down.
const NOTE_EVERY: TimeSpan = TimeSpan::from_days(1);

/// The names of an account, and when and from where its user has signed in.
#[derive(Clone, Copy)]
pub(super) struct SignedInFrom<'a> {
    pub(super) names: &'a AttemptNames,
    pub(super) address: Option<IpAddr>,
    pub(super) now: Timestamp,
}

/// Forgets the failures from this network and the passwords that no second factor followed, and remembers the
/// network as the account's. Whether that was written down now.
pub(super) async fn forgive_names(
    app: &App,
    tx: &mut Tx,
    signed_in: SignedInFrom<'_>,
) -> Result<bool, Fault> {
    let names = signed_in.names;
    login_limits::forgive_both(tx, &names.from_network, &names.without_second).await?;
    note_network(app, tx, signed_in).await
}

/// Remembers the network as the account's. Whether that was written down now.
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

/// Forgives an attempt that was counted in an earlier request, and remembers the network of this one: the user
/// has completed the last step of an authentication. `counted_everywhere` is what
/// [`Counted::counts_everywhere`](super::lockout::Counted::counts_everywhere) said then: of a password that was right, that the account did not know the
/// network. Whether the network of this request is new to the account.
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

/// Remembers the network of this request under a key of the account, of a sign-in that began without a password or
/// after a change of the login name: nothing was counted there. Whether it is new to the account.
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

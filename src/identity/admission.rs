//! The lane and the queue identity of requests that wait for a password hash.
//!
//! Owns the priority of requests. The queue is in `crypto::password`, standing in `app::limits::standing`.

use std::net::IpAddr;

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::crypto::password::{Lane, Requester, Slot};
use crate::domain::network::network;
use crate::domain::outcome::{Fault, Refusal};
use crate::domain::rate_limit::{KNOWN_NETWORK, MAX_STANDING};
use crate::domain::request_info::RequestInfo;
use crate::store::{Link, known_networks};

use super::failed_attempts;

/// How a request waits for a hash.
#[derive(Debug, Clone, Copy)]
pub struct Admission {
    /// The lane.
    pub lane: Lane,
    /// The queue identity.
    pub who: Requester,
}

impl Admission {
    /// A caller that has authenticated, from whichever network.
    #[must_use]
    pub const fn authenticated(user: UserId) -> Self {
        Self { lane: Lane::Known, who: Requester::Account(user.uuid()) }
    }

    /// A place in the queue.
    ///
    /// # Errors
    /// See [`App::reserve_hash_slot`].
    pub fn reserve(self, app: &App) -> Result<Slot, Refusal> {
        app.reserve_hash_slot(self.lane, self.who)
    }

    /// The same for a password that is to be compared, with an audit event for a refusal.
    ///
    /// # Errors
    /// As [`Self::reserve`].
    pub(super) fn reserve_to_compare(self, app: &App, info: &RequestInfo) -> Result<Slot, Refusal> {
        app.try_hash_slot(self.lane, self.who).map_err(|(reason, refusal)| {
            failed_attempts::shed(app, reason, info);
            *refusal
        })
    }
}

/// The admission of an unauthenticated caller. It depends on the network and not on the account, because otherwise
/// the order of service would reveal which accounts exist.
///
/// # Errors
/// When the database cannot be read.
pub async fn of(app: &App, address: Option<IpAddr>, now: Timestamp) -> Result<Admission, Fault> {
    let who = Requester::from(address);
    let stranger = Admission { lane: Lane::Stranger, who };
    // Without rate limits, no networks are recorded.
    let Some(address) = address.filter(|_| app.config.rate_limits) else { return Ok(stranger) };
    let accounts = match app.standing.accounts(address) {
        Some(accounts) => accounts,
        None => {
            let mut reader = app.db.reader().await?;
            let name = standing_name(app, Some(address));
            let most = i64::from(MAX_STANDING);
            let accounts =
                known_networks::standing(&mut reader, &name, KNOWN_NETWORK, most, now).await?;
            app.standing.learn(address, accounts);
            accounts
        }
    };
    let is_known = app.standing.holds(address, accounts);
    Ok(if is_known { Admission { lane: Lane::Known, who } } else { stranger })
}

/// The pseudonym of a network that gets standing from accounts.
pub(super) fn standing_name(app: &App, address: Option<IpAddr>) -> Vec<u8> {
    app.pseudonyms.of("login/standing", &[spelt(address).as_bytes()])
}

/// The pseudonym of the account named by `key`.
pub(super) fn account_name(app: &App, key: &str) -> Vec<u8> {
    app.pseudonyms.of("login/account", &[key.as_bytes()])
}

/// The pseudonym of a network as known to the account named by `key`.
pub(super) fn known_name(app: &App, key: &str, address: Option<IpAddr>) -> Vec<u8> {
    app.pseudonyms.of("login/known", &[key.as_bytes(), spelt(address).as_bytes()])
}

/// Whether the account named by `key` has logged in from the network of a request.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn is_known_network(
    app: &App,
    link: &mut impl Link,
    key: &str,
    info: &RequestInfo,
) -> Result<bool, Fault> {
    let known = known_name(app, key, info.address());
    known_networks::is_known(link, &known, KNOWN_NETWORK, info.now).await
}

/// The text of a network for a pseudonym; empty when the address is unknown.
pub(super) fn spelt(address: Option<IpAddr>) -> String {
    address.map_or_else(String::new, |address| network(address).to_string())
}

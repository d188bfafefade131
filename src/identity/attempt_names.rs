//! The pseudonyms under which attempts to sign in to an account are counted.
//!
//! A name contains the key of the login name and, for the counter of one network, the network. The database stores
//! keyed hashes of them.

use std::net::IpAddr;

use crate::app::App;
use crate::store::login_limits::Counter;

use super::admission;

/// The names of one attempt.
pub(super) struct AttemptNames {
    /// Failures of the account from this network.
    pub(super) from_network: Vec<u8>,
    /// Failures of the account from all networks that are not known to it.
    pub(super) from_strangers: Vec<u8>,
    /// Right passwords of the account that no second factor followed.
    pub(super) without_second: Vec<u8>,
    /// The network, as known to the account.
    pub(super) known: Vec<u8>,
    /// The network, as one that gets standing from the account.
    pub(super) network: Vec<u8>,
    /// The account, as one that gives standing.
    pub(super) account: Vec<u8>,
}

impl AttemptNames {
    pub(super) fn new(app: &App, login_key: &str, address: Option<IpAddr>) -> Self {
        let net = admission::spelt(address);
        let (key, net, of) = (login_key.as_bytes(), net.as_bytes(), |kind, parts: &[&[u8]]| {
            app.pseudonyms.of(kind, parts)
        });
        Self {
            from_network: of("login/network", &[key, net]),
            from_strangers: of("login/strangers", &[key]),
            without_second: of("login/without-second", &[key]),
            known: admission::known_name(app, login_key, address),
            network: admission::standing_name(app, address),
            account: admission::account_name(app, login_key),
        }
    }

    /// One of the names as a counter that is cleared with the account.
    pub(super) fn counter<'a>(&'a self, pseudonym: &'a [u8]) -> Counter<'a> {
        Counter { pseudonym, account: Some(&self.account) }
    }
}

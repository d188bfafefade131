//! Networks from which any account has logged in, as far as this process knows.
//!
//! Holds no account: a lane that depended on the account would tell an attacker which accounts exist.
//! The database keeps the same for other processes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::{TimeSpan, Timestamp};
use crate::domain::rate_limit::KNOWN_NETWORK;

use super::network;

/// The most networks held; beyond it outdated ones are dropped, then new ones are not added.
const MAX_NETWORKS: usize = 100_000;
/// How long a network without a log-in is held: another process may have recorded one since.
const BELIEVE_STRANGE: TimeSpan = TimeSpan::from_mins(1);
/// How often a log-in from a network is written to the database.
const NOTE: TimeSpan = TimeSpan::from_days(1);

#[derive(Debug, Clone, Copy)]
struct Seen {
    familiar: bool,
    at: Timestamp,
}

impl Seen {
    fn holds(self, now: Timestamp) -> bool {
        let span = if self.familiar { KNOWN_NETWORK } else { BELIEVE_STRANGE };
        now - self.at < span
    }
}

/// What is known, by network.
#[derive(Default)]
pub struct SeenNetworks(Mutex<HashMap<Option<IpAddr>, Seen>>);

impl SeenNetworks {
    /// Whether any account has logged in from this address's network; none when that is not known here.
    #[must_use]
    pub fn get(&self, address: Option<IpAddr>, now: Timestamp) -> Option<bool> {
        let seen = self.seen().get(&address.map(network)).copied()?;
        seen.holds(now).then_some(seen.familiar)
    }

    /// Remembers what the database says.
    pub fn learn(&self, address: Option<IpAddr>, familiar: bool, now: Timestamp) {
        // When that was is not known: the next log-in is written down again.
        let at = if familiar { now - NOTE } else { now };
        self.put(address, Seen { familiar, at }, now);
    }

    /// Records a log-in from this address.
    pub fn log_in(&self, address: Option<IpAddr>, now: Timestamp) {
        if !self.is_noted(address, now) {
            self.put(address, Seen { familiar: true, at: now }, now);
        }
    }

    /// Whether a log-in from there was written to the database within the last day.
    #[must_use]
    pub fn is_noted(&self, address: Option<IpAddr>, now: Timestamp) -> bool {
        let seen = self.seen().get(&address.map(network)).copied();
        seen.is_some_and(|seen| seen.familiar && now - seen.at < NOTE)
    }

    fn put(&self, address: Option<IpAddr>, what: Seen, now: Timestamp) {
        let mut seen = self.seen();
        if seen.len() >= MAX_NETWORKS {
            seen.retain(|_, seen| seen.holds(now));
        }
        let key = address.map(network);
        if seen.len() < MAX_NETWORKS || seen.contains_key(&key) {
            seen.insert(key, what);
        }
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<Option<IpAddr>, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_familiar_for_ninety_days_and_strange_for_a_minute() {
        let networks = SeenNetworks::default();
        let (home, away) = ("192.0.2.1".parse().ok(), "2001:db8::1".parse().ok());
        let now = Timestamp::from_secs(1_000);
        assert_eq!(networks.get(home, now), None);
        networks.learn(home, false, now);
        assert_eq!(networks.get(home, now + TimeSpan::from_secs(59)), Some(false));
        assert_eq!(networks.get(home, now + TimeSpan::from_secs(60)), None);
        networks.learn(away, true, now);
        assert!(!networks.is_noted(away, now));
        networks.log_in("2001:db8::2".parse().ok(), now);
        assert!(networks.is_noted(away, now));
        assert!(!networks.is_noted(away, now + TimeSpan::from_days(1)));
        assert_eq!(networks.get(away, now + TimeSpan::from_days(89)), Some(true));
        assert_eq!(networks.get(away, now + TimeSpan::from_days(90)), None);
    }
}

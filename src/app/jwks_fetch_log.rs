//! Resource servers that fetch the public keys, counted in memory until a job stores them.
//!
//! Owns the names and their bounds. A name is known when it equals a registered API or client, or was seen for long
//! enough; all others share a bounded table, in which each network has a few places and its newest names displace
//! its oldest. So invented names use little memory and displace neither known names nor those of other networks.
//! This runs on the request path of the JWKS: one short lock and, for a recent name, no allocation.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::Timestamp;
use crate::domain::network::{network, prefix};
use crate::store::verifiers::SeenVerifier;

use super::App;

/// The most unknown names, in memory and in the database.
pub const MAX_UNKNOWN: usize = 1_000;
/// The most unknown names of one network between two writes.
pub const MAX_UNKNOWN_OF_NETWORK: usize = 20;
/// The longest unknown name, in characters.
const MAX_NAME: usize = 96;

/// The fetches since the last write.
#[derive(Default)]
pub struct JwksFetchLog {
    fetches: Mutex<Fetches>,
    hasher: RandomState,
}

/// Fetches by whether the name is known.
#[derive(Default)]
pub struct Taken {
    /// Of registered names, and of those seen for long enough.
    pub known: Vec<SeenVerifier>,
    /// Of all others.
    pub unknown: Vec<SeenVerifier>,
}

#[derive(Default)]
struct Fetches {
    known: HashMap<u64, SeenVerifier>,
    unknown: HashMap<u64, SeenVerifier>,
    /// The unknown names of each network, the oldest first; of networks that have one.
    by_network: HashMap<Option<IpAddr>, VecDeque<u64>>,
    /// The names that the database has seen for long enough.
    long_seen: HashSet<String>,
}

/// A caller that fetched the keys.
#[derive(Debug, Clone, Copy)]
pub struct Fetcher<'a> {
    /// The name that it sent, if any (`?rs=orders`).
    pub name: Option<&'a str>,
    /// Its user agent.
    pub user_agent: &'a str,
    /// Its address.
    pub address: Option<IpAddr>,
}

impl App {
    /// Counts one fetch of the public keys.
    pub fn count_jwks_fetch(&self, fetcher: Fetcher<'_>, now: Timestamp) {
        let is_registered = || fetcher.name.is_some_and(|name| self.is_registered(name));
        self.jwks_fetches.count(fetcher, now, is_registered);
    }

    /// Whether an API or a client is registered under this name.
    #[must_use]
    pub fn is_registered(&self, name: &str) -> bool {
        self.client(name).is_some_and(|client| client.document.is_none())
            || self.audience(Some(name)).is_some()
    }
}

impl JwksFetchLog {
    /// Counts one fetch. Registration is only looked up for a name that is not in the table.
    fn count(&self, fetcher: Fetcher<'_>, now: Timestamp, is_registered: impl FnOnce() -> bool) {
        let hash = match fetcher.name {
            Some(name) => self.hasher.hash_one((1, name)),
            None => self.hasher.hash_one((2, fetcher.user_agent, fetcher.address)),
        };
        let mut fetches = self.fetches();
        let Fetches { known, unknown, by_network, long_seen } = &mut *fetches;
        if let Some(seen) = known.get_mut(&hash).or_else(|| unknown.get_mut(&hash)) {
            seen.last_fetch_at = now;
            seen.fetches += 1;
            return;
        }
        let new = |name| SeenVerifier { name, first_fetch_at: now, last_fetch_at: now, fetches: 1 };
        if let Some(name) = fetcher.name
            && is_registered()
        {
            known.insert(hash, new(name.to_owned()));
            return;
        }
        let name = fetcher.spell();
        if long_seen.contains(&name) {
            known.insert(hash, new(name));
            return;
        }
        let network = fetcher.address.map(network);
        let own = by_network.get(&network).map_or(0, VecDeque::len);
        let displaced = if own >= MAX_UNKNOWN_OF_NETWORK {
            Some(network)
        } else if unknown.len() >= MAX_UNKNOWN {
            let Some(displaced) = largest(by_network, network) else { return };
            Some(displaced)
        } else {
            None
        };
        if let Some(displaced) = displaced
            && let Some(names) = by_network.get_mut(&displaced)
            && let Some(oldest) = names.pop_front()
        {
            unknown.remove(&oldest);
            if names.is_empty() {
                by_network.remove(&displaced);
            }
        }
        unknown.insert(hash, new(name));
        by_network.entry(network).or_default().push_back(hash);
    }

    /// Takes the counted fetches.
    pub fn take(&self) -> Taken {
        let mut fetches = self.fetches();
        let known = fetches.known.drain().map(|(_, seen)| seen).collect();
        let unknown = fetches.unknown.drain().map(|(_, seen)| seen).collect();
        fetches.by_network.clear();
        Taken { known, unknown }
    }

    /// Remembers which names the database has seen for long enough.
    pub fn set_long_seen(&self, names: HashSet<String>) {
        self.fetches().long_seen = names;
    }

    fn fetches(&self) -> MutexGuard<'_, Fetches> {
        self.fetches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The network that makes room for a name of another network: the one with the most names in the prefix with
/// the most names. `None` if that prefix would then have fewer than the newcomer's.
fn largest(
    by_network: &HashMap<Option<IpAddr>, VecDeque<u64>>,
    newcomer: Option<IpAddr>,
) -> Option<Option<IpAddr>> {
    let mut prefixes: HashMap<Option<IpAddr>, usize> = HashMap::new();
    for (network, names) in by_network {
        *prefixes.entry(network.map(prefix)).or_default() += names.len();
    }
    let own = prefixes.get(&newcomer.map(prefix)).copied().unwrap_or(0);
    let (largest, count) = prefixes.into_iter().max_by_key(|(_, count)| *count)?;
    let of_it = by_network.iter().filter(|(network, _)| network.map(prefix) == largest);
    let (network, _) = of_it.max_by_key(|(_, names)| names.len())?;
    (count > own + 1).then_some(*network)
}

impl Fetcher<'_> {
    /// The name with only printable characters.
    fn spell(&self) -> String {
        let printable = |text: &str| -> String {
            text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(MAX_NAME).collect()
        };
        match (self.name, self.address) {
            (Some(name), _) => printable(name),
            (None, Some(address)) => format!("{} @ {address}", printable(self.user_agent)),
            (None, None) => printable(self.user_agent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetcher<'a>(name: Option<&'a str>, user_agent: &'a str, address: &str) -> Fetcher<'a> {
        Fetcher { name, user_agent, address: address.parse().ok() }
    }

    fn invented(log: &JwksFetchLog, fetcher: Fetcher<'_>, second: i64) {
        log.count(fetcher, Timestamp::from_secs(second), || false);
    }

    #[test]
    fn a_name_counts_once_whatever_it_looks_like() {
        let log = JwksFetchLog::default();
        for second in 0..3 {
            invented(&log, fetcher(Some("orders"), "jose/6", "192.0.2.1"), second);
            invented(&log, fetcher(Some("orders"), "curl/8", "192.0.2.2"), second);
            invented(&log, fetcher(None, "jose/6", "192.0.2.1"), second);
        }
        let mut seen = log.take().unknown;
        seen.sort_by(|a, b| a.name.cmp(&b.name));
        let told: Vec<_> = seen.iter().map(|v| (v.name.as_str(), v.fetches)).collect();
        assert_eq!(told, [("jose/6 @ 192.0.2.1", 3), ("orders", 6)]);
        assert_eq!(seen[1].first_fetch_at, Timestamp::from_secs(0));
        assert_eq!(seen[1].last_fetch_at, Timestamp::from_secs(2));
        assert!(log.take().unknown.is_empty());
    }

    #[test]
    fn invented_names_are_bounded_and_cannot_steer_a_terminal() {
        let log = JwksFetchLog::default();
        invented(&log, fetcher(Some("\u{1b}[2Jé\norders"), "", ""), 1);
        for number in 0..5_000 {
            let name = format!("{number}{}", "x".repeat(10_000));
            let address = format!("10.{}.{}.1", number / 250, number % 250);
            invented(&log, fetcher(Some(&name), "", &address), 1);
        }
        let seen = log.take().unknown;
        assert_eq!(seen.len(), MAX_UNKNOWN);
        assert!(seen.iter().all(|verifier| verifier.name.len() <= MAX_NAME));
        assert!(seen.iter().any(|verifier| verifier.name == "[2Jorders"));
    }

    #[test]
    fn the_newest_names_of_a_network_displace_its_oldest_and_no_others() {
        let log = JwksFetchLog::default();
        invented(&log, fetcher(Some("elsewhere"), "", "192.0.2.1"), 1);
        for number in 0..5_000 {
            invented(&log, fetcher(Some(&format!("x{number}")), "", "192.0.2.2"), 1);
        }
        invented(&log, fetcher(Some("newest"), "", "192.0.2.2"), 1);
        let seen = log.take().unknown;
        assert_eq!(seen.len(), MAX_UNKNOWN_OF_NETWORK + 1);
        assert!(["elsewhere", "newest"].iter().all(|name| seen.iter().any(|s| s.name == *name)));
        assert!(log.fetches().by_network.is_empty());
    }

    #[test]
    fn known_names_are_counted_however_many_are_invented() {
        let log = JwksFetchLog::default();
        log.set_long_seen(HashSet::from(["jose/6 @ 192.0.2.1".to_owned()]));
        for number in 0..5_000 {
            let address = format!("10.{}.{}.1", number / 250, number % 250);
            invented(&log, fetcher(Some(&format!("x{number}")), "", &address), 1);
        }
        let long = "https://api.example.com/".to_owned() + &"x".repeat(100);
        for name in ["orders", &long] {
            log.count(fetcher(Some(name), "", "10.0.0.1"), Timestamp::from_secs(1), || true);
        }
        invented(&log, fetcher(None, "jose/6", "192.0.2.1"), 1);
        let mut names: Vec<String> = log.take().known.into_iter().map(|seen| seen.name).collect();
        names.sort();
        assert_eq!(names, [long.as_str(), "jose/6 @ 192.0.2.1", "orders"]);
    }

    #[test]
    fn an_attacker_with_a_whole_prefix_keeps_no_other_name_out() {
        let log = JwksFetchLog::default();
        for number in 0..5_000 {
            let address = format!("2001:db8:1:{number:x}::1");
            invented(&log, fetcher(Some(&format!("x{number}")), "", &address), 1);
        }
        invented(&log, fetcher(Some("orders"), "", "192.0.2.1"), 1);
        let seen = log.take().unknown;
        assert_eq!(seen.len(), MAX_UNKNOWN);
        assert!(seen.iter().any(|seen| seen.name == "orders"));
    }

    #[test]
    fn where_all_places_are_taken_networks_with_many_names_make_room() {
        let log = JwksFetchLog::default();
        for number in 0..MAX_UNKNOWN {
            let address = format!("10.0.{}.1", number / MAX_UNKNOWN_OF_NETWORK);
            invented(&log, fetcher(Some(&format!("x{number}")), "", &address), 1);
        }
        assert_eq!(log.fetches().unknown.len(), MAX_UNKNOWN);
        invented(&log, fetcher(Some("orders"), "", "192.0.2.1"), 1);
        assert_eq!(log.fetches().by_network.len(), MAX_UNKNOWN / MAX_UNKNOWN_OF_NETWORK + 1);
        // However many networks there are, no more of them are stored than names.
        for number in 0..5_000 {
            let address = format!("172.{}.{}.1", 16 + number / 250, number % 250);
            invented(&log, fetcher(Some(&format!("y{number}")), "", &address), 1);
        }
        assert!(log.fetches().by_network.len() <= MAX_UNKNOWN);
        assert_eq!(log.fetches().unknown.len(), MAX_UNKNOWN);
        assert!(log.take().unknown.iter().any(|seen| seen.name == "orders"));
    }
}

//! Resource servers that fetch the public keys, counted in memory until somebody writes them down.
//!
//! Owns the names and the bound: whoever invents names costs a little memory and no write of his
//! own. Called on the request path of the JWKS, so one short lock and, for a name that is known, no
//! allocation.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::base::Timestamp;
use crate::store::verifiers::SeenVerifier;

/// The most names kept between two writes.
const MAX_NAMES: usize = 1_000;
/// The longest name, in characters.
const MAX_NAME: usize = 96;

/// What came since it was last taken.
#[derive(Default)]
pub struct JwksFetchLog {
    seen: Mutex<HashMap<u64, SeenVerifier>>,
    hasher: RandomState,
}

/// Who fetched the keys.
#[derive(Debug, Clone, Copy)]
pub struct Fetcher<'a> {
    /// What it calls itself, if it does (`?rs=orders`).
    pub name: Option<&'a str>,
    /// Its user agent.
    pub user_agent: &'a str,
    /// Its address.
    pub address: Option<IpAddr>,
}

impl JwksFetchLog {
    /// Counts one fetch.
    pub fn count(&self, fetcher: Fetcher<'_>, now: Timestamp) {
        let hash = match fetcher.name {
            Some(name) => self.hasher.hash_one((1, name)),
            None => self.hasher.hash_one((2, fetcher.user_agent, fetcher.address)),
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = seen.get_mut(&hash) {
            known.last_fetch_at = now;
            known.fetches += 1;
        } else if seen.len() < MAX_NAMES {
            let name = fetcher.spell();
            let verifier =
                SeenVerifier { name, first_fetch_at: now, last_fetch_at: now, fetches: 1 };
            seen.insert(hash, verifier);
        }
    }

    /// Takes what came.
    pub fn take(&self) -> Vec<SeenVerifier> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.drain().map(|(_, verifier)| verifier).collect()
    }
}

impl Fetcher<'_> {
    /// A name that can be printed anywhere.
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

    #[test]
    fn a_name_counts_once_whatever_it_looks_like() {
        let log = JwksFetchLog::default();
        for second in 0..3 {
            let now = Timestamp::from_secs(second);
            log.count(fetcher(Some("orders"), "jose/6", "192.0.2.1"), now);
            log.count(fetcher(Some("orders"), "curl/8", "192.0.2.2"), now);
            log.count(fetcher(None, "jose/6", "192.0.2.1"), now);
        }
        let mut seen = log.take();
        seen.sort_by(|a, b| a.name.cmp(&b.name));
        let told: Vec<_> = seen.iter().map(|v| (v.name.as_str(), v.fetches)).collect();
        assert_eq!(told, [("jose/6 @ 192.0.2.1", 3), ("orders", 6)]);
        assert_eq!(seen[1].first_fetch_at, Timestamp::from_secs(0));
        assert_eq!(seen[1].last_fetch_at, Timestamp::from_secs(2));
        assert!(log.take().is_empty());
    }

    #[test]
    fn whoever_invents_names_is_bounded_and_cannot_steer_a_terminal() {
        let log = JwksFetchLog::default();
        log.count(fetcher(Some("\u{1b}[2Jé\norders"), "", ""), Timestamp::from_secs(1));
        for number in 0..5_000 {
            let name = format!("{number}{}", "x".repeat(10_000));
            log.count(fetcher(Some(&name), "", ""), Timestamp::from_secs(1));
        }
        let seen = log.take();
        assert_eq!(seen.len(), MAX_NAMES);
        assert!(seen.iter().all(|verifier| verifier.name.len() <= MAX_NAME));
        assert!(seen.iter().any(|verifier| verifier.name == "[2Jorders"));
    }
}

//! Decoy hashes, against user enumeration by timing.
//!
//! A login name without an account is verified against a decoy hash. Its Argon2 cost is chosen by a keyed hash
//! of the name, in the proportions of the stored hashes, so response times do not reveal accounts after
//! `SIGNET_ARGON2_*` changes. A name keeps its cost while the proportions stay, as an account does, and changes
//! it once while they shift.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::base::Entropy;
use crate::base::entropy::random;

use super::Cost;
use super::argon::{OUTPUT, SALT, cost_of, phc};

/// The current decoy hashes.
pub struct Decoys {
    today: Cost,
    entropy: Arc<dyn Entropy>,
    current: ArcSwap<Vec<Decoy>>,
}

/// A cost that stored hashes have.
struct Decoy {
    /// A hash of this cost that matches no password.
    hash: String,
    /// The number of users with this cost.
    users: u64,
}

impl Decoys {
    /// The decoy hashes while no hash is stored, with the cost of new hashes.
    #[must_use]
    pub fn new(today: Cost, entropy: Arc<dyn Entropy>) -> Self {
        let decoys = Self { today, entropy, current: ArcSwap::default() };
        decoys.follow([]);
        decoys
    }

    /// Adopts the number of users per cost, given in its stored form.
    pub fn follow<'a>(&self, counts: impl IntoIterator<Item = (&'a str, i64)>) {
        let mut decoys: Vec<Decoy> = counts
            .into_iter()
            .filter_map(|(cost, users)| Some((cost_of(cost)?, u64::try_from(users).ok()?)))
            .filter(|(_, users)| *users > 0)
            .map(|(cost, users)| Decoy { hash: self.decoy(cost), users })
            .collect();
        if decoys.is_empty() {
            decoys.push(Decoy { hash: self.decoy(self.today), users: 1 });
        }
        self.current.store(Arc::new(decoys));
    }

    /// The decoy hash for a name. `point` is a keyed hash of the name.
    #[must_use]
    pub fn draw(&self, point: u64) -> String {
        let decoys = self.current.load();
        let all: u64 = decoys.iter().map(|decoy| decoy.users).sum();
        // Scaled by multiplication: a remainder would make some costs more likely.
        let mut at = (u128::from(point) * u128::from(all)) >> 64;
        for decoy in decoys.iter() {
            match at.checked_sub(u128::from(decoy.users)) {
                Some(rest) => at = rest,
                None => return decoy.hash.clone(),
            }
        }
        self.decoy(self.today)
    }

    /// A hash with the cost of `stored` that matches no password.
    #[must_use]
    pub fn like(&self, stored: &str) -> String {
        self.decoy(stored.split('$').nth(3).and_then(cost_of).unwrap_or(self.today))
    }

    fn decoy(&self, cost: Cost) -> String {
        phc(cost, &random::<SALT>(&*self.entropy), &random::<OUTPUT>(&*self.entropy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::random::SystemEntropy;

    fn decoys() -> Decoys {
        let today = Cost { memory_kib: 64, iterations: 1, parallelism: 1 };
        Decoys::new(today, Arc::new(SystemEntropy))
    }

    fn drawn(decoys: &Decoys, count: u64) -> Vec<String> {
        let step = u64::MAX / count;
        let cost = |hash: String| hash.split('$').nth(3).unwrap().to_owned();
        (0..count).map(|n| cost(decoys.draw(n * step + step / 2))).collect()
    }

    #[test]
    fn costs_are_drawn_in_the_proportions_in_which_they_are_stored() {
        let decoys = decoys();
        assert!(drawn(&decoys, 10).iter().all(|cost| cost == "m=64,t=1,p=1"));
        decoys.follow([("m=32,t=1,p=1", 3), ("m=64,t=2,p=1", 7), ("m=8,t=1,p=1", 0), ("x", 9)]);
        let drawn = drawn(&decoys, 1_000);
        assert_eq!(drawn.iter().filter(|cost| *cost == "m=32,t=1,p=1").count(), 300);
        assert_eq!(drawn.iter().filter(|cost| *cost == "m=64,t=2,p=1").count(), 700);
    }

    #[test]
    fn a_decoy_has_the_cost_of_a_hash_that_may_not_count() {
        let decoys = decoys();
        let stored = decoys.decoy(Cost { memory_kib: 32, iterations: 3, parallelism: 2 });
        let like = decoys.like(&stored);
        assert_eq!(like.split('$').nth(3), Some("m=32,t=3,p=2"));
        assert_ne!(like, stored);
    }

    #[test]
    fn a_name_changes_its_cost_once_while_all_users_change_theirs() {
        let decoys = decoys();
        let mut before = Vec::new();
        let mut changes = vec![0; 100];
        for moved in 0..=50 {
            decoys.follow([("m=32,t=1,p=1", 50 - moved), ("m=64,t=1,p=1", moved)]);
            let now = drawn(&decoys, 100);
            for (count, (was, is)) in changes.iter_mut().zip(before.iter().zip(&now)) {
                *count += usize::from(was != is);
            }
            before = now;
        }
        assert!(changes.iter().all(|count| *count == 1), "{changes:?}");
    }
}

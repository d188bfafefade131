//! Tests of how standing is earned and lost.

use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::base::Timestamp;

#[derive(Default)]
struct Counting(AtomicI64);

impl Clock for Counting {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(0)
    }

    fn counted(&self) -> TimeSpan {
        TimeSpan::from_secs(self.0.load(Ordering::Relaxed))
    }
}

#[test]
fn standing_is_earned_by_accounts_and_lost_by_failures() {
    let clock = Arc::new(Counting::default());
    let standing = Standing::new(Arc::clone(&clock) as _);
    let [home, office] = ["2001:db8::1", "192.0.2.1"].map(|text| text.parse().unwrap());
    assert_eq!(standing.accounts(home), None);
    standing.learn(home, 1);
    standing.learn(office, 3);
    assert_eq!(standing.accounts("2001:db8::2".parse().unwrap()), Some(1));
    assert!(!standing.holds(home, 0));
    for (address, accounts) in [(home, 1), (office, 3)] {
        for _ in 0..STANDING.burst * accounts {
            assert!(standing.holds(address, accounts));
            standing.count(address);
        }
        assert!(!standing.holds(address, accounts));
    }
    standing.learn(home, 1);
    standing.forget(home);
    assert_eq!(standing.accounts(home), None, "asked again after a log-in");
    standing.learn(home, 1);
    // They regain it one after the other.
    clock.0.fetch_add(STANDING.every.secs(), Ordering::Relaxed);
    assert!(standing.holds(home, 1) && standing.holds(office, 3));
    assert_eq!(standing.accounts(home), None, "asked again after a minute");
}

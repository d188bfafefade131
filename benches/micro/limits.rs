//! The cost of an unknown network while the table of networks is full.
//!
//!     cargo bench --bench micro -- --check
//!
//! compares it with a network that is known, and fails when 12,000 new networks a second would take more than
//! a fifth of a core.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use signet::app::limits::{AddressLimiter, Subject};
use signet::base::SystemClock;
use signet::domain::rate_limit::RateLimit;

/// The rate of new networks, and the share of a core that they may take.
const NETWORKS: u32 = 12_000;
const SHARE: f64 = 0.2;
/// More than the capacity of the table.
const FULL: u64 = 100_000;

/// A full table of networks, none of whose buckets is full.
struct Full {
    limiter: AddressLimiter,
    next: u64,
}

impl Full {
    fn new() -> Self {
        let mut full = Self { limiter: AddressLimiter::new(Arc::new(SystemClock)), next: 0 };
        for _ in 0..FULL {
            full.take_new();
        }
        full
    }

    fn take(&self, network: u64) {
        // A /64 in its own /48.
        let address = Ipv6Addr::from_bits(u128::from(network) << 80);
        let subject = Subject::new(RateLimit::Login, Some(IpAddr::V6(address)));
        let _ = self.limiter.take(subject);
    }

    fn take_new(&mut self) {
        self.next += 1;
        self.take(self.next);
    }
}

pub fn measure(criterion: &mut Criterion) {
    let mut full = Full::new();
    let mut group = criterion.benchmark_group("limit by network, full table");
    group.bench_function("known network", |b| b.iter(|| full.take(7)));
    group.bench_function("new network", |b| b.iter(|| full.take_new()));
    group.finish();
}

/// Prints the result, and returns whether new networks are cheap enough.
pub fn check() -> bool {
    let mut full = Full::new();
    let rounds = 500_000;
    let mut timed = |work: &mut dyn FnMut(&mut Full)| {
        let began = Instant::now();
        (0..rounds).for_each(|_| work(&mut full));
        began.elapsed() / rounds
    };
    let known = timed(&mut |full| full.take(7));
    let new = timed(&mut |full| full.take_new());
    let allowed = Duration::from_secs(1).mul_f64(SHARE) / NETWORKS;
    eprintln!("known network {known:?}, new network {new:?}, allowed {allowed:?}");
    new <= allowed
}

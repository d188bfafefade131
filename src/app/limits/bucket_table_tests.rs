//! Tests of the buckets of networks and prefixes, also in a flood of networks.

use super::*;

const BUCKET: Bucket = Bucket::new(3, TimeSpan::from_secs(100));
const NOW: TimeSpan = TimeSpan::from_secs(5);

struct World {
    table: BucketTable,
    hasher: RandomState,
}

impl World {
    fn new() -> Self {
        Self { table: BucketTable::with_capacity(64, 16), hasher: RandomState::new() }
    }

    fn takes(&mut self, address: &str) -> bool {
        let counted = Counted::new(&self.hasher, address.parse().unwrap(), "");
        self.table.take(BUCKET, counted, NOW).is_ok()
    }

    /// Takes one token for each of this many networks of other prefixes.
    fn flood(&mut self, networks: u32) {
        for number in 0..networks {
            let [_, a, b, c] = number.to_be_bytes();
            assert!(self.takes(&format!("10.{}.{}.{}", b, c, a + 1)));
        }
    }
}

#[test]
fn addresses_of_one_network_share_a_bucket() {
    let mut world = World::new();
    for address in ["2001:db8::1", "2001:db8::2", "2001:db8::3"] {
        assert!(world.takes(address));
    }
    assert!(!world.takes("2001:db8::4"));
    assert!(world.takes("2001:db8:0:1::1"));
    for _ in 0..2 {
        assert!(world.takes("192.0.2.1"));
    }
    assert!(world.takes("::ffff:192.0.2.1"));
    assert!(!world.takes("192.0.2.1"));
    let counted = Counted::new(&world.hasher, "192.0.2.1".parse().unwrap(), "");
    world.table.give_back(BUCKET, counted);
    assert!(world.takes("192.0.2.1"));
}

#[test]
fn a_flood_of_networks_frees_no_network_from_its_limit() {
    for limited in ["192.0.2.1", "2001:db8:7::1"] {
        let mut world = World::new();
        while world.takes(limited) {}
        world.flood(10_000);
        assert!(!world.takes(limited), "{limited}");
        assert_eq!(world.table.len(), (64, 16));
    }
}

#[test]
fn a_network_whose_prefix_was_not_evicted_has_a_bucket_of_its_own_in_a_flood() {
    let mut world = World::new();
    world.flood(1_000);
    for _ in 0..BUCKET.burst {
        assert!(world.takes("203.0.113.9"));
    }
    assert!(!world.takes("203.0.113.9"));
}

#[test]
fn networks_of_an_evicted_prefix_share_its_bucket_until_it_has_refilled() {
    let mut world = World::new();
    while world.takes("192.0.2.1") {}
    world.flood(130);
    assert!(!world.takes("192.0.2.2"), "a /24 stands for the evicted address");
    assert!(world.takes("192.0.3.2"), "another /24 does not");
    let counted = Counted::new(&world.hasher, "192.0.2.2".parse().unwrap(), "");
    let later = NOW + TimeSpan::from_secs(300);
    for _ in 0..BUCKET.burst {
        assert!(world.table.take(BUCKET, counted, later).is_ok());
    }
}

//! Tests of admission and eviction.

use std::task::Waker;

use super::*;

const BUDGET: usize = 20;
/// The slots that are not reserved for the machine itself.
const OTHERS: usize = BUDGET - BUDGET / LARGE_SHARE;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Admits a connection like the server; returns its id and the reason of an eviction.
fn admit(table: &mut Table, address: &str, now: u64) -> (Option<u64>, Option<Pressure>) {
    let place = place(ip(address), &["198.51.100.0/24".parse().unwrap()]);
    let why = table.make_room(place, BUDGET, now).err();
    if why == Some(Pressure::Refused) {
        return (None, why);
    }
    let connection = Arc::new(Connection::default());
    connection.activity.store(now << 1, Ordering::Relaxed);
    (Some(table.insert(connection, place, now)), why)
}

fn closes(table: &Table, id: u64) -> bool {
    table.open[&id].connection.closes.load(Ordering::Relaxed)
}

fn uses(table: &Table, id: u64, at: u64, busy: bool) {
    table.open[&id].connection.activity.store(at << 1 | u64::from(busy), Ordering::Relaxed);
}

#[test]
fn a_network_holds_half_and_its_longest_idle_connection_makes_room() {
    let mut table = Table::default();
    let ids: Vec<u64> = (0..10).map(|n| admit(&mut table, "203.0.113.9", n).0.unwrap()).collect();
    uses(&table, ids[0], 50, false);
    uses(&table, ids[1], 60, true);
    let (id, why) = admit(&mut table, "203.0.113.9", 100);
    assert_eq!((id.is_some(), why), (true, Some(Pressure::IdleOfNetwork)));
    assert!(closes(&table, ids[2]), "neither the used nor the busy one");
    assert_eq!(ids.iter().filter(|id| closes(&table, **id)).count(), 1);
    // Another network of the same prefix has its own half.
    assert_eq!(admit(&mut table, "203.0.113.10", 101).1, None);
}

#[test]
fn a_network_whose_connections_are_all_busy_is_turned_away_and_others_are_not() {
    let mut table = Table::default();
    for n in 0..10 {
        let id = admit(&mut table, "2001:db8::1", n).0.unwrap();
        uses(&table, id, n, true);
    }
    // The same /64 is the same network.
    assert_eq!(admit(&mut table, "2001:db8::2", 100), (None, Some(Pressure::Refused)));
    assert_eq!(admit(&mut table, "2001:db8:0:1::2", 100).1, None);
    assert_eq!(admit(&mut table, "192.0.2.1", 100).1, None);
}

#[test]
fn where_all_places_are_taken_the_prefix_that_holds_most_makes_room() {
    let mut table = Table::default();
    let honest = admit(&mut table, "192.0.2.1", 0).0.unwrap();
    // An attacker in a /48 has 65,536 networks.
    for n in 1..OTHERS as u64 {
        assert_eq!(admit(&mut table, &format!("2001:db8:0:{n}::1"), n).1, None);
    }
    assert_eq!(admit(&mut table, "192.0.2.2", 100).1, Some(Pressure::Idle));
    assert!(!closes(&table, honest), "the connection that was idle for longest of all");
    assert!(closes(&table, 1));
}

#[test]
fn loopback_and_trusted_proxies_are_bounded_by_the_budget_alone() {
    for exempt in ["127.0.0.1", "::1", "198.51.100.7", "::ffff:198.51.100.7"] {
        let mut table = Table::default();
        let places = if ip(exempt).is_loopback() { BUDGET } else { OTHERS };
        for n in 0..places as u64 {
            assert_eq!(admit(&mut table, exempt, n).1, None, "{exempt}");
        }
        let others = admit(&mut table, "192.0.2.1", 100);
        assert_eq!(others.1, Some(Pressure::Idle), "{exempt}");
        // Connections that are not exempt are evicted first.
        assert_eq!(admit(&mut table, exempt, 101).1, Some(Pressure::Idle));
        assert!(closes(&table, others.0.unwrap()));
    }
}

#[test]
fn connections_that_close_have_their_places_until_they_are_gone() {
    let mut table = Table::default();
    for n in 0..BUDGET as u64 {
        admit(&mut table, "127.0.0.1", n);
    }
    for n in 0..MAX_CLOSING as u64 {
        assert_eq!(admit(&mut table, "127.0.0.1", 100 + n).1, Some(Pressure::Idle));
    }
    assert_eq!(admit(&mut table, "127.0.0.1", 200), (None, Some(Pressure::Refused)));
    assert_eq!(table.open.len(), BUDGET + MAX_CLOSING);
    for id in 0..MAX_CLOSING as u64 {
        assert!(closes(&table, id));
        table.remove(id);
    }
    assert_eq!((table.closing, table.open.len()), (0, BUDGET));
    assert_eq!(admit(&mut table, "127.0.0.1", 201).1, Some(Pressure::Idle));
    let all: Vec<u64> = table.open.keys().copied().collect();
    all.into_iter().for_each(|id| table.remove(id));
    assert_eq!((table.closing, table.exempt.len(ip("127.0.0.1"))), (0, 0));
}

#[test]
fn the_task_of_a_connection_that_must_close_is_woken() {
    struct Flag(AtomicBool);
    impl std::task::Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let mut table = Table::default();
    let id = admit(&mut table, "127.0.0.1", 0).0.unwrap();
    let flag = Arc::new(Flag(AtomicBool::new(false)));
    table.open[&id].connection.task.register(&Waker::from(Arc::clone(&flag)));
    assert_eq!(table.close_first(Some(id), Pressure::Idle), Pressure::Idle);
    assert!(flag.0.load(Ordering::Relaxed));
}

#[test]
fn two_networks_that_finish_no_request_do_not_keep_others_out() {
    let mut table = Table::default();
    let hold = |table: &mut Table, address: &str, at: u64| {
        let (id, why) = admit(table, address, at);
        if let Some(id) = id {
            uses(table, id, at, true);
        }
        (id, why)
    };
    let first: Vec<u64> = (0..10).map(|n| hold(&mut table, "203.0.113.9", n).0.unwrap()).collect();
    (10..OTHERS as u64).for_each(|n| assert!(hold(&mut table, "192.0.2.7", n).0.is_some()));
    // Another network is admitted, in place of the connection that was inactive for longest.
    let (id, why) = hold(&mut table, "2001:db8::1", 100);
    assert_eq!(why, Some(Pressure::Largest));
    assert!(id.is_some());
    assert!(closes(&table, first[0]) || table.prefixes.len(ip("203.0.113.0")) == 10);
    // The two do not evict each other.
    assert_eq!(hold(&mut table, "192.0.2.7", 101), (None, Some(Pressure::Refused)));
}

/// The operator's health check and commands must not wait for other clients, however many networks those have.
#[test]
fn the_last_places_are_for_the_machine_itself() {
    const BUDGET: usize = 160;
    let mut table = Table::default();
    let busy = |table: &mut Table, address: &str, now| {
        let place = place(ip(address), &[]);
        let why = table.make_room(place, BUDGET, now).err();
        if why == Some(Pressure::Refused) {
            return why;
        }
        let id = table.insert(Arc::new(Connection::default()), place, now);
        uses(table, id, now, true);
        why
    };
    for n in 0..BUDGET - MAX_OWN_PLACES {
        assert_eq!(busy(&mut table, &format!("10.{n}.0.1"), 0), None);
    }
    assert_eq!(busy(&mut table, "10.200.0.1", 1), Some(Pressure::Refused));
    for n in 0..MAX_OWN_PLACES {
        assert_eq!(busy(&mut table, "127.0.0.1", 1), None, "{n}");
    }
    assert_eq!(busy(&mut table, "127.0.0.1", 1), Some(Pressure::Refused));
}

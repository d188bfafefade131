//! Tests of which connection has been idle for longest.

use super::*;

const KEY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

#[test]
fn the_longest_idle_is_found_however_often_connections_were_used_since() {
    let mut groups = Groups::default();
    let mut state = HashMap::new();
    for id in 0..200 {
        groups.insert(KEY, id, id);
        state.insert(id, Idle::Since(1_000 + (id * 37) % 200));
    }
    let expected = (0..200).min_by_key(|id| (id * 37) % 200);
    assert_eq!(groups.longest_idle(KEY, 5_000, &|id| state[&id]), expected);
    state.insert(expected.unwrap(), Idle::Busy);
    let expected = (0..200).find(|id| (id * 37) % 200 == 1);
    assert_eq!(groups.longest_idle(KEY, 5_000, &|id| state[&id]), expected);
}

#[test]
fn where_all_are_busy_none_is_idle_and_the_search_is_bounded() {
    let mut groups = Groups::default();
    for id in 0..1_000 {
        groups.insert(KEY, id, id);
    }
    let asked = std::cell::Cell::new(0);
    let idle = |_| {
        asked.set(asked.get() + 1);
        Idle::Busy
    };
    assert_eq!(groups.longest_idle(KEY, 5_000, &idle), None);
    assert_eq!(asked.get(), MAX_BUSY_SKIPPED);
    groups.remove(KEY, 7);
    assert_eq!(groups.len(KEY), 999);
    assert_eq!(groups.largest(3), [KEY]);
    (0..1_000).for_each(|id| groups.remove(KEY, id));
    assert!(groups.groups.is_empty() && groups.sizes.is_empty());
}

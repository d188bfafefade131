//! Tests of eviction and of the bound on its search.

use super::*;

#[test]
fn unused_entries_are_evicted_before_used_ones() {
    let mut table = BoundedTable::new(4);
    for key in 0..4 {
        assert_eq!(table.insert(key, key, |_| false), None);
    }
    *table.get(0).unwrap() += 100;
    table.get(2).unwrap();
    assert_eq!(table.insert(4, 4, |_| false), Some(1));
    assert_eq!(table.insert(5, 5, |_| false), Some(3));
    assert_eq!((table.peek(0), table.peek(2)), (Some(&100), Some(&2)));
    // Each had its second chance.
    assert_eq!(table.insert(6, 6, |_| false), Some(100));
    assert_eq!(table.len(), 4);
}

#[test]
fn spent_entries_are_evicted_first() {
    let mut table = BoundedTable::new(3);
    for key in 0..3 {
        table.insert(key, key, |_| false);
        table.get(key).unwrap();
    }
    assert_eq!(table.insert(3, 3, |value| *value == 1), Some(1));
}

#[test]
fn the_least_make_room_where_values_are_compared() {
    let mut table = BoundedTable::new(20);
    table.insert_over_least(0, 1_000);
    for key in 1..500_u64 {
        table.insert_over_least(key, key);
        assert!(table.len() <= 20);
    }
    assert_eq!(table.peek(0), Some(&1_000));
    assert_eq!(table.peek(499), Some(&499));
}

#[test]
fn an_insertion_into_a_full_table_looks_at_few_entries_however_many_there_are() {
    for capacity in [100, 10_000] {
        let mut table = BoundedTable::new(capacity as usize);
        for key in 0..capacity {
            table.insert(key, (), |()| false);
            table.get(key).unwrap();
        }
        for key in capacity..capacity * 3 {
            let mut looked_at = 0;
            let evicted = table.insert(key, (), |()| {
                looked_at += 1;
                false
            });
            assert!(evicted.is_some() && looked_at <= MAX_PROBES, "{looked_at}");
            table.get(key).unwrap();
        }
        assert_eq!(table.len() as u64, capacity);
    }
}

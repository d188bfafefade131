//! Tests of the parser: accepted and refused inputs, and the bound on its work.

use proptest::prelude::*;

use super::*;

#[test]
fn every_kind_of_item_is_read() {
    let bytes = b"\xa6\x01\x20\x61a\x41b\x02\x80\x03\xf5\x04\xf6\x05\x19\x01\x00";
    let Ok(Item::Map(pairs)) = Item::parse(bytes) else { panic!("no map") };
    let values: Vec<Item<'_>> = pairs.into_iter().map(|(_, value)| value).collect();
    let wanted = [
        Item::Integer(-1),
        Item::Bytes(b"b"),
        Item::Array(Vec::new()),
        Item::Bool(true),
        Item::Null,
        Item::Integer(256),
    ];
    assert_eq!(values, wanted);
    let largest = Item::parse(b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff").unwrap();
    assert_eq!(largest.integer(), Some(-1 - i128::from(u64::MAX)));
}

#[test]
fn cbor_that_is_not_canonical_or_too_deep_is_refused() {
    let wide = [&[0x98, 33][..], &[0; 33]].concat();
    let many: &[&[u8]] = &[
        b"",                                     // nothing
        b"\x00\x00",                             // something after it
        b"\x18\x17",                             // 23 in two bytes
        b"\x19\x00\xff",                         // 255 in three bytes
        b"\x1a\x00\x00\xff\xff",                 // 65535 in five bytes
        b"\x1b\x00\x00\x00\x00\xff\xff\xff\xff", // 2^32 - 1 in nine bytes
        b"\x1c",                                 // not assigned
        b"\x5f\x41a\xff",                        // an indefinite length
        b"\x9f\xff",                             // the same of an array
        b"\x42a",                                // too short
        b"\x61\xff",                             // not UTF-8
        b"\xc0\x61a",                            // a tag
        b"\xf9\x00\x00",                         // a floating-point number
        b"\xf7",                                 // undefined
        b"\xa2\x01\x02\x01\x03",                 // a key twice
        b"\x81\x81\x81\x81\x80",                 // five levels
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", // more than there can be
        &wide,
    ];
    for bytes in many {
        assert_eq!(Item::parse(bytes), Err(Invalid::Malformed), "{bytes:02x?}");
    }
    assert!(Item::parse(b"\x81\x81\x81\x80").is_ok());
}

fn items(item: &Item<'_>) -> usize {
    1 + match item {
        Item::Array(all) => all.iter().map(items).sum(),
        Item::Map(all) => all.iter().map(|(key, value)| items(key) + items(value)).sum(),
        _ => 0,
    }
}

proptest! {
    /// Whatever the input: no panic, and no more items than it has bytes.
    #[test]
    fn an_input_makes_no_more_items_than_it_has_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..512),
    ) {
        if let Ok((item, rest)) = Item::parse_first(&bytes) {
            prop_assert!(items(&item) <= bytes.len() - rest.len());
        }
    }

    /// The same where heads of arrays and maps are frequent.
    #[test]
    fn nested_inputs_are_bounded(
        bytes in prop::collection::vec(
            prop_oneof![0x80_u8..0x8f, 0xa0_u8..0xaf, 0x00_u8..0x18, Just(0x9b), Just(0xbb), Just(0xff)],
            0..512,
        ),
    ) {
        if let Ok((item, rest)) = Item::parse_first(&bytes) {
            prop_assert!(items(&item) <= bytes.len() - rest.len());
        }
    }
}

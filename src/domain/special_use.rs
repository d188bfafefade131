//! The addresses to which a request may go whose host an outsider has named.
//!
//! Owns the special-use addresses of RFC 6890, as the IANA registries list them, and the exceptions of the
//! operator. Prevents server-side request forgery: a URL chosen by an attacker must not reach the network behind
//! the server. Resolves no names: the caller checks every address of a name, and one refused address refuses the
//! name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// The IPv4 blocks that are not public: the registry of special-purpose addresses, multicast and class E.
const SPECIAL_V4: &[([u8; 4], u8)] = &[
    ([0, 0, 0, 0], 8),       // "this network" (RFC 791)
    ([10, 0, 0, 0], 8),      // private (RFC 1918)
    ([100, 64, 0, 0], 10),   // carrier-grade NAT (RFC 6598)
    ([127, 0, 0, 0], 8),     // loopback
    ([169, 254, 0, 0], 16),  // link-local (RFC 3927), metadata services of clouds
    ([172, 16, 0, 0], 12),   // private
    ([192, 0, 0, 0], 24),    // protocol assignments (RFC 6890)
    ([192, 0, 2, 0], 24),    // documentation (RFC 5737)
    ([192, 31, 196, 0], 24), // AS112 (RFC 7535)
    ([192, 52, 193, 0], 24), // multicast relays (RFC 7450)
    ([192, 88, 99, 0], 24),  // 6to4 relays (RFC 7526)
    ([192, 168, 0, 0], 16),  // private
    ([192, 175, 48, 0], 24), // AS112 (RFC 7534)
    ([198, 18, 0, 0], 15),   // benchmarks (RFC 2544)
    ([198, 51, 100, 0], 24), // documentation
    ([203, 0, 113, 0], 24),  // documentation
    ([224, 0, 0, 0], 4),     // multicast
    ([240, 0, 0, 0], 4),     // reserved, and the broadcast address
];

/// The IPv6 blocks inside the global unicast space (2000::/3) that are not public. Everything outside that space is
/// refused: loopback, `fc00::/7`, `fe80::/10`, multicast, IPv4-compatible addresses, `64:ff9b:1::/48`.
const SPECIAL_V6: &[([u16; 3], u8)] = &[
    ([0x2001, 0, 0], 23),         // protocol assignments: Teredo, ORCHID, benchmarks
    ([0x2001, 0xdb8, 0], 32),     // documentation (RFC 3849)
    ([0x2002, 0, 0], 16),         // 6to4, which hides an IPv4 address (RFC 7526)
    ([0x2620, 0x4f, 0x8000], 48), // AS112
    ([0x3fff, 0, 0], 20),         // documentation (RFC 9637)
];

/// The global unicast space.
const GLOBAL_V6: ([u16; 3], u8) = ([0x2000, 0, 0], 3);

/// The prefix under which NAT64 reaches an IPv4 address (RFC 6052 §2.1).
const NAT64: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];

/// Which addresses may be connected to: public ones, and those of networks that an operator has named.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct AddressPolicy {
    allowed: Vec<IpNet>,
}

impl AddressPolicy {
    /// Public addresses only.
    pub const PUBLIC: Self = Self { allowed: Vec::new() };

    /// Public addresses and those in `allowed`.
    #[must_use]
    pub const fn with(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Whether a connection to `address` may be opened. An IPv4 address embedded in an IPv6 address is
    /// checked as an IPv4 address.
    #[must_use]
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.allowed.iter().any(|network| network.contains(&address))
    }
}

/// Whether an address belongs to the public Internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match behind_nat64(v6) {
            Some(v4) => is_public_v4(v4),
            None => is_in_v6(v6, GLOBAL_V6) && !SPECIAL_V6.iter().any(|block| is_in_v6(v6, *block)),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4.iter().any(|(start, bits)| {
        let mask = u32::MAX << (32 - bits);
        address.to_bits() & mask == Ipv4Addr::from_octets(*start).to_bits()
    })
}

fn is_in_v6(address: Ipv6Addr, ([a, b, c], bits): ([u16; 3], u8)) -> bool {
    let mask = u128::MAX << (128 - bits);
    address.to_bits() & mask == Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).to_bits()
}

/// The IPv4 address that NAT64 would connect to.
fn behind_nat64(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let [.., high, low] = segments;
    segments
        .starts_with(&NAT64)
        .then(|| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    fn permitted(policy: &AddressPolicy, address: &str) -> bool {
        policy.permits(address.parse().unwrap())
    }

    #[test]
    fn special_use_addresses_are_refused_at_both_ends_of_their_blocks() {
        for address in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.0",
            "192.0.0.255",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::808:808",
            "100::1",
            "2001::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "2620:4f:8000::1",
            "3fff::1",
            "3fff:fff:ffff::1",
            "5f00::1",
            "fc00::1",
            "fdff:ffff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
            "1fff:ffff::1",
        ] {
            assert!(!permitted(&AddressPolicy::PUBLIC, address), "{address}");
        }
    }

    #[test]
    fn the_addresses_beside_those_blocks_are_public() {
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2003::1",
            "3fff:1000::1",
            "3ffe::1",
        ] {
            assert!(permitted(&AddressPolicy::PUBLIC, address), "{address}");
        }
    }

    /// The URL parser normalises all notations of an address (WHATWG URL §3.5) before the check.
    #[test]
    fn every_notation_of_a_host_is_one_address() {
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "017700000001",
            "127.0.0.1.",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
            "127。0。0。1",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:127.0.0.1]",
            "[::1]",
            "[64:ff9b::127.0.0.1]",
            "0",
            "169.254.169.254",
            "0xa9fea9fe",
            "10.1",
            "[fe80::1]",
        ] {
            let url = Url::parse(&format!("https://{host}/client.json")).unwrap();
            let address = match url.host().unwrap() {
                url::Host::Ipv4(v4) => IpAddr::V4(v4),
                url::Host::Ipv6(v6) => IpAddr::V6(v6),
                url::Host::Domain(name) => panic!("{host} is read as the name {name}"),
            };
            assert!(!AddressPolicy::PUBLIC.permits(address), "{host}");
        }
    }

    #[test]
    fn an_operator_allows_a_network_and_nothing_beside_it() {
        let allowed = ["10.1.0.0/16", "fd00:1::/32"].map(|net| net.parse().unwrap()).to_vec();
        let policy = AddressPolicy::with(allowed);
        for address in ["10.1.2.3", "::ffff:10.1.2.3", "fd00:1::7", "8.8.8.8"] {
            assert!(permitted(&policy, address), "{address}");
        }
        for address in ["10.2.0.1", "127.0.0.1", "fd00:2::7", "64:ff9b::a01:203"] {
            assert!(!permitted(&policy, address), "{address}");
        }
    }

    proptest! {
        #[test]
        fn the_mapped_and_the_translated_form_say_what_the_address_says(bits in any::<u32>()) {
            let v4 = Ipv4Addr::from_bits(bits);
            let judged = AddressPolicy::PUBLIC.permits(IpAddr::V4(v4));
            prop_assert_eq!(AddressPolicy::PUBLIC.permits(IpAddr::V6(v4.to_ipv6_mapped())), judged);
            let [a, b, c, d] = v4.octets();
            let high = u16::from_be_bytes([a, b]);
            let low = u16::from_be_bytes([c, d]);
            let translated = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low);
            prop_assert_eq!(AddressPolicy::PUBLIC.permits(IpAddr::V6(translated)), judged);
        }

        /// Every address that the standard library calls private is refused.
        #[test]
        fn private_addresses_of_the_standard_library_are_refused(bits in any::<u32>()) {
            let v4 = Ipv4Addr::from_bits(bits);
            if v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()
                || v4.is_documentation() || v4.is_unspecified() || v4.is_broadcast()
            {
                prop_assert!(!AddressPolicy::PUBLIC.permits(IpAddr::V4(v4)));
            }
        }
    }
}

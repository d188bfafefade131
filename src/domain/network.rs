//! Networks: groups of addresses that are rate-limited and scheduled together.
//!
//! A host can use all addresses of its IPv6 /64; a household or a small site gets a /56, an organisation a /48.
//! With IPv4 it is one address, and a /24 is the smallest routed block.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The network under which an address is rate-limited: an IPv4 address itself, or the /64 of an IPv6 address.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(masked(v6, 64)),
    }
}

/// The wider network that is used if the count of the network was evicted: /24 and /48.
#[must_use]
pub fn prefix(address: IpAddr) -> IpAddr {
    let [widest, ..] = levels(address);
    widest
}

/// The networks by which an address is scheduled, the widest first: /48, /56 and /64, or /24 and the address itself.
#[must_use]
pub fn levels(address: IpAddr) -> [IpAddr; 3] {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            [IpAddr::V4(Ipv4Addr::new(a, b, c, 0)), IpAddr::V4(v4), IpAddr::V4(v4)]
        }
        IpAddr::V6(v6) => [48, 56, 64].map(|bits| IpAddr::V6(masked(v6, bits))),
    }
}

fn masked(address: Ipv6Addr, bits: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - bits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_its_network_and_to_the_prefixes_around_it() {
        let spelt = |address: &str| levels(address.parse().unwrap()).map(|net| net.to_string());
        assert_eq!(
            spelt("2001:db8:1:2345:6::7"),
            ["2001:db8:1::", "2001:db8:1:2300::", "2001:db8:1:2345::"]
        );
        assert_eq!(spelt("192.0.2.7"), ["192.0.2.0", "192.0.2.7", "192.0.2.7"]);
        assert_eq!(spelt("::ffff:192.0.2.7"), spelt("192.0.2.7"));
        assert_eq!(
            network("2001:db8:1:2345:6::7".parse().unwrap()).to_string(),
            "2001:db8:1:2345::"
        );
        assert_eq!(prefix("192.0.2.7".parse().unwrap()).to_string(), "192.0.2.0");
    }
}

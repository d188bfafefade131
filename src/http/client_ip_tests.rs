//! The client address of requests.

use actix_web::http::header::{HeaderName, HeaderValue};

use super::*;

const XFF: &str = "x-forwarded-for";

fn found(peer: &str, headers: &[(&str, &str)], header: &ProxyHeader) -> ClientAddress {
    let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    let peer = SocketAddr::new(peer.parse().unwrap(), 1);
    client_address(Some(peer), &map, &trusted, header)
}

fn known(address: &str) -> ClientAddress {
    ClientAddress { address: Some(address.parse().unwrap()), finding: None }
}

fn unknown(finding: ProxyFinding) -> ClientAddress {
    ClientAddress { address: None, finding: Some(finding) }
}

/// A request behind a trusted proxy, with the default setting.
fn behind(headers: &[(&str, &str)]) -> ClientAddress {
    found("10.0.0.1", headers, &ProxyHeader::Unset)
}

#[test]
fn headers_of_an_untrusted_peer_are_ignored() {
    for header in [ProxyHeader::Unset, ProxyHeader::XForwardedFor, ProxyHeader::Forwarded] {
        for headers in [[(XFF, "192.0.2.1")], [("forwarded", "for=192.0.2.1")]] {
            assert_eq!(found("203.0.113.9", &headers, &header), known("203.0.113.9"));
        }
    }
}

#[test]
fn a_trusted_proxy_is_believed_about_the_hop_before_it() {
    for (value, address) in [
        ("192.0.2.1", "192.0.2.1"),
        ("evil, 192.0.2.1", "192.0.2.1"),
        ("198.51.100.7, 192.0.2.1", "192.0.2.1"),
        ("192.0.2.1, 10.2.3.4", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ] {
        assert_eq!(behind(&[(XFF, value)]), known(address), "{value}");
    }
    // Several lines are one list, in their order.
    assert_eq!(behind(&[(XFF, "198.51.100.7"), (XFF, "192.0.2.1")]), known("192.0.2.1"));
}

#[test]
fn the_address_of_a_proxy_is_never_the_clients() {
    assert_eq!(behind(&[]), unknown(ProxyFinding::Missing));
    assert_eq!(behind(&[(XFF, "")]), unknown(ProxyFinding::Missing));
    assert_eq!(behind(&[(XFF, " , ")]), unknown(ProxyFinding::Missing));
    assert_eq!(behind(&[(XFF, "10.2.3.4")]), unknown(ProxyFinding::OnlyProxies));
    for value in ["192.0.2.1, unknown", "192.0.2.1, junk, 10.9.9.9", "192.0.2.\u{fc}", "192.0.2.1,"]
    {
        assert_eq!(behind(&[(XFF, value)]), unknown(ProxyFinding::Unreadable), "{value}");
    }
}

#[test]
fn forwarded_is_read_as_rfc_7239_writes_it() {
    let forwarded = |value| found("10.0.0.1", &[("forwarded", value)], &ProxyHeader::Forwarded);
    assert_eq!(forwarded("for=192.0.2.1;proto=https;by=10.0.0.1"), known("192.0.2.1"));
    assert_eq!(forwarded("For=\"[2001:db8::1]:4711\""), known("2001:db8::1"));
    assert_eq!(forwarded("for=192.0.2.43, for=198.51.100.17"), known("198.51.100.17"));
    assert_eq!(forwarded("for=\"evil, for=198.51.100.17"), known("198.51.100.17"));
    for value in ["for=_hidden", "proto=https", "for=unknown"] {
        assert_eq!(forwarded(value), unknown(ProxyFinding::Unreadable), "{value}");
    }
}

#[test]
fn the_header_that_is_set_is_the_only_one_that_counts() {
    let both =
        [(XFF, "192.0.2.1"), ("forwarded", "for=203.0.113.7"), ("x-real-ip", "198.51.100.7")];
    let single = ProxyHeader::Single("x-real-ip".to_owned());
    for (header, address) in [
        (ProxyHeader::XForwardedFor, "192.0.2.1"),
        (ProxyHeader::Forwarded, "203.0.113.7"),
        (single.clone(), "198.51.100.7"),
    ] {
        assert_eq!(found("10.0.0.1", &both, &header), known(address));
        let others = both.map(
            |(name, value)| if value.contains(address) { ("x", value) } else { (name, value) },
        );
        assert_eq!(found("10.0.0.1", &others, &header), unknown(ProxyFinding::Missing));
    }
    // A proxy that appends instead of replacing: the header of the client changes nothing.
    for headers in [
        vec![("x-real-ip", "192.0.2.1, 198.51.100.7")],
        vec![("x-real-ip", "192.0.2.1"), ("x-real-ip", "198.51.100.7")],
        vec![("x-real-ip", "unreadable"), ("x-real-ip", "198.51.100.7")],
        vec![("x-real-ip", "10.0.0.2"), ("x-real-ip", "198.51.100.7")],
    ] {
        assert_eq!(found("10.0.0.1", &headers, &single), known("198.51.100.7"));
    }
}

#[test]
fn without_the_setting_x_forwarded_for_counts_and_what_contradicts_it_is_reported() {
    let with = |forwarded| behind(&[(XFF, "192.0.2.1"), ("forwarded", forwarded)]);
    let disputed = ClientAddress { finding: Some(ProxyFinding::Disagree), ..known("192.0.2.1") };
    assert_eq!(with("for=192.0.2.1"), known("192.0.2.1"));
    assert_eq!(with("for=203.0.113.7"), disputed);
    assert_eq!(with("for=_hidden"), disputed);
    assert_eq!(with(""), known("192.0.2.1"), "an empty header hides nothing");
    for empty in [vec![], vec![(XFF, "")]] {
        let headers = [empty, vec![("forwarded", "for=192.0.2.1")]].concat();
        let only =
            ClientAddress { finding: Some(ProxyFinding::OnlyForwarded), ..known("192.0.2.1") };
        assert_eq!(behind(&headers), only);
    }
}

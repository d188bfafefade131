//! Who is at the other end: the peer, or what trusted proxies say about it.
//!
//! Owns the walk through `Forwarded` (RFC 7239) and `X-Forwarded-For`. Nobody's word is taken but a
//! trusted proxy's, and only about the hop before it.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::HeaderMap;
use ipnet::IpNet;

/// The address a request comes from.
///
/// Starts at the socket's peer and walks the chain backwards for as long as the current hop is a
/// trusted proxy. The first address that is none, or the last readable one, is it; what cannot be
/// read ends the walk at the proxy that sent it.
pub fn address(peer: Option<SocketAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let mut current = peer?.ip().to_canonical();
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    if trusted.is_empty() || !is_trusted(current) {
        return Some(current);
    }
    for hop in chain(headers).into_iter().rev() {
        let Some(address) = hop else { return Some(current) };
        current = address.to_canonical();
        if !is_trusted(current) {
            break;
        }
    }
    Some(current)
}

/// The hops that are claimed, nearest last; `None` where one cannot be read. `Forwarded` wins when
/// both are there.
fn chain(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lists = |name: &str| -> Vec<String> {
        headers
            .get_all(name)
            .flat_map(|value| match value.to_str() {
                Ok(text) => text.split(',').map(str::to_owned).collect(),
                Err(_) => vec![String::new()],
            })
            .collect()
    };
    let forwarded = lists("forwarded");
    if !forwarded.is_empty() {
        return forwarded.iter().map(|element| forwarded_for(element)).collect();
    }
    lists("x-forwarded-for").iter().map(|text| node(text.trim())).collect()
}

fn forwarded_for(element: &str) -> Option<IpAddr> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("for") {
            return None;
        }
        node(value.trim().trim_matches('"'))
    })
}

/// An address with or without a port, as RFC 7239 §6 and common proxies write it.
fn node(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address);
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Some(socket.ip());
    }
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn seen(peer: &str, headers: &[(&str, &str)]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        let peer = SocketAddr::new(peer.parse().unwrap(), 1);
        address(Some(peer), &map, &trusted).unwrap().to_string()
    }

    #[test]
    fn a_stranger_is_not_believed() {
        assert_eq!(seen("203.0.113.9", &[("x-forwarded-for", "192.0.2.1")]), "203.0.113.9");
        assert_eq!(seen("203.0.113.9", &[("forwarded", "for=192.0.2.1")]), "203.0.113.9");
    }

    #[test]
    fn a_trusted_proxy_is_believed_about_the_hop_before_it() {
        let xff = |value| seen("10.0.0.1", &[("x-forwarded-for", value)]);
        assert_eq!(xff("192.0.2.1"), "192.0.2.1");
        assert_eq!(xff("evil, 192.0.2.1"), "192.0.2.1");
        assert_eq!(xff("198.51.100.7, 192.0.2.1"), "192.0.2.1");
        assert_eq!(xff("192.0.2.1, 10.2.3.4"), "192.0.2.1");
        assert_eq!(xff("192.0.2.1:4711"), "192.0.2.1");
        assert_eq!(xff("[2001:db8::1]:4711"), "2001:db8::1");
        assert_eq!(xff("::ffff:192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn what_cannot_be_read_ends_the_walk() {
        let xff = |value| seen("10.0.0.1", &[("x-forwarded-for", value)]);
        assert_eq!(xff("192.0.2.1, unknown"), "10.0.0.1");
        assert_eq!(xff("192.0.2.1, junk, 10.9.9.9"), "10.9.9.9");
        assert_eq!(xff(""), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &[("x-forwarded-for", "192.0.2.\u{fc}")]), "10.0.0.1");
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        let fwd = |value| seen("10.0.0.1", &[("forwarded", value)]);
        assert_eq!(fwd("for=192.0.2.1;proto=https;by=10.0.0.1"), "192.0.2.1");
        assert_eq!(fwd("For=\"[2001:db8::1]:4711\""), "2001:db8::1");
        assert_eq!(fwd("for=192.0.2.43, for=198.51.100.17"), "198.51.100.17");
        assert_eq!(fwd("for=_hidden"), "10.0.0.1");
        assert_eq!(fwd("proto=https"), "10.0.0.1");
    }
}

//! The address of the client: the peer's, or the one that trusted proxies report.
//!
//! Owns the walk through `X-Forwarded-For` and `Forwarded` (RFC 7239). Only entries of trusted proxies are used,
//! each only for the hop before it, and only in the configured header. A proxy's own address is never the
//! client's: if the proxies name no client, the address is unknown.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::HeaderMap;
use ipnet::IpNet;

use crate::app::ProxyFinding;
use crate::config::ProxyHeader;

const X_FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED: &str = "forwarded";

/// The client address of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress {
    /// Its address; `None` if the proxies before this server do not report it.
    pub address: Option<IpAddr>,
    /// A finding about the proxy configuration to report to the operator.
    pub finding: Option<ProxyFinding>,
}

/// Finds the address of the client.
///
/// Starts at the socket's peer and walks the list backwards for as long as the current hop is a trusted proxy. The
/// first address that is not a trusted proxy is the client's.
pub fn client_address(
    peer: Option<SocketAddr>,
    headers: &HeaderMap,
    trusted: &[IpNet],
    header: &ProxyHeader,
) -> ClientAddress {
    let peer = peer.map(|peer| peer.ip().to_canonical());
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    if peer.is_none_or(|peer| !is_trusted(&peer)) {
        return ClientAddress { address: peer, finding: None };
    }
    let walk = |hops: Vec<Hop>| walk(hops, is_trusted);
    match header {
        ProxyHeader::XForwardedFor => walk(x_forwarded_for(headers)),
        ProxyHeader::Forwarded => walk(forwarded(headers)),
        ProxyHeader::Single(name) => walk(single(headers, name)),
        ProxyHeader::Unset => {
            let (list, other) = (x_forwarded_for(headers), forwarded(headers));
            if list.is_empty() && !other.is_empty() {
                let found = walk(other);
                return found.or(ProxyFinding::OnlyForwarded);
            }
            let (other_is_there, other) = (!other.is_empty(), walk(other));
            let found = walk(list);
            if other_is_there && other.address != found.address {
                found.or(ProxyFinding::Disagree)
            } else {
                found
            }
        }
    }
}

impl ClientAddress {
    fn or(self, finding: ProxyFinding) -> Self {
        Self { finding: self.finding.or(Some(finding)), ..self }
    }
}

/// A reported address; `None` if it cannot be parsed.
type Hop = Option<IpAddr>;

fn walk(hops: Vec<Hop>, is_trusted: impl Fn(&IpAddr) -> bool) -> ClientAddress {
    let unknown = |finding| ClientAddress { address: None, finding: Some(finding) };
    if hops.is_empty() {
        return unknown(ProxyFinding::Missing);
    }
    for hop in hops.into_iter().rev() {
        let Some(address) = hop else { return unknown(ProxyFinding::Unreadable) };
        let address = address.to_canonical();
        if !is_trusted(&address) {
            return ClientAddress { address: Some(address), finding: None };
        }
    }
    unknown(ProxyFinding::OnlyProxies)
}

fn x_forwarded_for(headers: &HeaderMap) -> Vec<Hop> {
    elements(headers, X_FORWARDED_FOR).iter().map(|text| node(text)).collect()
}

fn forwarded(headers: &HeaderMap) -> Vec<Hop> {
    elements(headers, FORWARDED).iter().map(|element| forwarded_for(element)).collect()
}

/// The only address in a header that a proxy sets. A header with more than one was appended to: the last is
/// the nearest hop's, and a client may have sent the others.
fn single(headers: &HeaderMap, name: &str) -> Vec<Hop> {
    elements(headers, name).last().map(|text| node(text)).into_iter().collect()
}

/// The elements of a list header, nearest hop last. A header without elements is treated as absent. Split at
/// every comma, also in quoted text: an opening quote of the client cannot hide the element that a proxy
/// appended.
fn elements(headers: &HeaderMap, name: &str) -> Vec<String> {
    let lines = headers.get_all(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let elements = lines.flat_map(|line| line.split(',').map(|text| text.trim().to_owned()));
    let mut elements: Vec<String> = elements.collect();
    if elements.iter().all(String::is_empty) {
        elements.clear();
    }
    elements
}

fn forwarded_for(element: &str) -> Hop {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("for") {
            return None;
        }
        node(value.trim().trim_matches('"'))
    })
}

/// An address with or without a port, as RFC 7239 §6 and common proxies write it.
fn node(text: &str) -> Hop {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address);
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Some(socket.ip());
    }
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
#[path = "client_ip_tests.rs"]
mod tests;

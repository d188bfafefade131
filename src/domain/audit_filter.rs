//! Filters of audit events, and the index by which events are found.
//!
//! A filter decides about each event independently of the index.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::base::Timestamp;
use crate::base::id::{AdminKeyId, AuditId, SessionId, UserId};

use super::audit::EventKind;
use super::failure_reason::FailureReason;

/// A filter. An empty one matches all events; otherwise all conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Events that concern this user.
    pub user: Option<UserId>,
    /// Events of these kinds; empty means every kind.
    pub kinds: Vec<EventKind>,
    /// Failures for this reason.
    pub reason: Option<FailureReason>,
    /// Events from this time on.
    pub since: Option<Timestamp>,
    /// Events before this time.
    pub until: Option<Timestamp>,
    /// Events from an address of this network.
    pub address: Option<IpNet>,
    /// Events that name this client.
    pub client_id: Option<String>,
    /// Events that this user, client or administration key caused.
    pub actor: Option<Actor>,
    /// Events that concern this session.
    pub session: Option<SessionId>,
    /// Events of this request.
    pub request_id: Option<String>,
}

/// The possible actors of one id or name: a user, a client or an administration key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actor {
    /// This user.
    pub user: Option<UserId>,
    /// This client, in its own name.
    pub client_id: Option<String>,
    /// A client with this administration key.
    pub key: Option<AdminKeyId>,
}

/// The data of an event that a filter compares.
#[derive(Debug, Clone, Copy)]
pub struct EventFacts<'a> {
    /// The id of the event.
    pub id: AuditId,
    /// The kind of the event.
    pub kind: &'a str,
    /// The user it concerns.
    pub user: Option<UserId>,
    /// The session it concerns.
    pub session: Option<SessionId>,
    /// The user who caused it.
    pub actor: Option<UserId>,
    /// The client that caused it in its own name.
    pub actor_client_id: Option<&'a str>,
    /// The administration key that the client used.
    pub actor_key_id: Option<AdminKeyId>,
    /// From where.
    pub address: Option<&'a str>,
    /// In which request.
    pub request_id: &'a str,
    /// Why an attempt failed.
    pub reason: Option<&'a str>,
    /// The client that the event concerns.
    pub client_id: Option<&'a str>,
}

/// The database index that finds the events of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DrivingIndex<'a> {
    /// Events of a user.
    User(UserId),
    /// Events of a session.
    Session(SessionId),
    /// Events from one address.
    Address(IpAddr),
    /// Events that name a client.
    Client(&'a str),
    /// Events of some kinds, none of which is `login.succeeded`.
    Kinds(&'a [EventKind]),
    /// All events, by time.
    Time,
}

/// The most kinds that use their index. Events of more kinds are found by time.
const MAX_KINDS: usize = 16;

impl AuditFilter {
    /// Whether an event matches.
    #[must_use]
    pub fn matches(&self, event: &EventFacts<'_>) -> bool {
        fn is<T: PartialEq>(wanted: Option<T>, found: Option<T>) -> bool {
            wanted.is_none() || wanted == found
        }
        let is_kind = self.kinds.is_empty() || self.kinds.iter().any(|k| k.as_str() == event.kind);
        let is_near = self.address.is_none_or(|network| {
            let address = event.address.and_then(|text| text.parse::<IpAddr>().ok());
            address.is_some_and(|address| network.contains(&address))
        });
        is_kind
            && is_near
            && is(self.user, event.user)
            && is(self.session, event.session)
            && self.actor.as_ref().is_none_or(|actor| actor.caused(event))
            && is(self.reason.map(FailureReason::as_str), event.reason)
            && is(self.client_id.as_deref(), event.client_id)
            && is(self.request_id.as_deref(), Some(event.request_id))
            && self.since.is_none_or(|since| event.id >= AuditId::earliest(since))
            && self.until.is_none_or(|until| event.id < AuditId::earliest(until))
    }

    /// The index by which its events are found: the first in this order that the filter allows, so that the cost of
    /// a query is predictable.
    #[must_use]
    pub fn driving_index(&self) -> DrivingIndex<'_> {
        if let Some(user) = self.user {
            return DrivingIndex::User(user);
        }
        if let Some(session) = self.session {
            return DrivingIndex::Session(session);
        }
        let single =
            self.address.filter(|network| network.prefix_len() == network.max_prefix_len());
        if let Some(network) = single {
            return DrivingIndex::Address(network.addr());
        }
        if let Some(client_id) = &self.client_id {
            return DrivingIndex::Client(client_id);
        }
        // Log-ins are too frequent for the index of kinds, which leaves them out.
        let is_rare = !self.kinds.contains(&EventKind::LoginSucceeded);
        if is_rare && (1..=MAX_KINDS).contains(&self.kinds.len()) {
            return DrivingIndex::Kinds(&self.kinds);
        }
        DrivingIndex::Time
    }
}

impl Actor {
    fn caused(&self, event: &EventFacts<'_>) -> bool {
        fn is<T: PartialEq>(named: Option<T>, found: Option<T>) -> bool {
            named.is_some() && named == found
        }
        is(self.user, event.actor)
            || is(self.client_id.as_deref(), event.actor_client_id)
            || is(self.key, event.actor_key_id)
    }
}

/// The network that a text names: `192.0.2.0/24`, `2001:db8::/32`, or one address. Bits behind the prefix must be 0.
#[must_use]
pub fn network(text: &str) -> Option<IpNet> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(IpNet::from(address));
    }
    let network: IpNet = text.parse().ok()?;
    (network.addr() == network.network()).then_some(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driving_index_is_the_first_of_a_fixed_order() {
        let everything = AuditFilter {
            user: Some(UserId::from_uuid(uuid::Uuid::max())),
            session: Some(SessionId::from_uuid(uuid::Uuid::max())),
            address: network("192.0.2.1"),
            client_id: Some("shop".to_owned()),
            kinds: vec![EventKind::LoginFailed],
            ..AuditFilter::default()
        };
        let mut filter = everything;
        assert!(matches!(filter.driving_index(), DrivingIndex::User(_)));
        filter.user = None;
        assert!(matches!(filter.driving_index(), DrivingIndex::Session(_)));
        filter.session = None;
        assert!(matches!(filter.driving_index(), DrivingIndex::Address(_)));
        filter.address = network("192.0.2.0/24");
        assert_eq!(filter.driving_index(), DrivingIndex::Client("shop"), "a network has no index");
        filter.client_id = None;
        assert_eq!(filter.driving_index(), DrivingIndex::Kinds(&[EventKind::LoginFailed]));
        filter.kinds.push(EventKind::LoginSucceeded);
        assert_eq!(filter.driving_index(), DrivingIndex::Time);
        filter.kinds = EventKind::ALL[..=MAX_KINDS].to_vec();
        assert_eq!(filter.driving_index(), DrivingIndex::Time);
        filter.kinds.clear();
        assert_eq!(filter.driving_index(), DrivingIndex::Time);
    }

    #[test]
    fn a_network_is_an_address_or_a_prefix_without_further_bits() {
        for (text, contains) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.0/24", "192.0.2.255"),
            ("2001:db8::/32", "2001:db8:ffff::1"),
            ("::1", "::1"),
            ("0.0.0.0/0", "203.0.113.9"),
        ] {
            let found = network(text).unwrap();
            assert!(found.contains(&contains.parse::<IpAddr>().unwrap()), "{text}");
        }
        for text in ["", "192.0.2", "192.0.2.1/24", "192.0.2.0/33", "example.com", "192.0.2.0 /24"]
        {
            assert_eq!(network(text), None, "{text}");
        }
    }
}

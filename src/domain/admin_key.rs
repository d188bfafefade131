//! Administration keys: secrets with which a service client calls `/v1/admin` without requesting a token first.
//!
//! Owns the rules for a key and when it is accepted. Its effective scopes also depend on its client.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::base::id::AdminKeyId;
use crate::base::{TimeSpan, Timestamp};

use super::outcome::FieldError;
use super::permission::{SCOPE_RULE, is_admin_scope};
use super::scope::Scopes;
use super::user::{NAME_RULE, is_display_name};

/// The longest lifetime of a key.
pub const MAX_LIFE: TimeSpan = TimeSpan::from_days(365);
/// The shortest lifetime of a key.
pub const MIN_LIFE: TimeSpan = TimeSpan::from_mins(1);
/// The most keys of one client, expired ones included.
pub const MAX_KEYS: i64 = 32;
/// The most networks of one key.
pub const MAX_NETWORKS: usize = 32;

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminKey {
    /// Its id.
    pub id: AdminKeyId,
    /// The client it belongs to.
    pub client_id: String,
    /// A description of its purpose.
    pub name: String,
    /// Its scopes, which were among those of the client when it was created.
    pub scopes: Scopes,
    /// The networks from which it is accepted; empty means all.
    pub networks: Vec<IpNet>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// Why a key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// It has expired.
    Expired,
    /// The request comes from another network.
    Network,
}

impl Unusable {
    /// A sentence for the holder of the key.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Expired => "The administration key has expired. Create another one.",
            Self::Network => "The administration key cannot be used from this address.",
        }
    }
}

impl AdminKey {
    /// Whether it is accepted at `now` for a request from `address`.
    ///
    /// # Errors
    /// The reason of a refusal.
    pub fn check(&self, address: Option<IpAddr>, now: Timestamp) -> Result<(), Unusable> {
        if self.expires_at <= now {
            return Err(Unusable::Expired);
        }
        if admits(&self.networks, address) { Ok(()) } else { Err(Unusable::Network) }
    }

    /// The minute of `now` if it is later than the minute of the last use.
    #[must_use]
    pub fn next_use(&self, now: Timestamp) -> Option<Timestamp> {
        let minute = Timestamp::from_secs(now.secs() - now.secs().rem_euclid(60));
        self.last_used_at.is_none_or(|last| last < minute).then_some(minute)
    }
}

/// A requested key.
#[derive(Debug, Clone)]
pub struct NewAdminKey {
    /// A description of its purpose.
    pub name: String,
    /// The requested administration scopes.
    pub scopes: Vec<String>,
    /// The time from its creation to its expiry.
    pub life: TimeSpan,
    /// Addresses and networks in CIDR notation.
    pub networks: Vec<String>,
}

impl NewAdminKey {
    /// The validated scopes and networks, for a client with these administration scopes.
    ///
    /// # Errors
    /// All invalid fields.
    pub fn checked(&self, of_client: &Scopes) -> Result<(Scopes, Vec<IpNet>), Vec<FieldError>> {
        let mut wrong = Vec::new();
        let mut note = |field, code, message| wrong.push(FieldError { field, code, message });
        if !is_display_name(&self.name) {
            note("name", "malformed", NAME_RULE);
        }
        if self.life < MIN_LIFE || self.life > MAX_LIFE {
            note("expires_in", "out_of_range", "The lifetime of a key is 1 minute to 365 days.");
        }
        let scopes = Scopes::parse(&self.scopes.join(" ")).unwrap_or_default();
        if self.scopes.is_empty() {
            note("scopes", "missing", "A key has at least one administration scope.");
        } else if !self.scopes.iter().all(|scope| is_admin_scope(scope)) {
            note("scopes", "unknown", SCOPE_RULE);
        } else if !scopes.is_within(of_client) {
            note(
                "scopes",
                "not_allowed",
                "The scopes of a key must be among the administration scopes of its client.",
            );
        }
        let networks = networks(&self.networks).unwrap_or_else(|error| {
            wrong.push(error);
            Vec::new()
        });
        if wrong.is_empty() { Ok((scopes, networks)) } else { Err(wrong) }
    }
}

/// Whether a key for `networks` is accepted in a request from `address`. Without networks, every address is accepted.
pub(super) fn admits(networks: &[IpNet], address: Option<IpAddr>) -> bool {
    let address = address.map(|address| address.to_canonical());
    let is_within = |network: &IpNet| address.is_some_and(|address| network.contains(&address));
    networks.is_empty() || networks.iter().any(is_within)
}

/// The networks of a key.
///
/// # Errors
/// The error of the field `networks`.
pub fn networks(texts: &[String]) -> Result<Vec<IpNet>, FieldError> {
    let wrong = |code, message| FieldError { field: "networks", code, message };
    if texts.len() > MAX_NETWORKS {
        return Err(wrong("too_many", "At most 32."));
    }
    let message =
        "A network is an address or CIDR notation, such as 192.0.2.0/24 or 2001:db8::/32.";
    let all: Option<Vec<IpNet>> = texts.iter().map(|text| network(text)).collect();
    all.ok_or_else(|| wrong("malformed", message))
}

/// An address or a network in CIDR notation.
fn network(text: &str) -> Option<IpNet> {
    let single = || text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
    text.parse::<IpNet>().ok().or_else(single).map(|network| network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(networks: &[&str]) -> AdminKey {
        let at = Timestamp::from_secs(1_000_000);
        AdminKey {
            id: AdminKeyId::earliest(at),
            client_id: "bot".to_owned(),
            name: "Nightly".to_owned(),
            scopes: Scopes::parse("signet:users").unwrap(),
            networks: networks.iter().map(|text| network(text).unwrap()).collect(),
            created_at: at,
            expires_at: at + TimeSpan::from_days(1),
            last_used_at: None,
        }
    }

    #[test]
    fn a_key_works_until_it_ends_and_from_its_networks() {
        let key = key(&["192.0.2.0/24", "2001:db8::/32", "::1"]);
        let from = |text: &str| key.check(text.parse().ok(), key.created_at);
        assert_eq!(from("192.0.2.9"), Ok(()));
        assert_eq!(from("::ffff:192.0.2.9"), Ok(()));
        assert_eq!(from("2001:db8:1::1"), Ok(()));
        assert_eq!(from("192.0.3.9"), Err(Unusable::Network));
        assert_eq!(from(""), Err(Unusable::Network));
        let address = "192.0.2.9".parse().ok();
        assert_eq!(key.check(address, key.expires_at), Err(Unusable::Expired));
    }

    #[test]
    fn the_last_use_is_noted_once_a_minute() {
        let mut key = key(&[]);
        let now = Timestamp::from_secs(1_000_030);
        let minute = key.next_use(now).unwrap();
        assert_eq!(minute.secs() % 60, 0);
        key.last_used_at = Some(minute);
        assert_eq!(key.next_use(now), None);
        assert!(key.next_use(now + TimeSpan::from_secs(60)).is_some());
    }

    #[test]
    fn everything_wrong_is_named() {
        let asked = NewAdminKey {
            name: String::new(),
            scopes: vec!["signet:keys".to_owned()],
            life: TimeSpan::from_days(366),
            networks: vec!["here".to_owned()],
        };
        let wrong = asked.checked(&Scopes::parse("signet:users").unwrap()).unwrap_err();
        let fields: Vec<&str> = wrong.iter().map(|error| error.field).collect();
        assert_eq!(fields, ["name", "expires_in", "scopes", "networks"]);
    }
}

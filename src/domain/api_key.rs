//! API keys: secrets with which a user's scripts act for the user at one API.
//!
//! Owns the rules for a key and when it is accepted. A key is accepted by Signet alone, in exchange for a
//! short-lived token; whether it is still active is decided by `liveness`.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::base::id::{ApiKeyId, UserId};
use crate::base::{TimeSpan, Timestamp};

use super::admin_key;
use super::api::Api;
use super::outcome::FieldError;
use super::scope::Scopes;
use super::user::{NAME_RULE, is_display_name};

/// The longest lifetime of a key.
pub const MAX_LIFE: TimeSpan = TimeSpan::from_days(365);
/// The shortest lifetime of a key.
pub const MIN_LIFE: TimeSpan = TimeSpan::from_mins(1);
/// The lifetime of a key for which the user chooses none.
pub const DEFAULT_LIFE: TimeSpan = TimeSpan::from_days(90);
/// The most active keys of one user: neither revoked nor expired.
pub const MAX_KEYS: i64 = 20;
/// The longest lifetime of a token that is issued for a key.
pub const TOKEN_LIFE: TimeSpan = TimeSpan::from_mins(10);

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// The user it acts for.
    pub user_id: UserId,
    /// A description of its purpose.
    pub name: String,
    /// The API it is for.
    pub audience: String,
    /// Its scopes, all of which the API offered to keys when it was created.
    pub scopes: Scopes,
    /// The networks from which it is accepted; empty means all.
    pub networks: Vec<IpNet>,
    /// The user's session epoch when it was created.
    pub user_epoch: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// When it was last used, to the hour.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether it is accepted in a request from `address`.
    #[must_use]
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        admin_key::admits(&self.networks, address)
    }

    /// The time of last use that is stored for `now`: the beginning of its hour.
    #[must_use]
    pub const fn hour_of(now: Timestamp) -> Timestamp {
        Timestamp::from_secs(now.secs() - now.secs().rem_euclid(3_600))
    }

    /// Its scopes that the API still offers to keys.
    #[must_use]
    pub fn scopes_at(&self, api: &Api) -> Scopes {
        self.scopes.only(|scope| api.key_scopes.contains(scope))
    }
}

/// The request to create a key.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// A description of its purpose.
    pub name: String,
    /// The API.
    pub audience: String,
    /// The requested scopes.
    pub scopes: Vec<String>,
    /// Its lifetime; `None` means [`DEFAULT_LIFE`].
    pub life: Option<TimeSpan>,
    /// Addresses and networks in CIDR notation.
    pub networks: Vec<String>,
}

/// A validated request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedApiKey {
    /// The scopes that the key will have.
    pub scopes: Scopes,
    /// The networks from which it is accepted.
    pub networks: Vec<IpNet>,
    /// The time from its creation to its expiry.
    pub life: TimeSpan,
}

impl NewApiKey {
    /// Validates the request for this API; `None` if the API does not exist.
    ///
    /// # Errors
    /// All invalid fields.
    pub fn checked(&self, api: Option<&Api>) -> Result<CheckedApiKey, Vec<FieldError>> {
        let mut wrong = Vec::new();
        let mut note = |field, code, message| wrong.push(FieldError { field, code, message });
        if !is_display_name(&self.name) {
            note("name", "not_a_name", NAME_RULE);
        }
        let life = self.life.unwrap_or(DEFAULT_LIFE);
        if life < MIN_LIFE || life > MAX_LIFE {
            note("expires_in", "out_of_range", "The life of a key is 1 minute to 365 days.");
        }
        let scopes = Scopes::parse(&self.scopes.join(" ")).unwrap_or_default();
        match api.map(|api| &api.key_scopes).filter(|open| !open.is_empty()) {
            None => note("audience", "unknown", "There is no such API, or it accepts no API keys."),
            Some(_) if self.scopes.is_empty() => {
                note("scopes", "missing", "A key has at least one scope of its API.");
            }
            Some(open) if scopes.is_empty() || !scopes.is_within(open) => {
                let message =
                    "A scope is malformed, or is not among those that the API opens to API keys.";
                note("scopes", "not_allowed", message);
            }
            Some(_) => {}
        }
        let networks = admin_key::networks(&self.networks).unwrap_or_else(|error| {
            wrong.push(error);
            Vec::new()
        });
        if wrong.is_empty() { Ok(CheckedApiKey { scopes, networks, life }) } else { Err(wrong) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(open: &str) -> Api {
        let scopes = |text| Scopes::parse(text).unwrap();
        let api = Api::new("https://api.example.com", scopes("read write")).unwrap();
        api.opening_to_keys(scopes(open)).unwrap()
    }

    fn asked(scopes: &[&str]) -> NewApiKey {
        NewApiKey {
            name: "Backup".to_owned(),
            audience: "https://api.example.com".to_owned(),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            life: None,
            networks: vec!["192.0.2.7".to_owned()],
        }
    }

    #[test]
    fn a_key_lives_ninety_days_by_default_and_has_scopes_that_are_open_to_keys() {
        let checked = asked(&["read"]).checked(Some(&api("read"))).unwrap();
        assert_eq!(checked.life, TimeSpan::from_days(90));
        assert_eq!(checked.scopes.to_string(), "read");
        for (scopes, api, field) in [
            (&["write"][..], Some(api("read")), "scopes"),
            (&["read", "write"], Some(api("read")), "scopes"),
            (&["read\""], Some(api("read")), "scopes"),
            (&[], Some(api("read")), "scopes"),
            (&["read"], Some(api("")), "audience"),
            (&["read"], None, "audience"),
        ] {
            let wrong = asked(scopes).checked(api.as_ref()).unwrap_err();
            let fields: Vec<&str> = wrong.iter().map(|error| error.field).collect();
            assert_eq!(fields, [field], "{scopes:?}");
        }
    }

    #[test]
    fn everything_wrong_is_named() {
        for (life, is_good) in [
            (TimeSpan::from_days(365), true),
            (TimeSpan::from_days(366), false),
            (TimeSpan::from_secs(59), false),
        ] {
            let asked = NewApiKey { life: Some(life), ..asked(&["read"]) };
            assert_eq!(asked.checked(Some(&api("read"))).is_ok(), is_good, "{life:?}");
        }
        let asked = NewApiKey {
            name: " ".to_owned(),
            life: Some(TimeSpan::from_days(400)),
            networks: vec!["office".to_owned()],
            ..asked(&["read"])
        };
        let wrong = asked.checked(None).unwrap_err();
        let fields: Vec<&str> = wrong.iter().map(|error| error.field).collect();
        assert_eq!(fields, ["name", "expires_in", "audience", "networks"]);
    }

    #[test]
    fn the_hour_of_use_begins_an_hour() {
        let hour = ApiKey::hour_of(Timestamp::from_secs(7_199));
        assert_eq!(hour, Timestamp::from_secs(3_600));
        assert_eq!(ApiKey::hour_of(hour), hour);
    }
}

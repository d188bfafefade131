//! The consistency of a client's settings.
//!
//! Owns every check of settings that needs neither the database nor a crypto library. All invalid fields are
//! reported together.

use super::client::{AuthMethod, ClientMetadata, ClientType, PkcePolicy};
use super::grant_type::{self, GrantInfo};
use super::outcome::FieldError;
use super::permission::{SCOPE_RULE, is_admin_scope};
use super::redirect::{self, UriError};
use super::scope::{self, Scopes};
use super::token_rules::{MAX_ACCESS_TTL, MIN_ACCESS_TTL};
use super::user::{NAME_RULE, is_display_name};
use super::web_origin;
use super::workload::rule::MAX_RULES;
use crate::base::TimeSpan;

/// The most URIs, origins, audiences or keys of one client.
const MAX_LIST: usize = 64;

impl ClientMetadata {
    /// All invalid fields. `grants` are the existing grants.
    #[must_use]
    pub fn problems(&self, grants: &[GrantInfo]) -> Vec<FieldError> {
        let mut found = Found(Vec::new());
        if !is_display_name(&self.name) {
            found.note("name", "malformed", NAME_RULE);
        }
        self.check_auth_method(&mut found);
        self.check_policies(&mut found);
        self.check_fapi2(&mut found);
        self.check_grants(grants, &mut found);
        self.check_uris(&mut found);
        self.check_lives(&mut found);
        let reserved = |scopes: &Scopes| scopes.iter().any(scope::is_reserved);
        if self.scopes.as_ref().is_some_and(reserved) {
            let message = "Scopes that begin with signet: belong to the issuer itself; those of administration are \
                           admin_scopes of a service.";
            found.note("scopes", "reserved", message);
        }
        self.check_admin_scopes(&mut found);
        self.check_workloads(&mut found);
        for (field, list) in [("audiences", &self.audiences), ("serves", &self.resource_servers)] {
            if list.len() > MAX_LIST {
                found.note(field, "too_many", TOO_MANY);
            }
        }
        found.0
    }

    fn check_auth_method(&self, found: &mut Found) {
        let field = "token_endpoint_auth_method";
        let public = self.auth_method == AuthMethod::None;
        match self.client_type {
            ClientType::Spa | ClientType::Native if !public => {
                let message = "A spa or native client cannot keep a secret: its method is none.";
                found.note(field, "not_for_this_type", message);
            }
            ClientType::Web | ClientType::Service if public => {
                let message = "A web or service client authenticates: client_secret_basic, \
                            client_secret_post or private_key_jwt.";
                found.note(field, "not_for_this_type", message);
            }
            _ => {}
        }
        let keys = self.auth_method == AuthMethod::PrivateKeyJwt;
        // A client that authenticates with workload tokens needs no key.
        let needs_keys = keys && self.workloads.is_empty();
        if needs_keys && self.jwks.is_empty() || !keys && !self.jwks.is_empty() {
            let message = if keys {
                "A client with private_key_jwt needs public keys (jwks), or rules for workloads (workloads)."
            } else {
                "Public keys (jwks) are only for a client with private_key_jwt."
            };
            found.note("jwks", if keys { "missing" } else { "not_used" }, message);
        }
        if self.jwks.len() > MAX_LIST {
            found.note("jwks", "too_many", TOO_MANY);
        }
    }

    fn check_admin_scopes(&self, found: &mut Found) {
        let field = "admin_scopes";
        if !self.admin_scopes.iter().all(is_admin_scope) {
            found.note(field, "unknown", SCOPE_RULE);
        }
        if !self.admin_scopes.is_empty() && self.client_type != ClientType::Service {
            let message = "Only a service client has administration scopes: users administer with their own roles.";
            found.note(field, "not_for_this_type", message);
        }
        if !self.admin_scopes.is_empty() && self.is_fapi2() {
            let message = "The tokens of a client with the profile fapi2 are bound to a key (DPoP), which \
                           /v1/admin does not support.";
            found.note(field, "not_for_this_profile", message);
        }
    }

    fn check_workloads(&self, found: &mut Found) {
        let field = "workloads";
        if self.workloads.is_empty() {
            return;
        }
        if self.workloads.len() > MAX_RULES {
            found.note(field, "too_many", "At most 32.");
        }
        if self.auth_method == AuthMethod::None {
            let message = "A client that does not authenticate has no rules for workloads.";
            found.note(field, "not_for_this_type", message);
        }
        if self.is_fapi2() {
            let message = "A client with the profile fapi2 authenticates with a key of its own.";
            found.note(field, "not_for_this_profile", message);
        }
    }

    fn check_policies(&self, found: &mut Found) {
        if self.auth_method == AuthMethod::None && self.pkce != PkcePolicy::Required {
            let message =
                "A client that does not authenticate always sends a PKCE challenge: required.";
            found.note("pkce", "not_for_this_type", message);
        }
        let kept = matches!(self.client_type, ClientType::Web | ClientType::Native);
        if self.first_party && !kept {
            let message = "A spa or service client cannot be first-party: scripts of a page must not \
                        see passwords, and a service has no users.";
            found.note("first_party", "not_for_this_type", message);
        }
    }

    fn check_grants(&self, grants: &[GrantInfo], found: &mut Found) {
        let field = "grant_types";
        let mut chosen = self.grant_types.iter().map(|name| grant_type::find(grants, name));
        if chosen.clone().any(|grant| grant.is_none()) {
            found.note(
                field,
                "unknown",
                "A grant must be one of grant_types_supported in the discovery document.",
            );
        }
        let closed = chosen.clone().any(|grant| grant.is_none_or(|grant| !grant.public_clients));
        if self.auth_method == AuthMethod::None && closed {
            let message = "This grant is for clients that authenticate.";
            found.note(field, "needs_authentication", message);
        }
        let redirects = chosen.any(|grant| grant.is_some_and(|grant| grant.redirects_user));
        if self.client_type == ClientType::Service && redirects {
            found.note(field, "not_for_this_type", "A service has no user who could log in.");
        }
        if redirects && self.redirect_uris.is_empty() {
            let message = "A client that logs users in needs at least one redirect URI.";
            found.note("redirect_uris", "missing", message);
        }
    }

    fn check_uris(&self, found: &mut Found) {
        let client_type = self.client_type;
        let of_type = |uri: &String| redirect::check(uri, client_type);
        found.uris("redirect_uris", self.redirect_uris.iter().map(of_type));
        let after = self.post_logout_redirect_uris.iter().map(of_type);
        found.uris("post_logout_redirect_uris", after);
        let back = self.backchannel_logout_uri.iter().map(|uri| redirect::check_web(uri));
        found.uris("backchannel_logout_uri", back);
        for (field, uri) in [
            ("client_uri", &self.client_uri),
            ("policy_uri", &self.policy_uri),
            ("tos_uri", &self.tos_uri),
        ] {
            if let Some(Err(error)) = uri.as_ref().map(|uri| redirect::check_web(uri)) {
                let message = "The address of a page of the application, such as \
                            https://app.example.com/: https, or http on this machine, without fragment.";
                found.note(field, error.code(), message);
            }
        }
        if self.web_origins.len() > MAX_LIST {
            found.note("web_origins", "too_many", TOO_MANY);
        }
        if !self.web_origins.iter().all(|origin| web_origin::is_origin(origin)) {
            let message = "An origin is scheme, host and port as browsers write them, such as \
                        https://app.example.com or capacitor://localhost; null is not one.";
            found.note("web_origins", "not_an_origin", message);
        }
    }

    fn check_lives(&self, found: &mut Found) {
        let day = TimeSpan::from_days(1).millis();
        for (field, life, least, most) in [
            ("access_token_ttl", self.access_token_ttl, MIN_ACCESS_TTL, MAX_ACCESS_TTL),
            (
                "refresh_idle_ttl",
                self.refresh_idle_ttl,
                TimeSpan::from_secs(60),
                TimeSpan::from_days(3650),
            ),
            (
                "refresh_max_ttl",
                self.refresh_max_ttl,
                TimeSpan::from_secs(60),
                TimeSpan::from_days(3650),
            ),
        ] {
            let whole = |life: TimeSpan| life.millis() % 1000 == 0;
            if life.is_some_and(|life| life < least || life > most || !whole(life)) {
                let message = if most.millis() > day {
                    "The lifetime of a session is 1 minute to 10 years in whole seconds, or null."
                } else {
                    "The lifetime of an access token is 1 second to 24 hours in whole seconds, or null."
                };
                found.note(field, "out_of_range", message);
            }
        }
    }
}

const TOO_MANY: &str = "At most 64.";

/// The invalid fields, in the order in which they are found.
pub(super) struct Found(Vec<FieldError>);

impl Found {
    pub(super) fn note(&mut self, field: &'static str, code: &'static str, message: &'static str) {
        self.0.push(FieldError { field, code, message });
    }

    fn uris(
        &mut self,
        field: &'static str,
        checked: impl ExactSizeIterator<Item = Result<(), UriError>>,
    ) {
        if checked.len() > MAX_LIST {
            self.note(field, "too_many", TOO_MANY);
        }
        if let Some(error) = checked.filter_map(Result::err).next() {
            self.note(field, error.code(), error.message());
        }
    }
}

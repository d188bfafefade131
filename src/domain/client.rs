//! Clients: the applications sessions are opened through.
//!
//! Owns what a client is, which settings fit together and what a client may ask for. Where answers
//! may be sent is `redirect`; which grants exist, and for which clients, is said by the grants.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::{TimeSpan, Timestamp};

pub use super::client_type::{AuthMethod, ClientType};
use super::grant_type::{self, GrantInfo};
use super::outcome::FieldError;
use super::redirect::{self, RegisteredRedirect, UriError};
use super::scope::Scopes;
use super::signing_key::SigningAlg;
use super::token_rules::{MAX_ACCESS_TTL, MIN_ACCESS_TTL};
use super::user::is_display_name;
use super::web_origin;

/// The built-in public first-party client, meant at `/v1` when no `client_id` is named.
pub const BUILT_IN: &str = "signet";

/// The most URIs, origins, audiences or keys of one client.
const MAX_LIST: usize = 64;
/// The longest `client_id`, in bytes.
const MAX_CLIENT_ID: usize = 128;
/// Live secrets of one client: the one in use and the one that takes its place.
pub const MAX_SECRETS: usize = 2;

/// What an administrator says about a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientMetadata {
    /// The name people see when they are asked.
    pub name: String,
    /// What kind of application it is.
    #[serde(rename = "type")]
    pub client_type: ClientType,
    /// How it authenticates.
    #[serde(rename = "token_endpoint_auth_method")]
    pub auth_method: AuthMethod,
    /// Where answers may be sent.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Where people may be sent after logging out.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// Where the client wants to be told that a session has ended.
    #[serde(default)]
    pub backchannel_logout_uri: Option<String>,
    /// Origins besides those of the redirect URIs whose scripts may ask us.
    #[serde(default)]
    pub web_origins: Vec<String>,
    /// The grants it may use, by their names on the wire.
    #[serde(default)]
    pub grant_types: Vec<String>,
    /// The scopes it may ask for; none means all that its audiences offer.
    #[serde(default)]
    pub scopes: Option<Scopes>,
    /// The APIs its tokens may be for.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// The APIs this client is: it may look into their tokens and exchange them.
    #[serde(default)]
    #[serde(rename = "serves")]
    pub resource_servers: Vec<String>,
    /// How long its access tokens live, where the API does not say.
    #[serde(default)]
    pub access_token_ttl: Option<TimeSpan>,
    /// When its sessions end unless refreshed.
    #[serde(default)]
    pub refresh_idle_ttl: Option<TimeSpan>,
    /// When its sessions end in any case.
    #[serde(default)]
    pub refresh_max_ttl: Option<TimeSpan>,
    /// What its ID tokens are signed with.
    #[serde(rename = "id_token_signed_response_alg", default = "id_token_alg")]
    pub id_token_alg: SigningAlg,
    /// Whether people are not asked: the client belongs to whoever runs the server.
    #[serde(default)]
    pub skip_consent: bool,
    /// Its public keys (JWK), where it authenticates with them.
    #[serde(default)]
    pub jwks: Vec<Value>,
}

/// OpenID Connect Core §2 demands that this one is the default.
const fn id_token_alg() -> SigningAlg {
    SigningAlg::Rs256
}

/// A live secret, by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretHash {
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
}

/// A registered client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its name on the wire.
    pub client_id: String,
    /// What an administrator said about it.
    pub metadata: ClientMetadata,
    /// Its live secrets, newest first, at most [`MAX_SECRETS`].
    pub secrets: Vec<SecretHash>,
    /// Since when it is disabled, if so.
    pub disabled_at: Option<Timestamp>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Since when the name is its own; what is older belongs to a client that had the name before.
    /// The beginning of all times when there was none: a clock that was wrong when the client was made
    /// shuts nobody out.
    pub name_since: Timestamp,
}

impl Client {
    /// A client with a name that nobody had before.
    #[must_use]
    pub const fn new(client_id: String, metadata: ClientMetadata, created_at: Timestamp) -> Self {
        let name_since = Timestamp::from_millis(0);
        Self { client_id, metadata, secrets: Vec::new(), disabled_at: None, created_at, name_since }
    }

    /// Whether anybody can claim to be it.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.metadata.auth_method == AuthMethod::None
    }

    /// Whether it may use this grant.
    #[must_use]
    pub fn may_use(&self, grant: &str) -> bool {
        self.metadata.grant_types.iter().any(|known| known == grant)
    }

    /// The registered place that `asked` names.
    #[must_use]
    pub fn redirect(&self, asked: &str) -> Option<RegisteredRedirect> {
        redirect::match_redirect(asked, &self.metadata.redirect_uris, self.metadata.client_type)
    }

    /// Whether people may be sent to `asked` after logging out.
    #[must_use]
    pub fn after_logout(&self, asked: &str) -> Option<RegisteredRedirect> {
        let registered = &self.metadata.post_logout_redirect_uris;
        redirect::match_redirect(asked, registered, self.metadata.client_type)
    }

    /// Whether its tokens may be for this API.
    #[must_use]
    pub fn may_target_api(&self, audience: &str) -> bool {
        self.metadata.audiences.iter().any(|known| known == audience)
    }

    /// The same of what a request names: none means the issuer itself, which is there for everybody.
    #[must_use]
    pub fn may_target(&self, audience: Option<&str>) -> bool {
        audience.is_none_or(|audience| self.may_target_api(audience))
    }

    /// Whether it may ask for this scope, as far as it is concerned.
    #[must_use]
    pub fn may_request_scope(&self, scope: &str) -> bool {
        self.metadata.scopes.as_ref().is_none_or(|scopes| scopes.contains(scope))
    }

    /// Whether it is the API of this identifier.
    #[must_use]
    pub fn is_api(&self, audience: &str) -> bool {
        self.metadata.resource_servers.iter().any(|known| known == audience)
    }

    /// Whether something that was given at `at` was given to this client, and not to one that had
    /// its name before.
    #[must_use]
    pub fn owned_name_at(&self, at: Timestamp) -> bool {
        self.name_since <= at
    }

    /// Whether people have to be asked every time: nobody can tell this client from one that
    /// pretends to be it (RFC 8252 §8.6).
    #[must_use]
    pub fn is_unprovable(&self, redirect: &RegisteredRedirect) -> bool {
        self.metadata.client_type == ClientType::Native && !redirect.is_owned()
    }

    /// The origins whose scripts may ask us in its name.
    pub fn origins(&self) -> impl Iterator<Item = String> + '_ {
        let settings = &self.metadata;
        let of_redirects = settings.redirect_uris.iter().filter_map(|uri| web_origin::origin(uri));
        of_redirects.chain(settings.web_origins.iter().cloned())
    }
}

/// Whether `text` may be a `client_id`: 1 to 128 characters that mean the same in a form, a URL and
/// a Basic header. A dot or two are no name: every reader of URLs takes them out of a path.
#[must_use]
pub fn is_client_id(text: &str) -> bool {
    (1..=MAX_CLIENT_ID).contains(&text.len())
        && !matches!(text, "." | "..")
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:/".contains(&b))
}

impl ClientMetadata {
    /// A client of this type with what it starts with. `grants` are those that exist.
    #[must_use]
    pub fn new(name: String, client_type: ClientType, grants: &[GrantInfo]) -> Self {
        Self {
            name,
            client_type,
            auth_method: client_type.auth_method(),
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            web_origins: Vec::new(),
            grant_types: grant_type::defaults(grants, client_type),
            scopes: None,
            audiences: Vec::new(),
            resource_servers: Vec::new(),
            access_token_ttl: None,
            refresh_idle_ttl: None,
            refresh_max_ttl: None,
            id_token_alg: id_token_alg(),
            skip_consent: false,
            jwks: Vec::new(),
        }
    }

    /// Everything that cannot be, field by field. `grants` are those that exist.
    #[must_use]
    pub fn problems(&self, grants: &[GrantInfo]) -> Vec<FieldError> {
        let mut found = Found(Vec::new());
        if !is_display_name(&self.name) {
            found.note("name", "malformed", "A name is 1 to 128 printable characters.");
        }
        self.check_auth_method(&mut found);
        self.check_grants(grants, &mut found);
        self.check_uris(&mut found);
        self.check_lives(&mut found);
        let reserved = |scopes: &Scopes| scopes.iter().any(|scope| scope.starts_with("signet:"));
        if self.scopes.as_ref().is_some_and(reserved) {
            let message = "Scopes that begin with signet: belong to the issuer itself.";
            found.note("scopes", "reserved", message);
        }
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
                let message = "A spa or native client can keep no secret: its method is none.";
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
        if keys == self.jwks.is_empty() {
            let message = "A client with private_key_jwt has public keys, no other has.";
            found.note("jwks", if keys { "missing" } else { "not_used" }, message);
        }
        if self.jwks.len() > MAX_LIST {
            found.note("jwks", "too_many", TOO_MANY);
        }
    }

    fn check_grants(&self, grants: &[GrantInfo], found: &mut Found) {
        let field = "grant_types";
        let mut chosen = self.grant_types.iter().map(|name| grant_type::find(grants, name));
        if chosen.clone().any(|grant| grant.is_none()) {
            found.note(field, "unknown", "A grant is one of those discovery lists.");
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
            let message = "A client that logs people in needs at least one redirect URI.";
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
                    "A session's life is 1 minute to 10 years in whole seconds, or null."
                } else {
                    "An access token's life is 1 second to 24 hours in whole seconds, or null."
                };
                found.note(field, "out_of_range", message);
            }
        }
    }
}

const TOO_MANY: &str = "At most 64.";

struct Found(Vec<FieldError>);

impl Found {
    fn note(&mut self, field: &'static str, code: &'static str, message: &'static str) {
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

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;

//! Clients: the applications that get tokens.
//!
//! Owns the settings of a client and what it may request. Consistency of settings is in `client_checks`, redirect
//! URIs are in `redirect`, and each grant defines which clients may use it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::{TimeSpan, Timestamp};

use super::authn::AssuranceLevel;
use super::client_document::DocumentUrl;
use super::client_logo::ClientLogo;
pub use super::client_policy::{
    AssertionAudience, FAPI2_ALGS, IdTokenClaims, PkcePolicy, SecurityProfile,
};
pub use super::client_type::{AuthMethod, ClientType};
use super::grant_type::{self, GrantInfo};
use super::oidc::{OPENID, RequestedClaims};
use super::redirect::{self, RegisteredRedirect};
use super::scope::Scopes;
use super::signing_key::SigningAlg;
use super::web_origin;
use super::workload::rule::WorkloadRule;

/// The built-in public first-party client, used at `/v1` if the request has no `client_id`.
pub const BUILT_IN: &str = "signet";

/// The longest `client_id`, in bytes.
const MAX_CLIENT_ID: usize = 128;
/// The most valid secrets of one client: the current one and its successor.
pub const MAX_SECRETS: usize = 2;

/// The registration of a client.
///
/// Stored as one JSON object. Rows from older versions lack newer members, whose defaults here keep the behaviour
/// of such clients. [`ClientMetadata::new`] has the defaults of new clients, which may differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientMetadata {
    /// The name that users see.
    pub name: String,
    /// The kind of application.
    #[serde(rename = "type")]
    pub client_type: ClientType,
    /// How it authenticates.
    #[serde(rename = "token_endpoint_auth_method")]
    pub auth_method: AuthMethod,
    /// Whether a client with a secret must use `auth_method`. `None` in rows from before clients could use both
    /// methods: see [`ClientMetadata::pins_auth_method`].
    #[serde(rename = "token_endpoint_auth_method_pinned", default)]
    pub auth_method_pinned: Option<bool>,
    /// The `aud` that its assertions must have.
    #[serde(default = "AssertionAudience::of_old_row")]
    pub assertion_audience: AssertionAudience,
    /// Whether its authorization requests must use PKCE. Read by [`ClientMetadata::pkce_policy`].
    #[serde(default = "PkcePolicy::of_old_row")]
    pub pkce: PkcePolicy,
    /// The security profile that it must follow.
    #[serde(default)]
    pub security_profile: Option<SecurityProfile>,
    /// Its home page.
    #[serde(default)]
    pub client_uri: Option<String>,
    /// Its privacy policy.
    #[serde(default)]
    pub policy_uri: Option<String>,
    /// Its terms of service.
    #[serde(default)]
    pub tos_uri: Option<String>,
    /// Its logo.
    #[serde(default)]
    pub logo: Option<ClientLogo>,
    /// The redirect URIs.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// The URIs to which users may return after logging out.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// The URI that receives logout tokens.
    #[serde(default)]
    pub backchannel_logout_uri: Option<String>,
    /// Origins besides those of the redirect URIs whose scripts may call Signet.
    #[serde(default)]
    pub web_origins: Vec<String>,
    /// The grants it may use, by their names on the wire.
    #[serde(default)]
    pub grant_types: Vec<String>,
    /// The scopes it may request; `None` means all that its audiences offer.
    #[serde(default)]
    pub scopes: Option<Scopes>,
    /// The APIs that it may get tokens for.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// The APIs that this client implements: it may introspect and exchange their tokens.
    #[serde(default)]
    #[serde(rename = "serves")]
    pub resource_servers: Vec<String>,
    /// The lifetime of its access tokens, if the API sets none.
    #[serde(default)]
    pub access_token_ttl: Option<TimeSpan>,
    /// The time after which its sessions end unless refreshed.
    #[serde(default)]
    pub refresh_idle_ttl: Option<TimeSpan>,
    /// The maximum lifetime of its sessions.
    #[serde(default)]
    pub refresh_max_ttl: Option<TimeSpan>,
    /// The signing algorithm of its ID tokens.
    #[serde(rename = "id_token_signed_response_alg", default = "id_token_alg")]
    pub id_token_alg: SigningAlg,
    /// Which claims about the user its ID tokens contain.
    #[serde(default = "IdTokenClaims::of_old_row")]
    pub id_token_claims: IdTokenClaims,
    /// The minimum assurance level of its users' sign-ins.
    #[serde(default)]
    pub min_acr: Option<AssuranceLevel>,
    /// Whether users are not asked for consent, because the client is the operator's own. Read by
    /// [`ClientMetadata::skips_consent`].
    #[serde(default)]
    pub skip_consent: bool,
    /// Whether users may give it their passwords: it may log users in at `/v1/login`.
    #[serde(default)]
    pub first_party: bool,
    /// Its public keys (JWK), where it authenticates with them.
    #[serde(default)]
    pub jwks: Vec<Value>,
    /// The administration scopes that it may request at the issuer itself: only a service has any.
    #[serde(default)]
    pub admin_scopes: Scopes,
    /// The workloads that may authenticate as the client.
    #[serde(default)]
    pub workloads: Vec<WorkloadRule>,
}

/// The default that OpenID Connect Core §2 requires.
const fn id_token_alg() -> SigningAlg {
    SigningAlg::Rs256
}

/// A valid secret, by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretHash {
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// When it was created.
    pub created_at: Timestamp,
}

/// A registered client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its `client_id`.
    pub client_id: String,
    /// Its registration.
    pub metadata: ClientMetadata,
    /// Its valid secrets, newest first, at most [`MAX_SECRETS`].
    pub secrets: Vec<SecretHash>,
    /// When it was disabled; `None` if it is enabled.
    pub disabled_at: Option<Timestamp>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Since when the client has its `client_id`. Anything older belongs to an earlier client of the same name.
    /// The minimum if there was none, so that a wrong clock at its creation has no effect.
    pub name_since: Timestamp,
    /// The fingerprint of its document, if it describes itself (`client_document`); `None` for a registered client.
    pub document: Option<String>,
}

impl Client {
    /// A client with a name that was never used before.
    #[must_use]
    pub const fn new(client_id: String, metadata: ClientMetadata, created_at: Timestamp) -> Self {
        let name_since = Timestamp::from_millis(0);
        Self {
            client_id,
            metadata,
            secrets: Vec::new(),
            disabled_at: None,
            created_at,
            name_since,
            document: None,
        }
    }

    /// The host of its `client_id`, if it describes itself: the only verified fact about it.
    #[must_use]
    pub fn document_host(&self) -> Option<String> {
        self.document.as_ref()?;
        Some(DocumentUrl::parse(&self.client_id)?.host().to_owned())
    }

    /// Its name for users. A client that describes itself is shown with its host first, because it chose the name
    /// itself.
    #[must_use]
    pub fn shown_name(&self) -> String {
        match self.document_host() {
            None => self.metadata.name.clone(),
            Some(host) => format!("{host} ({})", self.metadata.name),
        }
    }

    /// Whether it has no credentials, so that any program can use its `client_id`.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.metadata.auth_method == AuthMethod::None
    }

    /// Whether it may use this grant.
    #[must_use]
    pub fn may_use(&self, grant: &str) -> bool {
        self.metadata.grant_types.iter().any(|known| known == grant)
    }

    /// The registered redirect URI that `asked` names.
    #[must_use]
    pub fn redirect(&self, asked: &str) -> Option<RegisteredRedirect> {
        redirect::match_redirect(asked, &self.metadata.redirect_uris, self.metadata.client_type)
    }

    /// Whether users may return to `asked` after logging out.
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

    /// Whether it may request this target: `None` means the issuer itself, which every client may request.
    #[must_use]
    pub fn may_target(&self, audience: Option<&str>) -> bool {
        audience.is_none_or(|audience| self.may_target_api(audience))
    }

    /// Whether its registration allows this scope.
    #[must_use]
    pub fn may_request_scope(&self, scope: &str) -> bool {
        self.metadata.scopes.as_ref().is_none_or(|scopes| scopes.contains(scope))
    }

    /// Whether it requests tokens for itself but has no audience, so that every request is refused. A resource
    /// server that only introspects needs none, and tokens for administration are for the issuer.
    #[must_use]
    pub fn gets_no_token(&self) -> bool {
        self.metadata.client_type == ClientType::Service
            && self.metadata.admin_scopes.is_empty()
            && self.metadata.audiences.is_empty()
            && self.metadata.resource_servers.is_empty()
    }

    /// Whether it is the resource server of this API.
    #[must_use]
    pub fn is_api(&self, audience: &str) -> bool {
        self.metadata.resource_servers.iter().any(|known| known == audience)
    }

    /// Whether an object that was issued at `at` belongs to this client, and not to an earlier one of the same name.
    #[must_use]
    pub fn owned_name_at(&self, at: Timestamp) -> bool {
        self.name_since <= at
    }

    /// Whether users must be asked for consent every time, because the client can be impersonated (RFC 8252 §8.6).
    #[must_use]
    pub fn is_unprovable(&self, redirect: &RegisteredRedirect) -> bool {
        self.metadata.client_type == ClientType::Native && !redirect.is_owned()
    }

    /// The origins whose scripts may call Signet for it.
    pub fn origins(&self) -> impl Iterator<Item = String> + '_ {
        let settings = &self.metadata;
        let of_redirects = settings.redirect_uris.iter().filter_map(|uri| web_origin::origin(uri));
        of_redirects.chain(settings.web_origins.iter().cloned())
    }
}

/// Whether `text` may be a `client_id`: 1 to 128 characters that mean the same in a form, a URL and a Basic header.
/// `.` and `..` are not allowed, because URL parsers remove them from a path. New clients have no colon in it
/// (`admin::clients`).
#[must_use]
pub fn is_client_id(text: &str) -> bool {
    (1..=MAX_CLIENT_ID).contains(&text.len())
        && !matches!(text, "." | "..")
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:/".contains(&b))
}

impl ClientMetadata {
    /// A client of this type with its defaults. `grants` are the existing grants.
    #[must_use]
    pub fn new(name: String, client_type: ClientType, grants: &[GrantInfo]) -> Self {
        Self {
            name,
            client_type,
            auth_method: client_type.auth_method(),
            auth_method_pinned: Some(false),
            assertion_audience: AssertionAudience::Issuer,
            pkce: PkcePolicy::of_new(client_type.auth_method()),
            security_profile: None,
            client_uri: None,
            policy_uri: None,
            tos_uri: None,
            logo: None,
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
            id_token_claims: IdTokenClaims::Minimal,
            min_acr: None,
            skip_consent: false,
            first_party: false,
            jwks: Vec::new(),
            admin_scopes: Scopes::default(),
            workloads: Vec::new(),
        }
    }

    /// Whether a client with a secret may use `auth_method` only. Before clients could use both methods,
    /// `client_secret_basic` was the default and `client_secret_post` a choice: rows from that time are open
    /// in the first case and pinned in the second.
    #[must_use]
    pub fn pins_auth_method(&self) -> bool {
        self.auth_method_pinned.unwrap_or(self.auth_method == AuthMethod::Post)
    }

    /// Whether the client may authenticate with `method`.
    #[must_use]
    pub fn may_authenticate_with(&self, method: AuthMethod) -> bool {
        let either = method.has_secret() && self.auth_method.has_secret();
        method == self.auth_method || (either && !self.pins_auth_method())
    }

    /// Whether an authorization request must use PKCE. Always for a public client and for one with the profile `fapi2`.
    #[must_use]
    pub fn pkce_policy(&self) -> PkcePolicy {
        match self.auth_method {
            AuthMethod::None => PkcePolicy::Required,
            _ if self.is_fapi2() => PkcePolicy::Required,
            _ => self.pkce,
        }
    }

    /// Whether it must follow the FAPI 2.0 Security Profile.
    #[must_use]
    pub fn is_fapi2(&self) -> bool {
        self.security_profile == Some(SecurityProfile::Fapi2)
    }

    /// Whether the client may sign its assertions and proofs with `alg`.
    #[must_use]
    pub fn may_sign_with(&self, alg: SigningAlg) -> bool {
        !self.is_fapi2() || FAPI2_ALGS.contains(&alg)
    }

    /// Whether an ID token for these scopes and claims contains more about its user than `sub`.
    #[must_use]
    pub fn id_token_has_claims(&self, scopes: &Scopes, asked: &RequestedClaims) -> bool {
        let of_scopes = self.id_token_claims == IdTokenClaims::Scopes && scopes.contains(OPENID);
        of_scopes || !asked.id_token.is_empty()
    }

    /// Whether users are not asked for consent.
    #[must_use]
    pub const fn skips_consent(&self) -> bool {
        self.skip_consent || self.first_party
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;

//! Changes of the settings of a client.
//!
//! Owns how a change is applied, and every check that needs no database: all invalid fields are reported at once.
//! `clients` checks which APIs exist and which names are free.

use serde_json::Value;

use crate::base::TimeSpan;
use crate::crypto::client_key;
use crate::domain::authn::AssuranceLevel;
use crate::domain::client::{
    AssertionAudience, AuthMethod, Client, ClientMetadata, ClientType, FAPI2_ALGS, IdTokenClaims,
    PkcePolicy, SecurityProfile,
};
use crate::domain::client_jwks;
use crate::domain::grant_type;
use crate::domain::outcome::FieldError;
use crate::domain::permission::SCOPE_RULE;
use crate::domain::redirect;
use crate::domain::scope::{Scopes, is_scope};
use crate::domain::signing_key::SigningAlg;
use crate::domain::token_rules::{RuleError, TokenAlg};
use crate::domain::verifier_compat::algorithms;
use crate::domain::workload::rule::{WorkloadRule, WorkloadRuleError};
use crate::oauth::grants;

/// A change of settings. `None` keeps a setting, or in a new client its default. In a nested `Option`, the
/// inner `None` restores the default.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// The displayed name.
    pub name: Option<String>,
    /// The kind of application.
    pub client_type: Option<ClientType>,
    /// The only method by which it authenticates, or the default of its type.
    pub auth_method: Option<Option<AuthMethod>>,
    /// Whether a client with a secret may use only its method. By default, a method that was chosen is pinned and a
    /// default one is not.
    pub auth_method_pinned: Option<bool>,
    /// The accepted `aud` of its assertions, or the default, which is the issuer.
    pub assertion_audience: Option<Option<AssertionAudience>>,
    /// Its PKCE policy, or the default for its method.
    pub pkce: Option<Option<PkcePolicy>>,
    /// The security profile it must follow, or none.
    pub security_profile: Option<Option<SecurityProfile>>,
    /// Its home page.
    pub client_uri: Option<Option<String>>,
    /// Its privacy policy.
    pub policy_uri: Option<Option<String>>,
    /// Its terms of service.
    pub tos_uri: Option<Option<String>>,
    /// All redirect URIs.
    pub redirect_uris: Option<Vec<String>>,
    /// All URIs to which users may return after logging out.
    pub post_logout_redirect_uris: Option<Vec<String>>,
    /// The URI that receives logout tokens.
    pub backchannel_logout_uri: Option<Option<String>>,
    /// All further origins whose scripts may call Signet.
    pub web_origins: Option<Vec<String>>,
    /// All grants it may use, or the default of its type.
    pub grant_types: Option<Option<Vec<String>>>,
    /// All scopes it may request, or everything its audiences offer.
    pub scopes: Option<Option<Vec<String>>>,
    /// All the APIs its tokens may be for.
    pub audiences: Option<Vec<String>>,
    /// All APIs that it implements.
    pub resource_servers: Option<Vec<String>>,
    /// The lifetime of its access tokens.
    pub access_token_ttl: Option<Option<TimeSpan>>,
    /// The idle lifetime of its sessions.
    pub refresh_idle_ttl: Option<Option<TimeSpan>>,
    /// The absolute lifetime of its sessions.
    pub refresh_max_ttl: Option<Option<TimeSpan>>,
    /// The signature algorithm of its ID tokens, or RS256.
    pub id_token_alg: Option<Option<SigningAlg>>,
    /// Which claims its ID tokens contain; the default is the fewest.
    pub id_token_claims: Option<Option<IdTokenClaims>>,
    /// The minimum assurance level of its users' sign-ins.
    pub min_acr: Option<Option<AssuranceLevel>>,
    /// Whether users are not asked for consent.
    pub skip_consent: Option<bool>,
    /// Whether users may give it their passwords.
    pub first_party: Option<bool>,
    /// All its public keys: a JWK set, a list of JWKs or null.
    pub jwks: Option<Value>,
    /// All the administration scopes that it may request.
    pub admin_scopes: Option<Vec<String>>,
    /// All the rules by which workloads authenticate as the client.
    pub workloads: Option<Vec<String>>,
}

impl Change {
    /// Whether the change is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.name.is_none()
            && self.client_type.is_none()
            && self.auth_method.is_none()
            && self.auth_method_pinned.is_none()
            && self.assertion_audience.is_none()
            && self.pkce.is_none()
            && self.security_profile.is_none()
            && self.client_uri.is_none()
            && self.policy_uri.is_none()
            && self.tos_uri.is_none()
            && self.redirect_uris.is_none()
            && self.post_logout_redirect_uris.is_none()
            && self.backchannel_logout_uri.is_none()
            && self.web_origins.is_none()
            && self.grant_types.is_none()
            && self.scopes.is_none()
            && self.audiences.is_none()
            && self.resource_servers.is_none()
            && self.access_token_ttl.is_none()
            && self.refresh_idle_ttl.is_none()
            && self.refresh_max_ttl.is_none()
            && self.id_token_alg.is_none()
            && self.id_token_claims.is_none()
            && self.min_acr.is_none()
            && self.skip_consent.is_none()
            && self.first_party.is_none()
            && self.jwks.is_none()
            && self.admin_scopes.is_none()
            && self.workloads.is_none()
    }

    /// `before` with the change applied, or every invalid field.
    pub(super) fn applied_to(
        &self,
        before: ClientMetadata,
        retry_window: TimeSpan,
    ) -> (ClientMetadata, Vec<FieldError>) {
        let mut wrong = Vec::new();
        let client_type = self.client_type.unwrap_or(before.client_type);
        let auth_method = match self.auth_method {
            None => before.auth_method,
            Some(chosen) => chosen.unwrap_or_else(|| client_type.auth_method()),
        };
        let pinned = match (self.auth_method_pinned, self.auth_method) {
            (Some(pinned), _) => pinned,
            (None, Some(chosen)) => chosen.is_some(),
            (None, None) => before.pins_auth_method(),
        };
        let security_profile = self.security_profile.unwrap_or(before.security_profile);
        let fapi2 = security_profile == Some(SecurityProfile::Fapi2);
        let pkce = match self.pkce {
            // A client that becomes public or gets a profile loses a weaker policy.
            None | Some(None) if fapi2 || auth_method == AuthMethod::None => PkcePolicy::Required,
            Some(chosen) => chosen.unwrap_or_else(|| PkcePolicy::of_new(auth_method)),
            None => before.pkce,
        };
        let id_token_alg = match self.id_token_alg {
            None if fapi2 && !FAPI2_ALGS.contains(&before.id_token_alg) => SigningAlg::Es256,
            None => before.id_token_alg,
            Some(None) if fapi2 => SigningAlg::Es256,
            Some(chosen) => chosen.unwrap_or(SigningAlg::Rs256),
        };
        let list = |chosen: &Option<Vec<String>>, before: Vec<String>| match chosen {
            None => before,
            Some(chosen) => once_each(chosen),
        };
        let after = ClientMetadata {
            name: self.name.clone().unwrap_or(before.name),
            client_type,
            auth_method,
            auth_method_pinned: Some(pinned),
            assertion_audience: match self.assertion_audience {
                None => before.assertion_audience,
                Some(chosen) => chosen.unwrap_or(AssertionAudience::Issuer),
            },
            pkce,
            security_profile,
            client_uri: self.client_uri.clone().unwrap_or(before.client_uri),
            policy_uri: self.policy_uri.clone().unwrap_or(before.policy_uri),
            tos_uri: self.tos_uri.clone().unwrap_or(before.tos_uri),
            logo: before.logo,
            redirect_uris: list(&self.redirect_uris, before.redirect_uris),
            post_logout_redirect_uris: list(
                &self.post_logout_redirect_uris,
                before.post_logout_redirect_uris,
            ),
            backchannel_logout_uri: self
                .backchannel_logout_uri
                .clone()
                .unwrap_or(before.backchannel_logout_uri),
            web_origins: list(&self.web_origins, before.web_origins),
            grant_types: match &self.grant_types {
                None => before.grant_types,
                Some(None) => grant_type::defaults(grants::ALL, client_type),
                Some(Some(chosen)) => once_each(chosen),
            },
            scopes: match &self.scopes {
                None => before.scopes,
                Some(None) => None,
                Some(Some(chosen)) => parse_scopes(chosen, &mut wrong),
            },
            audiences: list(&self.audiences, before.audiences),
            resource_servers: list(&self.resource_servers, before.resource_servers),
            access_token_ttl: self.access_token_ttl.unwrap_or(before.access_token_ttl),
            refresh_idle_ttl: self.refresh_idle_ttl.unwrap_or(before.refresh_idle_ttl),
            refresh_max_ttl: self.refresh_max_ttl.unwrap_or(before.refresh_max_ttl),
            id_token_alg,
            id_token_claims: match self.id_token_claims {
                None => before.id_token_claims,
                Some(chosen) => chosen.unwrap_or(IdTokenClaims::Minimal),
            },
            min_acr: self.min_acr.unwrap_or(before.min_acr),
            skip_consent: self.skip_consent.unwrap_or(before.skip_consent),
            first_party: self.first_party.unwrap_or(before.first_party),
            jwks: self.keys(before.jwks, auth_method, &mut wrong),
            admin_scopes: match &self.admin_scopes {
                None => before.admin_scopes,
                Some(chosen) => parse_admin_scopes(chosen, &mut wrong),
            },
            workloads: match &self.workloads {
                None => before.workloads,
                Some(chosen) => parse_workloads(chosen, &mut wrong),
            },
        };
        for problem in after.problems(grants::ALL) {
            // A name that was accepted by an older version stays until it is changed.
            if problem.field != "name" || self.name.is_some() {
                note(&mut wrong, problem);
            }
        }
        if after.first_party && self.skip_consent == Some(false) {
            let message = "A first-party client never asks for consent: set first_party to false \
                        first, or leave skip_consent out.";
            note(&mut wrong, FieldError { field: "skip_consent", code: "conflict", message });
        }
        self.check_window(retry_window, &mut wrong);
        (after, wrong)
    }

    /// The keys after the change. Keys that the change does not name are dropped with the method that needs them,
    /// like secrets.
    fn keys(
        &self,
        before: Vec<Value>,
        method: AuthMethod,
        wrong: &mut Vec<FieldError>,
    ) -> Vec<Value> {
        match &self.jwks {
            Some(given) => {
                client_jwks::accept(given, client_key::check_key).unwrap_or_else(|error| {
                    note(
                        wrong,
                        FieldError { field: "jwks", code: error.code(), message: error.message() },
                    );
                    Vec::new()
                })
            }
            None if method == AuthMethod::PrivateKeyJwt => before,
            None => Vec::new(),
        }
    }

    /// The same rule as for the lifetimes of APIs. It applies when the value is chosen, because the window may grow
    /// later.
    fn check_window(&self, retry_window: TimeSpan, wrong: &mut Vec<FieldError>) {
        let least = retry_window.millis().saturating_mul(2);
        if self.access_token_ttl.flatten().is_some_and(|ttl| ttl.millis() < least) {
            let error = RuleError::AccessTtlInWindow;
            let (field, code, message) = (error.field(), error.code(), error.message());
            note(wrong, FieldError { field, code, message });
        }
    }

    /// Warnings about the settings that were chosen for `client`.
    pub(super) fn warnings(&self, client: &Client, created: bool) -> Vec<String> {
        let algorithm = self.id_token_alg.flatten().map(TokenAlg::Key);
        let mut warnings = algorithm.map(algorithms::warnings).unwrap_or_default();
        if let Some(given) = &self.jwks {
            let keys = client_jwks::listed(given).unwrap_or_default();
            let unnamed = client_jwks::of_two_algorithms(keys);
            if !unnamed.is_empty() {
                warnings.push(format!(
                    "No alg in the RSA key {}: it verifies RS256 only. Register it with alg PS256 if \
                     the client signs with that.",
                    unnamed.join(", ")
                ));
            }
        }
        if client.gets_no_token() && (created || self.audiences.is_some()) {
            warnings.push(format!(
                "A service without an audience gets no token: client_credentials returns invalid_target. Add one:  \
                 signet client update {} --audience IDENTIFIER",
                client.client_id
            ));
        }
        let lists = [&self.redirect_uris, &self.post_logout_redirect_uris];
        let short = |uri: &&String| redirect::is_short_scheme(uri);
        for uri in lists.into_iter().flatten().flatten().filter(short) {
            let scheme = uri.split(':').next().unwrap_or_default();
            let warning = format!(
                "{scheme}: any app can claim this scheme. Use your domain in reverse order, such as com.example.app \
                 (RFC 8252 §7.1)."
            );
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        warnings
    }
}

/// Records only the first problem of each field.
fn note(wrong: &mut Vec<FieldError>, problem: FieldError) {
    if !wrong.iter().any(|known| known.field == problem.field) {
        wrong.push(problem);
    }
}

pub(super) fn once_each(list: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for item in list {
        if !kept.contains(item) {
            kept.push(item.clone());
        }
    }
    kept
}

/// `client_checks` checks that each is an administration scope.
fn parse_admin_scopes(scopes: &[String], wrong: &mut Vec<FieldError>) -> Scopes {
    let parsed = Scopes::parse(&scopes.join(" ")).ok();
    parsed.filter(|_| scopes.iter().all(|scope| is_scope(scope))).unwrap_or_else(|| {
        note(wrong, FieldError { field: "admin_scopes", code: "unknown", message: SCOPE_RULE });
        Scopes::default()
    })
}

/// The transaction checks later that the issuers are trusted and the rules narrow enough.
fn parse_workloads(rules: &[String], wrong: &mut Vec<FieldError>) -> Vec<WorkloadRule> {
    let parsed: Result<Vec<WorkloadRule>, _> =
        once_each(rules).iter().map(|rule| rule.parse()).collect();
    parsed.unwrap_or_else(|error: WorkloadRuleError| {
        let (code, message) = (error.code(), error.message());
        note(wrong, FieldError { field: "workloads", code, message });
        Vec::new()
    })
}

fn parse_scopes(scopes: &[String], wrong: &mut Vec<FieldError>) -> Option<Scopes> {
    let parsed = Scopes::parse(&scopes.join(" ")).ok();
    let parsed = parsed.filter(|_| scopes.iter().all(|scope| is_scope(scope)));
    if parsed.is_none() {
        let message = "Up to 64 scopes, each of up to 128 printable ASCII characters without space, \
                    quote or backslash.";
        note(wrong, FieldError { field: "scopes", code: "malformed", message });
    }
    parsed
}

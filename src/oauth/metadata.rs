//! Discovery metadata (OpenID Connect Discovery 1.0 §3, RFC 8414 §2).
//!
//! Lists only implemented features; a new feature must be added here as well.

use serde_json::{Value, json};

use crate::crypto::external_jwt::ED25519;
use crate::domain::api::Target;
use crate::domain::authn::AssuranceLevel;
use crate::domain::claims::ID_TOKEN_CLAIMS;
use crate::domain::client::AuthMethod;
use crate::domain::interaction::{Prompt, ResponseMode};
use crate::domain::oidc;
use crate::domain::pkce;
use crate::domain::signing_key::SigningAlg;

use super::grants;

/// The metadata about the pages.
pub struct Pages<'a> {
    /// The languages of the pages.
    pub languages: &'a [&'a str],
    /// The operator's privacy policy.
    pub policy_uri: Option<&'a str>,
    /// The operator's terms of service.
    pub tos_uri: Option<&'a str>,
    /// Whether users can create an account there.
    pub sign_up: bool,
    /// Whether there is a feed of revocations.
    pub revocation_feed: bool,
    /// Whether clients may describe themselves.
    pub client_documents: bool,
}

/// The metadata document of `issuer`, whose signing algorithms are `in_use`.
#[must_use]
pub fn document(issuer: &str, in_use: &[SigningAlg], pages: &Pages<'_>) -> Value {
    // A popular verifier takes its list of allowed algorithms for *access* tokens from this member, so it lists
    // every algorithm in use, and RS256 first, which OpenID Connect requires.
    let mut algs = in_use.to_vec();
    algs.sort_by_key(|alg| *alg != SigningAlg::Rs256);
    let at = |path: &str| format!("{issuer}{path}");
    let of_clients = algorithms_of_clients();
    let proved: Vec<_> =
        AuthMethod::ALL.iter().filter(|method| **method != AuthMethod::None).collect();
    let prompts = Prompt::ALL.iter().filter(|it| pages.sign_up || **it != Prompt::Create);
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": at("/oauth2/authorize"),
        "token_endpoint": at("/oauth2/token"),
        "userinfo_endpoint": at("/oauth2/userinfo"),
        "jwks_uri": at("/.well-known/jwks.json"),
        "introspection_endpoint": at("/oauth2/introspect"),
        "revocation_endpoint": at("/oauth2/revoke"),
        "end_session_endpoint": at("/oauth2/logout"),
        "device_authorization_endpoint": at("/oauth2/device_authorization"),
        "pushed_authorization_request_endpoint": at("/oauth2/par"),
        "authorization_challenge_endpoint": at("/oauth2/authorize-challenge"),
        "scopes_supported": oidc::SCOPES.iter().map(|known| known.scope).collect::<Vec<_>>(),
        "response_types_supported": ["code"],
        "response_modes_supported": ResponseMode::ALL,
        "grant_types_supported": grants::NAMES,
        "subject_types_supported": ["public"],
        "prompt_values_supported": prompts.collect::<Vec<_>>(),
        "acr_values_supported": AssuranceLevel::ALL,
        "code_challenge_methods_supported": [pkce::METHOD],
        "token_endpoint_auth_methods_supported": AuthMethod::ALL,
        "token_endpoint_auth_signing_alg_values_supported": of_clients,
        "introspection_endpoint_auth_methods_supported": proved,
        "introspection_endpoint_auth_signing_alg_values_supported": of_clients,
        "revocation_endpoint_auth_methods_supported": AuthMethod::ALL,
        "revocation_endpoint_auth_signing_alg_values_supported": of_clients,
        "dpop_signing_alg_values_supported": of_clients,
        "id_token_signing_alg_values_supported": algs,
        "claims_supported": claims(),
        "claims_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "require_request_uri_registration": false,
        "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "ui_locales_supported": pages.languages,
    });
    if pages.client_documents {
        document["client_id_metadata_document_supported"] = json!(true);
    }
    if pages.revocation_feed {
        document["signet_revocations_uri"] = json!(at("/.well-known/revocations"));
    }
    for (name, uri) in [("op_policy_uri", pages.policy_uri), ("op_tos_uri", pages.tos_uri)] {
        if let Some(uri) = uri {
            document[name] = json!(uri);
        }
    }
    document
}

/// The algorithms that clients may sign with, including the newer name of one.
fn algorithms_of_clients() -> Vec<&'static str> {
    SigningAlg::ALL.iter().map(|alg| alg.as_str()).chain([ED25519]).collect()
}

/// The metadata of an API as a protected resource (RFC 9728 §2). `offline_access` belongs to the server, not to an
/// API, and is not among its scopes.
#[must_use]
pub fn resource(issuer: &str, target: &Target) -> Value {
    let (identifier, scopes) = match target {
        Target::Issuer => (issuer, Vec::new()),
        Target::Api(api) => (api.identifier.as_str(), api.scopes.iter().collect()),
    };
    json!({
        "resource": identifier,
        "authorization_servers": [issuer],
        "scopes_supported": scopes,
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": algorithms_of_clients(),
    })
}

/// The claims of ID tokens and userinfo (OpenID Connect Discovery §3). Those of access tokens are not listed.
fn claims() -> Vec<&'static str> {
    let of_scopes = oidc::SCOPES.iter().flat_map(|known| known.claims).copied();
    let of_scopes = of_scopes.filter(|claim| !ID_TOKEN_CLAIMS.contains(claim));
    ID_TOKEN_CLAIMS.iter().copied().chain(of_scopes).collect()
}

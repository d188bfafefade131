//! Discovery: what this issuer is and has (OpenID Connect Discovery 1.0 §3, RFC 8414 §2).
//!
//! Lists only what exists; whatever is added to the server is added here with it.

use serde_json::json;

use crate::domain::signing_key::SigningAlg;

/// The metadata document of `issuer`, which signs with `in_use`.
#[must_use]
pub fn document(issuer: &str, in_use: &[SigningAlg]) -> serde_json::Value {
    // One popular verifier takes its allow-list for *access* tokens from this member, so it names
    // every algorithm in use, RS256 first as OpenID Connect demands it.
    let mut algs = in_use.to_vec();
    algs.sort_by_key(|alg| *alg != SigningAlg::Rs256);
    json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        // No authorization endpoint yet, so no response type can be asked for.
        "response_types_supported": [],
        "grant_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algs,
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "sid", "auth_time",
            "amr", "azp", "roles", "groups",
        ],
    })
}

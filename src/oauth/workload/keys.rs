//! The keys of a trusted issuer: configured by an operator, or fetched by discovery.
//!
//! Owns the discovery (OpenID Connect Discovery §4): the metadata of the issuer, which must contain the issuer's
//! identifier, and its `jwks_uri`. Both are fetched with protection against server-side request forgery.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::app::App;
use crate::app::issuer_keys::FetchedKeys;
use crate::base::Timestamp;
use crate::crypto::external_jwt::public_key;
use crate::domain::special_use::AddressPolicy;
use crate::domain::workload::TrustedIssuer;
use crate::http_client::{Fetch, Fetched};

/// The longest document, in bytes.
const MAX_DOCUMENT: usize = 128 * 1024;
/// The most keys that are kept.
const MAX_KEYS: usize = 64;
/// The path of the metadata, appended to the issuer.
const DISCOVERY: &str = "/.well-known/openid-configuration";

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// The keys that verify tokens of the issuer. `kid` is the key ID in the token's header.
pub(super) async fn of(
    app: &App,
    issuer: &TrustedIssuer,
    kid: Option<&str>,
    now: Timestamp,
) -> Option<Arc<Vec<Value>>> {
    if let Some(given) = &issuer.jwks {
        return Some(Arc::new(given.clone()));
    }
    let has_key = |keys: &[Value]| {
        let named = |key: &Value| key.get("kid").and_then(Value::as_str) == kid;
        kid.is_none() && !keys.is_empty() || keys.iter().any(named)
    };
    let fetch = async || match fetched(app, issuer).await {
        Ok(found) => Some(found),
        Err(error) => {
            let name = &issuer.name;
            tracing::warn!(issuer = %name, %error, "the keys of a trusted issuer were not fetched");
            None
        }
    };
    app.issuer_keys.keys(issuer, has_key, now, fetch).await
}

async fn fetched(app: &App, issuer: &TrustedIssuer) -> Result<FetchedKeys, String> {
    let address = format!("{}{DISCOVERY}", issuer.issuer.trim_end_matches('/'));
    let (body, _) = document(app, issuer, &address).await?;
    let metadata: Metadata = serde_json::from_slice(&body)
        .map_err(|_| format!("{address} is not metadata with issuer and jwks_uri"))?;
    if metadata.issuer != issuer.issuer {
        return Err(format!("{address} is the metadata of another issuer"));
    }
    let (body, max_age) = document(app, issuer, &metadata.jwks_uri).await?;
    let set: KeySet = serde_json::from_slice(&body)
        .map_err(|_| "the document at jwks_uri is not a JWK set".to_owned())?;
    // An unusable key with the token's `kid` would prevent a fetch of the set with the usable one.
    let keys = set.keys.into_iter().filter(|key| public_key(key).is_some()).take(MAX_KEYS);
    Ok((keys.collect(), max_age))
}

async fn document(
    app: &App,
    issuer: &TrustedIssuer,
    address: &str,
) -> Result<(Vec<u8>, Option<u64>), String> {
    let url = Url::parse(address).map_err(|_| "jwks_uri is no URL".to_owned())?;
    let policy = AddressPolicy::with(issuer.networks.clone());
    let fetch = Fetch { url: &url, policy: &policy, limit: MAX_DOCUMENT, etag: None };
    match app.http_client.fetch(fetch).await {
        Ok(Fetched::Document { body, max_age, .. }) => Ok((body, max_age)),
        Ok(Fetched::NotModified { .. }) => Err("an answer without a document".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

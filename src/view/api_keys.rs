//! The JSON of API keys of users.

use serde_json::{Value, json};

use crate::base::Timestamp;
use crate::identity::api_keys::{CreatedKey, ListedKey};

/// An API key, without its secret.
#[must_use]
pub fn api_key(listed: &ListedKey) -> Value {
    let ListedKey { key, state } = listed;
    json!({
        "id": key.id,
        "name": key.name,
        "audience": key.audience,
        "scopes": key.scopes.iter().collect::<Vec<_>>(),
        "networks": key.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "state": state,
        "created_at": key.created_at.rfc3339(),
        "expires_at": key.expires_at.rfc3339(),
        "last_used_at": key.last_used_at.map(Timestamp::rfc3339),
        "revoked_at": key.revoked_at.map(Timestamp::rfc3339),
    })
}

/// The API keys of a user.
#[must_use]
pub fn api_keys(listed: &[ListedKey]) -> Value {
    json!({ "data": listed.iter().map(api_key).collect::<Vec<_>>() })
}

/// A new API key, with its secret, which is shown only once.
#[must_use]
pub fn created_api_key(created: &CreatedKey) -> Value {
    let mut value = api_key(&created.listed);
    value["key"] = json!(created.secret.expose());
    value
}

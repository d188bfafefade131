//! The JSON of administration keys.

use serde_json::{Value, json};

use crate::admin::admin_keys::Created;
use crate::base::Timestamp;
use crate::domain::admin_key::AdminKey;

/// An administration key, without its secret.
#[must_use]
pub fn admin_key(key: &AdminKey) -> Value {
    json!({
        "id": key.id,
        "client_id": key.client_id,
        "name": key.name,
        "scopes": key.scopes.iter().collect::<Vec<_>>(),
        "networks": key.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "created_at": key.created_at.rfc3339(),
        "expires_at": key.expires_at.rfc3339(),
        "last_used_at": key.last_used_at.map(Timestamp::rfc3339),
    })
}

/// A new administration key, with its secret, which is shown only once.
#[must_use]
pub fn created_admin_key(created: &Created) -> Value {
    let mut value = admin_key(&created.key);
    value["key"] = json!(created.secret.expose());
    value
}

//! The JSON of clients that describe themselves.

use serde_json::{Value, json};

use crate::base::Timestamp;
use crate::store::client_documents::StoredDocument;

/// A client that describes itself. Members from its document are null if the document was never fetched.
#[must_use]
pub fn client_document(stored: &StoredDocument) -> Value {
    let content = stored.content.as_ref();
    let time = |at: Option<Timestamp>| at.map(Timestamp::rfc3339);
    let (failed_at, failure) = match &stored.failed {
        Some((at, failure)) => (Some(*at), Some(failure)),
        None => (None, None),
    };
    let jwks = content.filter(|content| !content.jwks.is_empty());
    json!({
        "id": stored.id,
        "client_id": stored.client_id,
        "name": content.map(|content| &content.name),
        "redirect_uris": content.map(|content| &content.redirect_uris),
        "token_endpoint_auth_method": content.map(|content| content.auth_method),
        "jwks_uri": content.and_then(|content| content.jwks_uri.as_ref()),
        "jwks": jwks.map(|content| json!({ "keys": content.jwks })),
        "confirmed_at": time(content.map(|_| stored.confirmed_at)),
        "fresh_until": time(content.map(|_| stored.fresh_until)),
        "failed_at": time(failed_at),
        "failure": failure,
        "authorized_at": time(stored.authorized_at),
        "blocked": stored.blocked_at.is_some(),
        "blocked_at": time(stored.blocked_at),
    })
}

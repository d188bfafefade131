//! Looking at signing keys.

use serde_json::Value;

use crate::app::App;
use crate::base::Timestamp;
use crate::crypto::jwk::PublicJwk;
use crate::crypto::spki;
use crate::domain::signing_key::{KeyState, SigningAlg};
use crate::domain::stop::{Code, Fault, FieldError, Refusal, Stop};
use crate::store::keys;

/// A signing key without its private half.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PublicKey {
    /// Its name.
    pub kid: String,
    /// What it signs with.
    pub alg: SigningAlg,
    /// Where it stands in its life.
    pub state: KeyState,
    /// When it was made.
    #[serde(serialize_with = "as_rfc3339")]
    pub created_at: Timestamp,
    /// Whether new access tokens are signed with it.
    pub default: bool,
}

fn as_rfc3339<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.rfc3339())
}

/// Every signing key, oldest first.
///
/// # Errors
/// Only faults.
pub async fn list(app: App) -> Result<Vec<PublicKey>, Stop> {
    let stored = keys::signing_keys(&mut app.db.reader().await?).await?;
    let key = |key: keys::StoredKey| PublicKey {
        default: key.alg == app.config.signing_alg && key.state == KeyState::Active,
        kid: key.kid,
        alg: key.alg,
        state: key.state,
        created_at: key.created_at,
    };
    Ok(stored.into_iter().map(key).collect())
}

/// Makes sure that tokens can be signed with `alg`. Called before an API is given an algorithm.
///
/// Making a missing key belongs here; today there is none to make, so it refuses.
///
/// # Errors
/// `conflict` when no key of it is active.
pub async fn ensure(app: &App, alg: SigningAlg) -> Result<(), Stop> {
    if app.keyring().signer(alg).is_none() {
        // Perhaps another process has made one within the last second.
        app.reload_if_changed().await?;
    }
    if app.keyring().signer(alg).is_some() {
        return Ok(());
    }
    let hint = "No key of this algorithm is active: signet key list says which are.";
    let fields = vec![FieldError { field: "signing_alg", code: "no_active_key", hint }];
    Err(Refusal { fields, ..Refusal::new(Code::Conflict, hint) }.into())
}

/// A key as verifiers get it.
#[derive(Debug, Clone)]
pub struct Published {
    /// What it signs with.
    pub alg: SigningAlg,
    /// Its entry in the JWKS.
    pub jwk: Value,
    /// Its SubjectPublicKeyInfo as PEM (RFC 7468 §13), one block with its final newline.
    pub pem: String,
}

/// The JWKS, byte for byte as it is published.
#[must_use]
pub fn jwks(app: &App) -> String {
    String::from_utf8_lossy(&app.keyring().jwks.body).into_owned()
}

/// The published keys one by one, in the order of the JWKS.
///
/// Taken from the published document, which is made from the unsealed keys: the public columns in
/// the database are not sealed, and nobody should be told to trust a key that signs nothing here.
///
/// # Errors
/// Only faults.
pub fn published(app: &App) -> Result<Vec<Published>, Fault> {
    let unreadable = || Fault::internal("reading the published keys");
    let document: Value = serde_json::from_str(&jwks(app)).map_err(|_| unreadable())?;
    let entries = document.get("keys").and_then(Value::as_array).ok_or_else(unreadable)?;
    entries
        .iter()
        .map(|entry| {
            let alg = entry.get("alg").and_then(Value::as_str).and_then(|alg| alg.parse().ok());
            let jwk =
                serde_json::from_value::<PublicJwk>(entry.clone()).map_err(|_| unreadable())?;
            Ok(Published {
                alg: alg.ok_or_else(unreadable)?,
                jwk: entry.clone(),
                pem: spki::pem(&jwk)?,
            })
        })
        .collect()
}

//! Looking at signing keys.

use crate::app::App;
use crate::base::Timestamp;
use crate::domain::signing_key::{KeyState, SigningAlg};
use crate::domain::stop::Stop;
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

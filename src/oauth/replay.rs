//! Replay protection: the `jti` of a client assertion, a workload token or a DPoP proof is accepted once by all
//! processes together.
//!
//! Owns the keys under which ids are stored, so that the kinds do not collide.

use crate::app::App;
use crate::base::opaque_token::TokenHash;
use crate::base::{TimeSpan, Timestamp};
use crate::crypto::digest::token_hash;
use crate::domain::outcome::Failure;
use crate::store::spent_ids;

/// The longest id, in bytes.
pub const MAX_ID: usize = 512;

/// A single-use id.
#[derive(Debug, Clone, Copy)]
pub enum Counted<'a> {
    /// The `jti` of a client's assertion.
    Assertion {
        /// The `client_id` of the asserting client: ids are unique for each client.
        client_id: &'a str,
        /// The `jti` of the assertion (RFC 7523 §3).
        jti: &'a str,
    },
    /// The `jti` of a workload token.
    Workload {
        /// The `iss` of the token: ids are unique for each issuer.
        issuer: &'a str,
        /// The `jti` of the token.
        jti: &'a str,
    },
    /// The `jti` of a DPoP proof.
    Proof {
        /// The key's thumbprint.
        jkt: &'a str,
        /// The `jti` of the proof (RFC 9449 §4.2).
        jti: &'a str,
    },
}

impl Counted<'_> {
    /// The form in which it is stored.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        // Client ids, issuers and thumbprints are length-prefixed, so that no two ids have the same concatenation.
        token_hash(&match self {
            Self::Assertion { client_id, jti } => {
                format!("assertion:{}:{client_id}:{jti}", client_id.len())
            }
            Self::Workload { issuer, jti } => format!("workload:{}:{issuer}:{jti}", issuer.len()),
            Self::Proof { jkt, jti } => format!("proof:{}:{jkt}:{jti}", jkt.len()),
        })
    }
}

/// How much longer than necessary an id is kept, because the clocks of two processes differ.
const MARGIN: TimeSpan = TimeSpan::from_secs(60);

/// Marks the id as used; `false` if it was used before. The mark is durable before this returns, so that it
/// holds across restarts and processes. Cancelling is safe: a started write continues.
///
/// # Errors
/// If the database cannot be written.
pub async fn spend(app: &App, what: Counted<'_>, until: Timestamp) -> Result<bool, Failure> {
    let (db, hash) = (app.db.clone(), what.hash());
    app.run_to_completion(async move {
        let mut tx = db.begin().await?;
        let first = spent_ids::spend(&mut tx, &hash, until + MARGIN).await?;
        if first {
            tx.commit().await?;
        } else {
            tx.rollback().await;
        }
        Ok(first)
    })
    .await
}

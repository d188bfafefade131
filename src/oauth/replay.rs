//! Things that count once, whatever process they come to: ids of assertions and proofs.
//!
//! Owns which names the ids are spent under, so that one kind cannot use up another's, and how the id of
//! a token says which one it came from.

use uuid::Uuid;

use crate::app::App;
use crate::base::opaque_token::TokenHash;
use crate::base::{TimeSpan, Timestamp};
use crate::crypto::digest::token_hash;
use crate::domain::outcome::{Failure, Fault};
use crate::store::{Link, spent_ids};

/// The longest id, in bytes.
pub const MAX_ID: usize = 512;

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub enum Counted<'a> {
    /// The `jti` of a client's assertion.
    Assertion {
        /// The client.
        client_id: &'a str,
        /// The id.
        jti: &'a str,
    },
    /// The `jti` of a proof made with a key.
    Proof {
        /// The key's thumbprint.
        jkt: &'a str,
        /// The id.
        jti: &'a str,
    },
    /// An access token that no session vouches for and that was revoked.
    Revoked {
        /// Its id.
        jti: &'a str,
    },
}

impl Counted<'_> {
    /// The form in which it is stored.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        // The parts before the last have no colon-separated form an attacker could shift: client ids
        // and thumbprints are length-prefixed.
        token_hash(&match self {
            Self::Assertion { client_id, jti } => {
                format!("assertion:{}:{client_id}:{jti}", client_id.len())
            }
            Self::Proof { jkt, jti } => format!("proof:{}:{jkt}:{jti}", jkt.len()),
            Self::Revoked { jti } => format!("revoked-token:{jti}"),
        })
    }
}

/// How often in a row a token may be exchanged.
pub const MAX_LINE: usize = 8;
/// What stands between the ids of a line; no id of ours has it.
const LINE: char = '.';

/// The id of a token that was exchanged for `parent`: it begins with that one's, so that the line is in
/// the token and whoever revokes one revokes what came of it, without any table of who came from whom.
#[must_use]
pub fn child(parent: &str, own: Uuid) -> String {
    format!("{parent}{LINE}{own}")
}

/// How often the token of this id was exchanged.
#[must_use]
pub fn generations(jti: &str) -> usize {
    jti.matches(LINE).count()
}

/// Whether the token of this id was revoked, or one that it came from.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_revoked(link: &mut impl Link, jti: &str) -> Result<bool, Fault> {
    // Longer than any that was issued: whoever holds the secret of an API can sign what he likes.
    if generations(jti) > MAX_LINE {
        return Ok(true);
    }
    let ends = jti.match_indices(LINE).map(|(at, _)| at).chain([jti.len()]);
    for end in ends {
        if spent_ids::is_spent(link, &Counted::Revoked { jti: &jti[..end] }.hash()).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How much longer than needed an id is kept: clocks of two processes differ.
const MARGIN: TimeSpan = TimeSpan::from_secs(60);

/// Counts it. False when it was counted before. Durable before it is answered, so that it holds
/// across restarts and in every process. Safe to cancel: a write that has begun goes on.
///
/// # Errors
/// When the database cannot be written.
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

//! The lineage of exchanged tokens: the `jti` of a token begins with that of its subject token.
//!
//! Owns the form of such an id, and the check whether one of its ancestors was revoked.

use uuid::Uuid;

use crate::base::opaque_token::TokenHash;
use crate::crypto::digest::token_hash;
use crate::domain::outcome::Fault;
use crate::store::{Link, spent_ids};

/// The form in which the revocation of an access token is stored.
#[must_use]
pub fn revocation_hash(jti: &str) -> TokenHash {
    token_hash(&format!("revoked-token:{jti}"))
}

/// How often in a row a token may be exchanged.
pub const MAX_LINE: usize = 8;
/// The separator of ids, which no id contains.
const LINE: char = '.';

/// The id of a token that was exchanged for `parent`. It begins with the parent's id, so that revoking a token
/// also revokes those exchanged for it, without a table of descendants.
#[must_use]
pub fn child(parent: &str, own: Uuid) -> String {
    format!("{parent}{LINE}{own}")
}

/// How often the token of this id was exchanged.
#[must_use]
pub fn generations(jti: &str) -> usize {
    jti.matches(LINE).count()
}

/// The stored ids of this token and all its ancestors, for one lookup. `None` when the lineage is longer than any
/// that was issued.
#[must_use]
pub fn revocation_hashes(jti: &str) -> Option<Vec<TokenHash>> {
    if generations(jti) > MAX_LINE {
        return None;
    }
    let ends = jti.match_indices(LINE).map(|(at, _)| at).chain([jti.len()]);
    Some(ends.map(|end| revocation_hash(&jti[..end])).collect())
}

/// Whether the token with this id, or one of its ancestors, was revoked.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_revoked(link: &mut impl Link, jti: &str) -> Result<bool, Fault> {
    match revocation_hashes(jti) {
        Some(hashes) => spent_ids::any_spent(link, &hashes).await,
        None => Ok(true),
    }
}

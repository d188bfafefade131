//! What has happened since a backup, and is undone by restoring it.

use std::path::Path;

use crate::base::id::UserId;
use crate::store::backup_file::Comparison;

/// What is undone, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undone {
    /// Users who were disabled since, and can sign in again.
    pub disabled: Vec<(UserId, String)>,
    /// Users who were deleted since, and exist again.
    pub deleted: Vec<String>,
    /// Users who were created since, and do not exist any more.
    pub created: Vec<String>,
    /// Users whose password is the earlier one again.
    pub passwords: Vec<String>,
    /// Signing keys that were retired since, and are published again: one that was stolen is valid again.
    pub keys: Vec<String>,
    /// Clients that were created, changed or deleted since.
    pub clients: Vec<String>,
}

impl Undone {
    /// Whether nothing of it is undone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Compares the database at `before` with the copy at `after`, which has the present schema. None where the first cannot be
/// read, or has another schema.
pub(super) async fn by(before: &Path, after: &Path) -> Option<Undone> {
    let mut comparison = Comparison::open(before, after).await.ok()?;
    let undone = async {
        Some(Undone {
            disabled: comparison.disabled().await.ok()?,
            deleted: comparison.deleted().await.ok()?,
            created: comparison.created().await.ok()?,
            passwords: comparison.passwords().await.ok()?,
            keys: comparison.retired_keys().await.ok()?,
            clients: comparison.clients().await.ok()?,
        })
    };
    let undone = undone.await;
    comparison.close().await;
    undone
}

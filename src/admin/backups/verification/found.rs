//! What the verification of a copy found, and whether it is about the copy or about the machine.

use crate::domain::outcome::{Fault, FaultKind};
use crate::store::error::is_damage;

/// Why a copy was not verified.
pub(super) enum Found {
    /// It is damaged, incomplete or does not work.
    Unusable(String),
    /// It was made by a newer Signet, with this schema.
    Newer(i64),
    /// Something else failed, such as the disk.
    Hindered(Fault),
}

impl From<Fault> for Found {
    fn from(fault: Fault) -> Self {
        if is_of_the_environment(&fault) {
            Self::Hindered(fault)
        } else {
            Self::Unusable(fault.to_string())
        }
    }
}

/// Whether the disk, a lock or the time hindered the verification, and not the content of the copy.
pub(super) fn is_of_the_environment(fault: &Fault) -> bool {
    fault.kind == FaultKind::Unavailable && !is_damage(fault)
}

impl From<String> for Found {
    fn from(text: String) -> Self {
        Self::Unusable(text)
    }
}

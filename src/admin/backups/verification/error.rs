//! Why a copy was not verified, and whether the copy or the machine is the reason.

use crate::domain::outcome::{Fault, FaultKind};
use crate::store::error::is_damage;

/// Why a copy was not verified.
#[derive(Debug)]
pub(super) enum VerifyError {
    /// It is damaged, incomplete or does not work.
    Unusable(String),
    /// It was made by a newer Signet, with this schema.
    NewerSchema(i64),
    /// Something else failed, such as the disk.
    Environment(Fault),
}

impl From<Fault> for VerifyError {
    fn from(fault: Fault) -> Self {
        if is_of_the_environment(&fault) {
            Self::Environment(fault)
        } else {
            Self::Unusable(fault.to_string())
        }
    }
}

/// Whether the disk, a lock or the time hindered the verification, and not the content of the copy.
pub(super) fn is_of_the_environment(fault: &Fault) -> bool {
    fault.kind == FaultKind::Unavailable && !is_damage(fault)
}

impl From<String> for VerifyError {
    fn from(text: String) -> Self {
        Self::Unusable(text)
    }
}

//! The version and commit of the binary.
//!
//! A build that knows the commit sets `BUILD_COMMIT` and `BUILD_COMMIT_DATE`.

/// The version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

const COMMIT: Option<&str> = option_env!("BUILD_COMMIT");
const COMMIT_DATE: Option<&str> = option_env!("BUILD_COMMIT_DATE");

/// The commit, if the build knew it.
#[must_use]
pub fn commit() -> Option<&'static str> {
    given(COMMIT)
}

/// The date of the commit, if the build knew both.
#[must_use]
pub fn commit_date() -> Option<&'static str> {
    commit().and(given(COMMIT_DATE))
}

/// Ignores an empty variable, which a build script may pass on.
fn given(variable: Option<&'static str>) -> Option<&'static str> {
    variable.filter(|value| !value.is_empty())
}

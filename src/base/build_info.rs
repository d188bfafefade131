//! What the binary was made of.
//!
//! The build that knows the commit sets `BUILD_COMMIT` and `BUILD_COMMIT_DATE`; any other is of an unknown
//! commit.

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

/// A build file may pass a variable on that has no value.
fn given(variable: Option<&'static str>) -> Option<&'static str> {
    variable.filter(|value| !value.is_empty())
}

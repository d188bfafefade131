//! The database URL.
//!
//! Owns the two accepted forms and the masked text for display. Connects to nothing and creates nothing; parameters
//! of a PostgreSQL URL are left to its driver.

use std::path::Path;

use url::Url;

use super::errors::Wrong;
use super::source::Source;
use super::types::Database;
use crate::base::Secret;

const FORMS: &str = "Type sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME";

/// `sqlite://` with a path (relative ones start at the working directory), or a PostgreSQL URL.
///
/// The SQLite path is taken literally, without percent-decoding and parameters: operators copy it from a shell, and
/// it must not change how the file is opened.
pub(super) fn parse(source: &Source, text: &str) -> Result<Database, Wrong> {
    if let Some(path) = text.strip_prefix("sqlite://") {
        return sqlite(source, path);
    }
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return postgres(text);
    }
    Err(Wrong::new("starts with neither sqlite:// nor postgres://", FORMS))
}

impl Database {
    /// Reads a URL that was typed on the command line.
    ///
    /// # Errors
    /// Says what is wrong with it, without its secrets.
    pub fn from_argument(text: &str) -> Result<Self, String> {
        parse(&Source::from_process(), text)
            .map_err(|wrong| format!("{}. {}", wrong.because, wrong.advice))
    }
}

/// The URL without secrets.
pub(super) fn shown(database: &Database) -> String {
    match database {
        Database::Sqlite(path) => sqlite_url(path),
        // A password may also sit in a parameter or, badly quoted, in what parses as the path.
        Database::Postgres(_) => "postgres://[secret]".to_owned(),
    }
}

fn sqlite_url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

fn sqlite(source: &Source, path: &str) -> Result<Database, Wrong> {
    let such_as = "Type a file's path, such as sqlite:///var/lib/signet/signet.db";
    if path.is_empty() || path.ends_with('/') || path.ends_with("/.") || path.ends_with("..") {
        return Err(Wrong::new("names no file", such_as));
    }
    if path.starts_with(":memory:") {
        return Err(Wrong::new(
            "names an in-memory database, which would lose everything at exit",
            such_as,
        ));
    }
    if path.contains('?') {
        return Err(Wrong::new(
            "has query parameters, which are not supported for SQLite",
            such_as,
        ));
    }
    Ok(Database::Sqlite(source.absolute(path)))
}

fn postgres(text: &str) -> Result<Database, Wrong> {
    let encode = "Write @ : / ? # and % in user and password as %40 %3A %2F %3F %23 and %25";
    let Ok(url) = Url::parse(text) else {
        return Err(Wrong::new("is not a URL", format!("{FORMS}. {encode}")));
    };
    // An unencoded separator in a password moves the rest of it into the path or the fragment,
    // and the connection would be tried with half a password at a wrong host.
    if url.fragment().is_some() || url.path().contains('@') {
        return Err(Wrong::new("has an unencoded # or / in front of its host", encode));
    }
    Ok(Database::Postgres(Secret::new(text.to_owned())))
}

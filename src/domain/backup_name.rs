//! The names of backup files.
//!
//! A name contains the time of the backup, its schema version, and the beginning of the SHA-256 of the file, so that a
//! damaged or truncated file is recognised without its key.

use std::fmt;

use crate::base::Timestamp;

/// How many hexadecimal digits of the digest are in a name: 64 bits detect accidental damage. Forgery is detected by
/// the encryption.
pub const DIGEST_DIGITS: usize = 16;

/// The content of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupName {
    /// When the copy was made, to the second.
    pub at: Timestamp,
    /// The version of its schema.
    pub schema: i64,
    /// The first digits of the SHA-256 of the file, in hexadecimal.
    pub digest: String,
    /// Whether it is encrypted with age.
    pub is_sealed: bool,
}

impl fmt::Display for BackupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at: String = Timestamp::from_secs(self.at.secs())
            .rfc3339()
            .chars()
            .filter(|c| !matches!(c, '-' | ':'))
            .collect();
        let at = at.split_once('.').map_or(&*at, |(secs, _)| secs).trim_end_matches('Z');
        let seal = if self.is_sealed { ".age" } else { "" };
        write!(f, "signet-{at}Z-v{:04}-{}.db{seal}", self.schema, self.digest)
    }
}

impl BackupName {
    /// Parses a name; `None` if it is not the name of a backup.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (name, is_sealed) = match name.strip_suffix(".age") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let mut parts = name.strip_prefix("signet-")?.strip_suffix(".db")?.split('-');
        let (at, schema, digest) = (parts.next()?, parts.next()?, parts.next()?);
        let at = Timestamp::parse(&spelled_out(at)?)?;
        let schema = schema.strip_prefix('v')?.parse().ok()?;
        let is_digest = digest.len() == DIGEST_DIGITS
            && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let found = Self { at, schema, digest: digest.to_owned(), is_sealed };
        // Only names in the exact form in which they are written.
        let is_whole = parts.next().is_none() && is_digest;
        (is_whole && found.to_string().trim_end_matches(".age") == name).then_some(found)
    }
}

/// `20261128T030000Z` in the form of RFC 3339.
fn spelled_out(at: &str) -> Option<String> {
    let (date, time) = at.strip_suffix('Z')?.split_once('T')?;
    let part = |text: &str, from, to| text.get(from..to).map(ToOwned::to_owned);
    Some(format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(date, 0, 4)?,
        part(date, 4, 6)?,
        date.get(6..)?,
        part(time, 0, 2)?,
        part(time, 2, 4)?,
        time.get(4..)?
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() {
        for (is_sealed, text) in [
            (false, "signet-20261128T030000Z-v0031-0123456789abcdef.db"),
            (true, "signet-20261128T030000Z-v0031-0123456789abcdef.db.age"),
        ] {
            let at = Timestamp::parse("2026-11-28T03:00:00Z").unwrap();
            let name =
                BackupName { at, schema: 31, digest: "0123456789abcdef".to_owned(), is_sealed };
            assert_eq!(name.to_string(), text);
            assert_eq!(BackupName::parse(text), Some(name));
        }
    }

    #[test]
    fn other_names_are_not_read() {
        for text in [
            "",
            "signet.db",
            "signet-20261128T030000Z-v0031-0123456789abcde.db",
            "signet-20261128T030000Z-v0031-0123456789ABCDEF.db",
            "signet-20261128T030000Z-v31-0123456789abcdef.db",
            "signet-20261328T030000Z-v0031-0123456789abcdef.db",
            "signet-20261128T030000-v0031-0123456789abcdef.db",
            "signet-20261128T030000Z-v0031-0123456789abcdef-1.db",
            "signet-20261128T030000Z-v0031-0123456789abcdef.db.age.age",
            "signet-é0261128T030000Z-v0031-0123456789abcdef.db",
        ] {
            assert_eq!(BackupName::parse(text), None, "{text}");
        }
    }
}

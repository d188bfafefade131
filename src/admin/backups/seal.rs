//! Sealing a verified copy, and opening a sealed one.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::crypto::age::{self, Identity};
use crate::domain::age_key::Recipient;

use super::BackupError;
use super::file_digest::{self, Summed};

/// Seals `plain` into `sealed`, reads the result back and compares. The beginning of its digest.
///
/// The server cannot open what it sealed. What can be verified is that the disk holds what was sealed.
pub(super) fn seal(
    recipients: &[Recipient],
    plain: &Path,
    sealed: &NamedTempFile,
) -> Result<String, BackupError> {
    let failed = |error: io::Error| BackupError::of_file("writing", sealed.path(), &error);
    let from = File::open(plain).map_err(|error| BackupError::of_file("reading", plain, &error))?;
    let mut to = Summed::new(BufWriter::new(sealed.as_file()));
    age::seal(recipients, BufReader::new(from), &mut to).map_err(failed)?;
    let written = to.finish();
    sealed.as_file().sync_all().map_err(failed)?;
    let found = file_digest::of_file(sealed.path()).map_err(failed)?;
    if found != written {
        return Err(BackupError::Unusable(format!(
            "the disk does not hold what was written to {}: its digest begins with {found}, not {written}.\n  \
             Check the disk.",
            sealed.path().display()
        )));
    }
    Ok(written)
}

/// Whether a file is sealed.
pub(super) fn is_sealed(path: &Path) -> io::Result<bool> {
    let mut begin = Vec::new();
    File::open(path)?.take(age::INTRO_BYTES as u64).read_to_end(&mut begin)?;
    Ok(age::is_sealed(&begin))
}

/// Opens a sealed file into `plain`.
pub(super) fn open(
    identity: &Identity,
    sealed: &Path,
    plain: &NamedTempFile,
) -> Result<(), BackupError> {
    let from =
        File::open(sealed).map_err(|error| BackupError::of_file("reading", sealed, &error))?;
    let opened = age::open(identity, BufReader::new(from), BufWriter::new(plain.as_file()));
    opened.map_err(|error| match error {
        age::OpenError::Io(error) => BackupError::of_file("opening", sealed, &error),
        age::OpenError::OtherRecipients => BackupError::configuration(format!(
            "{} is sealed for other recipients than {}.\n  Name the file with the right identity in --identity.",
            sealed.display(),
            identity.recipient()
        )),
        error => BackupError::Unusable(format!(
            "{} is damaged or incomplete: {error}.\n  Use another backup.",
            sealed.display()
        )),
    })
}

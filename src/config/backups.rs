//! Where backups go, and who can open them.

use std::path::{Path, PathBuf};

use super::errors::{Wrong, quoted};
use super::reader::Reader;
use super::settings as s;
use crate::domain::age_key::Recipient;

/// The settings of backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSettings {
    /// The directory.
    pub directory: PathBuf,
    /// For whom they are sealed; empty for backups in plain.
    pub recipients: Vec<Recipient>,
}

pub(super) fn read(read: &mut Reader<'_>, data_dir: Option<&Path>) -> Option<BackupSettings> {
    let source = read.source();
    let directory = read.typed(&s::BACKUP_DIR, |text| Ok(source.absolute(text)));
    let directory = directory.or_else(|| Some(data_dir?.join("backups")))?;
    read.show(&s::BACKUP_DIR, directory.display().to_string());
    let recipients = read.typed(&s::BACKUP_RECIPIENTS, recipients).unwrap_or_default();
    Some(BackupSettings { directory, recipients })
}

fn recipients(text: &str) -> Result<Vec<Recipient>, Wrong> {
    let recipient = |part: &str| {
        part.parse().map_err(|_| {
            Wrong::new(
                format!("holds {}, not an age recipient", quoted(part)),
                "Type public keys as age-keygen prints them (age1…), comma separated",
            )
        })
    };
    text.split(',').map(str::trim).map(recipient).collect()
}

//! Where backups go, who can open them, when they are made and which are kept.

use std::path::{Path, PathBuf};

use super::errors::{Wrong, quoted};
use super::parse;
use super::reader::Reader;
use super::settings as s;
use crate::base::TimeSpan;
use crate::domain::age_key::Recipient;
use crate::domain::backup_retention::BackupRetention;
use crate::domain::backup_schedule::BackupSchedule;

/// The shortest and the longest interval between two backups.
const INTERVALS: (TimeSpan, TimeSpan) = (TimeSpan::from_mins(10), TimeSpan::from_days(30));

/// The settings of backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSettings {
    /// The directory.
    pub directory: PathBuf,
    /// For whom they are sealed; empty for backups in plain.
    pub recipients: Vec<Recipient>,
    /// When the server makes them.
    pub schedule: BackupSchedule,
    /// Which of them the server keeps.
    pub keep: BackupRetention,
}

pub(super) fn read(read: &mut Reader<'_>, data_dir: Option<&Path>) -> Option<BackupSettings> {
    let source = read.source();
    let schedule = read.fixed(&s::BACKUP_SCHEDULE, schedule);
    let keep = read.fixed(&s::BACKUP_KEEP, keep);
    let directory = read.typed(&s::BACKUP_DIR, |text| Ok(source.absolute(text)));
    let recipients = read.typed(&s::BACKUP_RECIPIENTS, recipients).unwrap_or_default();
    let directory = directory.or_else(|| Some(data_dir?.join("backups")))?;
    read.show(&s::BACKUP_DIR, directory.display().to_string());
    Some(BackupSettings { directory, recipients, schedule: schedule?, keep: keep? })
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

fn schedule(text: &str) -> Result<BackupSchedule, Wrong> {
    if let Ok(schedule) = text.parse() {
        return Ok(schedule);
    }
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return parse::span(INTERVALS.0..=INTERVALS.1)(text).map(BackupSchedule::Every);
    }
    Err(Wrong::new(
        "is neither a time of day, an interval nor off",
        "Type a time of day in UTC such as daily@03:00, an interval such as 6h, or off",
    ))
}

fn keep(text: &str) -> Result<BackupRetention, Wrong> {
    text.parse().map_err(|_| {
        Wrong::new(
            "is not a number of days, weeks and months",
            "Type numbers from 1 to 1000 with d, w and m, each once, such as 7d4w6m, or all",
        )
    })
}

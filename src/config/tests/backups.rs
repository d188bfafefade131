//! Where backups go, who can open them, when they are made and which are kept.

use super::*;
use crate::domain::backup_retention::BackupRetention;
use crate::domain::backup_schedule::BackupSchedule;

const ADA: &str = "age1cy0su9fwf3gf9mw868g5yut09p6nytfmmnktexz2ya5uqg9vl9sss4euqm";

#[test]
fn backups_are_beside_the_database_and_in_plain_unless_settings_say_otherwise() {
    let config = load(&[("SIGNET_DATA_DIR", "/var/lib/signet")]);
    assert_eq!(config.backups.directory, Path::new("/var/lib/signet/backups"));
    assert!(config.backups.recipients.is_empty());
    let two = format!("{ADA}, {ADA}");
    let config = load(&[("SIGNET_BACKUP_DIR", "/srv/b"), ("SIGNET_BACKUP_RECIPIENTS", &two)]);
    assert_eq!(config.backups.directory, Path::new("/srv/b"));
    assert_eq!(config.backups.recipients, [ADA.parse().unwrap(); 2]);
}

#[test]
fn a_text_that_is_no_recipient_is_a_mistake() {
    for wrong in ["age1", "AGE-SECRET-KEY-1", &format!("{ADA},"), &ADA[..60]] {
        one(
            &[("SIGNET_BACKUP_RECIPIENTS", wrong)],
            "SIGNET_BACKUP_RECIPIENTS",
            "not an age recipient",
        );
    }
}

#[test]
fn no_backup_is_made_unless_there_is_a_schedule() {
    let config = load(&[]);
    assert_eq!(config.backups.schedule, BackupSchedule::Off);
    let usual = BackupRetention::Periods { days: 7, weeks: 4, months: 6 };
    assert_eq!(config.backups.keep, usual);
    for (text, schedule) in [
        ("daily@03:00", BackupSchedule::Daily { minute: 180 }),
        ("6h", BackupSchedule::Every(TimeSpan::from_mins(360))),
        ("10m", BackupSchedule::Every(TimeSpan::from_mins(10))),
        ("30d", BackupSchedule::Every(TimeSpan::from_days(30))),
        ("off", BackupSchedule::Off),
    ] {
        assert_eq!(load(&[("SIGNET_BACKUP_SCHEDULE", text)]).backups.schedule, schedule);
    }
    assert_eq!(load(&[("SIGNET_BACKUP_KEEP", "all")]).backups.keep, BackupRetention::All);
}

#[test]
fn a_schedule_or_a_retention_that_cannot_be_read_is_a_mistake() {
    for (wrong, says) in [
        ("daily", "daily@03:00"),
        ("daily@25:00", "daily@03:00"),
        ("hourly", "daily@03:00"),
        ("9m", "too short"),
        ("31d", "too long"),
        ("6", "no unit"),
    ] {
        one(&[("SIGNET_BACKUP_SCHEDULE", wrong)], "SIGNET_BACKUP_SCHEDULE", says);
    }
    for wrong in ["7", "0d", "7d7d", "d", "none"] {
        one(&[("SIGNET_BACKUP_KEEP", wrong)], "SIGNET_BACKUP_KEEP", "7d4w6m");
    }
}

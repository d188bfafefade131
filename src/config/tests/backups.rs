//! Where backups go, and who can open them.

use super::*;

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

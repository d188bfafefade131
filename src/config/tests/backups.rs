//! Where backups go, and who can open them; and the settings of which other tests than the one of all change the value.

use super::*;

/// Settings that are changed in tests of their own.
pub(super) const ELSEWHERE: &[&str] = &[
    "SIGNET_ARGON2_PARALLELISM",
    "SIGNET_BACKUP_DIR",
    "SIGNET_BACKUP_RECIPIENTS",
    "SIGNET_BRAND_COLOR",
    "SIGNET_BRAND_COLOR_DARK",
    "SIGNET_BRAND_LOGO",
    "SIGNET_BRAND_NAME",
    "SIGNET_BROWSER_SESSION_TTL",
    "SIGNET_KEY_PUBLISH_AHEAD",
    "SIGNET_KEY_ROTATION",
    "SIGNET_MAIL_FROM",
    "SIGNET_MASTER_KEY_OLD",
    "SIGNET_MAX_SESSIONS_PER_USER",
    "SIGNET_PASSWORD_DENY_LIST",
    "SIGNET_PRIVACY_URL",
    "SIGNET_SMTP_PASSWORD",
    "SIGNET_SMTP_URL",
    "SIGNET_TERMS_URL",
];

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
        one(&[("SIGNET_BACKUP_RECIPIENTS", wrong)], "SIGNET_BACKUP_RECIPIENTS", "not an age recipient");
    }
}

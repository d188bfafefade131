//! Settings whose values are changed in tests of their own.

/// Their names; the test of all settings leaves them out.
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

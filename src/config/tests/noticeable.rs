//! Tests of the settings that the servers on one database compare.

use super::{SETTINGS, load};

/// Settings in which the servers on one database may differ, and why.
const OF_ONE_SERVER: &[(&str, &str)] = &[
    ("SIGNET_LISTEN", "each has its own addresses"),
    ("SIGNET_INSECURE_HTTP", "only allows what SIGNET_ISSUER says"),
    ("SIGNET_TLS_CERT", "a file of the machine"),
    ("SIGNET_TLS_KEY", "a file of the machine"),
    ("SIGNET_SHUTDOWN_DELAY", "how one server stops"),
    ("SIGNET_TRUSTED_PROXIES", "depends on the network of the machine"),
    ("SIGNET_DATA_DIR", "a directory of the machine"),
    ("SIGNET_DATABASE_URL", "several spellings name one database"),
    ("SIGNET_DATABASE_CONNECTIONS", "depends on the machine"),
    ("SIGNET_DATABASE_WAIT", "how one server starts"),
    ("SIGNET_NEW_DATABASE", "how one server starts"),
    ("SIGNET_APPLY_FILES", "files of the machine"),
    ("SIGNET_BACKUP_DIR", "a directory of the machine"),
    ("SIGNET_BACKUP_RECIPIENTS", "not for clients"),
    ("SIGNET_BACKUP_SCHEDULE", "not for clients"),
    ("SIGNET_BACKUP_KEEP", "not for clients"),
    ("SIGNET_MASTER_KEY", "one that is wrong does not start"),
    ("SIGNET_MASTER_KEY_OLD", "one that is wrong does not start"),
    ("SIGNET_BOOTSTRAP_ADMIN_LOGIN", "read at the first start only"),
    ("SIGNET_BOOTSTRAP_ADMIN_PASSWORD", "read at the first start only"),
    ("SIGNET_PROXY_STRIPS_PATH", "each server may have a proxy of its own"),
    ("SIGNET_HASH_WORKERS", "depends on the machine"),
    ("SIGNET_HASH_MAX_WAIT", "depends on the machine"),
    ("SIGNET_BRAND_LOGO", "a file of the machine"),
    ("SIGNET_PASSWORD_DENY_LIST", "a file of the machine"),
    ("SIGNET_RP_ID_OLD", "confirms what SIGNET_RP_ID says"),
    ("SIGNET_SMTP_URL", "each server may use the mail server that is near it"),
    ("SIGNET_SMTP_PASSWORD", "depends on the mail server"),
    ("SIGNET_MAIL_FROM", "depends on the mail server"),
    ("SIGNET_LOG", "not for clients"),
    ("SIGNET_LOG_FORMAT", "not for clients"),
    ("SIGNET_METRICS_LISTEN", "not for clients"),
    ("SIGNET_METRICS_CLIENTS", "not for clients"),
    ("SIGNET_OTLP_ENDPOINT", "not for clients"),
    ("SIGNET_OTLP_HEADERS", "not for clients"),
    ("SIGNET_OTLP_SAMPLE", "not for clients"),
];

#[test]
fn every_setting_that_clients_can_notice_is_compared_between_servers() {
    let compared = load(&[]).noticeable();
    for setting in SETTINGS {
        let own = OF_ONE_SERVER.iter().any(|(name, _)| *name == setting.name);
        assert_ne!(own, compared.contains_key(setting.name), "{}", setting.name);
    }
    assert_eq!(compared.len() + OF_ONE_SERVER.len(), SETTINGS.len());
    let changed = load(&[("SIGNET_ACCESS_TOKEN_TTL", "7m"), ("SIGNET_RATE_LIMITS", "off")]);
    let differ: Vec<_> =
        changed.noticeable().into_iter().filter(|(name, now)| compared[name] != *now).collect();
    let expected =
        [("SIGNET_ACCESS_TOKEN_TTL", "7m".to_owned()), ("SIGNET_RATE_LIMITS", "off".to_owned())];
    assert_eq!(differ, expected);
}

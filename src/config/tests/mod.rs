//! Tests of the configuration: defaults, every rule, the wording of mistakes, and `.env`.

mod backups;
mod dotenv_file;
mod elsewhere;
mod mail;
mod noticeable;
mod values;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::errors::{nearest, quoted};
use super::*;
use elsewhere::ELSEWHERE;

/// 43 characters of base64url: 32 bytes of 7.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

const MACHINE: Machine = Machine { cores: 4, memory: Some(1 << 30) };

fn source(pairs: &[(&str, &str)]) -> Source {
    Source::from_pairs("/srv", pairs).on(MACHINE)
}

fn load(pairs: &[(&str, &str)]) -> Config {
    Config::from_source(&source(pairs)).unwrap().config
}

/// The mistakes of a source that must not be usable.
fn mistakes(pairs: &[(&str, &str)]) -> Vec<Mistake> {
    Config::from_source(&source(pairs)).unwrap_err().iter().cloned().collect()
}

/// The only mistake, which must be about `subject` and contain `part`.
#[track_caller]
fn one(pairs: &[(&str, &str)], subject: &str, part: &str) {
    let all = mistakes(pairs);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0].subject, subject);
    let text = all[0].to_string();
    // The value to type ends the text, so that it can be copied.
    let right =
        if part.starts_with("Type http") { text.ends_with(part) } else { text.contains(part) };
    assert!(right, "{text}");
}

fn shown(loaded: &Loaded, name: &str) -> (String, String) {
    let shown = loaded.shown.iter().find(|shown| shown.name == name).unwrap();
    (shown.value.clone(), shown.origin.to_string())
}

#[test]
fn without_any_setting_the_documented_defaults_are_in_force() {
    let config = load(&[]);
    assert_eq!(config.issuer, "http://localhost:8484");
    let listen: Vec<String> = config.listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["127.0.0.1:8484", "[::1]:8484"]);
    assert!(config.listen_is_default);
    assert_eq!(config.data_dir, Path::new("/srv/data"));
    assert!(
        matches!(&config.database, Database::Sqlite(p) if p == Path::new("/srv/data/signet.db"))
    );
    assert_eq!(config.database_connections, 16);
    assert_eq!(config.database_wait, TimeSpan::from_secs(30));
    assert_eq!(config.new_database, NewDatabase::Allowed);
    assert_eq!(config.shutdown_delay, TimeSpan::ZERO);
    assert!(config.apply_files.is_empty());
    assert!(config.issuer_is_default && config.secret_files.is_empty());
    assert!(config.master_key.is_none());
    assert_eq!(config.registration, Registration::Closed);
    assert!(config.registration_domains.is_empty());
    assert!(!config.login_change);
    assert!(config.console && config.console_networks.is_empty());
    assert_eq!((config.password_policy.min_length, config.password_policy.denied.count()), (8, 0));
    assert_eq!(config.browser_session_persistent, PersistentSessions::Off);
    assert_eq!(config.access_token_ttl, TimeSpan::from_mins(10));
    assert_eq!(config.refresh_idle_ttl, TimeSpan::from_days(30));
    assert_eq!(config.refresh_max_ttl, TimeSpan::from_days(180));
    assert_eq!(config.refresh_retry_window, TimeSpan::from_secs(30));
    assert_eq!(config.signing_alg, SigningAlg::Es256);
    assert_eq!(config.argon2, Argon2Cost { memory_kib: 19456, iterations: 2, parallelism: 1 });
    assert_eq!(config.hash_workers, 4);
    assert_eq!(config.hash_max_wait, TimeSpan::from_secs(2));
    assert!(config.rate_limits);
    assert!(config.trusted_proxies.is_empty());
    assert_eq!(config.proxy_header, ProxyHeader::Unset);
    assert_eq!(config.brand.name, "Signet");
    assert_eq!(config.brand.light.color.to_string(), "#1d4ed8");
    assert_eq!(config.brand.dark.color.to_string(), "#8ab4f8");
    assert!(config.brand.logo.is_none());
    assert!(config.brand.privacy_url.is_none() && config.brand.terms_url.is_none());
    assert_eq!(config.metrics_listen, MetricsListen::Default("127.0.0.1:9484".parse().unwrap()));
    assert!(!config.metrics_by_client);
    assert!(config.spans.is_none());
    assert_eq!(config.log, "info");
    assert_eq!(config.log_format, LogFormat::Auto);
    assert_eq!(config.audit_retention, TimeSpan::from_days(400));
    assert_eq!(config.audit_login_retention, TimeSpan::from_days(90));
    assert!(config.bootstrap_admin.is_none());
    assert!(config.tls.is_none());
    assert!(!config.insecure_http);
    assert!(!config.proxy_strips_path);
}

#[test]
fn every_setting_of_the_list_is_read_once_and_shown_in_order() {
    let loaded = Config::from_source(&source(&[])).unwrap();
    let names: Vec<&str> = loaded.shown.iter().map(|shown| shown.name).collect();
    let listed: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
    assert_eq!(names, listed);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    assert!(loaded.shown.iter().all(|shown| shown.origin == Origin::Default));
}

#[test]
fn every_setting_can_be_changed() {
    let changed = [
        ("SIGNET_ISSUER", "https://id.example.com/auth"),
        ("SIGNET_PROXY_STRIPS_PATH", "true"),
        ("SIGNET_LISTEN", "0.0.0.0:0, [::]:443"),
        ("SIGNET_DATA_DIR", "/var/lib/signet"),
        ("SIGNET_DATABASE_URL", "postgresql://u:p%40w@db/signet?sslmode=require"),
        ("SIGNET_DATABASE_CONNECTIONS", "2"),
        ("SIGNET_DATABASE_WAIT", "1h"),
        ("SIGNET_NEW_DATABASE", "never"),
        ("SIGNET_SHUTDOWN_DELAY", "5m"),
        ("SIGNET_APPLY_FILES", "signet.toml, /etc/signet/users.toml"),
        ("SIGNET_MASTER_KEY", KEY),
        ("SIGNET_PASSKEYS", "off"),
        ("SIGNET_RP_ID", "example.com"),
        ("SIGNET_RP_ID_OLD", "id.example.com"),
        ("SIGNET_PASSKEY_ORIGINS", "https://example.org, https://a.example.net:8443"),
        ("SIGNET_REGISTRATION", "open"),
        ("SIGNET_REGISTRATION_DOMAINS", "Example.com, *.example.org"),
        ("SIGNET_LOGIN_CHANGE", "on"),
        ("SIGNET_CONSOLE", "off"),
        ("SIGNET_CONSOLE_NETWORKS", "192.0.2.0/24, 2001:db8::1"),
        ("SIGNET_REVOCATION_FEED", "off"),
        ("SIGNET_CLIENT_DOCUMENTS", "any"),
        ("SIGNET_PASSWORD_MIN_LENGTH", "12"),
        ("SIGNET_BROWSER_SESSION_PERSISTENT", "ask"),
        ("SIGNET_SECOND_FACTOR", "admins"),
        ("SIGNET_SECOND_FACTOR_FROM", "2030-01-31T00:00:00Z"),
        ("SIGNET_ACCESS_TOKEN_TTL", "1h"),
        ("SIGNET_REFRESH_IDLE_TTL", "12h"),
        ("SIGNET_REFRESH_MAX_TTL", "2d"),
        ("SIGNET_REFRESH_RETRY_WINDOW", "500ms"),
        ("SIGNET_SIGNING_ALG", "RS256"),
        ("SIGNET_ARGON2_MEMORY_KIB", "8"),
        ("SIGNET_ARGON2_ITERATIONS", "3"),
        ("SIGNET_HASH_WORKERS", "7"),
        ("SIGNET_HASH_MAX_WAIT", "0s"),
        ("SIGNET_RATE_LIMITS", "off"),
        ("SIGNET_TRUSTED_PROXIES", "10.1.2.3/8, 192.0.2.7,2001:db8::/32"),
        ("SIGNET_PROXY_HEADER", "X-Real-IP"),
        ("SIGNET_METRICS_LISTEN", "127.0.0.1:9484"),
        ("SIGNET_LOG", "info,sqlx=WARN"),
        ("SIGNET_LOG_FORMAT", "json"),
        ("SIGNET_METRICS_CLIENTS", "on"),
        ("SIGNET_OTLP_ENDPOINT", "https://collector.example/otlp/"),
        ("SIGNET_OTLP_HEADERS", "Authorization=Basic dTpw, X-Tenant=a"),
        ("SIGNET_OTLP_SAMPLE", "0.25"),
        ("SIGNET_AUDIT_RETENTION", "90d"),
        ("SIGNET_AUDIT_LOGIN_RETENTION", "30d"),
        ("SIGNET_BOOTSTRAP_ADMIN_LOGIN", "root"),
        ("SIGNET_BOOTSTRAP_ADMIN_PASSWORD", " with blanks "),
        ("SIGNET_TLS_CERT", "tls/./a.crt"),
        ("SIGNET_TLS_KEY", "/tls/a.key"),
        ("SIGNET_INSECURE_HTTP", "true"),
    ];
    for setting in SETTINGS {
        let here = changed.iter().any(|(name, _)| *name == setting.name);
        assert_ne!(here, ELSEWHERE.contains(&setting.name), "{}", setting.name);
    }
    let config = load(&changed);
    assert_eq!(config.database_connections, 2);
    assert_eq!(config.database_wait, TimeSpan::from_mins(60));
    assert_eq!(config.new_database, NewDatabase::Never);
    assert_eq!(config.shutdown_delay, TimeSpan::from_mins(5));
    let files = ["/srv/signet.toml", "/etc/signet/users.toml"].map(PathBuf::from);
    assert_eq!(config.apply_files, files);
    assert_eq!(config.secret_files, [("SIGNET_TLS_KEY".to_owned(), PathBuf::from("/tls/a.key"))]);
    assert!(!config.issuer_is_default);
    assert_eq!(config.issuer, "https://id.example.com/auth");
    assert_eq!(config.listen, ["0.0.0.0:0".parse().unwrap(), "[::]:443".parse().unwrap()]);
    assert!(!config.listen_is_default);
    assert_eq!(config.data_dir, Path::new("/var/lib/signet"));
    assert!(matches!(&config.database, Database::Postgres(url)
        if url.expose() == "postgresql://u:p%40w@db/signet?sslmode=require"));
    assert_eq!(config.master_key.unwrap().expose(), &[7; 32]);
    assert_eq!(config.registration, Registration::Open);
    assert_eq!(config.registration_domains.to_string(), "example.com,*.example.org");
    assert!(config.login_change && !config.console);
    let networks: Vec<String> = config.console_networks.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["192.0.2.0/24", "2001:db8::1/128"]);
    assert_eq!(config.password_policy.min_length, 12);
    assert_eq!(config.browser_session_persistent, PersistentSessions::Ask);
    let policy = config.second_factor;
    assert_eq!(policy.second_factor, crate::domain::authn::SecondFactor::Admins);
    assert_eq!(policy.from, crate::base::Timestamp::parse("2030-01-31T00:00:00Z"));
    assert_eq!(config.access_token_ttl, TimeSpan::from_mins(60));
    assert_eq!(config.refresh_idle_ttl, TimeSpan::from_mins(720));
    assert_eq!(config.refresh_max_ttl, TimeSpan::from_days(2));
    assert_eq!(config.refresh_retry_window, TimeSpan::from_millis(500));
    assert_eq!(config.signing_alg, SigningAlg::Rs256);
    assert_eq!(config.argon2, Argon2Cost { memory_kib: 8, iterations: 3, parallelism: 1 });
    assert_eq!(config.hash_workers, 7);
    assert_eq!(config.hash_max_wait, TimeSpan::ZERO);
    assert!(!config.rate_limits && !config.revocation_feed && !config.client_documents.is_off());
    assert!(config.proxy_strips_path);
    assert_eq!(config.passkeys.rp_id_old.as_deref(), Some("id.example.com"));
    let proxies: Vec<String> = config.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"]);
    assert_eq!(config.proxy_header, ProxyHeader::Single("x-real-ip".to_owned()));
    assert_eq!(config.metrics_listen, MetricsListen::Set("127.0.0.1:9484".parse().unwrap()));
    let spans = config.spans.as_ref().unwrap();
    assert_eq!(spans.endpoint.as_str(), "https://collector.example/otlp/v1/traces");
    let headers: Vec<_> =
        spans.headers.iter().map(|(name, value)| (&**name, &**value.expose())).collect();
    assert_eq!(headers, [("authorization", "Basic dTpw"), ("x-tenant", "a")]);
    assert!((spans.sample - 0.25).abs() < f64::EPSILON);
    assert_eq!(config.log, "info,sqlx=WARN");
    assert_eq!(config.log_format, LogFormat::Json);
    assert_eq!(config.audit_retention, TimeSpan::from_days(90));
    assert_eq!(config.audit_login_retention, TimeSpan::from_days(30));
    let admin = config.bootstrap_admin.unwrap();
    assert_eq!((admin.login.as_str(), admin.password.expose().as_str()), ("root", " with blanks "));
    let tls = config.tls.unwrap();
    assert_eq!(tls.cert, Path::new("/srv/tls/a.crt"));
    assert_eq!(tls.key, Path::new("/tls/a.key"));
    assert!(config.insecure_http && config.metrics_by_client);
    assert_eq!(load(&[("SIGNET_METRICS_LISTEN", "off")]).metrics_listen, MetricsListen::Off);
}

#[test]
fn an_empty_value_is_no_value() {
    for setting in SETTINGS {
        assert!(Config::from_source(&source(&[(setting.name, "")])).is_ok(), "{}", setting.name);
    }
    assert!(load(&[("SIGNET_LISTEN", "")]).listen_is_default);
    assert_eq!(load(&[("SIGNET_DATA_DIR", "")]).data_dir, Path::new("/srv/data"));
}

#[test]
fn all_mistakes_are_reported_together() {
    let text = Config::from_source(&source(&[
        ("SIGNET_LISTEN", "8484"),
        ("SIGNET_ACCESS_TOKEN_TTL", "10"),
        ("SIGNET_ISUER", "x"),
        ("SIGNET_RATE_LIMITS", "yes"),
        ("SIGNET_REFRESH_IDLE_TTL", "200d"),
        ("SIGNET_TLS_CERT", "a.crt"),
    ]))
    .unwrap_err()
    .to_string();
    let subjects: Vec<&str> =
        text.split("\n\n").map(|paragraph| paragraph.split(':').next().unwrap()).collect();
    assert_eq!(
        subjects,
        [
            "SIGNET_ISUER",
            "SIGNET_LISTEN",
            "SIGNET_TLS_KEY",
            "SIGNET_ACCESS_TOKEN_TTL",
            "SIGNET_RATE_LIMITS",
            "SIGNET_REFRESH_IDLE_TTL",
        ]
    );
    assert!(text.contains(
        "SIGNET_ACCESS_TOKEN_TTL: found \"10\" in the environment, which has no unit.\n    \
         Type a whole number with ms, s, m, h or d, from 1s to 1d, such as 10m\n\n"
    ));
}

#[test]
fn unknown_names_are_refused_with_the_nearest_one() {
    for (typed, meant) in [
        ("SIGNET_ISUER", "SIGNET_ISSUER"),
        ("SIGNET_LGO", "SIGNET_LOG"),
        ("SIGNET_MASTERKEY", "SIGNET_MASTER_KEY"),
        ("SIGNET_MASTER_KEYFILE", "SIGNET_MASTER_KEY_FILE"),
        ("SIGNET_TRUSTED_PROXY", "SIGNET_TRUSTED_PROXIES"),
        ("SIGNET_DATABSE_ULR", "SIGNET_DATABASE_URL"),
    ] {
        assert_eq!(nearest(typed), meant);
        one(&[(typed, "hunter2hunter2")], typed, &format!("Type {meant}, the nearest name"));
        assert!(!mistakes(&[(typed, "hunter2hunter2")])[0].to_string().contains("hunter2"));
    }
    one(&[("SIGNET_ISSUER_FILE", "x")], "SIGNET_ISSUER_FILE", "type SIGNET_ISSUER=VALUE");
    one(&[("SIGNET_DB_PORT_5432_TCP", "x")], "SIGNET_DB_PORT_5432_TCP", "enableServiceLinks");
}

#[test]
fn names_of_others_are_ignored() {
    load(&[
        ("SIGNET_TEST_REQUIRE", "all"),
        ("SIGNET_SERVICE_HOST", "10.0.0.1"),
        ("SIGNET_PORT", "tcp://10.0.0.1:8484"),
        ("SIGNET_PORT_8484_TCP_ADDR", "10.0.0.1"),
        ("SIGNETISSUER", "x"),
        ("RUST_LOG", "x"),
    ]);
}

#[test]
fn a_build_for_tests_stretches_its_deadlines() {
    assert_eq!(load(&[]).deadlines, Deadlines::IN_SERVICE);
    for (typed, factor) in [("30", 30), ("1", 1), ("0", 1), ("often", 1)] {
        let deadlines = load(&[("SIGNET_TEST_DEADLINES", typed)]).deadlines;
        assert_eq!(deadlines, Deadlines::stretched(factor), "{typed}");
    }
}

#[test]
fn secrets_come_from_files_too() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let key = file("key", format!("{KEY}\n").as_bytes());
    let crlf = file("crlf", format!("{KEY}\r\n").as_bytes());
    for path in [&key, &crlf] {
        let config = load(&[("SIGNET_MASTER_KEY_FILE", path)]);
        assert_eq!(config.master_key.unwrap().expose(), &[7; 32]);
    }
    // Only the final line ending is dropped; anything before it may belong to the value.
    let password = file("password", b" two\n\n");
    let config = load(&[
        ("SIGNET_BOOTSTRAP_ADMIN_LOGIN", "root"),
        ("SIGNET_BOOTSTRAP_ADMIN_PASSWORD_FILE", &password),
    ]);
    assert_eq!(config.bootstrap_admin.unwrap().password.expose(), " two\n");

    // Relative paths start at the working directory, and the origin is the absolute path.
    let relative = Source::from_pairs(dir.path(), &[("SIGNET_MASTER_KEY_FILE", "./key")]);
    let loaded = Config::from_source(&relative).unwrap();
    let expected = ("[secret]".to_owned(), format!("file {key}"));
    assert_eq!(shown(&loaded, "SIGNET_MASTER_KEY"), expected);

    let variable = "SIGNET_MASTER_KEY_FILE";
    one(&[(variable, "/nowhere/key")], "SIGNET_MASTER_KEY", "/nowhere/key, which cannot be read");
    one(&[(variable, &file("empty", b"\n"))], "SIGNET_MASTER_KEY", "is empty");
    one(&[(variable, &file("binary", &[0xff]))], "SIGNET_MASTER_KEY", "cannot be read");
    one(&[(variable, &file("big", &[b'a'; 70_000]))], "SIGNET_MASTER_KEY", "longer than 64 KiB");
    one(&[(variable, &key), ("SIGNET_MASTER_KEY", KEY)], "SIGNET_MASTER_KEY", "Keep one");
}

#[test]
fn shown_settings_hold_no_secret() {
    let loaded = Config::from_source(&source(&[
        ("SIGNET_MASTER_KEY", KEY),
        ("SIGNET_DATABASE_URL", "postgres://me:hunter2@db/signet?sslpassword=hunter2"),
        ("SIGNET_BOOTSTRAP_ADMIN_LOGIN", "root"),
        ("SIGNET_BOOTSTRAP_ADMIN_PASSWORD", "hunter2"),
        ("SIGNET_DATA_DIR", "elsewhere"),
    ]))
    .unwrap();
    let text = format!("{:?} {:?}", loaded.shown, loaded.config);
    assert!(!text.contains("hunter2") && !text.contains(KEY), "{text}");
    let of = |name| shown(&loaded, name);
    let pair = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    assert_eq!(of("SIGNET_MASTER_KEY"), pair("[secret]", "environment"));
    assert_eq!(of("SIGNET_DATABASE_URL"), pair("postgres://[secret]", "environment"));
    assert_eq!(of("SIGNET_BOOTSTRAP_ADMIN_PASSWORD"), pair("[secret]", "environment"));
    assert_eq!(of("SIGNET_DATA_DIR"), pair("/srv/elsewhere", "environment"));
    assert_eq!(of("SIGNET_ISSUER"), pair("http://localhost:8484", "default"));
    assert_eq!(of("SIGNET_TLS_CERT"), pair("", "default"));
    let bare = Config::from_source(&source(&[])).unwrap();
    assert_eq!(shown(&bare, "SIGNET_MASTER_KEY"), pair("the file /srv/data/master.key", "default"));
}

#[test]
fn found_values_are_printed_on_one_line_and_shortened() {
    assert_eq!(quoted("a\nb\u{1b}[0m"), "\"a\\nb\\u{1b}[0m\"");
    assert_eq!(quoted(&"x".repeat(500)).chars().count(), 123);
    assert_eq!(quoted("http://u:p@h/@x"), "\"http://[hidden]@x\"");
}

//! Tests of the configuration: defaults, every rule, the wording of mistakes, and `.env`.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::errors::{distance, nearest, quoted};
use super::*;

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

/// The only mistake, which must be about `subject` and say `part` somewhere.
#[track_caller]
fn one(pairs: &[(&str, &str)], subject: &str, part: &str) {
    let all = mistakes(pairs);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0].subject, subject);
    let text = all[0].to_string();
    // What to type ends the text, so that it can be copied as it stands.
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
    assert!(config.master_key.is_none());
    assert_eq!(config.registration, Registration::Closed);
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
    assert_eq!(config.brand.name, "Signet");
    assert_eq!(config.brand.light.color.to_string(), "#1d4ed8");
    assert_eq!(config.brand.dark.color.to_string(), "#8ab4f8");
    assert!(config.brand.logo.is_none());
    assert_eq!(config.metrics_listen, MetricsListen::Default("127.0.0.1:9484".parse().unwrap()));
    assert_eq!(config.log, "info");
    assert_eq!(config.log_format, LogFormat::Auto);
    assert_eq!(config.audit_retention, TimeSpan::from_days(400));
    assert!(config.bootstrap_admin.is_none());
    assert!(config.tls.is_none());
    assert!(!config.insecure_http);
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
    let config = load(&[
        ("SIGNET_ISSUER", "https://id.example.com/auth"),
        ("SIGNET_LISTEN", "0.0.0.0:0, [::]:443"),
        ("SIGNET_DATA_DIR", "/var/lib/signet"),
        ("SIGNET_DATABASE_URL", "postgresql://u:p%40w@db/signet?sslmode=require"),
        ("SIGNET_MASTER_KEY", KEY),
        ("SIGNET_REGISTRATION", "open"),
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
        ("SIGNET_METRICS_LISTEN", "127.0.0.1:9484"),
        ("SIGNET_LOG", "info,sqlx=WARN"),
        ("SIGNET_LOG_FORMAT", "json"),
        ("SIGNET_AUDIT_RETENTION", "90d"),
        ("SIGNET_BOOTSTRAP_ADMIN_LOGIN", "root"),
        ("SIGNET_BOOTSTRAP_ADMIN_PASSWORD", " with blanks "),
        ("SIGNET_TLS_CERT", "tls/./a.crt"),
        ("SIGNET_TLS_KEY", "/tls/a.key"),
        ("SIGNET_INSECURE_HTTP", "true"),
    ]);
    assert_eq!(config.issuer, "https://id.example.com/auth");
    assert_eq!(config.listen, ["0.0.0.0:0".parse().unwrap(), "[::]:443".parse().unwrap()]);
    assert!(!config.listen_is_default);
    assert_eq!(config.data_dir, Path::new("/var/lib/signet"));
    assert!(matches!(&config.database, Database::Postgres(url)
        if url.expose() == "postgresql://u:p%40w@db/signet?sslmode=require"));
    assert_eq!(config.master_key.unwrap().expose(), &[7; 32]);
    assert_eq!(config.registration, Registration::Open);
    assert_eq!(config.access_token_ttl, TimeSpan::from_mins(60));
    assert_eq!(config.refresh_idle_ttl, TimeSpan::from_mins(720));
    assert_eq!(config.refresh_max_ttl, TimeSpan::from_days(2));
    assert_eq!(config.refresh_retry_window, TimeSpan::from_millis(500));
    assert_eq!(config.signing_alg, SigningAlg::Rs256);
    assert_eq!(config.argon2, Argon2Cost { memory_kib: 8, iterations: 3, parallelism: 1 });
    assert_eq!(config.hash_workers, 7);
    assert_eq!(config.hash_max_wait, TimeSpan::ZERO);
    assert!(!config.rate_limits);
    let proxies: Vec<String> = config.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"]);
    assert_eq!(config.metrics_listen, MetricsListen::Set("127.0.0.1:9484".parse().unwrap()));
    assert_eq!(config.log, "info,sqlx=WARN");
    assert_eq!(config.log_format, LogFormat::Json);
    assert_eq!(config.audit_retention, TimeSpan::from_days(90));
    let admin = config.bootstrap_admin.unwrap();
    assert_eq!((admin.login.as_str(), admin.password.expose().as_str()), ("root", " with blanks "));
    let tls = config.tls.unwrap();
    assert_eq!(tls.cert, Path::new("/srv/tls/a.crt"));
    assert_eq!(tls.key, Path::new("/tls/a.key"));
    assert!(config.insecure_http);
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
            "SIGNET_ACCESS_TOKEN_TTL",
            "SIGNET_RATE_LIMITS",
            "SIGNET_TLS_KEY",
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
fn distances_count_typing_errors() {
    for (a, b, expected) in [
        ("", "", 0),
        ("abc", "", 3),
        ("abc", "abd", 1),
        ("abc", "acb", 1),
        ("kitten", "sitting", 3),
    ] {
        assert_eq!(distance(a, b), expected, "{a} {b}");
        assert_eq!(distance(b, a), expected, "{b} {a}");
    }
}

#[test]
fn the_issuer_has_one_spelling() {
    for good in [
        "https://id.example.com",
        "https://id.example.com:8443/a/b",
        "http://127.3.2.1:1",
        "http://[::1]:8484",
        "http://a.localhost",
    ] {
        assert_eq!(load(&[("SIGNET_ISSUER", good)]).issuer, good);
    }
    for (bad, part) in [
        ("id.example.com", "is not an absolute URL"),
        ("localhost:8484", "is not an http or https URL"),
        ("ftp://id.example.com", "is not an http or https URL"),
        ("https://id.example.com/", "Type https://id.example.com"),
        ("https://id.example.com/a//", "Type https://id.example.com/a"),
        ("https://id.example.com?", "has a query"),
        ("https://id.example.com/?a=1", "Type https://id.example.com"),
        ("https://id.example.com#", "has a fragment"),
        ("https://ID.example.com:443", "Type https://id.example.com"),
        ("https://id.example.com/a/../b", "Type https://id.example.com/b"),
        (" https://id.example.com", "Type https://id.example.com"),
        ("https://bücher.example", "Type https://xn--bcher-kva.example"),
    ] {
        one(&[("SIGNET_ISSUER", bad)], "SIGNET_ISSUER", part);
    }
    one(&[("SIGNET_ISSUER", "https://me:hunter2@id.example.com")], "SIGNET_ISSUER", "user name");
    let text = mistakes(&[("SIGNET_ISSUER", "https://me:hunter2@id.example.com")])[0].to_string();
    assert!(!text.contains("hunter2") && text.contains("Type https://id.example.com"), "{text}");
}

#[test]
fn plain_http_beyond_this_machine_must_be_wanted() {
    for issuer in [
        "http://id.example.com",
        "http://10.0.0.1:8484",
        "http://[::2]",
        "http://localhost.example.com",
        "http://notlocalhost",
        "http://0.0.0.0:8484",
    ] {
        one(&[("SIGNET_ISSUER", issuer)], "SIGNET_ISSUER", "SIGNET_INSECURE_HTTP=true");
        load(&[("SIGNET_ISSUER", issuer), ("SIGNET_INSECURE_HTTP", "true")]);
    }
    one(&[("SIGNET_INSECURE_HTTP", "1")], "SIGNET_INSECURE_HTTP", "Type true or false");
}

#[test]
fn lengths_of_time_have_units_and_ranges() {
    for (text, part) in [
        ("10", "has no unit"),
        ("m", "is not a length of time"),
        ("-5m", "is not a length of time"),
        ("1.5h", "has an unknown unit"),
        ("10min", "has an unknown unit"),
        ("10 m", "has an unknown unit"),
        ("10M", "has an unknown unit"),
        ("999ms", "is too short"),
        ("25h", "is too long"),
        ("99999999999999999999d", "is too long"),
        ("9223372036854775807d", "is too long"),
    ] {
        one(&[("SIGNET_ACCESS_TOKEN_TTL", text)], "SIGNET_ACCESS_TOKEN_TTL", part);
    }
    assert_eq!(
        load(&[("SIGNET_ACCESS_TOKEN_TTL", "24h")]).access_token_ttl,
        TimeSpan::from_days(1)
    );
    for (span, text) in [
        (TimeSpan::ZERO, "0s"),
        (TimeSpan::from_millis(1500), "1500ms"),
        (TimeSpan::from_secs(90), "90s"),
        (TimeSpan::from_mins(120), "2h"),
        (TimeSpan::from_days(30), "30d"),
    ] {
        assert_eq!(parse::spell(span), text);
    }
}

#[test]
fn settings_must_agree() {
    let (ttl, window) = ("SIGNET_ACCESS_TOKEN_TTL", "SIGNET_REFRESH_RETRY_WINDOW");
    load(&[(ttl, "10m"), (window, "5m")]);
    load(&[(ttl, "1s"), (window, "0s")]);
    one(&[(ttl, "599s"), (window, "5m")], ttl, "SIGNET_ACCESS_TOKEN_TTL=10m or longer");
    one(&[(ttl, "30s")], ttl, "SIGNET_REFRESH_RETRY_WINDOW=30s (default)");
    one(&[(window, "301s")], window, "from 0s to 5m");

    let (idle, max) = ("SIGNET_REFRESH_IDLE_TTL", "SIGNET_REFRESH_MAX_TTL");
    load(&[(idle, "5d"), (max, "5d")]);
    one(&[(max, "7d")], idle, "SIGNET_REFRESH_IDLE_TTL=7d or shorter");

    let (memory, lanes) = ("SIGNET_ARGON2_MEMORY_KIB", "SIGNET_ARGON2_PARALLELISM");
    load(&[(memory, "32"), (lanes, "4")]);
    one(&[(memory, "31"), (lanes, "4")], memory, "SIGNET_ARGON2_MEMORY_KIB=32 or more");
    one(&[(memory, "8"), (lanes, "17")], lanes, "from 1 to 16");
    // The default stands in for the wrong one; complaining about that would only confuse.
    one(&[(idle, "200d"), (max, "1y")], max, "unknown unit");
}

#[test]
fn hash_costs_have_ranges_and_memory_takes_sizes() {
    let memory = "SIGNET_ARGON2_MEMORY_KIB";
    assert_eq!(load(&[(memory, "64MiB")]).argon2.memory_kib, 65536);
    assert_eq!(load(&[(memory, "8KiB")]).argon2.memory_kib, 8);
    let large = Machine { cores: 4, memory: None };
    let loaded = Config::from_source(&source(&[(memory, "4GiB")]).on(large)).unwrap();
    assert_eq!(loaded.config.argon2.memory_kib, 4 * 1024 * 1024);
    for bad in ["7", "4097MiB", "5GiB", "18446744073709551615GiB", "64MB", "MiB", "-1", "+8"] {
        one(&[(memory, bad)], memory, "a size such as 64MiB");
    }
    for bad in ["0", "65", "two", "+2", "2.0"] {
        one(&[("SIGNET_ARGON2_ITERATIONS", bad)], "SIGNET_ARGON2_ITERATIONS", "from 1 to 64");
    }
    one(&[("SIGNET_HASH_WORKERS", "0")], "SIGNET_HASH_WORKERS", "from 1 to 1024");
}

#[test]
fn hash_workers_fit_cores_and_a_quarter_of_the_memory() {
    let on = |cores, memory| Machine { cores, memory };
    assert_eq!(on(4, Some(1 << 30)).hash_workers(19456), 4);
    assert_eq!(on(64, Some(1 << 30)).hash_workers(19456), 13);
    assert_eq!(on(8, Some(128 << 20)).hash_workers(19456), 1);
    assert_eq!(on(8, Some(1 << 20)).hash_workers(19456), 1);
    assert_eq!(on(8, None).hash_workers(19456), 8);
    let loaded = Config::from_source(
        &source(&[("SIGNET_ARGON2_MEMORY_KIB", "128MiB")]).on(on(64, Some(1 << 30))),
    )
    .unwrap();
    assert_eq!(loaded.config.hash_workers, 2);
    assert_eq!(shown(&loaded, "SIGNET_HASH_WORKERS"), ("2".to_owned(), "default".to_owned()));
}

#[test]
fn lists_of_addresses_and_networks_are_checked() {
    for bad in ["8484", ":8484", "localhost:8484", "127.0.0.1", "127.0.0.1:1,", "[::1]:1,[::1]:1"] {
        one(&[("SIGNET_LISTEN", bad)], "SIGNET_LISTEN", "such as 0.0.0.0:8484");
    }
    assert_eq!(load(&[("SIGNET_LISTEN", "127.0.0.1:0,127.0.0.1:0")]).listen.len(), 2);
    for bad in ["10.0.0.0/33", "proxy.example", "10.0.0.1,", "10.0.0.0-10.0.0.9"] {
        one(&[("SIGNET_TRUSTED_PROXIES", bad)], "SIGNET_TRUSTED_PROXIES", "not a network");
    }
    one(&[("SIGNET_METRICS_LISTEN", "no")], "SIGNET_METRICS_LISTEN", "or off");
}

#[test]
fn words_and_log_directives_are_checked() {
    one(
        &[("SIGNET_SIGNING_ALG", "es256")],
        "SIGNET_SIGNING_ALG",
        "Type ES256 or RS256 or PS256 or",
    );
    one(&[("SIGNET_REGISTRATION", "true")], "SIGNET_REGISTRATION", "Type closed or open");
    one(&[("SIGNET_LOG_FORMAT", "text")], "SIGNET_LOG_FORMAT", "auto or pretty or json");
    one(&[("SIGNET_LOG", "inof")], "SIGNET_LOG", "names no level");
    one(&[("SIGNET_LOG", "info,sqlx")], "SIGNET_LOG", "\"sqlx\", which names no level");
    for good in ["off", "WARN", "info,signet::http=debug", "[login{user=a,b}]=trace"] {
        assert_eq!(load(&[("SIGNET_LOG", good)]).log, good);
    }
}

#[test]
fn the_database_is_a_file_or_a_postgresql_url() {
    let sqlite = |url: &str| match load(&[("SIGNET_DATABASE_URL", url)]).database {
        Database::Sqlite(path) => path,
        Database::Postgres(_) => PathBuf::new(),
    };
    assert_eq!(sqlite("sqlite:///srv/a b.db"), Path::new("/srv/a b.db"));
    assert_eq!(sqlite("sqlite://data/a.db"), Path::new("/srv/data/a.db"));
    assert_eq!(sqlite("sqlite://./a%20b.db"), Path::new("/srv/a%20b.db"));
    for (bad, part) in [
        ("sqlite://", "names no file"),
        ("sqlite:///srv/", "names no file"),
        ("sqlite://..", "names no file"),
        ("sqlite://:memory:", "in memory"),
        ("sqlite://a.db?mode=memory", "parameters"),
        ("sqlite:a.db", "neither sqlite:// nor postgres://"),
        ("mysql://u:p@h/d", "neither sqlite:// nor postgres://"),
        ("postgres://u:p#w@h/d", "%23"),
        ("postgres://u:12#w@h/d", "%23"),
        ("postgres://u:12/w@h/d", "%2F"),
    ] {
        one(&[("SIGNET_DATABASE_URL", bad)], "SIGNET_DATABASE_URL", part);
    }
    assert!(matches!(
        load(&[("SIGNET_DATABASE_URL", "postgres:///signet?host=/run/postgresql")]).database,
        Database::Postgres(_)
    ));
    let loaded = Config::from_source(&source(&[("SIGNET_DATA_DIR", "../d")])).unwrap();
    assert_eq!(shown(&loaded, "SIGNET_DATABASE_URL").0, "sqlite:///srv/../d/signet.db");
}

#[test]
fn the_master_key_is_exactly_32_bytes() {
    let padded = format!("{KEY}=");
    for bad in [&KEY[..42], padded.as_str(), &KEY.replace('B', "+"), &KEY.replace("wc", "wd"), "A"]
    {
        one(&[("SIGNET_MASTER_KEY", bad)], "SIGNET_MASTER_KEY", "43 characters");
    }
    one(&[("SIGNET_MASTER_KEY", &padded)], "SIGNET_MASTER_KEY", "of 44 characters (not shown)");
}

#[test]
fn pairs_are_set_together() {
    for (set, missing) in [
        ("SIGNET_TLS_CERT", "SIGNET_TLS_KEY"),
        ("SIGNET_TLS_KEY", "SIGNET_TLS_CERT"),
        ("SIGNET_BOOTSTRAP_ADMIN_LOGIN", "SIGNET_BOOTSTRAP_ADMIN_PASSWORD"),
        ("SIGNET_BOOTSTRAP_ADMIN_PASSWORD", "SIGNET_BOOTSTRAP_ADMIN_LOGIN"),
    ] {
        one(&[(set, "x")], missing, &format!("although {set} is set"));
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
    // One line ending is a line ending; what stands before it may be meant.
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
fn what_is_shown_holds_no_secret() {
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

/// A working directory with a `.env` of mode 0600 and the given text.
fn with_dotenv(text: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".env");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    dir
}

/// Loads as a process in `dir` with the environment `pairs` would.
fn load_in(dir: &Path, pairs: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    let environment = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    Config::from_source(&Source::assemble(dir.to_owned(), environment, MACHINE))
}

#[test]
fn the_environment_wins_over_dotenv() {
    let dir = with_dotenv(
        "\u{feff}# comment\nSIGNET_LOG=debug\nexport SIGNET_SIGNING_ALG=RS256 # why\n\
         SIGNET_REGISTRATION='open'\nSIGNET_DATA_DIR=\nSIGNET_TEST_X=1\nOTHER=1\nOTHER=2 "
            .as_bytes(),
    );
    let pairs = [("SIGNET_LOG", "warn"), ("SIGNET_REGISTRATION", "")];
    let loaded = load_in(dir.path(), &pairs).unwrap();
    assert_eq!(loaded.config.log, "warn");
    assert_eq!(loaded.config.signing_alg, SigningAlg::Rs256);
    assert_eq!(loaded.config.registration, Registration::Open);
    assert_eq!(loaded.config.data_dir, dir.path().join("data"));
    assert_eq!(shown(&loaded, "SIGNET_LOG").1, "environment");
    assert_eq!(shown(&loaded, "SIGNET_SIGNING_ALG").1, ".env");
    assert_eq!(shown(&loaded, "SIGNET_DATA_DIR").1, "default");
}

#[test]
fn no_dotenv_is_no_mistake() {
    let dir = tempfile::tempdir().unwrap();
    assert!(load_in(dir.path(), &[]).is_ok());
    // Only the working directory counts, not its parents.
    let parent = with_dotenv(b"SIGNET_NOPE=1");
    let child = parent.path().join("child");
    std::fs::create_dir(&child).unwrap();
    assert!(load_in(&child, &[]).is_ok());
}

#[test]
fn mistakes_in_dotenv_name_file_line_and_variable_but_no_secret() {
    let dir = with_dotenv(
        b"# SIGNET_BOOTSTRAP_ADMIN_PASSWORD=hunter2 hunter2\n\
          SIGNET_LOG=info\nSIGNET_BOOTSTRAP_ADMIN_PASSWORD=hunter2 hunter2\n\
          SIGNET_LOG=warn\nSIGNET_ISUER=x\nSIGNET_RATE_LIMITS=no\n",
    );
    let text = load_in(dir.path(), &[]).unwrap_err().to_string();
    assert!(text.contains(".env, line 3 (SIGNET_BOOTSTRAP_ADMIN_PASSWORD)"), "{text}");
    assert!(text.contains("SIGNET_LOG: it is set more than once"), "{text}");
    assert!(text.contains("SIGNET_ISUER: there is no such setting (found in .env)"), "{text}");
    assert!(text.contains("found \"no\" in .env"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");

    let open = with_dotenv(b"SIGNET_LOG=info\nSIGNET_MASTER_KEY='hunter2\nA=1\n");
    let text = load_in(open.path(), &[]).unwrap_err().to_string();
    assert!(text.contains(".env, line 2 (SIGNET_MASTER_KEY)"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_dotenv_others_can_write_is_refused() {
    let dir = with_dotenv(b"SIGNET_LOG=debug\n");
    let path = dir.path().join(".env");
    for (mode, refused) in [(0o644, false), (0o400, false), (0o620, true), (0o602, true)] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let result = load_in(dir.path(), &[("SIGNET_RATE_LIMITS", "no")]);
        let text = result.unwrap_err().to_string();
        assert_eq!(text.contains("chmod 600"), refused, "{mode:o} {text}");
        // A refused file does not hide the other mistakes.
        assert!(text.contains("SIGNET_RATE_LIMITS"), "{text}");
    }
    // Through a symbolic link it is the file itself that counts.
    let linked = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(&path, linked.path().join(".env")).unwrap();
    let text = load_in(linked.path(), &[]).unwrap_err().to_string();
    assert!(text.contains("its mode is 0602"), "{text}");
}

#[test]
fn a_dotenv_of_somebody_else_is_refused() {
    let judge = |owner, mode, me| dotenv::distrust(owner, mode, me, Path::new("/w/.env"));
    assert_eq!(judge(1000, 0o100_600, 1000), None);
    assert_eq!(judge(0, 0o100_644, 1000), None);
    let (found, advice) = judge(1001, 0o100_600, 1000).unwrap();
    assert_eq!(found, "it belongs to user 1001, and Signet runs as user 1000");
    assert!(advice.ends_with("chown 1000 '/w/.env'"), "{advice}");
    assert!(judge(1001, 0o100_600, 0).is_some());
    assert!(judge(0, 0o100_620, 1000).is_some());
    assert!(judge(0, 0o100_602, 0).is_some());
}

#[test]
fn what_is_no_text_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(".env")).unwrap();
    let text = load_in(dir.path(), &[]).unwrap_err().to_string();
    assert!(text.contains("not a regular file"), "{text}");
    for (bytes, part) in [(vec![b'A', 0xff], "not UTF-8"), (vec![b'#'; 1 << 21], "1 MiB")] {
        let dir = with_dotenv(&bytes);
        let text = load_in(dir.path(), &[]).unwrap_err().to_string();
        assert!(text.contains(part), "{text}");
    }
    let bytes = OsString::from_vec(vec![b'x', 0xff]);
    let environment = [("SIGNET_LOG".into(), bytes)].into_iter();
    let source = Source::assemble("/nowhere".into(), environment, MACHINE);
    let text = Config::from_source(&source).unwrap_err().to_string();
    assert!(text.starts_with("SIGNET_LOG: found bytes"), "{text}");
}

#[test]
fn the_committed_example_is_the_generated_one() {
    assert_eq!(
        include_str!("../../.env.example"),
        example(),
        "write the output of `signet config example` to .env.example"
    );
}

#[test]
fn the_example_uncommented_is_a_valid_dotenv_with_the_defaults() {
    let page = example().replace("\n#SIGNET_", "\nSIGNET_");
    assert_eq!(page.matches("\nSIGNET_").count(), SETTINGS.len());
    // Samples stand for settings without a default text; those come in pairs or change nothing.
    let page = page.replace("SIGNET_BOOTSTRAP_ADMIN_LOGIN=admin", "");
    let page = page.replace("SIGNET_BRAND_LOGO=/etc/signet/logo.svg", "");
    let dir = with_dotenv(page.as_bytes());
    let loaded = load_in(dir.path(), &[]).unwrap();
    let defaults = load_in(tempfile::tempdir().unwrap().path(), &[]).unwrap();
    for setting in SETTINGS {
        if let Fallback::Fixed(text) = setting.fallback {
            let value = shown(&loaded, setting.name).0;
            let same = value == text || setting.name == "SIGNET_DATA_DIR";
            assert!(same, "{}: {value}", setting.name);
        }
    }
    assert_eq!(loaded.config.argon2, defaults.config.argon2);
    assert!(example().lines().all(|line| line.len() <= 100));
}

proptest! {
    /// Whatever is typed anywhere, reading ends in a configuration or in mistakes, and a secret
    /// is repeated in neither.
    #[test]
    fn no_text_panics_or_leaks(at in 0..SETTINGS.len(), text in "[ -~\\n]{0,12}", secret in "[a-z0-9:/@#?]{20,60}") {
        let setting = SETTINGS[at];
        let text = if setting.secret { format!("postgres://{secret}") } else { text };
        match Config::from_source(&source(&[(setting.name, &text)])) {
            Ok(loaded) => {
                let printed = format!("{loaded:?}");
                prop_assert!(!printed.contains(&secret));
            }
            Err(mistakes) => {
                prop_assert!(mistakes.iter().next().is_some());
                prop_assert!(!mistakes.to_string().contains(&secret));
            }
        }
    }

    /// What is spelt is read back as the same length of time.
    #[test]
    fn spelt_spans_read_back(millis in 0..=TimeSpan::from_days(3650).millis()) {
        let span = TimeSpan::from_millis(millis);
        let read = parse::span(TimeSpan::ZERO..=TimeSpan::from_days(3650));
        prop_assert_eq!(read(&parse::spell(span)), Ok(span));
    }
}

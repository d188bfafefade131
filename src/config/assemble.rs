//! Maps settings to fields, with their parsers.
//!
//! Owns the ranges and the defaults that depend on other settings. Consistency between settings is checked in
//! `cross_checks`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::errors::Wrong;
use super::reader::Reader;
use super::types::{Argon2Cost, BootstrapAdmin, Database, MetricsListen, ProxyHeader, TlsFiles};
use super::{
    Config, LogFormat, NewDatabase, PersistentSessions, Registration, backups, brand, database,
    issuer, mail, parse, passkeys, passwords, settings as s, spans,
};
use crate::base::{Secret, TimeSpan};
use crate::domain::authn::{SecondFactor, ServerPolicy};
use crate::domain::signing_key::SigningAlg;

/// The shortest lifetime of a token, a session or an audit event.
const LEAST: TimeSpan = TimeSpan::from_secs(1);
/// The longest configurable time: ten years.
const LONGEST: TimeSpan = TimeSpan::from_days(3650);
/// The longest retry window, and the longest wait for a password hash.
const FIVE_MINUTES: TimeSpan = TimeSpan::from_mins(5);
/// The shortest time a key is published before it signs: caches may hold the previous set for five minutes, and are
/// not always exact.
const TEN_MINUTES: TimeSpan = TimeSpan::from_mins(10);
/// The shortest time a key signs.
const HOUR: TimeSpan = TimeSpan::from_mins(60);
/// The most memory for one hash: 4 GiB.
const MAX_MEMORY_KIB: u32 = 4 * 1024 * 1024;

/// Evaluates every field before it checks that all are present, so that every mistake is found.
macro_rules! gather {
    ($name:ident { $($(#[$only:meta])? $field:ident: $value:expr),+ $(,)? }) => {{
        $($(#[$only])? let $field = $value;)+
        (|| Some($name { $($(#[$only])? $field: $field?),+ }))()
    }};
}

/// The configuration, with defaults in place of wrong values, which the reader has recorded.
pub(super) fn config(read: &mut Reader<'_>) -> Option<Config> {
    let source = read.source();
    let dir = read.fixed(&s::DATA_DIR, |text| Ok(source.absolute(text)));
    if let Some(dir) = &dir {
        read.show(&s::DATA_DIR, dir.display().to_string());
    }
    let cost = argon2(read);
    let addresses = read.fixed(&s::LISTEN, parse::addresses);
    let tls = tls(read);
    let port = addresses.as_ref().and_then(|addresses| addresses.first()).map(SocketAddr::port);
    gather!(Config {
        issuer: Some(issuer(read, port.unwrap_or_default(), tls.is_some())),
        issuer_is_default: Some(!read.is_set(&s::ISSUER)),
        proxy_strips_path: read.fixed(&s::PROXY_STRIPS_PATH, parse::switch("true", "false")),
        listen: addresses,
        listen_is_default: Some(!read.is_set(&s::LISTEN)),
        database: database(read, dir.as_deref()),
        database_connections: read.fixed(&s::DATABASE_CONNECTIONS, parse::whole(2..=1000)),
        database_wait: read
            .fixed(&s::DATABASE_WAIT, parse::span(TimeSpan::ZERO..=TimeSpan::from_mins(60))),
        new_database: read.fixed(&s::NEW_DATABASE, parse::word(NewDatabase::ALL)),
        shutdown_delay: read.fixed(&s::SHUTDOWN_DELAY, parse::span(TimeSpan::ZERO..=FIVE_MINUTES)),
        master_key: Some(master_key(read, dir.as_deref())),
        backups: backups::read(read, dir.as_deref()),
        master_key_old: Some(read.typed(&s::MASTER_KEY_OLD, parse::master_key)),
        data_dir: dir,
        second_factor: second_factor(read),
        registration: read.fixed(&s::REGISTRATION, parse::word(Registration::ALL)),
        registration_domains: Some(
            read.typed(&s::REGISTRATION_DOMAINS, parse::domains).unwrap_or_default(),
        ),
        login_change: read.fixed(&s::LOGIN_CHANGE, parse::switch("on", "off")),
        console: read.fixed(&s::CONSOLE, parse::switch("on", "off")),
        console_networks: Some(
            read.typed(&s::CONSOLE_NETWORKS, parse::networks).unwrap_or_default(),
        ),
        revocation_feed: read.fixed(&s::REVOCATION_FEED, parse::switch("on", "off")),
        client_documents: read.fixed(&s::CLIENT_DOCUMENTS, parse::client_documents),
        password_policy: passwords::read(read),
        access_token_ttl: read
            .fixed(&s::ACCESS_TOKEN_TTL, parse::span(LEAST..=TimeSpan::from_days(1))),
        refresh_idle_ttl: read.fixed(&s::REFRESH_IDLE_TTL, parse::span(LEAST..=LONGEST)),
        refresh_max_ttl: read.fixed(&s::REFRESH_MAX_TTL, parse::span(LEAST..=LONGEST)),
        apply_files: Some(apply_files(read)),
        refresh_retry_window: read
            .fixed(&s::REFRESH_RETRY_WINDOW, parse::span(TimeSpan::ZERO..=FIVE_MINUTES)),
        max_sessions_per_user: read.fixed(&s::MAX_SESSIONS_PER_USER, parse::whole(1..=100_000)),
        browser_session_ttl: read.fixed(
            &s::BROWSER_SESSION_TTL,
            parse::span(TimeSpan::from_mins(1)..=TimeSpan::from_days(365)),
        ),
        browser_session_persistent: read
            .fixed(&s::BROWSER_SESSION_PERSISTENT, parse::word(PersistentSessions::ALL)),
        signing_alg: read.fixed(&s::SIGNING_ALG, parse::word(SigningAlg::ALL)),
        key_rotation: read.fixed(&s::KEY_ROTATION, parse::span_or_off(HOUR..=LONGEST)),
        key_publish_ahead: read
            .fixed(&s::KEY_PUBLISH_AHEAD, parse::span(TEN_MINUTES..=TimeSpan::from_days(30))),
        hash_workers: Some(hash_workers(read, cost)),
        argon2: cost,
        machine: Some(source.machine),
        deadlines: Some(source.deadlines),
        #[cfg(feature = "test-support")]
        stand_in: Some(source.stand_in.clone()),
        hash_max_wait: read.fixed(&s::HASH_MAX_WAIT, parse::span(TimeSpan::ZERO..=FIVE_MINUTES)),
        rate_limits: read.fixed(&s::RATE_LIMITS, parse::switch("on", "off")),
        trusted_proxies: Some(read.typed(&s::TRUSTED_PROXIES, parse::networks).unwrap_or_default()),
        proxy_header: Some(
            read.typed(&s::PROXY_HEADER, parse::proxy_header).unwrap_or(ProxyHeader::Unset),
        ),
        brand: brand::read(read),
        mail: Some(mail::read(read)),
        passkeys: passkeys::read(read),
        metrics_listen: metrics_listen(read),
        metrics_by_client: read.fixed(&s::METRICS_CLIENTS, parse::switch("on", "off")),
        spans: Some(spans::read(read)),
        log: read.fixed(&s::LOG, parse::log),
        log_format: read.fixed(&s::LOG_FORMAT, parse::word(LogFormat::ALL)),
        audit_retention: read.fixed(&s::AUDIT_RETENTION, parse::span(LEAST..=LONGEST)),
        audit_login_retention: read.fixed(&s::AUDIT_LOGIN_RETENTION, parse::span(LEAST..=LONGEST)),
        bootstrap_admin: Some(bootstrap_admin(read)),
        tls: Some(tls),
        insecure_http: read.fixed(&s::INSECURE_HTTP, parse::switch("true", "false")),
        // Set after everything has been read.
        secret_files: Some(Vec::new()),
        shown: Some(Vec::new()),
    })
}

/// The configured issuer, or the default for the port.
fn issuer(read: &mut Reader<'_>, port: u16, tls: bool) -> String {
    read.typed(&s::ISSUER, issuer::parse).unwrap_or_else(|| {
        let issuer = issuer::default_for(port, tls);
        if !read.is_set(&s::ISSUER) {
            let shown = match port {
                0 => format!("{} and the port the system chooses", issuer.trim_end_matches('0')),
                _ => issuer.clone(),
            };
            read.show(&s::ISSUER, shown);
        }
        issuer
    })
}

fn database(read: &mut Reader<'_>, data_dir: Option<&Path>) -> Option<Database> {
    let source = read.source();
    let typed = read.typed(&s::DATABASE_URL, |text| database::parse(source, text));
    let database = typed.or_else(|| Some(Database::Sqlite(data_dir?.join("signet.db"))))?;
    read.show(&s::DATABASE_URL, database::shown(&database));
    Some(database)
}

fn master_key(read: &mut Reader<'_>, data_dir: Option<&Path>) -> Option<Secret<[u8; 32]>> {
    let key = read.typed(&s::MASTER_KEY, parse::master_key);
    if let (false, Some(dir)) = (read.is_set(&s::MASTER_KEY), data_dir) {
        read.show(&s::MASTER_KEY, format!("the file {}", dir.join("master.key").display()));
    }
    key
}

fn second_factor(read: &mut Reader<'_>) -> Option<ServerPolicy> {
    let second_factor = read.fixed(&s::SECOND_FACTOR, parse::word(SecondFactor::ALL));
    let from = read.typed(&s::SECOND_FACTOR_FROM, parse::time);
    Some(ServerPolicy { second_factor: second_factor?, from })
}

fn argon2(read: &mut Reader<'_>) -> Option<Argon2Cost> {
    gather!(Argon2Cost {
        memory_kib: read.fixed(&s::ARGON2_MEMORY_KIB, parse::kib(8..=MAX_MEMORY_KIB)),
        iterations: read.fixed(&s::ARGON2_ITERATIONS, parse::whole(1..=64)),
        parallelism: read.fixed(&s::ARGON2_PARALLELISM, parse::whole(1..=16)),
    })
}

fn hash_workers(read: &mut Reader<'_>, argon2: Option<Argon2Cost>) -> usize {
    let typed = read.typed(&s::HASH_WORKERS, parse::whole(1..=1024));
    let machine = read.source().machine;
    let workers = typed
        .unwrap_or_else(|| machine.hash_workers(argon2.map_or(u32::MAX, |cost| cost.memory_kib)));
    read.show(&s::HASH_WORKERS, workers.to_string());
    workers
}

fn apply_files(read: &mut Reader<'_>) -> Vec<PathBuf> {
    let source = read.source();
    let paths = |text: &str| {
        let paths = text.split(',').map(str::trim).map(|path| match path {
            "" => Err(Wrong::new("holds an empty path", "Type paths of files, comma separated")),
            path => Ok(source.absolute(path)),
        });
        paths.collect::<Result<Vec<_>, _>>()
    };
    let found = read.typed(&s::APPLY_FILES, paths).unwrap_or_default();
    if !found.is_empty() {
        let shown: Vec<String> = found.iter().map(|path| path.display().to_string()).collect();
        read.show(&s::APPLY_FILES, shown.join(","));
    }
    found
}

fn metrics_listen(read: &mut Reader<'_>) -> Option<MetricsListen> {
    let address = read.fixed(&s::METRICS_LISTEN, parse::address_or_off)?;
    Some(match address {
        Some(address) if read.is_set(&s::METRICS_LISTEN) => MetricsListen::Set(address),
        Some(address) => MetricsListen::Default(address),
        None => MetricsListen::Off,
    })
}

fn bootstrap_admin(read: &mut Reader<'_>) -> Option<BootstrapAdmin> {
    let login = read.typed(&s::BOOTSTRAP_ADMIN_LOGIN, parse::text);
    let password =
        read.typed(&s::BOOTSTRAP_ADMIN_PASSWORD, |text| parse::text(text).map(Secret::new));
    let both =
        read.together((&s::BOOTSTRAP_ADMIN_LOGIN, login), (&s::BOOTSTRAP_ADMIN_PASSWORD, password));
    both.map(|(login, password)| BootstrapAdmin { login, password })
}

fn tls(read: &mut Reader<'_>) -> Option<TlsFiles> {
    let source = read.source();
    let path = |text: &str| Ok::<_, Wrong>(source.absolute(text));
    let cert = read.typed(&s::TLS_CERT, path);
    let key = read.typed(&s::TLS_KEY, path);
    if let Some(cert) = &cert {
        read.show(&s::TLS_CERT, cert.display().to_string());
    }
    if let Some(key) = &key {
        read.show(&s::TLS_KEY, key.display().to_string());
    }
    let both = read.together((&s::TLS_CERT, cert), (&s::TLS_KEY, key));
    both.map(|(cert, key)| TlsFiles { cert, key })
}

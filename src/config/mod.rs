//! The settings: typed, checked, and with the source of each.
//!
//! Owns the conversion from text to [`Config`] and the wording of every mistake. Only `source` reads the process
//! environment. Nothing here creates, opens or connects to what a setting names, except for files with secrets
//! (`NAME_FILE`), the logo and the list of denied passwords.

mod assemble;
mod backups;
mod brand;
mod changed;
mod cross_checks;
mod database;
mod dotenv;
mod errors;
mod example;
mod host_limits;
mod issuer;
mod mail;
mod noticeable;
mod parse;
mod passkeys;
mod passwords;
mod reader;
mod settings;
mod source;
mod spans;
mod types;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use crate::base::{Deadlines, Secret, TimeSpan};
use crate::domain::authn::ServerPolicy;
use crate::domain::client_document::ClientDocuments;
use crate::domain::password_policy::PasswordPolicy;
use crate::domain::sign_up::DomainList;
use crate::domain::signing_key::SigningAlg;

pub use backups::BackupSettings;
#[cfg(feature = "test-support")]
pub use brand::Logo;
pub use brand::{Accent, Brand, LogoType};
pub use changed::SINCE as CHANGED_SINCE;
pub use errors::ConfigErrors;
#[cfg(feature = "test-support")]
pub use errors::Mistake;
pub use example::example;
pub use host_limits::Machine;
pub use issuer::{checked as checked_issuer, default_for as default_issuer};
pub use mail::{MailFrom, MailRoute, MailSettings, SmtpServer, SmtpTls};
pub use parse::{length_of_time, spell};
pub use passkeys::PasskeySettings;
#[cfg(feature = "test-support")]
pub use settings::{Fallback, SETTINGS, Setting};
pub use source::{Origin, Source, environment};
pub use spans::SpanSettings;
pub use types::{
    Argon2Cost, BootstrapAdmin, Database, LogFormat, MetricsListen, NewDatabase,
    PersistentSessions, ProxyHeader, Registration, TlsFiles,
};

/// Every setting, parsed and consistent with the others. Paths are absolute.
#[derive(Debug, Clone)]
pub struct Config {
    /// The `iss` of every token and the base of all URLs; no trailing slash.
    pub issuer: String,
    /// Whether `issuer` is not set: it follows the first port of `listen`, even one that the system chooses.
    pub issuer_is_default: bool,
    /// Whether a proxy strips the path of the issuer from requests.
    pub proxy_strips_path: bool,
    /// Addresses to listen on; never empty, port 0 lets the system choose.
    pub listen: Vec<SocketAddr>,
    /// Whether `listen` is the default, so that an address family that this machine lacks may be skipped.
    pub listen_is_default: bool,
    /// How long `/ready` is 503 before the sockets close.
    pub shutdown_delay: TimeSpan,
    /// The directory of the master key file and the SQLite database.
    pub data_dir: PathBuf,
    /// The database to use.
    pub database: Database,
    /// The most connections to PostgreSQL.
    pub database_connections: u32,
    /// How long a start waits for an unreachable PostgreSQL server.
    pub database_wait: TimeSpan,
    /// Whether a start may create a database.
    pub new_database: NewDatabase,
    /// The key that seals all other keys; `None` means the key file in the data directory.
    pub master_key: Option<Secret<[u8; 32]>>,
    /// The previous master key, while it is being replaced.
    pub master_key_old: Option<Secret<[u8; 32]>>,
    /// Whether users can create accounts without an administrator.
    pub registration: Registration,
    /// The domains of the addresses that can be used for it.
    pub registration_domains: DomainList,
    /// Whether users may change their login name.
    pub login_change: bool,
    /// Whether there is a web console.
    pub console: bool,
    /// The networks from which it can be used; empty means all.
    pub console_networks: Vec<IpNet>,
    /// Whether the revocation feed is served.
    pub revocation_feed: bool,
    /// Which clients may describe themselves.
    pub client_documents: ClientDocuments,
    /// The rules for new passwords.
    pub password_policy: PasswordPolicy,
    /// The users who need a second factor, and the time from which they need it.
    pub second_factor: ServerPolicy,
    /// Lifetime of an access token: 1 s to 24 h, at least twice the retry window.
    pub access_token_ttl: TimeSpan,
    /// A session that is unused for this long ends; never longer than `refresh_max_ttl`.
    pub refresh_idle_ttl: TimeSpan,
    /// A session ends this long after log-in, even if it is used.
    pub refresh_max_ttl: TimeSpan,
    /// Configuration files that are applied at each start, by their absolute paths.
    pub apply_files: Vec<PathBuf>,
    /// Where backups go, and who can open them.
    pub backups: BackupSettings,
    /// How long a refresh may be repeated after a lost response: 0 s to 5 min.
    pub refresh_retry_window: TimeSpan,
    /// The lifetime of a sign-in at the pages.
    pub browser_session_ttl: TimeSpan,
    /// Whether it outlives the browser session.
    pub browser_session_persistent: PersistentSessions,
    /// The most live sessions of one user.
    pub max_sessions_per_user: i64,
    /// Signature algorithm of access tokens for APIs that did not choose their own.
    pub signing_alg: SigningAlg,
    /// How long a signing key signs before its successor takes over; `None` for manual rotation only.
    pub key_rotation: Option<TimeSpan>,
    /// How long a new signing key is published before it signs: 10 min to 30 d.
    pub key_publish_ahead: TimeSpan,
    /// The cost of a password hash.
    pub argon2: Argon2Cost,
    /// Password hashes computed at the same time; at least 1.
    pub hash_workers: usize,
    /// The machine for which `hash_workers` was chosen; no setting.
    pub machine: Machine,
    /// The deadlines; no setting.
    pub deadlines: Deadlines,
    /// The file that maps hosts of the Internet to loopback; no setting.
    #[cfg(feature = "test-support")]
    pub stand_in: Option<PathBuf>,
    /// How long a log-in may queue for a hash worker before it is answered 503.
    pub hash_max_wait: TimeSpan,
    /// Whether limits on attempts are enforced; `false` is for benchmarks only.
    pub rate_limits: bool,
    /// Proxies that are trusted to name the client's address.
    pub trusted_proxies: Vec<IpNet>,
    /// The header that contains it.
    pub proxy_header: ProxyHeader,
    /// The appearance of the pages.
    pub brand: Brand,
    /// The mail settings; `None` if mail is off.
    pub mail: Option<MailSettings>,
    /// The settings of passkeys.
    pub passkeys: PasskeySettings,
    /// The address of the metrics, if they are served.
    pub metrics_listen: MetricsListen,
    /// Whether metrics about clients have a series for each client.
    pub metrics_by_client: bool,
    /// The trace collector, if any.
    #[cfg_attr(not(feature = "otlp"), expect(dead_code, reason = "read by the feature"))]
    pub spans: Option<SpanSettings>,
    /// The log filter, in the directive syntax of `tracing-subscriber`'s `EnvFilter`.
    pub log: String,
    /// The format of log lines.
    pub log_format: LogFormat,
    /// How long audit events are kept.
    pub audit_retention: TimeSpan,
    /// How long events of successful log-ins are kept, if that is shorter.
    pub audit_login_retention: TimeSpan,
    /// The first administrator, when the environment provides one.
    pub bootstrap_admin: Option<BootstrapAdmin>,
    /// Certificate and key, if TLS is served directly.
    pub tls: Option<TlsFiles>,
    /// Whether a plain-http issuer that is not loopback is allowed.
    pub insecure_http: bool,
    /// Files with secrets, each with the setting that names it.
    pub secret_files: Vec<(String, PathBuf)>,
    /// One line for each setting, in the order of [`SETTINGS`].
    pub shown: Vec<Shown>,
}

/// A valid configuration and the sources of its values.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings in force.
    pub config: Config,
    /// One line for each setting, in the order of [`SETTINGS`].
    pub shown: Vec<Shown>,
}

/// An effective setting in a form that may be displayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The variable's name.
    pub name: &'static str,
    /// The value in force, masked when it is secret; empty when there is none.
    pub value: String,
    /// The source of the value; prints as `default`, `environment`, `.env` or `file /path`.
    pub origin: Origin,
}

impl Config {
    /// Reads the process environment and the working directory's `.env`.
    ///
    /// # Errors
    /// All mistakes at once, worded for the operator (exit code 78).
    pub fn load() -> Result<Loaded, ConfigErrors> {
        Self::from_source(&Source::from_process())
    }

    /// Whether `SIGNET_LOG_FORMAT` is `json`, for messages before, or instead of, a valid configuration.
    #[must_use]
    pub fn logs_json() -> bool {
        let source = Source::from_process();
        let mut reader = reader::Reader::new(&source);
        let format = reader.typed(&settings::LOG_FORMAT, parse::word(LogFormat::ALL));
        format == Some(LogFormat::Json)
    }

    /// Parses and checks `source`.
    ///
    /// # Errors
    /// All mistakes at once, including those of reading the source.
    pub fn from_source(source: &Source) -> Result<Loaded, ConfigErrors> {
        let mut reader = reader::Reader::new(source);
        let config = assemble::config(&mut reader);
        if let Some(config) = &config {
            cross_checks::check(config, &mut reader);
        }
        let (shown, mistakes) = reader.finish();
        match config {
            Some(mut config) if mistakes.is_empty() => {
                config.secret_files = secret_files(&shown, config.tls.as_ref());
                config.shown.clone_from(&shown);
                Ok(Loaded { config, shown })
            }
            _ => Err(ConfigErrors::new(mistakes)),
        }
    }
}

/// The files with secrets that settings name.
fn secret_files(shown: &[Shown], tls: Option<&TlsFiles>) -> Vec<(String, PathBuf)> {
    let by_name = shown.iter().filter_map(|shown| match &shown.origin {
        Origin::File(path) => Some((format!("{}_FILE", shown.name), path.clone())),
        _ => None,
    });
    by_name.chain(tls.map(|tls| (settings::TLS_KEY.name.to_owned(), tls.key.clone()))).collect()
}

//! The list of settings: name, default, meaning, secrecy.
//!
//! Parsing, the check for unknown names, `config show` and `.env.example` all use this list, so that no name or
//! default exists twice.

/// A setting as operators see it.
#[derive(Debug)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// Heading in `.env.example`.
    pub section: &'static str,
    /// Whether the value is secret: it may also come from the file that `NAME_FILE` names, and is never printed.
    pub secret: bool,
    /// The default.
    pub fallback: Fallback,
    /// Its meaning in one line.
    pub meaning: &'static str,
}

/// The default of a setting.
#[derive(Debug)]
pub enum Fallback {
    /// This text, parsed as if the operator had typed it.
    Fixed(&'static str),
    /// A derived value, or none.
    Derived {
        /// The default in words.
        says: &'static str,
        /// A value to show in `.env.example`; empty for secrets, which must not be copied.
        sample: &'static str,
    },
}

impl Setting {
    /// The variable that names a file with the value, for secrets only.
    #[must_use]
    pub fn file_name(&self) -> Option<String> {
        self.secret.then(|| format!("{}_FILE", self.name))
    }
}

/// Declares each setting as a `static`, so that code can only name one that is in the list.
macro_rules! settings {
    ($($section:literal {
        $($ident:ident = $name:literal, secret: $secret:literal, $fallback:expr, $meaning:literal;)+
    })+) => {
        $($(
            #[doc = $meaning]
            pub(super) static $ident: Setting = Setting {
                name: $name,
                section: $section,
                secret: $secret,
                fallback: $fallback,
                meaning: $meaning,
            };
        )+)+

        /// Every setting, in the order of the documentation.
        pub static SETTINGS: &[&Setting] = &[$($(&$ident),+),+];
    };
}

use Fallback::{Derived, Fixed};

settings! {
    "Addresses" {
        ISSUER = "SIGNET_ISSUER", secret: false,
            Derived { says: "http://localhost with the first port of SIGNET_LISTEN (https with TLS)",
                      sample: "http://localhost:8484" },
            "Public URL of this server and `iss` of its tokens: no trailing slash.";
        LISTEN = "SIGNET_LISTEN", secret: false,
            Fixed("127.0.0.1:8484,[::1]:8484"),
            "Addresses to serve on, comma separated; port 0 lets the system choose.";
        PROXY_STRIPS_PATH = "SIGNET_PROXY_STRIPS_PATH", secret: false,
            Fixed("false"),
            "`true` if a proxy takes the path of SIGNET_ISSUER off requests; see docs/proxies.md.";
        INSECURE_HTTP = "SIGNET_INSECURE_HTTP", secret: false,
            Fixed("false"),
            "`true` accepts a plain-http issuer that is not loopback.";
        TLS_CERT = "SIGNET_TLS_CERT", secret: false,
            Derived { says: "none, plain HTTP is served", sample: "/etc/signet/tls.crt" },
            "Certificate chain (PEM) to serve TLS directly; reloaded on SIGHUP.";
        TLS_KEY = "SIGNET_TLS_KEY", secret: false,
            Derived { says: "none, plain HTTP is served", sample: "/etc/signet/tls.key" },
            "Private key (PEM) of that certificate; both or neither.";
        SHUTDOWN_DELAY = "SIGNET_SHUTDOWN_DELAY", secret: false,
            Fixed("0s"),
            "How long /ready is 503 before sockets close, so that balancers notice: up to 5m.";
        TRUSTED_PROXIES = "SIGNET_TRUSTED_PROXIES", secret: false,
            Derived { says: "empty, no proxy is trusted", sample: "10.0.0.0/8,192.0.2.7" },
            "Networks or addresses of proxies whose header with the client's address is trusted.";
        PROXY_HEADER = "SIGNET_PROXY_HEADER", secret: false,
            Derived { says: "x-forwarded-for, or forwarded where a proxy sends only that",
                      sample: "x-forwarded-for" },
            "Header with that address: x-forwarded-for, forwarded, or one that holds one address.";
    }
    "Storage and keys" {
        DATA_DIR = "SIGNET_DATA_DIR", secret: false,
            Fixed("./data"),
            "Directory of the master key file and the SQLite database.";
        DATABASE_URL = "SIGNET_DATABASE_URL", secret: true,
            Derived { says: "sqlite://<data dir>/signet.db", sample: "" },
            "sqlite://PATH (taken literally) or postgres://USER:PASSWORD@HOST/NAME.";
        DATABASE_CONNECTIONS = "SIGNET_DATABASE_CONNECTIONS", secret: false,
            Fixed("16"),
            "Maximum connections to PostgreSQL: 2 to 1000; fewer are used if the server allows fewer.";
        DATABASE_WAIT = "SIGNET_DATABASE_WAIT", secret: false,
            Fixed("30s"),
            "How long a start waits for a PostgreSQL that cannot be reached yet: 0s to 1h.";
        NEW_DATABASE = "SIGNET_NEW_DATABASE", secret: false,
            Fixed("allowed"),
            "`never` refuses to create a database: set it once there is one.";
        MASTER_KEY = "SIGNET_MASTER_KEY", secret: true,
            Derived { says: "the file master.key in the data directory", sample: "" },
            "32 random bytes as base64url without padding; seals every other key.";
        MASTER_KEY_OLD = "SIGNET_MASTER_KEY_OLD", secret: true,
            Derived { says: "none, the master key is not being replaced", sample: "" },
            "The previous master key, until `signet key rewrap` has replaced it.";
    }
    "Backups" {
        BACKUP_DIR = "SIGNET_BACKUP_DIR", secret: false,
            Derived { says: "backups in the data directory", sample: "/var/backups/signet" },
            "Directory for backups, of this server alone; see docs/backups.md.";
        BACKUP_RECIPIENTS = "SIGNET_BACKUP_RECIPIENTS", secret: false,
            Derived { says: "none, backups are not sealed", sample: "" },
            "age recipients (age1…), comma separated, for whom backups are sealed.";
        BACKUP_SCHEDULE = "SIGNET_BACKUP_SCHEDULE", secret: false,
            Fixed("off"),
            "When the server makes backups: daily@HH:MM in UTC, an interval such as 6h, or `off`.";
        BACKUP_KEEP = "SIGNET_BACKUP_KEEP", secret: false,
            Fixed("7d4w6m"),
            "Backups that are kept: the newest of so many days, weeks and months, or `all`.";
    }
    "Configuration files" {
        APPLY_FILES = "SIGNET_APPLY_FILES", secret: false,
            Derived { says: "none, nothing is applied at a start", sample: "/etc/signet/signet.toml" },
            "Configuration files, comma separated, applied at each start; see docs/configuration-as-code.md.";
    }
    "Tokens and sessions" {
        SIGNING_ALG = "SIGNET_SIGNING_ALG", secret: false,
            Fixed("ES256"),
            "Signature algorithm of access tokens for APIs that chose none, such as RS256.";
        KEY_ROTATION = "SIGNET_KEY_ROTATION", secret: false,
            Fixed("90d"),
            "How long a signing key signs before its successor takes over, or `off`.";
        KEY_PUBLISH_AHEAD = "SIGNET_KEY_PUBLISH_AHEAD", secret: false,
            Fixed("24h"),
            "How long a new signing key is published before it signs: 10m to 30d.";
        ACCESS_TOKEN_TTL = "SIGNET_ACCESS_TOKEN_TTL", secret: false,
            Fixed("10m"),
            "Lifetime of an access token: at most 24h, at least twice the retry window.";
        REFRESH_IDLE_TTL = "SIGNET_REFRESH_IDLE_TTL", secret: false,
            Fixed("30d"),
            "A session not refreshed for this long ends.";
        REFRESH_MAX_TTL = "SIGNET_REFRESH_MAX_TTL", secret: false,
            Fixed("180d"),
            "A session ends this long after log-in, however often it is refreshed.";
        REFRESH_RETRY_WINDOW = "SIGNET_REFRESH_RETRY_WINDOW", secret: false,
            Fixed("30s"),
            "How long a refresh whose response was lost can be repeated: 0s to 5m.";
        MAX_SESSIONS_PER_USER = "SIGNET_MAX_SESSIONS_PER_USER", secret: false,
            Fixed("1000"),
            "Active sessions and sign-ins of one user: 1 to 100000 each; one more ends the least recently used.";
    }
    "Accounts and passwords" {
        REGISTRATION = "SIGNET_REGISTRATION", secret: false,
            Fixed("closed"),
            "`open`: anyone can create an account; `verified`: with a mailed code; `invite`: invited users.";
        REGISTRATION_DOMAINS = "SIGNET_REGISTRATION_DOMAINS", secret: false,
            Derived { says: "none, every domain", sample: "example.com,*.example.org" },
            "Domains of the addresses that can sign up, comma separated; *.DOMAIN for all below one.";
        LOGIN_CHANGE = "SIGNET_LOGIN_CHANGE", secret: false,
            Fixed("off"),
            "`on` lets users change their login name. The old one stays reserved for them for 90 days.";
        CONSOLE = "SIGNET_CONSOLE", secret: false,
            Fixed("on"),
            "`off`: there is no web console at /admin.";
        CONSOLE_NETWORKS = "SIGNET_CONSOLE_NETWORKS", secret: false,
            Derived { says: "empty, every network", sample: "10.0.0.0/8,192.0.2.7" },
            "Networks or addresses from which the web console can be used; /v1/admin is not affected.";
        REVOCATION_FEED = "SIGNET_REVOCATION_FEED", secret: false,
            Fixed("on"),
            "`off`: no revocation feed for services that verify tokens offline.";
        CLIENT_DOCUMENTS = "SIGNET_CLIENT_DOCUMENTS", secret: false,
            Fixed("off"),
            "Client ID metadata documents: `off`, `any`, or https prefixes, each with an optional `+cross`.";
        PASSWORD_MIN_LENGTH = "SIGNET_PASSWORD_MIN_LENGTH", secret: false,
            Fixed("8"),
            "Minimum length of a new password: 8 to 64 characters.";
        PASSWORD_DENY_LIST = "SIGNET_PASSWORD_DENY_LIST", secret: false,
            Derived { says: "none besides the built-in list", sample: "/etc/signet/passwords.txt" },
            "Text file of rejected passwords, one per line; up to 100000, 4 MiB. Read at the start.";
        SECOND_FACTOR = "SIGNET_SECOND_FACTOR", secret: false,
            Fixed("optional"),
            "Who needs a second factor: `off` (no user enrols one), `optional`, `admins` or `required` (all).";
        SECOND_FACTOR_FROM = "SIGNET_SECOND_FACTOR_FROM", secret: false,
            Derived { says: "none, at the next sign-in", sample: "2030-01-31T00:00:00Z" },
            "Until when users who need a second factor may postpone it (RFC 3339 with an offset).";
        BOOTSTRAP_ADMIN_LOGIN = "SIGNET_BOOTSTRAP_ADMIN_LOGIN", secret: false,
            Derived { says: "none, the first start prints a set-up link", sample: "admin" },
            "First administrator; read only while no administrator has ever existed.";
        BOOTSTRAP_ADMIN_PASSWORD = "SIGNET_BOOTSTRAP_ADMIN_PASSWORD", secret: true,
            Derived { says: "none, the first start prints a set-up link", sample: "" },
            "Password of that administrator; both or neither.";
        ARGON2_MEMORY_KIB = "SIGNET_ARGON2_MEMORY_KIB", secret: false,
            Fixed("19456"),
            "Memory of one password hash in KiB (or a size such as 19MiB).";
        ARGON2_ITERATIONS = "SIGNET_ARGON2_ITERATIONS", secret: false,
            Fixed("2"),
            "Passes of one password hash: 1 to 64.";
        ARGON2_PARALLELISM = "SIGNET_ARGON2_PARALLELISM", secret: false,
            Fixed("1"),
            "Lanes of one password hash: 1 to 16.";
        HASH_WORKERS = "SIGNET_HASH_WORKERS", secret: false,
            Derived { says: "as many as cores and a quarter of the memory limit allow",
                      sample: "2" },
            "Password hashes computed at the same time.";
        HASH_MAX_WAIT = "SIGNET_HASH_MAX_WAIT", secret: false,
            Fixed("2s"),
            "A log-in that would wait longer for a hash gets 503 with Retry-After.";
        RATE_LIMITS = "SIGNET_RATE_LIMITS", secret: false,
            Fixed("on"),
            "`off` lifts all limits on attempts: for benchmarks only.";
    }
    "Passkeys" {
        PASSKEYS = "SIGNET_PASSKEYS", secret: false,
            Fixed("on"),
            "`off` offers no passkeys. Stored ones are kept.";
        RP_ID = "SIGNET_RP_ID", secret: false,
            Derived { says: "the host of SIGNET_ISSUER", sample: "localhost" },
            "Domain that passkeys are bound to: the host of SIGNET_ISSUER or a parent of it.";
        RP_ID_OLD = "SIGNET_RP_ID_OLD", secret: false,
            Derived { says: "none, the domain is not being changed", sample: "old.example.com" },
            "The previous domain: confirms that its passkeys become unusable.";
        PASSKEY_ORIGINS = "SIGNET_PASSKEY_ORIGINS", secret: false,
            Derived { says: "none besides SIGNET_ISSUER", sample: "https://example.org" },
            "Further origins that use the passkeys: https://HOST or android:apk-key-hash:HASH, comma separated.";
    }
    "Pages" {
        BROWSER_SESSION_TTL = "SIGNET_BROWSER_SESSION_TTL", secret: false,
            Fixed("12h"),
            "How long a sign-in at the pages lasts, for all clients: 1m to 365d.";
        BROWSER_SESSION_PERSISTENT = "SIGNET_BROWSER_SESSION_PERSISTENT", secret: false,
            Fixed("off"),
            "Whether that outlives the browser: `off`, `on`, or `ask` (the user ticks a box when signing in).";
        BRAND_NAME = "SIGNET_BRAND_NAME", secret: false,
            Fixed("Signet"),
            "Name on every page and in its title: up to 64 characters.";
        BRAND_COLOR = "SIGNET_BRAND_COLOR", secret: false,
            Fixed("#1d4ed8"),
            "Colour of buttons and links: #rrggbb with a contrast of 4.5:1 on white.";
        BRAND_COLOR_DARK = "SIGNET_BRAND_COLOR_DARK", secret: false,
            Derived { says: "a tint of SIGNET_BRAND_COLOR that is readable on dark", sample: "#8ab4f8" },
            "The same for the dark colour scheme: 4.5:1 on #16181c.";
        BRAND_LOGO = "SIGNET_BRAND_LOGO", secret: false,
            Derived { says: "none, the name is shown", sample: "/etc/signet/logo.svg" },
            "SVG, PNG or WebP file of up to 256 KiB, shown in place of the name.";
        PRIVACY_URL = "SIGNET_PRIVACY_URL", secret: false,
            Derived { says: "none, no link is shown", sample: "https://example.com/privacy" },
            "Address of the privacy policy, linked at the foot of every page.";
        TERMS_URL = "SIGNET_TERMS_URL", secret: false,
            Derived { says: "none, no link is shown", sample: "https://example.com/terms" },
            "Address of the terms of service, linked at the foot of every page.";
    }
    "Mail" {
        SMTP_URL = "SIGNET_SMTP_URL", secret: true,
            Derived { says: "none, no mail is sent", sample: "" },
            "smtps://USER@HOST:465, smtp://USER@HOST:587 (STARTTLS) or file:/DIR; see docs/mail.md.";
        SMTP_PASSWORD = "SIGNET_SMTP_PASSWORD", secret: true,
            Derived { says: "none, the SMTP server requires none", sample: "" },
            "Password of the user in SIGNET_SMTP_URL.";
        MAIL_FROM = "SIGNET_MAIL_FROM", secret: false,
            Derived { says: "none, no mail is sent", sample: "Example <signet@example.com>" },
            "Sender of mail, an address or NAME <ADDRESS>. Set with SIGNET_SMTP_URL: both or neither.";
    }
    "Logs, metrics, audit" {
        LOG = "SIGNET_LOG", secret: false,
            Fixed("info"),
            "What is logged: a level, or directives such as info,sqlx=warn.";
        LOG_FORMAT = "SIGNET_LOG_FORMAT", secret: false,
            Fixed("auto"),
            "pretty, json, or auto: pretty on a terminal and JSON otherwise.";
        METRICS_LISTEN = "SIGNET_METRICS_LISTEN", secret: false,
            Fixed("127.0.0.1:9484"),
            "Address of the OpenMetrics page /metrics, or `off`.";
        METRICS_CLIENTS = "SIGNET_METRICS_CLIENTS", secret: false,
            Fixed("off"),
            "on: metrics about clients have a series for each client_id; off: one for all.";
        OTLP_ENDPOINT = "SIGNET_OTLP_ENDPOINT", secret: false,
            Derived { says: "none, no spans are sent", sample: "" },
            "OpenTelemetry collector such as http://127.0.0.1:4318; for binaries with the feature otlp.";
        OTLP_HEADERS = "SIGNET_OTLP_HEADERS", secret: true,
            Derived { says: "none, the collector requires none", sample: "" },
            "Headers for the collector: NAME=VALUE, separated by commas.";
        OTLP_SAMPLE = "SIGNET_OTLP_SAMPLE", secret: false,
            Fixed("1"),
            "Share of requests that are sampled, from 0 to 1, unless a trusted proxy has decided.";
        AUDIT_RETENTION = "SIGNET_AUDIT_RETENTION", secret: false,
            Fixed("400d"),
            "How long audit events are kept.";
        AUDIT_LOGIN_RETENTION = "SIGNET_AUDIT_LOGIN_RETENTION", secret: false,
            Fixed("90d"),
            "How long the audit events of successful log-ins are kept; at most as long as the others.";
    }
}

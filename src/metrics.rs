//! Counters for the operator, in OpenMetrics text.
//!
//! Owns the names and labels. Labels are few and never hold anything a caller chose.

use std::cell::{OnceCell, RefCell};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::base::{TimeSpan, Timestamp};
use crate::domain::mail::MailKind;

/// The labels of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The route's pattern, never the path that was asked for.
    pub route: &'static str,
    /// The method, of a short list.
    pub method: &'static str,
    /// The status.
    pub status: u16,
}

/// The label of a duration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RouteLabel {
    /// The route's pattern.
    pub route: &'static str,
}

/// The label of an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ResultLabel {
    /// A stable word.
    pub result: &'static str,
}

/// The labels of an answer of the token endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct GrantLabels {
    /// The grant, of a short list.
    pub grant: &'static str,
    /// A stable word.
    pub result: &'static str,
}

/// The labels of a mail that was to be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct MailLabels {
    /// The kind, of a short list.
    pub kind: &'static str,
    /// A stable word.
    pub result: &'static str,
}

/// The label of something that concerns a client.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ClientLabel {
    /// A registered client: as many values as an administrator makes.
    pub client_id: String,
}

/// The label of a source of configuration files.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SourceLabel {
    /// Its name: as many values as an operator makes.
    pub source: String,
}

/// The metrics of one route as one worker holds them: what is the same as the last time is not looked
/// up again.
pub struct RouteMetrics {
    route: &'static str,
    durations: OnceCell<Histogram>,
    last: RefCell<Option<(&'static str, u16, Counter)>>,
}

impl RouteMetrics {
    /// None yet, of the route with this pattern.
    #[must_use]
    pub const fn new(route: &'static str) -> Self {
        Self { route, durations: OnceCell::new(), last: RefCell::new(None) }
    }

    /// The route's pattern.
    #[must_use]
    pub const fn route(&self) -> &'static str {
        self.route
    }

    /// Counts one answer.
    pub fn observe(&self, metrics: &Metrics, method: &'static str, status: u16, took: Duration) {
        let route = self.route;
        let durations = || metrics.durations.get_or_create_owned(&RouteLabel { route });
        self.durations.get_or_init(durations).observe(took.as_secs_f64());
        let mut last = self.last.borrow_mut();
        let known = last.take().filter(|(known, same, _)| *known == method && *same == status);
        let counter = known.map_or_else(
            || metrics.requests.get_or_create_owned(&RequestLabels { route, method, status }),
            |(_, _, counter)| counter,
        );
        counter.inc();
        *last = Some((method, status, counter));
    }
}

/// Every result a log-in is counted under.
const LOGINS: &[&str] = &["ok", "failed", "factor_failed", "throttled"];
/// Every result a refresh is counted under.
const REFRESHES: &[&str] = &[
    "rotated",
    "resent",
    "superseded",
    "kept",
    "widened",
    "not_genuine",
    "expired",
    "ended",
    "reuse_detected",
    "rollback_detected",
];
/// Every limit that turns requests away.
const LIMITS: &[&str] = &[
    "login_address",
    "login_account",
    "recovery",
    "factor_account",
    "register_address",
    "setup_address",
    "recovery_address",
    "link_address",
    "client_address",
    "user_code",
    "proof",
    "pushed_request",
    "device_request",
    "device_poll",
    "revocation",
    "authenticated_write",
    "unattended_code",
    "email_confirmation",
    "registration",
    "login_change",
];
/// Everything that may become of a password hash.
const HASHES: &[&str] =
    &["ok", "too_long", "network_share", "queue_full", "late", "gone", "undecided"];
/// Everything that may be found about a trusted proxy.
const CLIENT_ADDRESSES: &[&str] =
    &["missing", "unreadable", "only_proxies", "only_forwarded", "disagree"];
/// Why connections were closed or turned away: to make room for one of the same network, or for any; because
/// there was no room and none was idle; because the client did not read its answer.
const CONNECTIONS: &[&str] = &["idle_of_network", "idle", "largest", "refused", "unread"];
/// Every result a token request is counted under.
const TOKENS: &[&str] = &["ok", "refused"];

/// Every result of an attempt to deliver a mail: delivered; to be tried again; refused for good by the mail
/// server; given up when it expired; not sent because no user has the address or its code is void.
const MAILS: &[&str] = &["delivered", "deferred", "refused", "failed", "dropped"];

/// Every metric there is.
pub struct Metrics {
    registry: Registry,
    /// In milliseconds since the epoch; 0 for none.
    certificate_end: AtomicI64,
    /// When the oldest mail that waits was written, likewise.
    oldest_mail: AtomicI64,
    /// Requests answered.
    pub requests: Family<RequestLabels, Counter>,
    /// How long they took.
    pub durations: Family<RouteLabel, Histogram>,
    /// Log-ins by result.
    pub logins: Family<ResultLabel, Counter>,
    /// Refreshes by result.
    pub refreshes: Family<ResultLabel, Counter>,
    /// Requests turned away by a limit.
    pub limited: Family<ResultLabel, Counter>,
    /// Requests of trusted proxies whose client is unknown or disputed, by reason.
    pub client_addresses: Family<ResultLabel, Counter>,
    /// Connections of clients.
    pub connections: Gauge,
    /// Connections that were closed or turned away, by reason.
    pub connections_closed: Family<ResultLabel, Counter>,
    /// Password hashes by what became of them.
    pub hashes: Family<ResultLabel, Counter>,
    /// Answers of the token endpoint by grant and result.
    pub tokens: Family<GrantLabels, Counter>,
    /// Attempts to deliver a mail by kind and result.
    pub mails: Family<MailLabels, Counter>,
    /// Requested scopes that were left out, by client.
    pub dropped_scopes: Family<ClientLabel, Counter>,
    /// Refresh branches that made room for the ninth of their session.
    pub replaced_branches: Counter,
    /// Managed objects that were changed elsewhere, by source.
    pub config_drift: Family<SourceLabel, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("signet");
        let requests = Family::default();
        registry.register("http_requests", "Requests answered", requests.clone());
        let durations = Family::<RouteLabel, Histogram>::new_with_constructor(|| {
            Histogram::new(exponential_buckets(0.0005, 2.0, 14))
        });
        let help = "Time from the request's head to the answer's head";
        let name = "http_request_duration";
        registry.register_with_unit(name, help, Unit::Seconds, durations.clone());
        let logins = from_zero(LOGINS);
        registry.register("logins", "Log-ins by result", logins.clone());
        let refreshes = from_zero(REFRESHES);
        registry.register("refreshes", "Refreshes by result", refreshes.clone());
        let limited = from_zero(LIMITS);
        registry.register("rate_limited", "Requests turned away by a limit", limited.clone());
        let client_addresses = from_zero(CLIENT_ADDRESSES);
        let help = "Requests of trusted proxies whose client is unknown or disputed";
        registry.register("proxy_findings", help, client_addresses.clone());
        let connections = Gauge::default();
        registry.register("connections", "Connections of clients", connections.clone());
        let connections_closed = from_zero(CONNECTIONS);
        let help = "Connections that were closed or turned away";
        registry.register("connections_closed", help, connections_closed.clone());
        let hashes = from_zero(HASHES);
        let help = "Password hashes by what became of them";
        registry.register("argon2_hashes", help, hashes.clone());
        let tokens = Family::default();
        let help = "Answers of the token endpoint by grant and result";
        registry.register("token_requests", help, tokens.clone());
        let mails = Family::<MailLabels, Counter>::default();
        for kind in MailKind::ALL {
            for result in MAILS {
                drop(mails.get_or_create(&MailLabels { kind: kind.as_str(), result }));
            }
        }
        let help = "Attempts to deliver a mail by kind and result";
        registry.register("mails", help, mails.clone());
        let dropped_scopes = Family::default();
        let help = "Requested scopes that were left out: unknown, or not for the client";
        registry.register("dropped_scopes", help, dropped_scopes.clone());
        let replaced_branches = Counter::default();
        let help = "Refresh tokens that ended because their session had eight others";
        registry.register("replaced_branches", help, replaced_branches.clone());
        let config_drift = Family::default();
        let help = "Managed objects that are not what the configuration files said";
        registry.register("config_drift_objects", help, config_drift.clone());
        let certificate_end = AtomicI64::new(0);
        Self {
            registry,
            certificate_end,
            oldest_mail: AtomicI64::new(0),
            requests,
            durations,
            logins,
            refreshes,
            limited,
            client_addresses,
            connections,
            connections_closed,
            hashes,
            tokens,
            mails,
            dropped_scopes,
            replaced_branches,
            config_drift,
        }
    }
}

/// A family in which every known result begins at 0: Prometheus sees no increase in a series that begins
/// with its first event.
fn from_zero(results: &[&'static str]) -> Family<ResultLabel, Counter> {
    let family = Family::<ResultLabel, Counter>::default();
    for result in results {
        drop(family.get_or_create(&ResultLabel { result }));
    }
    family
}

impl Metrics {
    /// Counts one outcome.
    pub fn count(family: &Family<ResultLabel, Counter>, result: &'static str) {
        let label = ResultLabel { result };
        debug_assert!(
            family.get(&label).is_some(),
            "{result} does not begin at 0: it is missing from the lists in metrics.rs"
        );
        family.get_or_create(&label).inc();
    }

    /// Lets every result of these grants begin at 0.
    pub fn know_grants(&self, grants: impl Iterator<Item = &'static str>) {
        for grant in grants {
            for result in TOKENS {
                drop(self.tokens.get_or_create(&GrantLabels { grant, result }));
            }
        }
    }

    /// Notes when the TLS certificate ends.
    pub fn certificate_ends_at(&self, at: Timestamp) {
        self.certificate_end.store(at.millis(), Ordering::Relaxed);
    }

    /// When the TLS certificate ends, where there is one.
    #[must_use]
    pub fn certificate_end(&self) -> Option<Timestamp> {
        let at = self.certificate_end.load(Ordering::Relaxed);
        (at != 0).then(|| Timestamp::from_millis(at))
    }

    /// Notes when the oldest mail that waits was written.
    pub fn mail_waits_since(&self, at: Option<Timestamp>) {
        self.oldest_mail.store(at.map_or(0, Timestamp::millis), Ordering::Relaxed);
    }

    /// How long the oldest mail has waited by `now`; zero where none waits.
    #[must_use]
    pub fn longest_wait_of_mail(&self, now: Timestamp) -> TimeSpan {
        let at = self.oldest_mail.load(Ordering::Relaxed);
        let waited = if at == 0 { 0 } else { now.millis().saturating_sub(at) };
        TimeSpan::from_millis(waited.max(0))
    }

    /// Counts one attempt to deliver a mail.
    pub fn count_mail(&self, kind: MailKind, result: &'static str) {
        self.mails.get_or_create(&MailLabels { kind: kind.as_str(), result }).inc();
    }

    /// Counts one answer of the token endpoint.
    pub fn count_token(&self, grant: &'static str, result: &'static str) {
        self.tokens.get_or_create(&GrantLabels { grant, result }).inc();
    }

    /// Notes how many objects of each source have drifted; other sources manage nothing any more.
    pub fn config_has_drifted<'a>(&self, by_source: impl Iterator<Item = (&'a String, usize)>) {
        self.config_drift.clear();
        for (source, objects) in by_source {
            let gauge =
                self.config_drift.get_or_create_owned(&SourceLabel { source: source.clone() });
            gauge.set(i64::try_from(objects).unwrap_or(i64::MAX));
        }
    }

    /// Counts requested scopes that were left out.
    pub fn count_dropped_scopes(&self, client_id: &str, scopes: usize) {
        let label = ClientLabel { client_id: client_id.to_owned() };
        let scopes = u64::try_from(scopes).unwrap_or(u64::MAX);
        self.dropped_scopes.get_or_create(&label).inc_by(scopes);
    }

    /// All metrics in the OpenMetrics text format, followed by the gauges of the moment.
    #[must_use]
    pub fn render(&self, gauges: &[(&str, &str, i64)]) -> String {
        let mut text = String::new();
        if prometheus_client::encoding::text::encode_registry(&mut text, &self.registry).is_err() {
            // Writing into a string does not fail.
            text.clear();
        }
        for (name, help, value) in gauges {
            text.push_str(&format!(
                "# HELP signet_{name} {help}.\n# TYPE signet_{name} gauge\nsignet_{name} {value}\n"
            ));
        }
        text.push_str("# EOF\n");
        text
    }
}

//! Metrics in OpenMetrics text.
//!
//! Owns the names. The labels are in `labels`; `counters` and `histograms` are the cheap types for the request
//! path.

#[cfg(test)]
mod closed_tests;
mod counters;
mod database;
mod histograms;
mod label_values;
mod labels;
mod process;
mod readings;
mod sample;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::base::{TimeSpan, Timestamp};
use crate::domain::mail::MailKind;
use crate::domain::oauth_error::OAuthError;
use crate::domain::rate_limit::RateLimit;
use crate::domain::token_rules::TokenAlg;

pub use counters::ClosedCounters;
pub use database::{DbMetrics, Wait};
pub use histograms::ClosedHistograms;
pub use label_values::HOUSEKEEPING;
use label_values::{
    ACCOUNT_LIMITS, BACKUPS, CLIENT_ADDRESSES, CONNECTIONS, HASHES, ISSUED_AT_V1, LOGINS, MAILS,
    OTHER, REFRESHES, TOKEN_ERRORS, TOKENS,
};
pub use labels::{
    ClientLabel, GrantLabels, MailLabels, RequestLabels, ResultLabel, RouteLabel, RouteMetrics,
    SourceLabel,
};
pub use readings::Reading;
pub use sample::Sample;

/// All metrics.
pub struct Metrics {
    registry: Registry,
    /// In milliseconds since the epoch; 0 for none.
    certificate_end: AtomicI64,
    /// When the oldest waiting mail was written, in milliseconds since the epoch.
    oldest_mail: AtomicI64,
    started_at: Timestamp,
    sample: Mutex<Sample>,
    /// Whether metrics about clients have a series for each client.
    by_client: bool,
    issued: ClosedCounters,
    denied: ClosedCounters,
    signing: ClosedHistograms,
    jwks: ClosedCounters,
    housekeeping: ClosedCounters,
    /// Requests in flight.
    pub in_flight: Gauge,
    /// Completed requests.
    pub requests: Family<RequestLabels, Counter>,
    /// Durations of requests.
    pub durations: Family<RouteLabel, Histogram>,
    /// Log-ins by result.
    pub logins: Family<ResultLabel, Counter>,
    /// Refreshes by result.
    pub refreshes: Family<ResultLabel, Counter>,
    /// Requests refused by a limit.
    pub limited: Family<ResultLabel, Counter>,
    /// Requests of trusted proxies whose client is unknown or disputed, by reason.
    pub client_addresses: Family<ResultLabel, Counter>,
    /// Connections of clients.
    pub connections: Gauge,
    /// Connections that were closed or refused, by reason.
    pub connections_closed: Family<ResultLabel, Counter>,
    /// Password hashes by result.
    pub hashes: Family<ResultLabel, Counter>,
    /// Responses of the token endpoint by grant and result.
    pub tokens: Family<GrantLabels, Counter>,
    /// Attempts to deliver a mail by kind and result.
    pub mails: Family<MailLabels, Counter>,
    /// Requested scopes that were dropped, by client.
    pub dropped_scopes: Family<ClientLabel, Counter>,
    /// Refresh branches that were replaced because their session had the maximum number.
    pub replaced_branches: Counter,
    /// Managed objects that were changed elsewhere, by source.
    pub config_drift: Family<SourceLabel, Gauge>,
    backups: Family<ResultLabel, Counter>,
}

/// A request in flight, until this is dropped.
pub struct InFlight<'a>(&'a Gauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Log lines of this process that were dropped because they came faster than they were read. One counter for
/// the process, because there is one log.
pub static LOST_LOG_LINES: AtomicU64 = AtomicU64::new(0);

/// Other sources of metrics.
pub struct Sources<'a> {
    /// The metrics of the database.
    pub database: &'a DbMetrics,
    /// Durations of password hashes, by class.
    pub hashing: &'a ClosedHistograms,
    /// Whether metrics about clients have a series for each client.
    pub by_client: bool,
    /// When the process started.
    pub started_at: Timestamp,
}

impl Metrics {
    /// Metrics that start at 0.
    #[must_use]
    pub fn new(sources: &Sources<'_>) -> Self {
        let mut registry = Registry::with_prefix("signet");
        let in_flight = Gauge::default();
        let help = "Requests whose answer has not begun";
        registry.register("http_requests_in_flight", help, in_flight.clone());
        let (issued, denied) = (ClosedCounters::default(), ClosedCounters::default());
        let help = "Access tokens issued, by grant and algorithm";
        registry.register("tokens_issued", help, issued.clone());
        let help = "Refusals of the token endpoint, by grant and error";
        registry.register("token_denied", help, denied.clone());
        let algs = TokenAlg::all().map(TokenAlg::as_str).collect();
        let least = Duration::from_micros(4);
        let signing = ClosedHistograms::of_durations(("alg", algs), least, 14);
        let help = "Time to sign one token";
        registry.register_with_unit("signing_duration", help, Unit::Seconds, signing.clone());
        let jwks = ClosedCounters::new(vec![("status", vec!["200", "304"])]);
        registry.register("jwks_requests", "Fetches of the public keys", jwks.clone());
        let hashing = sources.hashing.clone();
        let help = "Time to compute or verify one password hash";
        registry.register_with_unit("argon2_duration", help, Unit::Seconds, hashing);
        let help = "Time that callers waited for a connection or the beginning of a transaction";
        let waits = sources.database.waits.clone();
        registry.register_with_unit("db_wait", help, Unit::Seconds, waits);
        let help = "Refreshes in one transaction";
        registry.register("db_batch_size", help, sources.database.batches.clone());
        let help = "Events in the audit trail, by kind";
        registry.register("audit_events", help, sources.database.audit_events.clone());
        let housekeeping = ClosedCounters::new(vec![("kind", HOUSEKEEPING.to_vec())]);
        let help = "Rows that housekeeping has removed";
        registry.register("housekeeping_rows", help, housekeeping.clone());
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
        let networks = RateLimit::ALL.iter().map(|limit| limit.as_str());
        let limits: Vec<&str> = networks.chain(ACCOUNT_LIMITS.iter().copied()).collect();
        let limited = from_zero(&limits);
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
        let dropped_scopes = Family::<ClientLabel, Counter>::default();
        if !sources.by_client {
            drop(dropped_scopes.get_or_create(&ClientLabel::default()));
        }
        let help = "Requested scopes that were left out: unknown, or not for the client";
        registry.register("dropped_scopes", help, dropped_scopes.clone());
        let replaced_branches = Counter::default();
        let help = "Refresh tokens that ended because their session had eight others";
        registry.register("replaced_branches", help, replaced_branches.clone());
        let backups = from_zero(BACKUPS);
        registry.register("backups", "Scheduled backups by result", backups.clone());
        let config_drift = Family::default();
        let help = "Managed objects that are not what the configuration files said";
        registry.register("config_drift_objects", help, config_drift.clone());
        Self {
            registry,
            certificate_end: AtomicI64::new(0),
            oldest_mail: AtomicI64::new(0),
            started_at: sources.started_at,
            sample: Mutex::default(),
            by_client: sources.by_client,
            issued,
            denied,
            signing,
            jwks,
            housekeeping,
            in_flight,
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
            backups,
        }
    }
}

/// A family in which every known result starts at 0.
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
            "{result} does not begin at 0: it is missing from the lists in metrics/label_values.rs"
        );
        family.get_or_create(&label).inc();
    }

    /// Creates the series of these grants with 0.
    pub fn know_grants(&self, grants: impl Iterator<Item = &'static str>) {
        let grants: Vec<&'static str> = grants.collect();
        let algs = TokenAlg::all().map(TokenAlg::as_str).collect();
        let ways = grants.iter().copied().chain(ISSUED_AT_V1).collect();
        self.issued.start_at_zero(vec![("grant", ways), ("alg", algs)]);
        self.denied
            .start_at_zero(vec![("grant", grants.clone()), ("error", TOKEN_ERRORS.to_vec())]);
        for grant in grants {
            for result in TOKENS {
                drop(self.tokens.get_or_create(&GrantLabels { grant, result }));
            }
        }
    }

    /// Sets when the TLS certificate expires.
    pub fn certificate_ends_at(&self, at: Timestamp) {
        self.certificate_end.store(at.millis(), Ordering::Relaxed);
    }

    /// When the TLS certificate expires, if there is one.
    #[must_use]
    pub fn certificate_end(&self) -> Option<Timestamp> {
        let at = self.certificate_end.load(Ordering::Relaxed);
        (at != 0).then(|| Timestamp::from_millis(at))
    }

    /// Sets when the oldest waiting mail was written.
    pub fn mail_waits_since(&self, at: Option<Timestamp>) {
        self.oldest_mail.store(at.map_or(0, Timestamp::millis), Ordering::Relaxed);
    }

    /// How long the oldest mail has waited at `now`; zero if none waits.
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

    /// Counts a scheduled backup.
    pub fn count_backup(&self, result: &'static str) {
        Self::count(&self.backups, result);
    }

    /// Counts one response of the token endpoint.
    pub fn count_token(&self, grant: &'static str, result: &'static str) {
        self.tokens.get_or_create(&GrantLabels { grant, result }).inc();
    }

    /// Sets the number of drifted objects for each source; other sources no longer manage anything.
    pub fn config_has_drifted<'a>(&self, by_source: impl Iterator<Item = (&'a String, usize)>) {
        self.config_drift.clear();
        for (source, objects) in by_source {
            let gauge =
                self.config_drift.get_or_create_owned(&SourceLabel { source: source.clone() });
            gauge.set(i64::try_from(objects).unwrap_or(i64::MAX));
        }
    }

    /// Counts an access token, by its grant or the name of its endpoint at `/v1`.
    pub fn count_issued(&self, grant: &'static str, alg: TokenAlg) {
        self.issued.count(&[grant, alg.as_str()]);
    }

    /// Counts a refusal of the token endpoint.
    pub fn count_denied(&self, grant: &'static str, error: OAuthError) {
        let known = TOKEN_ERRORS.iter().find(|known| **known == error.as_str());
        self.denied.count(&[grant, known.unwrap_or(&OTHER)]);
    }

    /// Records the time of a signature.
    pub fn signed(&self, alg: TokenAlg, took: Duration) {
        self.signing.observe(alg.position(), took);
    }

    /// Counts a fetch of the public keys; `changed` if the caller did not have them.
    pub fn count_jwks(&self, changed: bool) {
        self.jwks.add(&[usize::from(!changed)], 1);
    }

    /// Counts rows that housekeeping has removed, of one of the kinds of [`HOUSEKEEPING`].
    pub fn count_removed(&self, kind: &str, rows: u64) {
        if let Some(kind) = HOUSEKEEPING.iter().position(|known| *known == kind) {
            self.housekeeping.add(&[kind], rows);
        }
    }

    /// Counts a request as in flight until the returned value is dropped.
    #[must_use]
    pub fn begin_request(&self) -> InFlight<'_> {
        self.in_flight.inc();
        InFlight(&self.in_flight)
    }

    /// Changes the periodic counts.
    pub fn sample(&self, change: impl FnOnce(&mut Sample)) {
        change(&mut self.sample.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether the last heartbeat read and wrote the database; true before the first one.
    #[must_use]
    pub fn database_works(&self) -> bool {
        let sample = self.sample.lock().unwrap_or_else(PoisonError::into_inner);
        sample.database_works.unwrap_or(true)
    }

    /// Counts requested scopes that were dropped.
    pub fn count_dropped_scopes(&self, client_id: &str, scopes: usize) {
        let client_id = if self.by_client { client_id.to_owned() } else { String::new() };
        let label = ClientLabel { client_id };
        let scopes = u64::try_from(scopes).unwrap_or(u64::MAX);
        self.dropped_scopes.get_or_create(&label).inc_by(scopes);
    }

    /// All metrics in the OpenMetrics text format, including those that are read for this scrape.
    #[must_use]
    pub fn render(&self, moment: &[Reading]) -> String {
        let mut text = String::new();
        if prometheus_client::encoding::text::encode_registry(&mut text, &self.registry).is_err() {
            // Writing to a `String` cannot fail.
            text.clear();
        }
        let sample = self.sample.lock().unwrap_or_else(PoisonError::into_inner).shown();
        let process = process::of_process(self.started_at);
        for shown in moment.iter().chain(&sample).chain(&process) {
            shown.write(&mut text);
        }
        text.push_str("# EOF\n");
        text
    }
}

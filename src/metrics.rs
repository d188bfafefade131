//! Counters for the operator, in OpenMetrics text.
//!
//! Owns the names and labels. Labels are few and never hold anything a caller chose.

use std::cell::{OnceCell, RefCell};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

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

/// The label of something that concerns a client.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ClientLabel {
    /// A registered client: as many values as an administrator makes.
    pub client_id: String,
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

/// Every metric there is.
pub struct Metrics {
    registry: Registry,
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
    /// Password hashes by what became of them.
    pub hashes: Family<ResultLabel, Counter>,
    /// Answers of the token endpoint by grant and result.
    pub tokens: Family<GrantLabels, Counter>,
    /// Requested scopes that were left out, by client.
    pub dropped_scopes: Family<ClientLabel, Counter>,
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
        let logins = Family::default();
        registry.register("logins", "Log-ins by result", logins.clone());
        let refreshes = Family::default();
        registry.register("refreshes", "Refreshes by result", refreshes.clone());
        let limited = Family::default();
        registry.register("rate_limited", "Requests turned away by a limit", limited.clone());
        let client_addresses = Family::default();
        let help = "Requests of trusted proxies whose client is unknown or disputed";
        registry.register("proxy_findings", help, client_addresses.clone());
        let hashes = Family::default();
        let help = "Password hashes by what became of them";
        registry.register("argon2_hashes", help, hashes.clone());
        let tokens = Family::default();
        let help = "Answers of the token endpoint by grant and result";
        registry.register("token_requests", help, tokens.clone());
        let dropped_scopes = Family::default();
        let help = "Requested scopes that were left out: unknown, or not for the client";
        registry.register("dropped_scopes", help, dropped_scopes.clone());
        Self {
            registry,
            requests,
            durations,
            logins,
            refreshes,
            limited,
            client_addresses,
            hashes,
            tokens,
            dropped_scopes,
        }
    }
}

impl Metrics {
    /// Counts one outcome.
    pub fn count(family: &Family<ResultLabel, Counter>, result: &'static str) {
        family.get_or_create(&ResultLabel { result }).inc();
    }

    /// Counts one answer of the token endpoint.
    pub fn count_token(&self, grant: &'static str, result: &'static str) {
        self.tokens.get_or_create(&GrantLabels { grant, result }).inc();
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

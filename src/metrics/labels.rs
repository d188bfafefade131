//! Labels. Their values are few and never chosen by a caller.

use std::cell::{OnceCell, RefCell};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;

use super::Metrics;

/// The labels of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The route's pattern, never the requested path.
    pub route: &'static str,
    /// The method, of a short list.
    pub method: &'static str,
    /// The status code of the response.
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
    /// The result, a stable word.
    pub result: &'static str,
}

/// The labels of a response of the token endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct GrantLabels {
    /// The grant, of a short list.
    pub grant: &'static str,
    /// The result, a stable word.
    pub result: &'static str,
}

/// The labels of an attempt to deliver a mail.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct MailLabels {
    /// The kind, of a short list.
    pub kind: &'static str,
    /// The result, a stable word.
    pub result: &'static str,
}

/// The label of a metric about a client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ClientLabel {
    /// A registered client, so its values are bounded by administrators. Empty, which Prometheus treats as no
    /// label, if there is no series per client.
    pub client_id: String,
}

/// The label of a source of configuration files.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SourceLabel {
    /// Its name, so its values are bounded by operators.
    pub source: String,
}

/// The metrics of one route in one worker, which caches the last series.
pub struct RouteMetrics {
    route: &'static str,
    durations: OnceCell<Histogram>,
    last: RefCell<Option<(&'static str, u16, Counter)>>,
}

impl RouteMetrics {
    /// The metrics of the route with this pattern.
    #[must_use]
    pub const fn new(route: &'static str) -> Self {
        Self { route, durations: OnceCell::new(), last: RefCell::new(None) }
    }

    /// The route's pattern.
    #[must_use]
    pub const fn route(&self) -> &'static str {
        self.route
    }

    /// Counts one response.
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

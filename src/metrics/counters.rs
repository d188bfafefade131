//! Counters under closed lists of label values.
//!
//! Every series exists from the start, so that counting is one atomic addition: no lock, no look-up and no
//! allocation on the paths that every request takes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// A label and all its values.
pub type Label = (&'static str, Vec<&'static str>);

/// One counter for each combination of the values of one or two labels; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct ClosedCounters(Arc<OnceLock<Counters>>);

#[derive(Debug)]
struct Counters {
    labels: Vec<Label>,
    counts: Box<[AtomicU64]>,
}

impl ClosedCounters {
    /// Counters that start at 0.
    #[must_use]
    pub fn new(labels: Vec<Label>) -> Self {
        let counters = Self::default();
        counters.start_at_zero(labels);
        counters
    }

    /// Creates the series of counters whose values were not known before. Until then nothing is counted. A second
    /// call changes nothing.
    pub fn start_at_zero(&self, labels: Vec<Label>) {
        let size = labels.iter().map(|(_, values)| values.len()).product();
        let counts = (0..size).map(|_| AtomicU64::new(0)).collect();
        let _ = self.0.set(Counters { labels, counts });
    }

    /// Counts `n` under the value at this position in the list of each label.
    pub fn add(&self, position: &[usize], n: u64) {
        if let Some(count) = self.0.get().and_then(|counters| counters.at(position)) {
            count.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// Counts one under these values. An unknown value is ignored.
    pub fn count(&self, values: &[&str]) {
        let Some(counters) = self.0.get() else { return };
        let mut index = 0;
        for ((_, known), value) in counters.labels.iter().zip(values) {
            let Some(at) = known.iter().position(|known| known == value) else {
                debug_assert!(false, "{value} does not begin at 0: it is missing from its list");
                return;
            };
            index = index * known.len() + at;
        }
        if let Some(count) = counters.counts.get(index) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Counters {
    fn at(&self, position: &[usize]) -> Option<&AtomicU64> {
        let sizes = self.labels.iter().map(|(_, values)| values.len());
        let index = sizes.zip(position).fold(0, |index, (size, at)| index * size + at);
        self.counts.get(index)
    }

    /// The labels of the counter at `index`.
    fn labels_at(&self, mut index: usize) -> Vec<(&'static str, &'static str)> {
        let mut labels = Vec::with_capacity(self.labels.len());
        for (name, values) in self.labels.iter().rev() {
            labels.push((*name, values[index % values.len()]));
            index /= values.len();
        }
        labels.reverse();
        labels
    }
}

impl EncodeMetric for ClosedCounters {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> std::fmt::Result {
        let Some(counters) = self.0.get() else { return Ok(()) };
        for (index, count) in counters.counts.iter().enumerate() {
            let (labels, count) = (counters.labels_at(index), count.load(Ordering::Relaxed));
            encoder.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, f64>(&count, None)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }

    fn is_empty(&self) -> bool {
        self.0.get().is_none()
    }
}

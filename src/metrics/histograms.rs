//! Histograms under closed lists of label values.
//!
//! Every series exists from the start, so that recording a value is two atomic additions: no lock, no look-up and
//! no allocation on the paths that every request takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::counters::Label;

/// One histogram for each value of a label, or a single one without a label; cheap to clone.
#[derive(Debug, Clone)]
pub struct ClosedHistograms(Arc<Histograms>);

#[derive(Debug)]
struct Histograms {
    label: Label,
    /// The upper bounds of the buckets, in steps.
    bounds: Vec<u64>,
    /// The number of steps per exported unit.
    steps_per_unit: f64,
    series: Vec<Series>,
}

#[derive(Debug)]
struct Series {
    /// Not cumulative; the last bucket has no upper bound.
    buckets: Vec<AtomicU64>,
    sum: AtomicU64,
}

/// Nanoseconds in a second.
const NANOS: f64 = 1e9;

impl ClosedHistograms {
    /// Durations, shown in seconds: buckets from `least` on, each twice as wide as the one before.
    #[must_use]
    pub fn of_durations(label: Label, least: Duration, buckets: u32) -> Self {
        let least = u64::try_from(least.as_nanos()).unwrap_or(u64::MAX);
        Self::new(label, (0..buckets).map(|n| least.saturating_mul(1 << n)).collect(), NANOS)
    }

    /// Numbers, without a label: buckets 1, 2, 4 and so on.
    #[must_use]
    pub fn of_numbers(buckets: u32) -> Self {
        Self::new(("", vec![""]), (0..buckets).map(|n| 1 << n).collect(), 1.0)
    }

    fn new(label: Label, bounds: Vec<u64>, steps_per_unit: f64) -> Self {
        let one = || Series {
            buckets: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        };
        let series = label.1.iter().map(|_| one()).collect();
        Self(Arc::new(Histograms { label, bounds, steps_per_unit, series }))
    }

    /// Records a duration under the value at `position` in the list of the label.
    pub fn observe(&self, position: usize, took: Duration) {
        self.note(position, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Records a number in a histogram without a label.
    pub fn observe_number(&self, number: usize) {
        self.note(0, u64::try_from(number).unwrap_or(u64::MAX));
    }

    fn note(&self, position: usize, steps: u64) {
        let Some(series) = self.0.series.get(position) else { return };
        let bucket = self.0.bounds.partition_point(|bound| *bound < steps);
        series.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        series.sum.fetch_add(steps, Ordering::Relaxed);
    }
}

impl Series {
    fn encode(&self, of: &Histograms, encoder: &mut MetricEncoder<'_>) -> std::fmt::Result {
        let bounds = of.bounds.iter().map(|bound| *bound as f64 / of.steps_per_unit);
        let counts = self.buckets.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.chain([f64::INFINITY]).zip(counts).collect();
        // Computed from the buckets, so that it cannot differ from their sum.
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = self.sum.load(Ordering::Relaxed) as f64 / of.steps_per_unit;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }
}

impl EncodeMetric for ClosedHistograms {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> std::fmt::Result {
        let (label, values) = &self.0.label;
        for (value, series) in values.iter().zip(&self.0.series) {
            if label.is_empty() {
                series.encode(&self.0, &mut encoder)?;
            } else {
                series.encode(&self.0, &mut encoder.encode_family(&[(*label, *value)])?)?;
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

//! Tests of counters and histograms with closed lists of values.

use std::time::Duration;

use prometheus_client::encoding::text::encode_registry;
use prometheus_client::registry::{Metric, Registry};

use super::{ClosedCounters, ClosedHistograms};

fn shown(metric: impl Metric) -> String {
    let (mut registry, mut text) = (Registry::default(), String::new());
    registry.register("m", "Help", metric);
    encode_registry(&mut text, &registry).unwrap();
    text
}

#[test]
fn every_combination_begins_at_zero_and_is_counted_by_itself() {
    let counters = ClosedCounters::new(vec![("a", vec!["x", "y"]), ("b", vec!["1", "2", "3"])]);
    counters.add(&[1, 2], 2);
    counters.count(&["x", "2"]);
    let text = shown(counters);
    for (a, b, n) in [("x", 1, 0), ("x", 2, 1), ("x", 3, 0), ("y", 1, 0), ("y", 3, 2)] {
        assert!(text.contains(&format!("m_total{{a=\"{a}\",b=\"{b}\"}} {n}\n")), "{text}");
    }
    let later = ClosedCounters::default();
    later.add(&[0], 1);
    later.start_at_zero(vec![("a", vec!["x"])]);
    assert!(shown(later).contains("m_total{a=\"x\"} 0\n"), "values were not known before");
}

#[test]
fn a_value_at_a_bound_belongs_to_its_bucket() {
    let label = ("op", vec!["read", "write"]);
    let histograms = ClosedHistograms::of_durations(label, Duration::from_millis(1), 2);
    for millis in [1, 2, 3] {
        histograms.observe(1, Duration::from_millis(millis));
    }
    let text = shown(histograms);
    for line in [
        "m_sum{op=\"write\"} 0.006",
        "m_count{op=\"write\"} 3",
        "m_bucket{le=\"0.001\",op=\"write\"} 1",
        "m_bucket{le=\"0.002\",op=\"write\"} 2",
        "m_bucket{le=\"+Inf\",op=\"write\"} 3",
        "m_count{op=\"read\"} 0",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}:\n{text}");
    }
    let numbers = ClosedHistograms::of_numbers(3);
    numbers.observe_number(4);
    assert!(shown(numbers).contains("m_bucket{le=\"4.0\"} 1\n"));
}

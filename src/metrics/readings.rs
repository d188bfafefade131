//! Values that are read at the scrape, in OpenMetrics text.
//!
//! Owns their text form.

use std::fmt::Write as _;

/// A metric whose values are read at the scrape.
pub struct Reading {
    name: &'static str,
    help: &'static str,
    kind: &'static str,
    series: Vec<(Vec<(&'static str, String)>, f64)>,
}

impl Reading {
    /// A gauge without labels.
    #[must_use]
    pub fn gauge(name: &'static str, help: &'static str, value: impl Value) -> Self {
        Self { name, help, kind: "gauge", series: vec![(Vec::new(), value.into_f64())] }
    }

    /// A counter without labels; its name is without `_total`.
    #[must_use]
    pub fn counter(name: &'static str, help: &'static str, value: impl Value) -> Self {
        Self { kind: "counter", ..Self::gauge(name, help, value) }
    }

    /// A gauge with one label.
    #[must_use]
    pub fn by<T: Into<String>, V: Value>(
        name: &'static str,
        help: &'static str,
        label: &'static str,
        values: impl IntoIterator<Item = (T, V)>,
    ) -> Self {
        let one = |(value, n): (T, V)| (vec![(label, value.into())], n.into_f64());
        Self::with(name, help, values.into_iter().map(one))
    }

    /// A gauge with the labels of each value.
    #[must_use]
    pub fn with(
        name: &'static str,
        help: &'static str,
        series: impl IntoIterator<Item = (Vec<(&'static str, String)>, f64)>,
    ) -> Self {
        Self { name, help, kind: "gauge", series: series.into_iter().collect() }
    }

    /// Appends the metric, unless it has no value.
    pub(super) fn write(&self, text: &mut String) {
        if self.series.is_empty() {
            return;
        }
        let Self { name, help, kind, .. } = self;
        let total = if *kind == "counter" { "_total" } else { "" };
        // Writing to a `String` cannot fail.
        let _ = write!(text, "# HELP {name} {help}.\n# TYPE {name} {kind}\n");
        for (labels, value) in &self.series {
            let labels: Vec<String> = labels
                .iter()
                .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
                .collect();
            let labels =
                if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(text, "{name}{total}{labels} {value}");
        }
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A type of values.
pub trait Value {
    /// The value as a 64-bit float, the type of the format.
    fn into_f64(self) -> f64;
}

macro_rules! values {
    ($($number:ty),+) => {
        $(impl Value for $number {
            fn into_f64(self) -> f64 {
                self as f64
            }
        })+
    };
}

values!(i64, u64, usize);

impl Value for f64 {
    fn into_f64(self) -> f64 {
        self
    }
}

impl Value for bool {
    fn into_f64(self) -> f64 {
        if self { 1.0 } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_with_their_labels_and_one_description() {
        let mut text = String::new();
        Reading::by("signet_x", "Help", "state", [("a", 1_i64), ("q\"\\", 0)]).write(&mut text);
        Reading::counter("signet_y", "Help", 0.25).write(&mut text);
        Reading::by("signet_z", "Help", "state", Vec::<(&str, i64)>::new()).write(&mut text);
        let expected = "# HELP signet_x Help.\n# TYPE signet_x gauge\nsignet_x{state=\"a\"} 1\n\
                        signet_x{state=\"q\\\"\\\\\"} 0\n# HELP signet_y Help.\n\
                        # TYPE signet_y counter\nsignet_y_total 0.25\n";
        assert_eq!(text, expected);
    }
}

//! The table of results, also as JSON.

use std::io::{self, Write as _, stdout};

use serde_json::{Value, json};

use crate::load::Measured;

/// One row of the table.
pub struct Row {
    /// The name of the measurement.
    pub work: String,
    /// The number of connections.
    pub connections: usize,
    /// The result.
    pub measured: Measured,
    /// The rate it is compared with, and its name.
    pub beside: Option<(f64, &'static str)>,
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        self.beside.map(|(rate, _)| self.measured.rate() / rate.max(1e-9))
    }

    /// The row as JSON.
    pub fn json(&self) -> Value {
        let m = &self.measured;
        json!({
            "work": self.work,
            "connections": self.connections,
            "per_second": m.rate().round(),
            "ratio": self.ratio().map(|ratio| (ratio * 1000.0).round() / 1000.0),
            "beside": self.beside.map(|(_, name)| name),
            "p50_ms": m.quantile(0.5),
            "p99_ms": m.quantile(0.99),
            "p999_ms": m.quantile(0.999),
            "server_cpu_us": (m.server_micros() * 10.0).round() / 10.0,
            "driver_cpu_share": (m.driver_cpu / m.seconds * 1000.0).round() / 1000.0,
            "answers": m.answers,
            "turned_away": m.turned_away,
            "wrong": m.wrong,
        })
    }
}

/// Writes a line immediately, to show progress.
pub fn say(line: &str) -> io::Result<()> {
    let mut out = stdout();
    writeln!(out, "{line}")?;
    out.flush()
}

/// The head of the table.
pub fn head() -> io::Result<()> {
    say(&format!(
        "{:<34} {:>5} {:>9} {:>7} {:<14} {:>8} {:>8} {:>8} {:>8} {:>7}",
        "work", "conns", "per s", "ratio", "of", "p50 ms", "p99 ms", "p99.9", "CPU us", "driver"
    ))
}

/// One row of the table.
pub fn row(row: &Row) -> io::Result<()> {
    let m = &row.measured;
    let (ratio, of) = match (row.ratio(), row.beside) {
        (Some(ratio), Some((_, name))) => (format!("{ratio:.3}"), name),
        _ => (String::new(), ""),
    };
    let mut line = format!(
        "{:<34} {:>5} {:>9.0} {:>7} {:<14} {:>8.2} {:>8.2} {:>8.2} {:>8.1} {:>6.0}%",
        row.work,
        row.connections,
        m.rate(),
        ratio,
        of,
        m.quantile(0.5),
        m.quantile(0.99),
        m.quantile(0.999),
        m.server_micros(),
        m.driver_cpu / m.seconds * 100.0,
    );
    if m.turned_away > 0 {
        line.push_str(&format!("  {} times 503", m.turned_away));
    }
    if m.wrong > 0 {
        let first = m.first_wrong.as_deref().unwrap_or_default();
        line.push_str(&format!("  {} WRONG ANSWERS: {first}", m.wrong));
    }
    say(&line)
}

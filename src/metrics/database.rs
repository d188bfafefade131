//! The metrics of the storage layer.
//!
//! Created with the database, before the application; `Metrics` exports them.

use std::time::Duration;

use super::counters::ClosedCounters;
use super::histograms::ClosedHistograms;
use crate::domain::audit::EventKind;

/// The reason for a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// A connection to read from.
    Read,
    /// The beginning of a transaction: a connection and, on SQLite, the right to write.
    Write,
}

impl Wait {
    /// Their names, in the order of declaration.
    pub const NAMES: [&'static str; 2] = ["read", "write"];
}

/// Counters of a database, from its opening on.
#[derive(Debug)]
pub struct DbMetrics {
    /// How long callers waited, by [`Wait`].
    pub(super) waits: ClosedHistograms,
    /// Refreshes in one transaction.
    pub(super) batches: ClosedHistograms,
    /// Events in the audit trail by kind, in the order of [`EventKind::ALL`].
    pub(super) audit_events: ClosedCounters,
}

impl Default for DbMetrics {
    fn default() -> Self {
        let op = ("op", Wait::NAMES.to_vec());
        let kinds = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        Self {
            waits: ClosedHistograms::of_durations(op, Duration::from_micros(100), 16),
            batches: ClosedHistograms::of_numbers(9),
            audit_events: ClosedCounters::new(vec![("kind", kinds)]),
        }
    }
}

impl DbMetrics {
    /// Records how long a caller waited, whether or not it succeeded.
    pub fn waited(&self, op: Wait, took: Duration) {
        self.waits.observe(op as usize, took);
    }

    /// Records the number of refreshes in one transaction.
    pub fn batch(&self, refreshes: usize) {
        self.batches.observe_number(refreshes);
    }

    /// Counts committed events of the audit trail.
    pub fn recorded(&self, kinds: &[EventKind]) {
        for kind in kinds {
            self.audit_events.add(&[*kind as usize], 1);
        }
    }
}

//! Warnings for the operator, at most one a minute for each kind.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The destination of warnings.
pub(crate) struct Warnings {
    sink: fn(&str),
    last: Mutex<HashMap<&'static str, i64>>,
}

impl Warnings {
    pub fn to(sink: fn(&str)) -> Self {
        Self { sink, last: Mutex::default() }
    }

    /// Issues a warning, unless one of this kind was issued within the last minute.
    pub fn say(&self, kind: &'static str, text: &dyn std::fmt::Display, now: i64) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.get(kind).is_some_and(|at| (*at..*at + 60).contains(&now)) {
            return;
        }
        last.insert(kind, now);
        drop(last);
        (self.sink)(&format!("signet-verify: {kind}: {text}"));
    }
}

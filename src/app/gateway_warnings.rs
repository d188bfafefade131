//! Warnings about the configuration of gateways, for the operator who looks for the reason of refused requests.
//!
//! Every request of a gateway that is set up wrongly is refused alike, so that one line a minute is enough.

use std::sync::{Mutex, PoisonError};

use crate::base::TimeSpan;

use super::App;

/// How often one is logged.
const REPEAT: TimeSpan = TimeSpan::from_mins(1);

/// When the last one was logged.
#[derive(Debug, Default)]
pub struct GatewayWarnings(Mutex<Option<TimeSpan>>);

impl GatewayWarnings {
    fn is_due(&self, now: TimeSpan) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| now - last >= REPEAT);
        if due {
            *last = Some(now);
        }
        due
    }
}

impl App {
    /// Logs what is wrong with the question of a gateway.
    pub fn warn_of_gateway(&self, message: &str) {
        if self.gateway_warnings.is_due(self.clock.counted()) {
            tracing::warn!(
                event = "gateway_question",
                "the question of a gateway cannot be answered, and its clients are refused: {message}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_minute_is_logged() {
        let warnings = GatewayWarnings::default();
        let at = TimeSpan::from_secs;
        let due = [0, 1, 59, 60, 61, 200].map(|secs| warnings.is_due(at(secs)));
        assert_eq!(due, [true, false, false, true, false, true]);
    }
}

//! Warnings about misconfigured gateways, for operators who look for the reason of refused requests.
//!
//! A misconfigured gateway has all its requests refused for the same reason, so one line a minute is enough.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::base::TimeSpan;

use super::App;

/// How often the same warning is logged.
const REPEAT: TimeSpan = TimeSpan::from_mins(1);
/// The most warnings in that time, because callers without a token can cause them.
const MAX_WARNINGS: usize = 8;

/// When each warning was logged, by its text.
#[derive(Debug, Default)]
pub struct GatewayWarnings(Mutex<HashMap<String, TimeSpan>>);

impl GatewayWarnings {
    fn is_due(&self, message: &str, now: TimeSpan) -> bool {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        logged.retain(|_, at| now - *at < REPEAT);
        let due = logged.len() < MAX_WARNINGS && !logged.contains_key(message);
        if due {
            logged.insert(message.to_owned(), now);
        }
        due
    }
}

impl App {
    /// Logs the error in the request of a gateway.
    pub fn warn_of_gateway(&self, message: &str) {
        if self.gateway_warnings.is_due(message, self.clock.counted()) {
            tracing::warn!(
                event = "gateway_question",
                "the request of a gateway cannot be decided: {message}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_logged_once_a_minute_and_few_in_all() {
        let warnings = GatewayWarnings::default();
        let at = TimeSpan::from_secs;
        let due = [0, 1, 59, 60, 61, 200].map(|secs| warnings.is_due("a", at(secs)));
        assert_eq!(due, [true, false, false, true, false, true]);
        assert!(warnings.is_due("b", at(200)));
        let logged =
            (0..100).filter(|number| warnings.is_due(&number.to_string(), at(201))).count();
        assert_eq!(logged, MAX_WARNINGS - 2);
        assert!(warnings.is_due("c", at(261)));
    }
}

//! Device codes: a device without a keyboard waits until a user types its code elsewhere (RFC 8628).
//!
//! Owns the user code, the polling interval of a device, and the response to a poll.

use serde::{Deserialize, Serialize};

use crate::base::{Entropy, TimeSpan, Timestamp};
use crate::text_enum;

use super::scope::{RequestedScopes, Scopes};
use super::validity::has_expired;

/// The lifetime of a device code.
pub const LIFE: TimeSpan = TimeSpan::from_mins(10);
/// The initial polling interval (RFC 8628 §3.2).
pub const PAUSE: TimeSpan = TimeSpan::from_secs(5);
/// The increase after a premature poll (RFC 8628 §3.5).
const PENALTY: TimeSpan = TimeSpan::from_secs(5);
/// A poll that is early by no more than this is not penalised, because network delays vary.
const LEEWAY: TimeSpan = TimeSpan::from_secs(1);
/// The longest interval. A longer one would exceed the lifetime of a code.
const MAX_PAUSE: TimeSpan = TimeSpan::from_mins(2);

/// Letters that form no words and are not confused with each other (RFC 8628 §6.1).
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LETTERS: usize = 8;

text_enum! {
    /// The state of a device code.
    pub enum DeviceState {
        /// No user has decided.
        Pending = "pending",
        /// A user allowed it.
        Allowed = "allowed",
        /// A user denied it.
        Denied = "denied",
    }
}

/// The validated request of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceAsk {
    /// The requested scopes that the client may have.
    pub scopes: Scopes,
    /// Requested scopes that the client was not granted.
    #[serde(default, skip_serializing_if = "RequestedScopes::is_empty")]
    pub dropped: RequestedScopes,
    /// The API its access tokens will be for.
    pub audience: Option<String>,
}

/// A stored device code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceCode {
    /// The user code: eight letters without a hyphen.
    pub user_code: String,
    /// The client on the device.
    pub client_id: String,
    /// The validated request of the device.
    pub asked: DeviceAsk,
    /// Whether the user has decided, and how.
    pub state: DeviceState,
    /// Its polling interval.
    pub pause: TimeSpan,
    /// The time of the last poll.
    pub polled_at: Option<Timestamp>,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// The response to a poll (RFC 8628 §3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poll {
    /// No user has decided yet.
    Pending,
    /// No decision yet, and the poll came too early.
    SlowDown,
    /// It has expired.
    Expired,
    /// The user denied it.
    Denied,
    /// The user allowed it.
    Allowed,
}

impl DeviceCode {
    /// The response to a poll at `now`.
    #[must_use]
    pub fn poll(&self, now: Timestamp) -> Poll {
        if self.has_expired(now) {
            return Poll::Expired;
        }
        match self.state {
            DeviceState::Denied => Poll::Denied,
            DeviceState::Allowed => Poll::Allowed,
            DeviceState::Pending if self.is_early(now) => Poll::SlowDown,
            DeviceState::Pending => Poll::Pending,
        }
    }

    /// When it requested its code.
    #[must_use]
    pub fn begun_at(&self) -> Timestamp {
        self.expires_at - LIFE
    }

    /// Whether it has expired.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        has_expired(self.expires_at, LIFE, now)
    }

    /// Its polling interval after a poll at `now`.
    #[must_use]
    pub fn next_pause(&self, now: Timestamp) -> TimeSpan {
        if self.is_early(now) { (self.pause + PENALTY).min(MAX_PAUSE) } else { self.pause }
    }

    fn is_early(&self, now: Timestamp) -> bool {
        // The last poll may lie in the future after the clock was set back. It is ignored then.
        self.polled_at
            .is_some_and(|before| (TimeSpan::ZERO..self.pause - LEEWAY).contains(&(now - before)))
    }
}

/// A new user code.
#[must_use]
pub fn make_user_code(entropy: &dyn Entropy) -> String {
    let mut code = String::with_capacity(LETTERS);
    while code.len() < LETTERS {
        let mut byte = [0];
        entropy.fill(&mut byte);
        // 240 is the largest multiple of 20 in a byte; higher values would make some letters more likely.
        if byte[0] < 240 {
            code.push(char::from(ALPHABET[usize::from(byte[0]) % ALPHABET.len()]));
        }
    }
    code
}

/// The code as the user typed it, in either case and with anything between the letters.
#[must_use]
pub fn parse_user_code(typed: &str) -> Option<String> {
    if typed.len() > 64 {
        return None;
    }
    let code: String = typed
        .chars()
        .filter(|c| !(c.is_whitespace() || matches!(c, '-' | '.' | '_')))
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let known = code.bytes().all(|b| ALPHABET.contains(&b));
    (code.len() == LETTERS && known).then_some(code)
}

/// A user code for display: two groups of four.
#[must_use]
pub fn show_user_code(code: &str) -> String {
    match code.split_at_checked(LETTERS / 2) {
        Some((first, second)) => format!("{first}-{second}"),
        None => code.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    /// Bytes from 255 downwards, so that the rejected ones come first.
    struct Falling(AtomicU8);

    impl Entropy for Falling {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill_with(|| self.0.fetch_sub(1, Ordering::Relaxed));
        }
    }

    fn device(polled_at: Option<i64>, pause: i64) -> DeviceCode {
        DeviceCode {
            user_code: "BCDFGHJK".to_owned(),
            client_id: "tv".to_owned(),
            asked: DeviceAsk {
                scopes: Scopes::default(),
                dropped: RequestedScopes::default(),
                audience: None,
            },
            state: DeviceState::Pending,
            pause: TimeSpan::from_secs(pause),
            polled_at: polled_at.map(Timestamp::from_secs),
            expires_at: Timestamp::from_secs(600),
        }
    }

    #[test]
    fn polling_too_early_adds_five_seconds() {
        let at = Timestamp::from_secs;
        assert_eq!(device(None, 5).poll(at(10)), Poll::Pending);
        assert_eq!(device(Some(10), 5).poll(at(14)), Poll::Pending, "a second of jitter");
        assert_eq!(device(Some(10), 5).poll(at(13)), Poll::SlowDown);
        assert_eq!(device(Some(10), 5).next_pause(at(13)), TimeSpan::from_secs(10));
        assert_eq!(device(Some(500), 5).poll(at(13)), Poll::Pending, "the clock was set back");
        assert_eq!(device(Some(10), 5).next_pause(at(15)), TimeSpan::from_secs(5));
        assert_eq!(device(Some(10), 119).next_pause(at(11)), MAX_PAUSE);
        assert_eq!(device(None, 5).poll(at(600)), Poll::Expired);
        let denied = DeviceCode { state: DeviceState::Denied, ..device(None, 5) };
        assert_eq!((denied.poll(at(10)), denied.poll(at(600))), (Poll::Denied, Poll::Expired));
    }

    #[test]
    fn a_code_is_accepted_in_every_spelling() {
        for typed in ["BCDFGHJK", "bcdf-ghjk", " BCDF GHJK ", "b-c-d-f-g-h-j-k"] {
            assert_eq!(parse_user_code(typed).as_deref(), Some("BCDFGHJK"), "{typed}");
        }
        for bad in ["", "BCDFGHJ", "BCDFGHJKL", "ACDFGHJK", "1CDFGHJK", &"B".repeat(100)] {
            assert_eq!(parse_user_code(bad), None, "{bad}");
        }
        let made = make_user_code(&Falling(AtomicU8::new(255)));
        assert_eq!(show_user_code(&made), "ZXWV-TSRQ", "no byte above 239 made a letter");
        assert_eq!(parse_user_code(&show_user_code(&made)), Some(made));
    }
}

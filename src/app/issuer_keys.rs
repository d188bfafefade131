//! The fetched keys of trusted issuers, cached in the memory of this process.
//!
//! Owns that one request at a time fetches the keys of an issuer, and that a token whose key is cached does not wait
//! for it. `domain::workload::keys` decides when to fetch; the caller fetches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::base::Timestamp;
use crate::domain::workload::TrustedIssuer;
use crate::domain::workload::keys::KeyTimes;

/// The result of a fetch: the keys, and the `max-age` of the response in seconds.
pub type FetchedKeys = (Vec<Value>, Option<u64>);

/// The cached key sets, by issuer.
#[derive(Default)]
pub struct IssuerKeys {
    copies: Mutex<HashMap<(String, Timestamp), Arc<Copy>>>,
}

#[derive(Default)]
struct Copy {
    state: Mutex<State>,
    /// Locked during a fetch.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default, Clone)]
struct State {
    keys: Arc<Vec<Value>>,
    times: KeyTimes,
}

impl IssuerKeys {
    /// The keys of `issuer`, after calling `fetch` if a fetch is due. `None` if there are none.
    pub async fn keys(
        &self,
        issuer: &TrustedIssuer,
        has_key: impl Fn(&[Value]) -> bool,
        now: Timestamp,
        fetch: impl AsyncFnOnce() -> Option<FetchedKeys>,
    ) -> Option<Arc<Vec<Value>>> {
        let copy = self.copy(issuer);
        let due = || {
            let state = copy.state();
            state.times.wants_fetch(has_key(&state.keys), now)
        };
        if due() {
            let _asking = copy.asking.lock().await;
            // Another request may have fetched them in the meantime.
            if due() {
                let fetched = fetch().await;
                let mut state = copy.lock();
                match fetched {
                    Some((keys, max_age)) => {
                        *state =
                            State { keys: Arc::new(keys), times: KeyTimes::fetched(now, max_age) };
                    }
                    None => state.times = state.times.attempted(now),
                }
            }
        }
        let state = copy.state();
        state.times.is_usable(now).then_some(state.keys)
    }

    fn copy(&self, issuer: &TrustedIssuer) -> Arc<Copy> {
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        // An issuer that was removed and added again is a different one.
        Arc::clone(copies.entry((issuer.issuer.clone(), issuer.created_at)).or_default())
    }
}

impl Copy {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> State {
        self.lock().clone()
    }
}

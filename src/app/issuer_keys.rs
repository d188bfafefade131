//! The keys of trusted issuers as they were fetched, in the memory of this process.
//!
//! Owns that one issuer is asked by one request at a time, and that a token whose key is known waits for nobody. When an
//! issuer is asked is `domain::workload::keys`', how is the caller's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::base::Timestamp;
use crate::domain::workload::TrustedIssuer;
use crate::domain::workload::keys::KeyTimes;

/// What was fetched: the keys, and for how many seconds the issuer wants them kept.
pub type FetchedKeys = (Vec<Value>, Option<u64>);

/// The copies, by issuer.
#[derive(Default)]
pub struct IssuerKeys {
    copies: Mutex<HashMap<(String, Timestamp), Arc<Copy>>>,
}

#[derive(Default)]
struct Copy {
    state: Mutex<State>,
    /// Held while the issuer is asked.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default, Clone)]
struct State {
    keys: Arc<Vec<Value>>,
    times: KeyTimes,
}

impl IssuerKeys {
    /// The keys of `issuer`, after it was asked with `fetch` where that is due. None where there are none.
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
            // Another request may have asked meanwhile.
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
        // One that was removed and added again is another issuer.
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

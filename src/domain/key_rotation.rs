//! The life cycle of signing keys: published, active, retiring, retired.
//!
//! Owns when a key changes its state, as a pure function, and how long verifiers may cache the set.

use crate::base::{TimeSpan, Timestamp};

use super::signing_key::{KeyState, SigningAlg};

/// How long other processes may still sign with a key after it stopped: they look for changes every second.
const STOPPING: TimeSpan = TimeSpan::from_secs(5);
/// How long a key that is to sign at once is published before, so that every process has it. Processes look
/// for changes every second.
pub const SPREADING: TimeSpan = TimeSpan::from_secs(6);
/// By how much a cache may exceed its maximum age: a request in flight, a coarse clock.
const CACHE_MARGIN: TimeSpan = TimeSpan::from_mins(5);
/// A verifier that has not fetched keys for this long is ignored by rotations.
pub const VERIFIER_GONE: TimeSpan = TimeSpan::from_days(7);
/// The minimum age of an unregistered verifier for which rotations wait.
pub const LONG_SEEN: TimeSpan = TimeSpan::from_days(1);
/// The minimum number of its fetches.
pub const SEEN_OFTEN: i64 = 3;
/// The longest the JWKS may be cached when no change is near.
pub const MAX_AGE: TimeSpan = TimeSpan::from_mins(5);
/// How long a key is published after the last token it signed has expired.
pub const KEEP_AFTER: TimeSpan = TimeSpan::from_mins(60);
/// How long to wait for known verifiers that have not fetched a key which could sign.
pub const WAIT_AT_MOST: TimeSpan = TimeSpan::from_days(1);
/// The shortest cache lifetime, when a change is due already.
const MIN_AGE: TimeSpan = TimeSpan::from_secs(5);

/// Facts about a key, without the key itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFacts {
    /// Its key ID.
    pub kid: String,
    /// The signature algorithm of the key.
    pub alg: SigningAlg,
    /// Its state in the life cycle.
    pub state: KeyState,
    /// When it entered that state.
    pub since: Timestamp,
    /// When it was published.
    pub published_at: Timestamp,
    /// When it began to sign, if it has.
    pub activated_at: Option<Timestamp>,
    /// Its scheduled activation by an administrator, even if verifiers have not fetched it.
    pub signs_at: Option<Timestamp>,
    /// The longest lifetime of any token it may have signed.
    pub longest_ttl: TimeSpan,
}

/// The operator's policy.
#[derive(Debug, Clone)]
pub struct Policy {
    /// How long a key signs; `None` for manual rotation only.
    pub rotate_every: Option<TimeSpan>,
    /// How long a key is published before it signs.
    pub publish_ahead: TimeSpan,
    /// How long a key is published after the last token it signed has expired.
    pub keep_after: TimeSpan,
    /// How long to wait for known verifiers that have not fetched the new key yet.
    pub wait_at_most: TimeSpan,
    /// The longest time for which caching of the set was ever allowed.
    pub longest_max_age: TimeSpan,
    /// The algorithms in use.
    pub wanted: Vec<SigningAlg>,
}

/// When a known verifier last fetched the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetch(pub Timestamp);

/// Whether an unregistered verifier has fetched keys for long enough, and often enough, that rotations wait for it.
/// Prevents a caller from blocking rotations with invented names.
#[must_use]
pub fn is_long_seen(first_fetch_at: Timestamp, fetches: i64, now: Timestamp) -> bool {
    first_fetch_at <= now - LONG_SEEN && fetches >= SEEN_OFTEN
}

/// One step of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Generate a key and publish it; it signs nothing yet.
    Publish(SigningAlg),
    /// Generate a key that signs at once, because no other key of this algorithm can.
    Begin(SigningAlg),
    /// Sign with this key from now on, and no longer with its predecessor.
    Activate {
        /// The key that begins to sign.
        kid: String,
        /// The key that stops signing, if there is one.
        predecessor: Option<String>,
        /// How many known verifiers have not fetched it and are not waited for any longer.
        missed: usize,
    },
    /// Sign with this key no longer; its algorithm is not in use.
    Stop {
        /// The key that stops.
        kid: String,
    },
    /// Remove this key from the set.
    Retire {
        /// The key that is removed.
        kid: String,
    },
}

impl Policy {
    /// How long a key is published before it signs: at least as long as a cache may hold the set without it.
    #[must_use]
    pub fn lead(&self) -> TimeSpan {
        let least = TimeSpan::from_millis(
            self.longest_max_age.millis().saturating_add(CACHE_MARGIN.millis()),
        );
        self.publish_ahead.max(least)
    }
}

impl KeyFacts {
    /// When a successor of this active key will be published; `None` if there is one already or none is planned.
    #[must_use]
    pub fn succession_at(&self, keys: &[Self], policy: &Policy) -> Option<Timestamp> {
        let waits = |key: &Self| key.alg == self.alg && key.state == KeyState::Published;
        if keys.iter().any(waits) { None } else { self.succession_due(policy) }
    }

    /// When a successor of this active key is due; `None` if never.
    fn succession_due(&self, policy: &Policy) -> Option<Timestamp> {
        let begun = self.activated_at.unwrap_or(self.since);
        policy.rotate_every.map(|every| (begun + every - policy.lead()).max(begun))
    }

    /// The earliest moment at which this key, which is published, may sign.
    #[must_use]
    pub fn may_sign_at(&self, policy: &Policy) -> Timestamp {
        self.signs_at.unwrap_or(self.published_at + policy.lead())
    }

    /// The scheduled activation of this key, if it does not sign yet.
    #[must_use]
    pub fn ordered_for(&self) -> Option<Timestamp> {
        self.signs_at.filter(|_| self.state == KeyState::Published)
    }

    /// Whether the scheduled activation of this published key is due at `now`. A time that is further away
    /// than any schedule was written by a wrong clock.
    #[must_use]
    pub fn is_ordered_to_sign(&self, now: Timestamp) -> bool {
        let due = |at: Timestamp| now >= at || at > now + SPREADING;
        self.state == KeyState::Published && self.signs_at.is_some_and(due)
    }

    /// When this key, which has stopped signing, can be removed.
    #[must_use]
    pub fn goes_at(&self, policy: &Policy) -> Timestamp {
        self.since + STOPPING + self.longest_ttl + policy.keep_after
    }

    /// Whether a verifier that fetched the set at `fetch` holds this key.
    #[must_use]
    pub fn is_held_by(&self, fetch: Fetch) -> bool {
        // Another process may have served the set without it until it noticed the change.
        fetch.0 >= self.published_at + STOPPING
    }
}

/// The verifiers that fetched keys within a week.
fn known(verifiers: &[Fetch], now: Timestamp) -> impl Iterator<Item = Fetch> {
    verifiers.iter().copied().filter(move |fetch| fetch.0 > now - VERIFIER_GONE)
}

/// The steps that are due at `now`: at most one per algorithm, so that a single wrong clock reading cannot take a
/// key through several states.
///
/// A key waits for verifiers until [`Policy::wait_at_most`] after its planned activation. Then it signs, and the
/// number of missing verifiers is reported.
#[must_use]
pub fn plan(
    now: Timestamp,
    keys: &[KeyFacts],
    policy: &Policy,
    verifiers: &[Fetch],
) -> Vec<Change> {
    SigningAlg::ALL.iter().filter_map(|alg| step(*alg, now, keys, policy, verifiers)).collect()
}

fn step(
    alg: SigningAlg,
    now: Timestamp,
    keys: &[KeyFacts],
    policy: &Policy,
    verifiers: &[Fetch],
) -> Option<Change> {
    let of = |state| keys.iter().filter(move |key| key.alg == alg && key.state == state);
    let active = of(KeyState::Active).next();
    let published = of(KeyState::Published).next();
    let wanted = policy.wanted.contains(&alg);

    let change = match (wanted, active, published) {
        // Until the next key is known to verifiers, no key could sign.
        (true, None, Some(next)) => {
            Some(Change::Activate { kid: next.kid.clone(), predecessor: None, missed: 0 })
        }
        (true, None, None) => Some(Change::Begin(alg)),
        (true, Some(active), Some(next)) => {
            let missed = known(verifiers, now).filter(|fetch| !next.is_held_by(*fetch)).count();
            let due = next.may_sign_at(policy);
            let waited = now >= due && (missed == 0 || now >= due + policy.wait_at_most);
            let ready = waited || next.is_ordered_to_sign(now);
            ready.then(|| Change::Activate {
                kid: next.kid.clone(),
                predecessor: Some(active.kid.clone()),
                missed,
            })
        }
        (true, Some(active), None) => {
            active.succession_due(policy).filter(|due| now >= *due).map(|_| Change::Publish(alg))
        }
        (false, Some(active), _) => Some(Change::Stop { kid: active.kid.clone() }),
        (false, None, Some(next)) => Some(Change::Retire { kid: next.kid.clone() }),
        (false, None, None) => None,
    };
    change.or_else(|| {
        let gone = of(KeyState::Retiring).find(|key| now >= key.goes_at(policy))?;
        Some(Change::Retire { kid: gone.kid.clone() })
    })
}

/// The scheduled activations that are due at `now`.
#[must_use]
pub fn ordered(now: Timestamp, keys: &[KeyFacts]) -> Vec<Change> {
    let signs = |alg| move |key: &&KeyFacts| key.alg == alg && key.state == KeyState::Active;
    let due = keys.iter().filter(|key| key.is_ordered_to_sign(now));
    due.map(|key| Change::Activate {
        kid: key.kid.clone(),
        predecessor: keys.iter().find(signs(key.alg)).map(|active| active.kid.clone()),
        missed: 0,
    })
    .collect()
}

/// How long the set may be cached from `now` on: until its next change, see [`next_change`], and at most
/// [`MAX_AGE`]. A verifier that respects it sees every key before it signs.
#[must_use]
pub fn max_age(now: Timestamp, next_change: Option<Timestamp>) -> TimeSpan {
    next_change.map_or(MAX_AGE, |at| (at - now).clamp(MIN_AGE, MAX_AGE))
}

/// When a key is next added to the set or removed. A change of which key signs does not concern verifiers.
#[must_use]
pub fn next_change(keys: &[KeyFacts], policy: &Policy) -> Option<Timestamp> {
    keys.iter()
        .filter_map(|key| match key.state {
            KeyState::Active => key.succession_at(keys, policy),
            KeyState::Retiring => Some(key.goes_at(policy)),
            KeyState::Published | KeyState::Retired => None,
        })
        .min()
}

#[cfg(test)]
#[path = "key_rotation_tests.rs"]
mod tests;

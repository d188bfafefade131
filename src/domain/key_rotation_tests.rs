//! Tests of the plan, step by step and over years.

use proptest::prelude::*;

use super::*;

const HOUR: TimeSpan = TimeSpan::from_mins(60);
const DAY: TimeSpan = TimeSpan::from_days(1);
const TTL: TimeSpan = TimeSpan::from_mins(10);

fn at(hours: i64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + hours * 3600)
}

fn policy() -> Policy {
    Policy {
        rotate_every: Some(TimeSpan::from_days(90)),
        publish_ahead: DAY,
        keep_after: HOUR,
        wait_at_most: DAY,
        longest_max_age: MAX_AGE,
        wanted: vec![SigningAlg::Es256],
    }
}

fn key(kid: &str, state: KeyState, since: Timestamp) -> KeyFacts {
    KeyFacts {
        kid: kid.to_owned(),
        alg: SigningAlg::Es256,
        state,
        since,
        published_at: since,
        activated_at: (state != KeyState::Published).then_some(since),
        signs_at: None,
        longest_ttl: TTL,
    }
}

fn activate(kid: &str, predecessor: Option<&str>, missed: usize) -> Vec<Change> {
    let predecessor = predecessor.map(str::to_owned);
    vec![Change::Activate { kid: kid.to_owned(), predecessor, missed }]
}

#[test]
fn the_first_key_signs_at_once_because_nothing_else_could() {
    assert_eq!(plan(at(0), &[], &policy(), &[]), [Change::Begin(SigningAlg::Es256)]);
    let imported = [key("a", KeyState::Published, at(0))];
    assert_eq!(plan(at(0), &imported, &policy(), &[]), activate("a", None, 0));
}

#[test]
fn a_successor_is_published_a_day_before_its_predecessor_is_ninety_days_old() {
    let keys = [key("a", KeyState::Active, at(0))];
    let due = 89 * 24;
    let just_before = at(due) - TimeSpan::from_millis(1);
    assert_eq!(plan(just_before, &keys, &policy(), &[]), []);
    assert_eq!(plan(at(due), &keys, &policy(), &[]), [Change::Publish(SigningAlg::Es256)]);
    let by_hand = Policy { rotate_every: None, ..policy() };
    assert_eq!(plan(at(10 * due), &keys, &by_hand, &[]), []);
}

#[test]
fn it_signs_when_the_day_is_over_and_never_before_caches_can_have_it() {
    let keys = [key("a", KeyState::Active, at(0)), key("b", KeyState::Published, at(100))];
    let just_before = at(124) - TimeSpan::from_millis(1);
    assert_eq!(plan(just_before, &keys, &policy(), &[]), []);
    assert_eq!(plan(at(124), &keys, &policy(), &[]), activate("b", Some("a"), 0));
    // Even if the operator configures less.
    let hasty = Policy { publish_ahead: TimeSpan::ZERO, ..policy() };
    let soonest = at(100) + MAX_AGE + CACHE_MARGIN;
    assert_eq!(plan(soonest - TimeSpan::from_millis(1), &keys, &hasty, &[]), []);
    assert_eq!(plan(soonest, &keys, &hasty, &[]), activate("b", Some("a"), 0));
    // An older version allowed longer caching.
    let cached = Policy { longest_max_age: TimeSpan::from_days(2), ..policy() };
    assert_eq!(plan(at(124), &keys, &cached, &[]), []);
    assert_eq!(plan(at(149), &keys, &cached, &[]), activate("b", Some("a"), 0));
}

#[test]
fn known_verifiers_are_waited_for_but_not_for_ever() {
    let keys = [key("a", KeyState::Active, at(0)), key("b", KeyState::Published, at(100))];
    let fresh = Fetch(at(101));
    let stale = Fetch(at(99));
    let plan = |now, verifiers: &[Fetch]| plan(now, &keys, &policy(), verifiers);
    assert_eq!(plan(at(124), &[fresh]), activate("b", Some("a"), 0));
    assert_eq!(plan(at(124), &[fresh, stale]), []);
    // It fetches the keys, so there is nothing left to wait for.
    assert_eq!(plan(at(130), &[fresh, Fetch(at(129))]), activate("b", Some("a"), 0));
    // It does not fetch: a rotation waits for a day, then continues without it.
    assert_eq!(plan(at(148) - TimeSpan::from_millis(1), &[fresh, stale]), []);
    assert_eq!(plan(at(148), &[fresh, stale]), activate("b", Some("a"), 1));
    // A verifier that has been absent for a week is not waited for.
    let gone = Fetch(at(124) - VERIFIER_GONE);
    assert_eq!(plan(at(124), &[gone]), activate("b", Some("a"), 0));
    // A fetch in the second of publication may have reached a process without the key.
    let early = Fetch(at(100) + TimeSpan::from_secs(1));
    assert_eq!(plan(at(124), &[early]), []);
}

#[test]
fn a_key_that_stopped_stays_until_its_last_token_and_an_hour_are_over() {
    let keys = [key("a", KeyState::Retiring, at(100)), key("b", KeyState::Active, at(100))];
    let goes = at(101) + TTL + STOPPING;
    assert_eq!(plan(goes - TimeSpan::from_millis(1), &keys, &policy(), &[]), []);
    assert_eq!(plan(goes, &keys, &policy(), &[]), [Change::Retire { kid: "a".to_owned() }]);
}

#[test]
fn an_unused_algorithm_leaves_the_set() {
    let policy = Policy { wanted: Vec::new(), ..policy() };
    let step = |key: KeyFacts, now| plan(now, &[key], &policy, &[]);
    let stop = vec![Change::Stop { kid: "a".to_owned() }];
    assert_eq!(step(key("a", KeyState::Active, at(0)), at(0)), stop);
    let retire = vec![Change::Retire { kid: "a".to_owned() }];
    assert_eq!(step(key("a", KeyState::Published, at(0)), at(0)), retire);
    assert_eq!(step(key("a", KeyState::Retiring, at(0)), at(1)), []);
    assert_eq!(step(key("a", KeyState::Retiring, at(0)), at(2)), retire);
    assert_eq!(step(key("a", KeyState::Retired, at(0)), at(2)), []);
}

#[test]
fn one_step_for_each_algorithm_and_none_waits_for_another() {
    let other =
        |kid: &str, state, since| KeyFacts { alg: SigningAlg::Rs256, ..key(kid, state, since) };
    let policy = Policy { wanted: vec![SigningAlg::Es256, SigningAlg::Rs256], ..policy() };
    let keys = [
        key("a", KeyState::Active, at(0)),
        key("x", KeyState::Retiring, at(0)),
        other("c", KeyState::Active, at(0)),
        other("d", KeyState::Published, at(0)),
    ];
    let changes = plan(at(3000), &keys, &policy, &[]);
    let missed = activate("d", Some("c"), 0).remove(0);
    assert_eq!(changes, [Change::Publish(SigningAlg::Es256), missed]);
}

#[test]
fn caches_are_invalidated_when_the_set_changes() {
    let keys = [key("a", KeyState::Active, at(0))];
    let due = at(89 * 24);
    for (before, expected) in
        [(HOUR, 300), (TimeSpan::from_secs(299), 299), (TimeSpan::from_secs(42), 42)]
    {
        assert_eq!(
            max_age(due - before, next_change(&keys, &policy())),
            TimeSpan::from_secs(expected)
        );
    }
    // Due but not done yet: a few seconds, never zero.
    assert_eq!(max_age(due + HOUR, next_change(&keys, &policy())), MIN_AGE);
    // Afterwards nothing changes for a long time; which of the two signs is not a change.
    let keys = [key("a", KeyState::Active, at(0)), key("b", KeyState::Published, due)];
    assert_eq!(
        max_age(due + DAY - TimeSpan::from_secs(10), next_change(&keys, &policy())),
        MAX_AGE
    );
    let keys = [key("a", KeyState::Retiring, due), key("b", KeyState::Active, due)];
    let goes = keys[0].goes_at(&policy());
    assert_eq!(
        max_age(goes - TimeSpan::from_secs(7), next_change(&keys, &policy())),
        TimeSpan::from_secs(7)
    );
    assert_eq!(max_age(goes, next_change(&[], &policy())), MAX_AGE);
}

/// A simulated database that follows the plan.
struct World {
    keys: Vec<KeyFacts>,
    made: usize,
}

impl World {
    fn make(&mut self, alg: SigningAlg, state: KeyState, now: Timestamp, ttl: TimeSpan) {
        self.made += 1;
        let kid = self.made.to_string();
        self.keys.push(KeyFacts { alg, longest_ttl: ttl, ..key(&kid, state, now) });
    }

    fn set(&mut self, kid: &str, state: KeyState, now: Timestamp) {
        let key = self.keys.iter_mut().find(|key| key.kid == kid).unwrap();
        (key.state, key.since) = (state, now);
        if state == KeyState::Active {
            key.activated_at = Some(now);
        }
    }

    fn apply(&mut self, change: Change, now: Timestamp, ttl: TimeSpan) {
        match change {
            Change::Publish(alg) => self.make(alg, KeyState::Published, now, ttl),
            Change::Begin(alg) => self.make(alg, KeyState::Active, now, ttl),
            Change::Activate { kid, predecessor, .. } => {
                if let Some(old) = predecessor {
                    self.set(&old, KeyState::Retiring, now);
                }
                self.set(&kid, KeyState::Active, now);
            }
            Change::Stop { kid } => self.set(&kid, KeyState::Retiring, now),
            Change::Retire { kid } => self.set(&kid, KeyState::Retired, now),
        }
    }

    fn set_in(&self) -> Vec<String> {
        self.keys.iter().filter(|k| k.state.is_public()).map(|k| k.kid.clone()).collect()
    }

    fn signer(&self) -> Option<&KeyFacts> {
        self.keys.iter().find(|key| key.state == KeyState::Active)
    }
}

/// A verifier that follows the cache header and never fetches because of an unknown key.
#[derive(Clone)]
struct Cache {
    set: Vec<String>,
    until: Timestamp,
    fetched: Timestamp,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// For any policy and irregular ticks: exactly one key signs, a verifier that follows the cache header can
    /// verify every token, and no key skips a state.
    #[test]
    fn a_verifier_that_keeps_to_the_header_knows_every_key(
        rotate_hours in 2_i64..200,
        ahead_minutes in 0_i64..3000,
        ttl_minutes in 1_i64..600,
        steps in prop::collection::vec(1_i64..1200, 200..600),
        lazy in 1_i64..400,
    ) {
        let ttl = TimeSpan::from_mins(ttl_minutes);
        let policy = Policy {
            rotate_every: Some(TimeSpan::from_mins(rotate_hours * 60)),
            publish_ahead: TimeSpan::from_mins(ahead_minutes),
            ..policy()
        };
        let mut world = World { keys: Vec::new(), made: 0 };
        let mut now = at(0);
        let mut cache: Option<Cache> = None;
        // Tokens that are not expired: the key and the end.
        let mut tokens: Vec<(String, Timestamp)> = Vec::new();
        let mut lazy_fetch = now;
        for step in steps {
            now = now + TimeSpan::from_secs(step);
            // A verifier that fetches irregularly; rotations wait for it.
            if now - lazy_fetch > TimeSpan::from_mins(lazy) {
                lazy_fetch = now;
            }
            let fetches: Vec<Fetch> =
                cache.iter().map(|c| Fetch(c.fetched)).chain([Fetch(lazy_fetch)]).collect();
            for change in plan(now, &world.keys, &policy, &fetches) {
                if let Change::Activate { kid, predecessor, missed } = &change {
                    let next = world.keys.iter().find(|k| k.kid == *kid).unwrap();
                    prop_assert_eq!(next.state, KeyState::Published);
                    prop_assert!(predecessor.is_some());
                    prop_assert!(now >= next.may_sign_at(&policy));
                    prop_assert!(
                        *missed == 0 || now >= next.may_sign_at(&policy) + policy.wait_at_most
                    );
                }
                if let Change::Retire { kid } = &change {
                    let gone = world.keys.iter().find(|k| k.kid == *kid).unwrap();
                    prop_assert_eq!(gone.state, KeyState::Retiring);
                    prop_assert!(tokens.iter().all(|(kid, end)| *kid != gone.kid || *end <= now));
                }
                world.apply(change, now, ttl);
            }
            let signing = world.keys.iter().filter(|k| k.state == KeyState::Active).count();
            let waiting = world.keys.iter().filter(|k| k.state == KeyState::Published).count();
            prop_assert_eq!(signing, 1);
            prop_assert!(waiting <= 1);

            if cache.as_ref().is_none_or(|cache| now >= cache.until) {
                let until = now + max_age(now, next_change(&world.keys, &policy));
                cache = Some(Cache { set: world.set_in(), until, fetched: now });
            }
            tokens.push((world.signer().unwrap().kid.clone(), now + ttl));
            tokens.retain(|(_, end)| *end > now);
            let set = &cache.as_ref().unwrap().set;
            for (kid, _) in &tokens {
                prop_assert!(set.contains(kid), "a token of key {} is not in {:?}", kid, set);
            }
        }
    }
}

#[test]
fn an_order_to_sign_is_due_at_its_time_and_waits_for_nothing_else() {
    let active = key("active", KeyState::Active, at(0));
    let next = |signs_at| KeyFacts { signs_at, ..key("next", KeyState::Published, at(0)) };
    let due = |signs_at, now| !ordered(now, &[active.clone(), next(signs_at)]).is_empty();
    let due_at = at(0) + SPREADING;
    assert!(!due(None, at(0) + TimeSpan::from_days(1)), "there is no order");
    assert!(!due(Some(due_at), due_at - TimeSpan::from_millis(1)));
    assert!(due(Some(due_at), due_at) && due(Some(due_at), due_at + TimeSpan::from_days(1)));
    // Further away than any schedule: the clock was set back since.
    assert!(due(Some(due_at), at(0) - TimeSpan::from_millis(1)));
    assert!(!due(Some(due_at), at(0)));
    let found = ordered(due_at, &[active.clone(), next(Some(due_at))]);
    let expected = Change::Activate {
        kid: "next".to_owned(),
        predecessor: Some("active".to_owned()),
        missed: 0,
    };
    assert_eq!(found, [expected]);
    // A key that signs or has signed has no scheduled activation.
    for state in [KeyState::Active, KeyState::Retiring, KeyState::Retired] {
        let key = KeyFacts { signs_at: Some(due_at), ..key("next", state, at(0)) };
        assert_eq!(ordered(due_at, std::slice::from_ref(&key)), []);
        assert_eq!(key.ordered_for(), None);
    }
}

//! The refresh decision against a model of clients, thieves, lost responses and time.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::base::id::{BranchId, SessionId, UserId};
use crate::domain::liveness::{ClientState, UserState, active_session};
use crate::domain::oidc::RequestedClaims;
use crate::domain::scope::Scopes;
use crate::domain::session::EndReason;

const WINDOW: TimeSpan = TimeSpan::from_secs(30);

pub(super) fn start() -> Timestamp {
    Timestamp::from_secs(1_800_000_000)
}

pub(super) fn session() -> Session {
    Session {
        id: SessionId::from_uuid(Uuid::from_u128(1)),
        branch: BranchId::from_uuid(Uuid::from_u128(1)),
        user_id: UserId::from_uuid(Uuid::from_u128(2)),
        client_id: "signet".to_owned(),
        audience: None,
        scopes: Scopes::default(),
        chain: Chain::opened(start()),
        created_at: start(),
        idle_expires_at: start() + TimeSpan::from_days(3650),
        expires_at: start() + TimeSpan::from_days(3650),
        revoked: None,
        user_epoch: 4,
        grant_type: None,
        auth_time: start(),
        factors: None,
        browser: None,
        asked_claims: RequestedClaims::default(),
        dpop_jkt: None,
        requested_scopes: None,
    }
}

/// The decision about a session of the built-in client, whose user is in `epoch`.
fn decided(session: &Session, epoch: i64, counter: u32, now: Timestamp) -> Decision {
    let user = UserState { session_epoch: epoch, disabled_at: None };
    decide(active_session(session, user, ClientState::BuiltIn, now), counter, now, WINDOW)
}

/// Presents a token and stores the decision, like the server. Returns the new token, if any.
pub(super) fn present(
    session: &mut Session,
    counter: u32,
    now: Timestamp,
) -> Result<u32, Decision> {
    match decided(session, 4, counter, now) {
        Decision::Answered { next, .. } => {
            session.chain = next;
            Ok(next.current)
        }
        decision => {
            if let Decision::Alarmed(_) = decision {
                session.revoked = Some((now, EndReason::ReuseDetected));
            }
            Err(decision)
        }
    }
}

#[test]
fn every_row_of_the_table() {
    let now = start() + TimeSpan::from_secs(100);
    let at = |current, parent, answered_ago: i64, supersedes| Session {
        chain: Chain {
            current,
            parent,
            answered_at: now - TimeSpan::from_secs(answered_ago),
            supersedes,
        },
        ..session()
    };
    let decided = |session: &Session, counter| decided(session, 4, counter, now);
    let answered = |answer, current, parent, supersedes| Decision::Answered {
        answer,
        next: Chain { current, parent: Some(parent), answered_at: now, supersedes },
    };
    // Live.
    assert_eq!(decided(&at(0, None, 99, 0), 0), answered(Answer::Rotate, 1, 0, 0));
    assert_eq!(decided(&at(5, Some(3), 1, 2), 5), answered(Answer::Rotate, 6, 5, 0));
    // Previous, at the edge of the window and just past it.
    assert_eq!(decided(&at(5, Some(4), 30, 0), 4), answered(Answer::Resend, 5, 4, 0));
    assert_eq!(decided(&at(5, Some(4), 31, 0), 4), answered(Answer::Supersede, 6, 4, 1));
    // If the clock was set back, no time has passed.
    assert_eq!(decided(&at(5, Some(4), -900, 0), 4), answered(Answer::Resend, 5, 4, 0));
    // The third sibling is the last.
    assert_eq!(decided(&at(7, Some(4), 31, 2), 4), answered(Answer::Supersede, 8, 4, 3));
    let often = Decision::Alarmed(Alarm::SupersededTooOften);
    assert_eq!(decided(&at(8, Some(4), 31, 3), 4), often);
    // A superseded sibling, an older token, a counter ahead of the database: within the window or not.
    for ago in [0, 31] {
        let session = at(7, Some(4), ago, 2);
        for counter in [5, 6] {
            assert_eq!(decided(&session, counter), Decision::Alarmed(Alarm::SupersededUsed));
        }
        for counter in [0, 3] {
            assert_eq!(decided(&session, counter), Decision::Alarmed(Alarm::OlderUsed));
        }
        for counter in [8, u32::MAX] {
            assert_eq!(decided(&session, counter), Decision::Alarmed(Alarm::Ahead));
        }
    }
    assert_eq!(decided(&at(0, None, 0, 0), 1), Decision::Alarmed(Alarm::Ahead));
}

#[test]
fn an_expired_session_grants_nothing() {
    let now = start() + TimeSpan::from_secs(1);
    let expired = Session { expires_at: now, ..session() };
    let over = |limit| Decision::Dead(Inactive::Expired(limit));
    assert_eq!(decided(&expired, 4, 0, now), over(Limit::Absolute));
    let idle = Session { idle_expires_at: now, ..session() };
    assert_eq!(decided(&idle, 4, 0, now), over(Limit::Idle));
    let changed = Decision::Dead(Inactive::UserChanged { epochs: 1 });
    assert_eq!(decided(&session(), 5, 0, now), changed);
    let worn_out = Session {
        chain: Chain { current: u32::MAX, parent: None, answered_at: now, supersedes: 0 },
        ..session()
    };
    assert_eq!(decided(&worn_out, 4, u32::MAX, now), over(Limit::Absolute));
}

/// One round of an honest client: some tabs read the same storage and refresh at once; `heard` of them receive
/// their response, the others' are lost. Then time passes.
#[derive(Debug, Clone)]
struct Go {
    tabs: u8,
    heard: u8,
    pause: i64,
}

fn goes() -> impl Strategy<Value = Vec<Go>> {
    let pause = prop_oneof![Just(0), 0..30i64, Just(30), Just(31), 31..100_000i64];
    let go = (1..5u8, 0..5u8, pause).prop_map(|(tabs, heard, pause)| Go { tabs, heard, pause });
    prop::collection::vec(go, 1..60)
}

/// The behaviour of a holder: it waits longer than the window, then uses its newest token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Owner,
    Thief,
}

proptest! {
    /// An honest client that re-reads its storage is never logged out, however many tabs it has and whatever is
    /// lost, unless all responses are lost more than four times in a row.
    #[test]
    fn an_honest_client_is_never_revoked(goes in goes()) {
        let mut session = session();
        let mut now = start();
        let mut stored = 0;
        let mut lost_in_a_row = 0;
        for go in goes {
            // The fourth lost response in a row cannot be replaced.
            let heard = if lost_in_a_row >= 3 { go.heard.max(1) } else { go.heard }.min(go.tabs);
            let presented = stored;
            for tab in 0..go.tabs {
                let answer = present(&mut session, presented, now);
                prop_assert!(answer.is_ok(), "{answer:?}");
                if tab < heard {
                    stored = answer.unwrap();
                }
            }
            lost_in_a_row = if heard == 0 { lost_in_a_row + 1 } else { 0 };
            now = now + TimeSpan::from_secs(go.pause);
        }
    }

    /// Two holders of one token who avoid each other's window alternate at most once before the alarm ends the
    /// session for both.
    #[test]
    fn two_holders_cannot_both_live(
        rotations in 0..3u32,
        stolen_back in 0..2u32,
        turns in prop::collection::vec(
            prop_oneof![Just(Holder::Owner), Just(Holder::Thief)], 2..30),
    ) {
        let mut session = session();
        let mut now = start();
        let mut owner = 0;
        for _ in 0..rotations {
            now = now + TimeSpan::from_secs(60);
            owner = present(&mut session, owner, now).unwrap();
        }
        let mut thief = owner.saturating_sub(stolen_back.min(rotations));
        let mut last = None;
        let mut handovers = 0;
        let mut alarmed = false;
        for turn in turns {
            now = now + TimeSpan::from_secs(31);
            let mine = match turn { Holder::Owner => &mut owner, Holder::Thief => &mut thief };
            match present(&mut session, *mine, now) {
                Ok(next) => {
                    prop_assert!(!alarmed, "a success after the alarm");
                    *mine = next;
                    if last.is_some_and(|last| last != turn) {
                        handovers += 1;
                    }
                    last = Some(turn);
                }
                Err(_) => alarmed = true,
            }
        }
        prop_assert!(handovers <= 1, "{handovers} hand-overs without an alarm");
    }

    /// However many callers present a token at the same moment, there is exactly one successor.
    #[test]
    fn parallel_presentations_have_one_successor(
        before in goes(), many in 1..100usize, pause in 0..200i64,
    ) {
        let mut session = session();
        let mut now = start();
        let mut stored = 0;
        for go in before {
            stored = present(&mut session, stored, now).unwrap();
            now = now + TimeSpan::from_secs(go.pause);
        }
        now = now + TimeSpan::from_secs(pause);
        for presented in [session.chain.parent.unwrap_or(0), session.chain.current] {
            let mut session = session.clone();
            let successors: Vec<_> =
                (0..many).map(|_| present(&mut session, presented, now)).collect();
            prop_assert!(successors[0].is_ok());
            prop_assert!(successors.iter().all(|s| *s == successors[0]), "{successors:?}");
        }
    }

    /// A revoked session stays revoked, and counters never decrease.
    #[test]
    fn revoked_is_absorbing_and_counters_only_rise(
        presentations in prop::collection::vec((0..12u32, 0..100i64), 1..80),
    ) {
        let mut session = session();
        let mut now = start();
        for (counter, pause) in presentations {
            let before = session.clone();
            let outcome = present(&mut session, counter, now);
            prop_assert!(session.chain.current >= before.chain.current);
            if let Some((at, reason)) = before.revoked {
                let dead = Decision::Dead(Inactive::Revoked { at, reason });
                prop_assert_eq!(outcome, Err(dead));
                prop_assert_eq!(session.chain, before.chain);
            }
            if let Some(parent) = session.chain.parent {
                prop_assert!(parent < session.chain.current);
            }
            prop_assert!(session.chain.supersedes <= MAX_SUPERSEDES);
            now = now + TimeSpan::from_secs(pause);
        }
    }
}

/// A client whose tokens do not rotate: the current token stays valid, and no other token has an effect.
#[test]
fn an_unrotated_token_is_kept_and_never_raises_an_alarm() {
    let mut session = session();
    session.chain = Chain { current: 7, parent: Some(6), answered_at: start(), supersedes: 1 };
    let user = UserState { session_epoch: 4, disabled_at: None };
    for days in [0, 1, 400] {
        let now = start() + TimeSpan::from_days(days);
        let decided = |session: &Session, counter| {
            let standing = active_session(session, user, ClientState::BuiltIn, now);
            decide_unrotated(standing, counter, now)
        };
        let next = Chain { answered_at: now, ..session.chain };
        let kept = Decision::Answered { answer: Answer::Keep, next };
        assert_eq!(decided(&session, 7), Some(kept));
        for other in [0, 5, 6, 8, u32::MAX] {
            assert_eq!(decided(&session, other), None, "{other}");
        }
        let ended = Session { revoked: Some((now, EndReason::TokenRevoked)), ..session.clone() };
        for counter in [6, 7, 8] {
            assert!(matches!(decided(&ended, counter), Some(Decision::Dead(_))), "{counter}");
        }
    }
}

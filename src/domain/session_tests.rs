//! The placement of a new refresh branch.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn session(number: u128) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(number))
}

fn live(session_number: u128, branch: u128, answered_at: i64) -> LiveBranch {
    LiveBranch {
        session: session(session_number),
        branch: BranchId::from_uuid(Uuid::from_u128(branch)),
        answered_at: Timestamp::from_secs(answered_at),
    }
}

#[test]
fn the_first_branch_begins_a_session() {
    assert_eq!(place(&[]), Placement::default());
}

#[test]
fn a_branch_joins_the_newest_session_and_replaces_only_what_that_one_has() {
    let old = (0..20).map(|n| live(1, n, 100));
    let new = (20..27).map(|n| live(2, n, 5));
    let all: Vec<_> = old.chain(new).collect();
    assert_eq!(place(&all), Placement { joins: Some(session(2)), replaces: vec![] });
}

/// An action of a client in one sign-in: opening a branch or refreshing one.
#[derive(Debug, Clone, Copy)]
enum Step {
    Open,
    Refresh(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![Just(Step::Open), (0..MAX_BRANCHES).prop_map(Step::Refresh)];
    prop::collection::vec(step, 1..200)
}

proptest! {
    /// In any order of steps, one session has all branches, at most eight are live, and the one that was used
    /// longest ago is replaced.
    #[test]
    fn a_client_has_one_session_of_at_most_eight_branches(steps in steps()) {
        let mut branches: Vec<LiveBranch> = Vec::new();
        for (time, step) in (1..).zip(steps) {
            let answered_at = Timestamp::from_secs(time);
            match step {
                Step::Refresh(at) => {
                    let count = branches.len().max(1);
                    if let Some(branch) = branches.get_mut(at % count) {
                        branch.answered_at = answered_at;
                    }
                }
                Step::Open => {
                    let Placement { joins, replaces } = place(&branches);
                    prop_assert_eq!(joins.is_none(), branches.is_empty());
                    let oldest = branches.iter().map(|branch| branch.answered_at).min();
                    prop_assert_eq!(replaces.len(), usize::from(branches.len() == MAX_BRANCHES));
                    for replaced in &replaces {
                        let gone = branches.iter().find(|branch| branch.branch == *replaced);
                        prop_assert_eq!(gone.map(|branch| branch.answered_at), oldest);
                    }
                    branches.retain(|branch| !replaces.contains(&branch.branch));
                    let number = u128::try_from(time).unwrap();
                    let own = session(number);
                    let branch = BranchId::from_uuid(Uuid::from_u128(number));
                    branches.push(LiveBranch { session: joins.unwrap_or(own), branch, answered_at });
                }
            }
            prop_assert!(branches.len() <= MAX_BRANCHES);
            prop_assert!(branches.windows(2).all(|pair| pair[0].session == pair[1].session));
        }
    }
}

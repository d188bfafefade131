//! The refresh decision and the placement of branches, against a model of one client's windows and a thief.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use uuid::Uuid;

use super::tests::{present, session, start};
use super::*;
use crate::base::id::BranchId;
use crate::domain::session::{EndReason, LiveBranch, MAX_BRANCHES, place};

/// An event in one session. A branch is opened by each code that the client redeems.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The client redeems another code in the same sign-in.
    Open,
    /// The client uses the newest token of a branch and receives the response.
    Use(usize),
    /// The same, but the response is lost.
    Lose(usize),
    /// A thief copies the newest token of a branch.
    Copy(usize),
    /// The thief uses the token that they copied of a branch.
    Steal(usize),
}

fn steps(with_thief: bool) -> impl Strategy<Value = Vec<Step>> {
    let branch = 0..2 * MAX_BRANCHES;
    let honest = prop_oneof![
        3 => Just(Step::Open),
        6 => branch.clone().prop_map(Step::Use),
        2 => branch.clone().prop_map(Step::Lose),
    ];
    let thief = prop_oneof![
        4 => honest.clone(),
        1 => branch.clone().prop_map(Step::Copy),
        2 => branch.prop_map(Step::Steal),
    ];
    match with_thief {
        true => prop::collection::vec(thief, 1..120).boxed(),
        false => prop::collection::vec(honest, 1..120).boxed(),
    }
}

/// A branch, with the tokens that client and thief have.
struct Branch {
    stored: Session,
    client: u32,
    lost_in_a_row: u8,
    thief: Option<u32>,
    is_replaced: bool,
}

/// The branches of one session, as the server stores them.
#[derive(Default)]
struct Branches {
    all: Vec<Branch>,
    is_alarmed: bool,
}

impl Branches {
    fn is_live(branch: &Branch) -> bool {
        branch.stored.revoked.is_none() && !branch.is_replaced
    }

    /// Opens a branch where the rule places it.
    fn open(&mut self, now: Timestamp) {
        let live: Vec<LiveBranch> = self
            .all
            .iter()
            .filter(|branch| Self::is_live(branch))
            .map(|branch| LiveBranch {
                session: branch.stored.id,
                branch: branch.stored.branch,
                answered_at: branch.stored.chain.answered_at,
            })
            .collect();
        let placement = place(&live);
        for branch in &mut self.all {
            if placement.replaces.contains(&branch.stored.branch) {
                branch.is_replaced = true;
                branch.stored.revoked = Some((now, EndReason::SessionLimit));
            }
        }
        let number = u128::try_from(self.all.len()).unwrap() + 1;
        let stored = Session {
            id: placement.joins.unwrap_or(session().id),
            branch: BranchId::from_uuid(Uuid::from_u128(number)),
            chain: Chain::opened(now),
            created_at: now,
            ..session()
        };
        let (client, thief) = (0, None);
        self.all.push(Branch { stored, client, lost_in_a_row: 0, thief, is_replaced: false });
    }

    /// Presents a token of a branch; an alarm ends every branch of the session.
    fn present(&mut self, at: usize, counter: u32, now: Timestamp) -> Result<u32, Decision> {
        let outcome = present(&mut self.all[at].stored, counter, now);
        if let Err(Decision::Alarmed(_)) = outcome {
            self.is_alarmed = true;
            for branch in &mut self.all {
                branch.stored.revoked.get_or_insert((now, EndReason::ReuseDetected));
            }
        }
        outcome
    }
}

/// Performs the steps a minute apart and checks the invariants after each.
fn carried_out(steps: &[Step]) -> Result<Branches, TestCaseError> {
    let mut branches = Branches::default();
    let mut now = start();
    branches.open(now);
    for step in steps {
        now = now + TimeSpan::from_secs(60);
        let count = branches.all.len();
        let (at, counter) = match *step {
            Step::Open => {
                // After an alarm the client signs the user in again, which is another session.
                if !branches.is_alarmed {
                    branches.open(now);
                }
                let live = branches.all.iter().filter(|branch| Branches::is_live(branch)).count();
                prop_assert!(live <= MAX_BRANCHES, "{live} live branches");
                continue;
            }
            Step::Copy(at) => {
                let branch = &mut branches.all[at % count];
                branch.thief = Some(branch.client);
                continue;
            }
            Step::Use(at) | Step::Lose(at) => (at % count, branches.all[at % count].client),
            Step::Steal(at) => match branches.all[at % count].thief {
                Some(counter) => (at % count, counter),
                None => continue,
            },
        };
        let was_live = Branches::is_live(&branches.all[at]);
        // The fourth lost response in a row cannot be replaced.
        let is_heard = matches!(step, Step::Use(_)) || branches.all[at].lost_in_a_row >= 3;
        let outcome = branches.present(at, counter, now);
        if !was_live {
            let is_dead = matches!(outcome, Err(Decision::Dead(_)));
            prop_assert!(is_dead, "a branch that has ended said {outcome:?}");
        }
        let branch = &mut branches.all[at];
        match (step, outcome) {
            (Step::Steal(_), Ok(next)) => branch.thief = Some(next),
            (_, Ok(next)) if is_heard => (branch.client, branch.lost_in_a_row) = (next, 0),
            (_, Ok(_)) => branch.lost_in_a_row += 1,
            (_, Err(_)) => {}
        }
        if branches.is_alarmed {
            prop_assert!(
                !branches.all.iter().any(Branches::is_live),
                "a branch outlived the alarm"
            );
        }
    }
    Ok(branches)
}

proptest! {
    /// Several windows of one client, each with its own branch: at most eight are live, a new one replaces the one that
    /// was refreshed longest ago, and tokens of the replaced branch are refused without an alarm.
    #[test]
    fn branches_that_make_room_raise_no_alarm(steps in steps(false)) {
        let branches = carried_out(&steps)?;
        prop_assert!(!branches.is_alarmed);
        let replaced = branches.all.iter().filter(|branch| branch.is_replaced).count();
        prop_assert_eq!(replaced, branches.all.len().saturating_sub(MAX_BRANCHES));
    }

    /// A thief with a token of any branch ends all of them with the alarm, whatever the other branches do.
    #[test]
    fn an_alarm_in_one_branch_ends_every_branch(steps in steps(true)) {
        let branches = carried_out(&steps)?;
        if branches.is_alarmed {
            let reused = |branch: &Branch| {
                matches!(branch.stored.revoked, Some((_, EndReason::ReuseDetected))) || branch.is_replaced
            };
            prop_assert!(branches.all.iter().all(reused));
        }
    }
}

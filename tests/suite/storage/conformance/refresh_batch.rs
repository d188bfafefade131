//! The refresh path: many rows in one statement, each with a guard of its own.

use std::time::Duration;

use signet::base::Timestamp;
use signet::base::id::{BranchId, SessionId};
use signet::domain::attributes::{Attributes, Subject};
use signet::domain::outcome::{Fault, FaultKind};
use signet::domain::session::{Chain, EndReason, Session};
use signet::domain::user::Role;
use signet::execute;
use signet::store::refresh_batch::sql::{self, Change};
use signet::store::{Db, users};

use crate::support::sessions::{self as test_sessions, numbered};

use super::{NOW, after, commit, is_internal, on_both_stores, opened, session, session_id};
use super::{stored, user};

async fn write(db: &Db, changes: &[Change]) -> usize {
    commit(db, async |tx| sql::write(tx, changes).await).await
}

async fn read(db: &Db, ids: &[BranchId]) -> sql::FoundRows {
    commit(db, async |tx| sql::read(tx, ids).await).await
}

/// An ordinary rotation.
fn rotated(session: &Session) -> Change {
    let was = session.chain.current;
    let chain = Chain { current: was + 1, parent: Some(was), ..session.chain };
    let idle_expires_at = session.idle_expires_at;
    Change { id: session.branch, was, chain, idle_expires_at }
}

/// The `session` after `change` is written.
fn changed(session: &Session, change: &Change) -> Session {
    let Change { chain, idle_expires_at, .. } = *change;
    Session { chain, idle_expires_at, ..session.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_rows_are_read_at_once_and_missing_ones_are_absent() {
    on_both_stores("rotation: read", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let one = opened(&db, session(ada)).await;
        let two = opened(&db, session(bob)).await;
        let unasked = opened(&db, session(bob)).await;
        commit(&db, async |tx| users::raise_epoch(tx, bob, NOW).await).await;
        let found = read(&db, &[two.branch, branch_id(0), one.branch, one.branch]).await;
        assert_eq!(found.len(), 2);
        assert!(!found.contains_key(&unasked.branch));
        for (session, epoch) in [(one, 0), (two, 1)] {
            let row = found[&session.branch].as_ref().unwrap();
            assert_eq!((&row.session, row.user.session_epoch), (&session, epoch));
            let subject = row.subject.read().unwrap();
            assert_eq!((subject.role, subject.attributes), (Role::User, Attributes::default()));
        }
        assert!(read(&db, &[]).await.is_empty());
        assert!(read(&db, &[branch_id(0)]).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn user_attributes_come_with_the_session_and_are_decoded_on_demand() {
    on_both_stores("rotation: subjects", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let (one, two) = (opened(&db, session(ada)).await, opened(&db, session(bob)).await);
        let attributes = Attributes { groups: vec!["staff".to_owned()], ..Attributes::default() };
        let subject = Subject { role: Role::Admin, attributes, email: None };
        commit(&db, async |tx| users::update(tx, ada, None, &subject, NOW).await).await;
        commit(&db, async |tx| execute!(tx, "UPDATE users SET claims = '[' WHERE id = $1", bob))
            .await;
        let found = read(&db, &[one.branch, two.branch]).await;
        assert_eq!(found[&one.branch].as_ref().unwrap().subject.read().unwrap(), subject);
        // Read as well: APIs that do not list the claims ignore them.
        let broken = found[&two.branch].as_ref().unwrap();
        assert_eq!(broken.session, two);
        assert!(broken.subject.read().is_err_and(|fault| is_internal(&fault)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_does_not_decode_fails_only_its_own_request() {
    on_both_stores("rotation: broken rows", async |db| {
        let ada = user(&db, "ada").await;
        let (good, bad) = (opened(&db, session(ada)).await, opened(&db, session(ada)).await);
        commit(&db, async |tx| {
            execute!(tx, "UPDATE sessions SET current = 9999999999 WHERE id = $1", bad.id)
        })
        .await;
        let found = read(&db, &[bad.branch, good.branch]).await;
        assert_eq!(found[&good.branch].as_ref().unwrap().session, good);
        assert!(found[&bad.branch].as_ref().is_err_and(is_internal));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_writes_the_whole_chain() {
    on_both_stores("rotation: write", async |db| {
        let ada = user(&db, "ada").await;
        let (mut one, mut two) = (opened(&db, session(ada)).await, opened(&db, session(ada)).await);
        let ends = [i64::MIN, -1, 0, i64::MAX].map(Timestamp::from_millis);
        let counters = [(1, Some(0)), (7, None), (u32::MAX, Some(u32::MAX - 1)), (u32::MAX, None)];
        for ((current, parent), at) in counters.into_iter().zip(ends) {
            let chain = Chain { current, parent, answered_at: at, supersedes: u8::MAX };
            let mut changes = [rotated_to(&one, chain, at), rotated_to(&two, chain, at)];
            changes[1].chain.supersedes = 0;
            assert_eq!(write(&db, &changes).await, 2);
            (one, two) = (changed(&one, &changes[0]), changed(&two, &changes[1]));
            assert_eq!(
                (stored(&db, one.id).await, stored(&db, two.id).await),
                (one.clone(), two.clone())
            );
        }
    })
    .await;
}

fn rotated_to(session: &Session, chain: Chain, idle_expires_at: Timestamp) -> Change {
    Change { id: session.branch, was: session.chain.current, chain, idle_expires_at }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_does_not_hold_costs_only_its_own_row() {
    on_both_stores("rotation: guards", guards).await;
}

pub(super) async fn guards(db: Db) {
    let ada = user(&db, "ada").await;
    let good = opened(&db, session(ada)).await;
    let stale = opened(&db, session(ada)).await;
    let revoked = opened(&db, session(ada)).await;
    let reason = EndReason::Logout;
    commit(&db, async |tx| test_sessions::end(tx, revoked.id, reason, after(1)).await).await;
    let before = (stored(&db, stale.id).await, stored(&db, revoked.id).await);
    let mut late = rotated(&stale);
    late.was = 1;
    let missing = Change { id: branch_id(0), ..rotated(&good) };
    let changes = [late, rotated(&revoked), missing, rotated(&good)];
    assert_eq!(write(&db, &changes).await, 1);
    assert_eq!(stored(&db, good.id).await, changed(&good, &rotated(&good)));
    assert_eq!((stored(&db, stale.id).await, stored(&db, revoked.id).await), before);
    assert_eq!(write(&db, &changes).await, 0, "the same change does not hold twice");
    assert_eq!(write(&db, &[]).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_rows_go_in_one_statement() {
    on_both_stores("rotation: many rows", async |db| {
        let ada = user(&db, "ada").await;
        let all: Vec<Session> =
            (0..400).map(|secs| numbered(session_id(secs), session(ada))).collect();
        commit(&db, async |tx| {
            for session in &all {
                assert!(test_sessions::open(tx, session, &Default::default()).await?);
            }
            Ok(())
        })
        .await;
        let changes: Vec<Change> = all.iter().map(rotated).collect();
        let ids: Vec<BranchId> = all.iter().map(|session| session.branch).collect();
        assert_eq!(write(&db, &changes).await, ids.len());
        let found = read(&db, &ids).await;
        for (session, change) in all.iter().zip(&changes) {
            let row = found[&session.branch].as_ref().unwrap();
            assert_eq!(row.session, changed(session, change));
        }
    })
    .await;
}

fn branch_id(secs: i64) -> BranchId {
    BranchId::from_uuid(session_id(secs).uuid())
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_read_are_held_until_the_end_of_the_work() {
    on_both_stores("rotation: locks", locks).await;
}

pub(super) async fn locks(db: Db) {
    let ada = user(&db, "ada").await;
    let one = opened(&db, session(ada)).await;
    let mut tx = db.begin().await.unwrap();
    sql::read(&mut tx, &[one.branch]).await.unwrap();
    let refused = revoke(&db, one.id, Duration::from_millis(100)).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::Unavailable, "{refused}");
    assert_eq!(sql::write(&mut tx, &[rotated(&one)]).await.unwrap(), 1);
    tx.commit().await.unwrap();
    revoke(&db, one.id, db.deadlines().write()).await.unwrap();
    let now = stored(&db, one.id).await;
    assert_eq!((now.chain.current, now.revoked.is_some()), (1, true), "neither is lost");
}

async fn revoke(db: &Db, id: SessionId, patience: Duration) -> Result<(), Fault> {
    let mut tx = db.begin_within(patience).await?;
    test_sessions::end(&mut tx, id, EndReason::Logout, NOW).await?;
    tx.commit().await
}

//! The audit trail along each of its indexes.

use signet::base::id::{AuditId, SessionId, UserId};
use signet::crypto::random::SystemEntropy;
use signet::domain::audit::{Event, EventKind, Origin, Via};
use signet::domain::audit_filter::DrivingIndex;
use signet::store::audit::StoredEvent;
use signet::store::audit_query::{self, IdRange};
use signet::store::{Db, audit, login_retention};
use uuid::Uuid;

use super::{after, commit, on_both_stores, reader, session_id, user_id};

/// All events along an index, read three at a time.
pub(super) async fn events_of(db: &Db, index: DrivingIndex<'_>) -> Vec<StoredEvent> {
    let from = AuditId::from_uuid(Uuid::nil());
    let (mut all, mut before) = (Vec::new(), Uuid::max());
    loop {
        let stretch = IdRange { before, from, limit: 3 };
        let (events, is_all) =
            audit_query::next(&mut reader(db).await, &index, stretch).await.unwrap();
        let Some(last) = events.last() else { return all };
        before = last.id.uuid();
        all.extend(events);
        if is_all {
            return all;
        }
    }
}

struct Seeded {
    users: [UserId; 2],
    sessions: [SessionId; 2],
}

/// Twenty events, one a second, whose members change with different periods.
async fn seed(db: &Db) -> Seeded {
    let seeded =
        Seeded { users: [user_id(0), user_id(0)], sessions: [session_id(0), session_id(0)] };
    let kinds = [EventKind::LoginSucceeded, EventKind::LoginFailed, EventKind::UserCreated];
    for n in 0..20_usize {
        let event = Event::new(kinds[n % 3])
            .about(seeded.users[n % 2])
            .in_session(seeded.sessions[n / 10])
            .for_client(["shop", "desk"][n / 5 % 2]);
        let address = ["192.0.2.1", "2001:db8::1"][n / 2 % 2].parse().ok();
        let origin = Origin { address, via: Via::Http, ..Origin::system() };
        let at = after(i64::try_from(n).unwrap());
        commit(db, async |tx| audit::record(tx, &event, &origin, at, &SystemEntropy).await).await;
    }
    seeded
}

/// Each index returns exactly its events, newest first, wherever a read ends.
#[tokio::test(flavor = "multi_thread")]
async fn each_index_leads_to_its_events_newest_first() {
    on_both_stores("audit: indexes", async |db| {
        let Seeded { users, sessions } = seed(&db).await;
        let secs = async |index| -> Vec<i64> {
            let found = events_of(&db, index).await;
            found.iter().map(|event| (event.at - after(0)).secs()).collect()
        };
        let those = |keep: &dyn Fn(i64) -> bool| (0..20).rev().filter(|n| keep(*n)).collect();
        let expected: Vec<i64> = those(&|_| true);
        assert_eq!(secs(DrivingIndex::Time).await, expected);
        let expected: Vec<i64> = those(&|n| n % 2 == 1);
        assert_eq!(secs(DrivingIndex::User(users[1])).await, expected);
        let expected: Vec<i64> = those(&|n| n >= 10);
        assert_eq!(secs(DrivingIndex::Session(sessions[1])).await, expected);
        let expected: Vec<i64> = those(&|n| n / 2 % 2 == 1);
        let address = "2001:DB8:0::1".parse().unwrap();
        assert_eq!(secs(DrivingIndex::Address(address)).await, expected);
        let expected: Vec<i64> = those(&|n| n / 5 % 2 == 0);
        assert_eq!(secs(DrivingIndex::Client("shop")).await, expected);
        let kinds = [EventKind::LoginFailed];
        let expected: Vec<i64> = those(&|n| n % 3 == 1);
        assert_eq!(secs(DrivingIndex::Kinds(&kinds)).await, expected);
        // Merged, also if one was named twice and one is absent.
        let kinds = [
            EventKind::UserCreated,
            EventKind::UserDeleted,
            EventKind::LoginFailed,
            EventKind::UserCreated,
        ];
        let expected: Vec<i64> = those(&|n| n % 3 != 0);
        assert_eq!(secs(DrivingIndex::Kinds(&kinds)).await, expected);
        assert!(secs(DrivingIndex::User(user_id(0))).await.is_empty());
        // Only events between the bounds.
        let stretch = IdRange {
            before: AuditId::earliest(after(15)).uuid(),
            from: AuditId::earliest(after(5)),
            limit: 100,
        };
        for index in [DrivingIndex::Time, DrivingIndex::Kinds(&kinds)] {
            let (found, is_all) =
                audit_query::next(&mut reader(&db).await, &index, stretch).await.unwrap();
            let inside = |event: &StoredEvent| (after(5)..after(15)).contains(&event.at);
            assert!(is_all && !found.is_empty() && found.iter().all(inside));
        }
    })
    .await;
}

/// The walk that removes log-ins visits every event once, removes only those, and continues where it was.
#[tokio::test(flavor = "multi_thread")]
async fn log_ins_are_removed_along_a_walk_and_other_events_stay() {
    on_both_stores("audit: retention of log-ins", async |db| {
        seed(&db).await;
        let start = login_retention::position(&mut reader(&db).await).await.unwrap();
        assert_eq!(start.uuid(), Uuid::nil());
        let until = AuditId::earliest(after(10));
        let page = login_retention::walk(&mut reader(&db).await, start, until, 100).await.unwrap();
        assert_eq!(page.len(), 10);
        assert_eq!(page.iter().filter(|event| event.is_login()).count(), 4);
        let (first, last) = (page[0].id, page[9].id);
        let next = login_retention::walk(&mut reader(&db).await, first, until, 3).await.unwrap();
        assert_eq!(next, page[1..4]);
        assert_eq!(commit(&db, async |tx| login_retention::remove(tx, first, last).await).await, 4);
        commit(&db, async |tx| login_retention::set_position(tx, last).await).await;
        let passed = login_retention::position(&mut reader(&db).await).await.unwrap();
        assert_eq!(passed, last);
        let left = events_of(&db, DrivingIndex::Time).await;
        assert_eq!(left.len(), 16);
        assert_eq!(left.iter().filter(|event| event.kind == "login.succeeded").count(), 3);
    })
    .await;
}

//! An expired session leaves one event, however many callers notice it.

use std::net::IpAddr;

use signet::base::Timestamp;
use signet::base::id::BranchId;
use signet::crypto::random::SystemEntropy;
use signet::domain::audit::{Origin, Via};
use signet::domain::audit_filter::DrivingIndex;
use signet::domain::session::{EndReason, Session};
use signet::execute;
use signet::store::Db;
use signet::store::audit::StoredEvent;
use signet::store::sessions::expiry::{self, ExpiredSession};

use crate::support::sessions::end;

use super::audit_query::events_of;
use super::{NOW, after, at_once, commit, on_both_stores, opened, session, session_id, user};

fn of(session: &Session) -> ExpiredSession {
    ExpiredSession {
        id: session.id,
        user_id: session.user_id,
        client_id: session.client_id.clone(),
        user_epoch: session.user_epoch,
        origin: by_request(),
        noticed_at: NOW,
    }
}

fn by_request() -> Origin {
    let address: IpAddr = "192.0.2.7".parse().unwrap();
    let request_id = "r1".to_owned();
    Origin { via: Via::Http, address: Some(address), request_id, ..Origin::system() }
}

async fn record(db: &Db, sessions: &[ExpiredSession], now: Timestamp) -> u64 {
    let noticed = |one: &ExpiredSession| ExpiredSession { noticed_at: now, ..one.clone() };
    let sessions: Vec<_> = sessions.iter().map(noticed).collect();
    commit(db, async |tx| expiry::record_expired(tx, &sessions, &SystemEntropy).await).await
}

async fn events(db: &Db) -> Vec<StoredEvent> {
    events_of(db, DrivingIndex::Time).await
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_who_notice_at_once_write_one_event() {
    on_both_stores("expiry: race", async |db| {
        let ada = user(&db, "ada").await;
        let expired = opened(&db, Session { client_id: "shop".to_owned(), ..session(ada) }).await;
        assert_eq!(record(&db, &[of(&expired)], after(3_599)).await, 0, "it is live");
        let written = at_once(async |_: u8| record(&db, &[of(&expired)], after(3_600)).await).await;
        assert_eq!(written.iter().sum::<u64>(), 1);
        // Its row may be deleted by then, and other sessions may be noticed with it.
        commit(&db, async |tx| execute!(tx, "DELETE FROM sessions WHERE id = $1", expired.branch))
            .await;
        let gone = ExpiredSession { id: session_id(9), ..of(&expired) };
        let both = [of(&expired), gone.clone(), gone.clone()];
        assert_eq!(record(&db, &both, after(9_000)).await, 1);
        assert_eq!(record(&db, &[], after(9_000)).await, 0);
        let events = events(&db).await;
        assert_eq!(events.len(), 2);
        let first = events.iter().find(|event| event.session_id == Some(expired.id)).unwrap();
        assert_eq!((first.kind.as_str(), first.times), ("session.expired", 1));
        assert_eq!((first.user_id, first.detail.as_deref()), (Some(ada), Some("shop")));
        assert_eq!((first.at, first.via.as_str()), (after(3_600), "http"));
        assert_eq!((first.address.as_deref(), &*first.request_id), (Some("192.0.2.7"), "r1"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_live_or_was_ended_has_not_expired() {
    on_both_stores("expiry: not expired", async |db| {
        let ada = user(&db, "ada").await;
        let now = after(3_600);
        // Another branch of it is live, until that one expires.
        let two = opened(&db, session(ada)).await;
        let branch = BranchId::from_uuid(session_id(5).uuid());
        let lasting = Session {
            branch,
            idle_expires_at: after(7_200),
            expires_at: after(7_200),
            ..two.clone()
        };
        opened(&db, lasting).await;
        assert_eq!(record(&db, &[of(&two)], now).await, 0);
        assert_eq!(record(&db, &[of(&two)], after(7_200)).await, 1);
        // Of another epoch: the cause of the epoch has an event of its own.
        let other = ExpiredSession { id: session_id(6), user_epoch: 1, ..of(&two) };
        assert_eq!(record(&db, &[other], now).await, 0);
        // Of a deleted user.
        let gone_user =
            ExpiredSession { user_id: super::user_id(9), id: session_id(7), ..of(&two) };
        assert_eq!(record(&db, &[gone_user], now).await, 0);
        // An ended branch does not keep its session live.
        let ended = opened(
            &db,
            Session {
                id: session_id(8),
                branch: BranchId::from_uuid(session_id(8).uuid()),
                ..session(ada)
            },
        )
        .await;
        let by_user = EndReason::EndedByUser;
        commit(&db, async |tx| end(tx, ended.id, by_user, NOW).await).await;
        assert_eq!(record(&db, &[of(&ended)], NOW).await, 1);
    })
    .await;
}

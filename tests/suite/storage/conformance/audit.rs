//! The audit trail: complete, in order, and stored together with its change or not at all.

use signet::base::Timestamp;
use signet::base::id::{AdminKeyId, AuditId, UserId};
use signet::crypto::random::SystemEntropy;
use signet::domain::audit::{ActingClient, Event, EventKind, Origin, Via};
use signet::domain::audit_filter::DrivingIndex;
use signet::domain::authn::Method;
use signet::domain::sign_in_history::SignInOutcome;
use signet::domain::user_agent::Device;
use signet::store::Db;
use signet::store::audit::{self, StoredEvent};
use signet::store::audit_query::{self, IdRange};
use uuid::Uuid;

use super::audit_query::events_of;
use super::{NOW, after, commit, on_both_stores, reader, session_id, user_id, walk};

async fn record(db: &Db, event: &Event, origin: &Origin, at: Timestamp) {
    commit(db, async |tx| audit::record(tx, event, origin, at, &SystemEntropy).await).await;
}

async fn fold(db: &Db, event: &Event, at: Timestamp, fold: &[u8]) {
    record(db, &event.clone().folded(fold), &Origin::system(), at).await;
}

/// The trail, newest first.
async fn trail(db: &Db, user: Option<UserId>) -> Vec<StoredEvent> {
    events_of(db, user.map_or(DrivingIndex::Time, DrivingIndex::User)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_read_back_completely() {
    on_both_stores("audit: round trip", async |db| {
        let (actor, subject, session) = (user_id(0), user_id(0), session_id(0));
        let key = AdminKeyId::from_uuid(user_id(1).uuid());
        let detail = "длинный 🗒 ".repeat(1_000);
        let event = Event::new(EventKind::UserUpdated)
            .about(subject)
            .in_session(session)
            .detail(detail.clone());
        let origin = Origin {
            actor: Some(actor),
            client: Some(ActingClient { client_id: "bot".to_owned(), key: Some(key) }),
            via: Via::Http,
            address: Some("2001:db8::1".parse().unwrap()),
            request_id: "запрос-1".to_owned(),
            ..Origin::system()
        };
        record(&db, &event, &origin, NOW).await;
        let found = trail(&db, None).await.remove(0);
        assert_eq!((found.at, &*found.kind, &*found.via), (NOW, "user.updated", "http"));
        assert_eq!(
            (found.actor_id, found.user_id, found.session_id),
            (Some(actor), Some(subject), Some(session))
        );
        assert_eq!(
            (found.actor_client_id.as_deref(), found.actor_key_id),
            (Some("bot"), Some(key))
        );
        assert_eq!(found.address.as_deref(), Some("2001:db8::1"));
        assert_eq!((&*found.request_id, found.detail), ("запрос-1", Some(detail)));
        assert_eq!(found.times, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_through_every_door_is_recorded_without_what_it_lacks() {
    on_both_stores("audit: kinds", async |db| {
        for (secs, kind) in (0..).zip(EventKind::ALL) {
            for via in Via::ALL {
                let origin = Origin { via: *via, ..Origin::system() };
                record(&db, &Event::new(*kind), &origin, after(secs)).await;
            }
        }
        let found = trail(&db, None).await;
        assert_eq!(found.len(), EventKind::ALL.len() * Via::ALL.len(), "none folds unasked");
        for (events, kind) in found.chunks(Via::ALL.len()).zip(EventKind::ALL.iter().rev()) {
            let mut doors: Vec<&str> = events.iter().map(|event| &*event.via).collect();
            doors.sort_unstable();
            assert_eq!(doors, ["cli", "http", "system"]);
            for event in events {
                assert_eq!((&*event.kind, event.times), (kind.as_str(), 1));
                assert_eq!((event.actor_id, event.user_id), (None, None));
                assert_eq!((event.session_id, &event.address), (None, &None));
                assert_eq!((&*event.request_id, &event.detail), ("", &None));
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_one_fold_are_one_row_that_counts_them() {
    on_both_stores("audit: folds", async |db| {
        let event = Event::new(EventKind::LoginFailed);
        for secs in 0..3 {
            fold(&db, &event, after(secs), b"ada").await;
        }
        fold(&db, &event, after(5), b"bob").await;
        record(&db, &event, &Origin::system(), after(6)).await;
        let found: Vec<_> = trail(&db, None).await.iter().map(|e| (e.at, e.times)).collect();
        assert_eq!(found, [(after(6), 1), (after(5), 1), (NOW, 3)], "the first says when");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_goes_with_the_work_it_belongs_to() {
    on_both_stores("audit: rollback", async |db| {
        let (event, origin) = (Event::new(EventKind::UserCreated), Origin::cli());
        let mut tx = db.begin().await.unwrap();
        audit::record(&mut tx, &event, &origin, NOW, &SystemEntropy).await.unwrap();
        let folded = event.folded(b"x");
        audit::record(&mut tx, &folded, &origin, NOW, &SystemEntropy).await.unwrap();
        let all = IdRange { before: Uuid::max(), from: AuditId::from_uuid(Uuid::nil()), limit: 50 };
        let (found, is_all) = audit_query::next(&mut tx, &DrivingIndex::Time, all).await.unwrap();
        assert_eq!((found.len(), is_all), (2, true));
        tx.rollback().await;
        assert!(trail(&db, None).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endings_of_all_sessions_are_listed_newest_first() {
    on_both_stores("audit: endings", async |db| {
        let (ada, bob) = (user_id(0), user_id(0));
        let of = |kind, who| Event::new(kind).about(who);
        let events = [
            of(EventKind::PasswordChanged, ada),
            of(EventKind::SessionsEnded, ada),
            of(EventKind::LoginSucceeded, ada),
            of(EventKind::UserUpdated, ada).detail("admin"),
            of(EventKind::UserUpdated, ada).detail("user"),
            of(EventKind::UserUpdated, ada),
            of(EventKind::SessionEnded, ada).detail("user"),
            of(EventKind::UserDisabled, ada),
            of(EventKind::UserEnabled, ada),
            of(EventKind::PasswordChanged, bob),
            of(EventKind::UserDeleted, ada),
        ];
        for (secs, event) in (0..).zip(&events) {
            record(&db, event, &Origin::system(), after(secs)).await;
        }
        let found = async |who, since, limit| -> Vec<_> {
            let mut reader = reader(&db).await;
            let found = audit::endings(&mut reader, who, after(since), limit).await.unwrap();
            found.iter().map(|event| event.at).collect()
        };
        assert_eq!(found(ada, 0, 100).await, [10, 7, 4, 1, 0].map(after));
        assert_eq!(found(ada, 4, 100).await, [10, 7, 4].map(after), "the first moment belongs");
        assert_eq!(found(ada, 0, 2).await, [10, 7].map(after));
        assert_eq!(found(bob, 0, 100).await, [9].map(after));
        for (secs, detail) in [(20, "by_admin"), (21, "all_by_admin"), (22, "client_by_admin")] {
            let event = Event::new(EventKind::SessionsEnded).detail(detail);
            record(&db, &event, &Origin::cli(), after(secs)).await;
        }
        let of_all = async |since, limit| -> Vec<_> {
            let found = audit::endings_of_all(&mut reader(&db).await, after(since), limit).await;
            found.unwrap().iter().map(|event| event.at).collect()
        };
        assert_eq!(of_all(0, 100).await, [after(21)]);
        assert!(of_all(22, 100).await.is_empty() && of_all(0, 0).await.is_empty());
        assert!(found(user_id(0), 0, 100).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_is_paged_newest_first_for_one_user_or_all() {
    on_both_stores("audit: pages", async |db| {
        let (ada, bob) = (user_id(0), user_id(0));
        let (of, origin) = (|id| Event::new(EventKind::LoginSucceeded).about(id), Origin::system());
        for (secs, whose) in [(3, ada), (1, ada), (4, bob), (0, bob), (2, ada)] {
            record(&db, &of(whose), &origin, after(secs)).await;
        }
        let mut acted = Origin::cli();
        acted.actor = Some(ada);
        record(&db, &Event::new(EventKind::ApiCreated), &acted, after(5)).await;
        for (whose, expected) in [
            (None, vec![5, 4, 3, 2, 1, 0]),
            (Some(ada), vec![3, 2, 1]),
            (Some(bob), vec![4, 0]),
            (Some(user_id(0)), vec![]),
        ] {
            let found: Vec<_> = trail(&db, whose).await.iter().map(|event| event.at).collect();
            assert_eq!(found, expected.into_iter().map(after).collect::<Vec<_>>());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_of_a_user_are_listed_with_their_details() {
    on_both_stores("audit: sign-ins", async |db| {
        let (ada, bob) = (user_id(0), user_id(0));
        let device = Device::new("Mozilla/5.0 (iPhone) Safari/604", None);
        for (secs, kind) in (0..).zip(EventKind::ALL) {
            let event = Event::new(*kind).about(ada).by_methods(["password", "totp"]);
            let event = event.seen_in(&device, Some("shop"));
            record(&db, &event, &Origin::system(), after(secs)).await;
            record(&db, &Event::new(*kind).about(bob), &Origin::system(), after(secs)).await;
            record(&db, &Event::new(*kind), &Origin::system(), after(secs)).await;
        }
        let since = async |user, since| {
            walk(async |request| {
                audit::sign_ins(&mut reader(&db).await, user, request, since).await
            })
            .await
        };
        // Every kind that is one, and no other: the statement names them.
        let known = EventKind::ALL.iter().rev().filter_map(|kind| SignInOutcome::of(*kind));
        let found = since(ada, NOW).await;
        let outcomes: Vec<_> = found.iter().map(|sign_in| sign_in.outcome).collect();
        assert_eq!(outcomes, known.collect::<Vec<_>>());
        for sign_in in &found {
            assert_eq!(sign_in.browser.as_deref(), Some("Safari · iPhone"));
            assert_eq!(sign_in.client_id.as_deref(), Some("shop"));
            assert_eq!(sign_in.methods, [Method::Password, Method::Totp]);
            assert_eq!((sign_in.times, &sign_in.address), (1, &None));
        }
        for sign_in in since(bob, NOW).await {
            assert_eq!((sign_in.browser, sign_in.client_id), (None, None));
            assert!(sign_in.methods.is_empty());
        }
        let (newest, oldest) = (found[0].at, found[found.len() - 1].at);
        assert_eq!(since(ada, newest).await.len(), 1);
        assert_eq!(since(ada, oldest).await.len(), found.len());
        assert!(since(user_id(0), NOW).await.is_empty());
    })
    .await;
}

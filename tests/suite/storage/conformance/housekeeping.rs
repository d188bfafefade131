//! Housekeeping: removes expired rows, the oldest first, in steps.

use signet::base::id::BranchId;
use signet::base::id::UserId;
use signet::base::opaque_token::TokenHash;
use signet::base::{TimeSpan, Timestamp};
use signet::crypto::random::SystemEntropy;
use signet::domain::audit::{Event, EventKind, Origin};
use signet::domain::audit_filter::DrivingIndex;
use signet::domain::browser_session::BrowserSession;
use signet::domain::device_code::{self, DeviceAsk, DeviceCode, DeviceState};
use signet::domain::rate_limit::Limit;
use signet::domain::session::Session;
use signet::domain::user_agent::Device;
use signet::store::authorization_codes::NewCode;
use signet::store::housekeeping::RemovedBranch;
use signet::store::known_networks::{self, KnownNetwork};
use signet::store::{
    Db, audit, authorization_codes, browser_sessions, device_codes, housekeeping, login_limits,
    pushed_requests, sessions,
};
use signet::store::{setup_links, spent_ids};

use crate::support::sessions::numbered;

use super::audit_query::events_of;
use super::{NOW, after, authorization, commit, count, hash, log_in, on_both_stores, opened};
use super::{reader, scopes, session, session_id, user};

/// The number of rows that each step removes until nothing is left.
async fn steps(mut step: impl AsyncFnMut() -> u64) -> Vec<u64> {
    let mut removed = Vec::new();
    loop {
        removed.push(step().await);
        if removed.last() == Some(&0) {
            return removed;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_go_with_their_devices_once_their_life_is_over() {
    on_both_stores("housekeeping: sessions", ended_sessions).await;
}

pub(super) async fn ended_sessions(db: Db) {
    let ada = user(&db, "ada").await;
    let mut made = Vec::new();
    for secs in [5, 3, 1, 4, 2, 0] {
        let session = Session { expires_at: after(secs), ..session(ada) };
        made.push(opened(&db, session).await);
    }
    made.sort_by_key(|session| session.expires_at);
    let removed =
        async || commit(&db, async |tx| housekeeping::sessions(tx, after(5), 2).await).await;
    let step = async || removed().await.len() as u64;
    let mut first = removed().await;
    first.sort_by_key(|branch| branch.session != made[0].id);
    let expected = made[..2].iter().map(|made| RemovedBranch {
        session: made.id,
        user_id: ada,
        client_id: "signet".to_owned(),
        user_epoch: 0,
        revoked_at: None,
    });
    assert_eq!(first, expected.collect::<Vec<_>>(), "each is told of as it was");
    let link = &mut reader(&db).await;
    let gone = sessions::with_user(link, made[1].id).await.unwrap();
    let next = sessions::with_user(link, made[2].id).await.unwrap();
    assert!(gone.is_none() && next.is_some(), "the oldest first");
    assert_eq!(steps(step).await, [2, 1, 0]);
    let kept = sessions::with_user(&mut reader(&db).await, made[5].id).await.unwrap();
    assert!(kept.is_some(), "it ends at the very moment, not before it");
    assert_eq!(count!(&db, "SELECT count(*) FROM sessions"), 1);
    assert_eq!(count!(&db, "SELECT count(*) FROM session_devices"), 1);
}

fn branch_id(secs: i64) -> BranchId {
    BranchId::from_uuid(session_id(secs).uuid())
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_were_idle_for_too_long_are_found_by_walking() {
    on_both_stores("housekeeping: idle sessions", async |db| {
        let ada = user(&db, "ada").await;
        let mut made = Vec::new();
        for (number, idle) in [(1, 5), (2, 1), (3, 9), (4, 2), (5, 1)] {
            let idle = Session { idle_expires_at: after(idle), ..session(ada) };
            made.push(opened(&db, numbered(session_id(number), idle)).await.branch);
        }
        let walk = async |after, until, step| {
            let link = &mut reader(&db).await;
            housekeeping::walk_sessions(link, after, until, step).await.unwrap()
        };
        let end = made[4];
        assert_eq!(walk(branch_id(0), end, 2).await, [(made[0], after(5)), (made[1], after(1))]);
        assert_eq!(walk(made[1], end, 9).await, [(made[2], after(9)), (made[3], after(2))]);
        assert_eq!(walk(made[3], end, 9).await, [], "up to the end, without it");
        let remove = async |first, last, before| {
            let remove =
                async |tx: &mut _| housekeeping::idle_sessions(tx, first, last, before).await;
            let removed = commit(&db, remove).await;
            removed.into_iter().map(|branch| branch.session.uuid()).collect::<Vec<_>>()
        };
        assert_eq!(
            remove(made[1], made[3], after(2)).await,
            [made[1].uuid()],
            "only between the two, only before"
        );
        assert_eq!(remove(made[0], made[3], after(5)).await, [made[3].uuid()]);
        let left = walk(branch_id(0), branch_id(60), 9).await;
        assert_eq!(left.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [made[0], made[2], made[4]]);
        assert_eq!(count!(&db, "SELECT count(*) FROM session_devices"), 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_events_go_oldest_first() {
    on_both_stores("housekeeping: audit", async |db| {
        let (event, origin) = (Event::new(EventKind::UserCreated), Origin::system());
        for secs in [5, 3, 1, 4, 2, 0] {
            let at = after(secs);
            let record =
                async |tx: &mut _| audit::record(tx, &event, &origin, at, &SystemEntropy).await;
            commit(&db, record).await;
        }
        let left = async || {
            let found = events_of(&db, DrivingIndex::Time).await;
            found.iter().map(|event| event.at).collect::<Vec<_>>()
        };
        let step =
            async || commit(&db, async |tx| housekeeping::audit(tx, after(5), 2).await).await;
        assert_eq!(step().await, 2);
        assert_eq!(left().await, [5, 4, 3, 2].map(after));
        assert_eq!(steps(step).await, [2, 1, 0]);
        assert_eq!(left().await, [after(5)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_expired_sessions_go_by_themselves() {
    on_both_stores("housekeeping: expiry events", async |db| {
        let origin = Origin::system();
        for secs in [5, 3, 1] {
            for kind in [EventKind::SessionExpired, EventKind::SessionEnded] {
                let (event, at) = (Event::new(kind), after(secs));
                let record =
                    async |tx: &mut _| audit::record(tx, &event, &origin, at, &SystemEntropy).await;
                commit(&db, record).await;
            }
        }
        let step = async || {
            commit(&db, async |tx| housekeeping::expiry_events(tx, after(5), 1).await).await
        };
        assert_eq!(steps(step).await, [1, 1, 0]);
        let found = events_of(&db, DrivingIndex::Time).await;
        let left: Vec<_> = found.iter().map(|event| (event.kind.as_str(), event.at)).collect();
        assert_eq!(left.iter().filter(|(kind, _)| *kind == "session.ended").count(), 3);
        assert_eq!(left.iter().filter(|(kind, _)| *kind == "session.expired").count(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_networks_and_links_go_when_their_time_is_over() {
    on_both_stores("housekeeping: counters", async |db| {
        for number in 0..6 {
            let at = after(i64::from(number));
            counters_of(&db, number, at).await;
        }
        let (now, networks_before) = (after(65), after(3));
        let until = async |latest| {
            let work = async |tx: &mut _| housekeeping::login_limits(tx, now, latest, 2).await;
            commit(&db, work).await
        };
        assert_eq!(steps(async || until(after(65)).await).await, [2, 2, 1, 0]);
        assert_eq!(count!(&db, "SELECT ends_at FROM login_limits"), after(65).millis());
        // One that ends later than any window can was begun by a clock that was ahead.
        assert_eq!(steps(async || until(after(64)).await).await, [1, 0]);
        let networks = async || {
            commit(&db, async |tx| {
                housekeeping::known_networks(tx, networks_before, after(99), 2).await
            })
            .await
        };
        assert_eq!(networks().await, 2);
        assert_eq!(count!(&db, "SELECT min(seen_at) FROM known_networks"), after(2).millis());
        assert_eq!(steps(networks).await, [1, 0]);
        let links = async || {
            commit(&db, async |tx| housekeeping::setup_links(tx, now, after(99), 2).await).await
        };
        assert_eq!(steps(links).await, [2, 2, 1, 0]);
        assert_eq!(count!(&db, "SELECT count(*) FROM known_networks"), 3);
        assert_eq!(count!(&db, "SELECT min(seen_at) FROM known_networks"), after(3).millis());
        assert_eq!(count!(&db, "SELECT expires_at FROM setup_links"), after(65).millis());
    })
    .await;
}

/// Rows of a clock that was ahead are invalid, and are removed before their end. Those that prevent a second
/// use are kept.
#[tokio::test(flavor = "multi_thread")]
async fn rows_with_impossible_expiry_are_deleted_and_spent_ids_stay() {
    on_both_stores("housekeeping: a clock that was ahead", async |db| {
        let ada = user(&db, "ada").await;
        for secs in [1, 2, 3, 90, 91, 92] {
            provider_of(&db, ada, secs).await;
            counters_of(&db, secs, after(secs.into())).await;
        }
        let (before, latest) = (after(0), after(50));
        let step = async || {
            commit(&db, async |tx| {
                Ok([
                    housekeeping::authorization_codes(tx, before, latest, 2).await?,
                    housekeeping::device_codes(tx, before, latest, 2).await?,
                    housekeeping::pushed_requests(tx, before, latest, 2).await?,
                    housekeeping::known_networks(tx, before, latest, 2).await?,
                    housekeeping::setup_links(tx, before, latest + TimeSpan::from_mins(1), 2)
                        .await?,
                    housekeeping::spent_ids(tx, before, 2).await?,
                ])
            })
            .await
        };
        assert_eq!(step().await, [2, 2, 2, 2, 2, 0]);
        assert_eq!(step().await, [1, 1, 1, 1, 1, 0]);
        assert_eq!(step().await, [0; 6]);
        assert_eq!(
            count!(&db, "SELECT max(expires_at) FROM authorization_codes"),
            after(3).millis()
        );
        assert_eq!(count!(&db, "SELECT max(seen_at) FROM known_networks"), after(3).millis());
        assert_eq!(count!(&db, "SELECT count(*) FROM spent_ids"), 6);
    })
    .await;
}

/// A counter and a link that end a minute after `at`, and a network seen then.
async fn counters_of(db: &Db, number: u8, at: Timestamp) {
    let limit = Limit { tries: 1, window: TimeSpan::from_mins(1) };
    let hash = TokenHash::from_digest([number; 32]);
    commit(db, async |tx| {
        assert_eq!(login_limits::count_try(tx, &[number], limit, at).await?, Ok(()));
        let seen = KnownNetwork { pseudonym: &[number], network: &[number], account: b"ada" };
        known_networks::remember(tx, seen, TimeSpan::from_days(1), at).await?;
        setup_links::insert_link(tx, &hash, at + limit.window).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_pending_grants_are_deleted() {
    on_both_stores("housekeeping: provider", async |db| {
        let ada = user(&db, "ada").await;
        for secs in [5, 3, 1, 4, 2, 0, 6] {
            provider_of(&db, ada, secs).await;
        }
        // A sign-in and an id more than of the others; a redeemed code is removed like any other.
        let long_ago = BrowserSession { expires_at: after(-1), ..log_in(ada) };
        commit(&db, async |tx| {
            assert!(browser_sessions::begin(tx, &long_ago, &hash(100), &Device::default()).await?);
            assert!(spent_ids::spend(tx, &hash(100), after(-1)).await?);
            assert!(
                authorization_codes::redeem(tx, &hash(1), session_id(0), "shop", NOW)
                    .await?
                    .is_some()
            );
            Ok(())
        })
        .await;
        let least = async || {
            [
                count!(&db, "SELECT min(expires_at) FROM authorization_codes"),
                count!(&db, "SELECT min(expires_at) FROM device_codes"),
                count!(&db, "SELECT min(expires_at) FROM pushed_requests"),
                count!(&db, "SELECT min(expires_at) FROM browser_sessions"),
                count!(&db, "SELECT min(expires_at) FROM spent_ids"),
            ]
        };
        let step = async || {
            commit(&db, async |tx| {
                Ok([
                    housekeeping::authorization_codes(tx, after(5), after(99), 2).await?,
                    housekeeping::device_codes(tx, after(5), after(99), 2).await?,
                    housekeeping::pushed_requests(tx, after(5), after(99), 2).await?,
                    housekeeping::browser_sessions(tx, after(5), 2).await?,
                    housekeeping::spent_ids(tx, after(5), 2).await?,
                ])
            })
            .await
        };
        assert_eq!(step().await, [2; 5]);
        let next = [2, 2, 2, 1, 1].map(|secs| after(secs).millis());
        assert_eq!(least().await, next, "the oldest first, so many of each");
        assert_eq!(step().await, [2; 5]);
        assert_eq!(step().await, [1, 1, 1, 2, 2]);
        assert_eq!(step().await, [0; 5]);
        assert_eq!(least().await, [after(5).millis(); 5], "over at the very moment, not before it");
        assert_eq!(count!(&db, "SELECT count(*) FROM authorization_codes"), 2);
        assert_eq!(count!(&db, "SELECT count(*) FROM device_codes"), 2);
        assert_eq!(count!(&db, "SELECT count(*) FROM pushed_requests"), 2);
        assert_eq!(count!(&db, "SELECT count(*) FROM browser_sessions"), 2);
        assert_eq!(count!(&db, "SELECT count(*) FROM spent_ids"), 2);
    })
    .await;
}

/// One row of each kind that ends after `secs` seconds.
async fn provider_of(db: &Db, ada: UserId, secs: u8) {
    let (hash, expires_at) = (hash(secs), after(secs.into()));
    let allowed = authorization(ada);
    let code = NewCode { hash: &hash, flow: &[secs], authorization: &allowed, expires_at };
    let device = DeviceCode {
        user_code: secs.to_string(),
        client_id: "tv".to_owned(),
        asked: DeviceAsk { scopes: scopes(""), dropped: Default::default(), audience: None },
        state: DeviceState::Pending,
        pause: device_code::PAUSE,
        polled_at: None,
        expires_at,
    };
    let browser = BrowserSession { expires_at, ..log_in(ada) };
    commit(db, async |tx| {
        assert!(authorization_codes::insert(tx, &code).await?);
        assert!(device_codes::insert(tx, &hash, &device).await?);
        pushed_requests::insert(tx, &hash, "shop", "", expires_at).await?;
        assert!(browser_sessions::begin(tx, &browser, &hash, &Device::default()).await?);
        assert!(spent_ids::spend(tx, &hash, expires_at).await?);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_needs_no_housekeeping() {
    on_both_stores("housekeeping: nothing", async |db| {
        let ends = [i64::MIN, 0, i64::MAX].map(Timestamp::from_millis);
        for at in ends {
            let removed = commit(&db, async |tx| {
                let counters = housekeeping::login_limits(tx, at, at, 10).await?
                    + housekeeping::known_networks(tx, at, at, 10).await?
                    + housekeeping::setup_links(tx, at, at, 10).await?;
                let sessions = housekeeping::sessions(tx, at, 10).await?.len() as u64
                    + housekeeping::expiry_events(tx, at, 10).await?
                    + housekeeping::browser_sessions(tx, at, 10).await?;
                Ok(counters + sessions + housekeeping::audit(tx, at, 10).await?)
            });
            assert_eq!(removed.await, 0);
        }
    })
    .await;
}

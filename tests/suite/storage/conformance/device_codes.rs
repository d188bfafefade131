//! Device codes: decided once, redeemed once, and no poll lost.

use signet::base::id::UserId;
use signet::base::{TimeSpan, Timestamp};
use signet::domain::authorization::Authorization;
use signet::domain::device_code::{self, DeviceAsk, DeviceCode, DeviceState};
use signet::execute;
use signet::store::{Db, device_codes, users};

use super::{
    NOW, RequestedScopes, after, at_once, authorization, commit, count, full_authorization, hash,
};
use super::{is_internal, on_both_stores, reader, scopes, user, user_id, winners};

fn device(user_code: &str) -> DeviceCode {
    DeviceCode {
        user_code: user_code.to_owned(),
        client_id: "tv".to_owned(),
        asked: DeviceAsk {
            scopes: scopes("openid"),
            dropped: RequestedScopes::default(),
            audience: None,
        },
        state: DeviceState::Pending,
        pause: device_code::PAUSE,
        polled_at: None,
        expires_at: after(600),
    }
}

async fn insert(db: &Db, number: u8, device: &DeviceCode) -> bool {
    let hash = hash(number);
    commit(db, async |tx| device_codes::insert(tx, &hash, device).await).await
}

async fn by_user_code(db: &Db, user_code: &str) -> Option<DeviceCode> {
    device_codes::by_user_code(&mut reader(db).await, user_code).await.unwrap()
}

async fn decide(db: &Db, code: &str, user: UserId, allowed: Option<&Authorization>) -> bool {
    commit(db, async |tx| device_codes::decide(tx, code, user, allowed, NOW).await).await
}

async fn redeem(db: &Db, number: u8) -> Option<Authorization> {
    let hash = hash(number);
    commit(db, async |tx| device_codes::redeem(tx, &hash).await).await
}

/// A poll after which the interval is a second longer.
async fn poll(db: &Db, number: u8, at: Timestamp) -> Option<DeviceCode> {
    let hash = hash(number);
    let longer = |device: &DeviceCode| device.pause + TimeSpan::from_secs(1);
    commit(db, async |tx| device_codes::poll(tx, &hash, longer, at).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_found_by_the_code_it_shows() {
    on_both_stores("devices: find", async |db| {
        let mut full = device("BCDFGHJK");
        full.client_id = "ein Fernseher 🗝".to_owned();
        full.asked = DeviceAsk {
            dropped: RequestedScopes::parse("email nothing").unwrap(),
            scopes: scopes("openid b a"),
            audience: Some(format!("https://api.example/{}", "x".repeat(200))),
        };
        full.pause = TimeSpan::from_millis(i64::MAX);
        full.expires_at = Timestamp::from_millis(i64::MAX);
        assert!(insert(&db, 1, &full).await);
        assert!(insert(&db, 2, &device("LMNPQRST")).await);
        assert_eq!(by_user_code(&db, "BCDFGHJK").await, Some(full));
        assert_eq!(by_user_code(&db, "LMNPQRST").await, Some(device("LMNPQRST")));
        for unknown in ["bcdfghjk", "", "BCDFGHJ"] {
            assert_eq!(by_user_code(&db, unknown).await, None, "{unknown}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_devices_show_the_same_code() {
    on_both_stores("devices: one code", async |db| {
        for round in 0..5_u8 {
            let shown = device(&format!("{round}"));
            let stored = at_once(async |n: u8| insert(&db, round * 20 + n, &shown).await).await;
            let won = winners(stored);
            assert_eq!(won.len(), 1, "{won:?}");
            // A later one gets another code, also when the first has expired but is still stored.
            assert!(!insert(&db, 200, &shown).await);
            assert!(poll(&db, 200, NOW).await.is_none());
            assert!(poll(&db, round * 20 + u8::try_from(won[0]).unwrap(), NOW).await.is_some());
        }
        assert_eq!(count!(&db, "SELECT count(*) FROM device_codes"), 5);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_decided_once_and_in_time() {
    on_both_stores("devices: decide", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let allowed = full_authorization(ada);
        assert!(insert(&db, 1, &device("ALLOWED")).await);
        assert!(insert(&db, 2, &device("DENIED")).await);
        assert!(insert(&db, 3, &DeviceCode { expires_at: NOW, ..device("LATE") }).await);
        assert!(!decide(&db, "LATE", ada, Some(&allowed)).await, "over at the very moment");
        assert!(!decide(&db, "UNKNOWN", ada, Some(&allowed)).await);
        assert!(decide(&db, "ALLOWED", ada, Some(&allowed)).await);
        assert!(decide(&db, "DENIED", ada, None).await);
        for code in ["ALLOWED", "DENIED"] {
            for allowed in [None, Some(&authorization(bob))] {
                assert!(!decide(&db, code, bob, allowed).await, "{code} is decided");
            }
        }
        let state = async |code| by_user_code(&db, code).await.unwrap().state;
        assert_eq!(state("ALLOWED").await, DeviceState::Allowed);
        assert_eq!(state("DENIED").await, DeviceState::Denied);
        assert_eq!(state("LATE").await, DeviceState::Pending);
        // Only an allowed one is redeemed, and only once.
        assert_eq!(redeem(&db, 1).await, Some(allowed));
        assert_eq!((redeem(&db, 1).await, by_user_code(&db, "ALLOWED").await), (None, None));
        for number in [2, 3, 4] {
            assert_eq!(redeem(&db, number).await, None, "{number}");
        }
        assert_eq!(count!(&db, "SELECT count(*) FROM device_codes"), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_code_is_decided_and_redeemed_exactly_once() {
    on_both_stores("devices: races", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        for round in 0..5 {
            let code = format!("{round}");
            assert!(insert(&db, round, &device(&code)).await);
            let (of_ada, of_bob) = (authorization(ada), authorization(bob));
            let decided = at_once(async |n: u8| match n % 2 {
                0 => decide(&db, &code, ada, Some(&of_ada)).await,
                _ => decide(&db, &code, bob, Some(&of_bob)).await,
            })
            .await;
            let won = winners(decided);
            assert_eq!(won.len(), 1, "{won:?}");
            let allowed = if won[0] % 2 == 0 { of_ada } else { of_bob };
            let redeemed = at_once(async |_: u8| redeem(&db, round).await).await;
            assert_eq!(redeemed.into_iter().flatten().collect::<Vec<_>>(), [allowed]);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_returns_the_previous_state_and_is_recorded() {
    on_both_stores("devices: poll", async |db| {
        let waiting = device("BCDFGHJK");
        assert!(insert(&db, 1, &waiting).await);
        assert!(insert(&db, 2, &device("LMNPQRST")).await);
        assert_eq!(poll(&db, 1, after(5)).await, Some(waiting.clone()));
        let once = DeviceCode {
            pause: waiting.pause + TimeSpan::from_secs(1),
            polled_at: Some(after(5)),
            ..waiting
        };
        assert_eq!(by_user_code(&db, "BCDFGHJK").await, Some(once.clone()));
        // Also for an expired one: the caller decides the response.
        assert_eq!(poll(&db, 1, after(1_000)).await, Some(once));
        assert_eq!(poll(&db, 3, NOW).await, None);
        assert_eq!(by_user_code(&db, "LMNPQRST").await, Some(device("LMNPQRST")), "another's");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_at_once_are_one_after_the_other() {
    on_both_stores("devices: poll race", async |db| {
        assert!(insert(&db, 1, &device("BCDFGHJK")).await);
        let polls = at_once(async |_: u8| poll(&db, 1, NOW).await.unwrap()).await;
        let mut pauses: Vec<i64> = polls.iter().map(|seen| seen.pause.secs()).collect();
        pauses.sort_unstable();
        assert_eq!(pauses, (5..25).collect::<Vec<_>>());
        assert_eq!(polls.iter().filter(|seen| seen.polled_at.is_none()).count(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decided_device_goes_with_the_user_who_decided() {
    on_both_stores("devices: users", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        for (number, code) in [(1, "ADA"), (2, "BOB"), (3, "NOBODY")] {
            assert!(insert(&db, number, &device(code)).await);
        }
        assert!(decide(&db, "ADA", ada, Some(&authorization(ada))).await);
        assert!(decide(&db, "BOB", bob, Some(&authorization(bob))).await);
        assert!(commit(&db, async |tx| users::delete(tx, ada).await).await);
        assert_eq!(redeem(&db, 1).await, None);
        assert_eq!(redeem(&db, 2).await, Some(authorization(bob)));
        assert!(by_user_code(&db, "NOBODY").await.is_some());
        let mut tx = db.begin().await.unwrap();
        let decided = device_codes::decide(&mut tx, "NOBODY", user_id(0), None, NOW).await;
        assert!(decided.is_err_and(|fault| is_internal(&fault)));
        tx.rollback().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_cannot_be_read_is_a_fault() {
    on_both_stores("devices: impossible rows", async |db| {
        let ada = user(&db, "ada").await;
        let clean = async || commit(&db, async |tx| execute!(tx, "DELETE FROM device_codes")).await;
        macro_rules! broken_by {
            ($($sql:literal),+) => {
                $({
                    assert!(insert(&db, 1, &device("BCDFGHJK")).await);
                    assert_eq!(commit(&db, async |tx| execute!(tx, $sql)).await, 1);
                    let found = device_codes::by_user_code(&mut reader(&db).await, "BCDFGHJK").await;
                    assert!(found.is_err_and(|fault| is_internal(&fault)), "{}", $sql);
                    let mut tx = db.begin().await.unwrap();
                    let polled = device_codes::poll(&mut tx, &hash(1), |d| d.pause, NOW).await;
                    assert!(polled.is_err_and(|fault| is_internal(&fault)), "{}", $sql);
                    tx.rollback().await;
                    assert_eq!(clean().await, 1);
                })+
            };
        }
        broken_by!(
            "UPDATE device_codes SET asked = ''",
            "UPDATE device_codes SET asked = '{}'",
            "UPDATE device_codes SET asked = replace(asked, 'openid', 'open\\\\id')",
            "UPDATE device_codes SET state = 'moonlight'",
            "UPDATE device_codes SET state = 'Pending'"
        );
        macro_rules! redeemed_from {
            ($($sql:literal),+) => {
                $({
                    assert!(insert(&db, 1, &device("BCDFGHJK")).await);
                    assert!(decide(&db, "BCDFGHJK", ada, Some(&authorization(ada))).await);
                    assert_eq!(commit(&db, async |tx| execute!(tx, $sql)).await, 1);
                    let mut tx = db.begin().await.unwrap();
                    let redeemed = device_codes::redeem(&mut tx, &hash(1)).await;
                    assert!(redeemed.is_err_and(|fault| is_internal(&fault)), "{}", $sql);
                    tx.rollback().await;
                    assert_eq!(clean().await, 1);
                })+
            };
        }
        redeemed_from!(
            "UPDATE device_codes SET grants = NULL",
            "UPDATE device_codes SET grants = ''",
            "UPDATE device_codes SET grants = '{}'"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn device_approvals_of_a_client_can_be_revoked() {
    on_both_stores("devices: void", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        for (number, code, owner) in [(1, "BCDFGHJK", ada), (2, "LMNPQRST", bob)] {
            assert!(insert(&db, number, &device(code)).await);
            assert!(decide(&db, code, owner, Some(&authorization(owner))).await);
        }
        let client_id = device("BCDFGHJK").client_id;
        let void = async |user, client_id: &str| {
            commit(&db, async |tx| device_codes::void(tx, user, client_id).await).await
        };
        assert_eq!(void(ada, "another").await, 0);
        assert_eq!(void(ada, &client_id).await, 1);
        assert!(redeem(&db, 1).await.is_none());
        assert!(redeem(&db, 2).await.is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn device_approvals_before_a_time_can_be_revoked() {
    on_both_stores("devices: void by time", async |db| {
        let ada = user(&db, "ada").await;
        for (number, code) in [(1, "BCDFGHJK"), (2, "LMNPQRST")] {
            assert!(insert(&db, number, &device(code)).await);
        }
        assert!(decide(&db, "BCDFGHJK", ada, Some(&authorization(ada))).await);
        let issued_at = device("BCDFGHJK").expires_at - device_code::LIFE;
        let void = async |before| {
            let work = async |tx: &mut _| device_codes::void_issued_before(tx, before).await;
            commit(&db, work).await
        };
        assert_eq!(void(issued_at).await, 0, "it began at that moment");
        let later = issued_at + TimeSpan::from_secs(1);
        assert_eq!(void(later).await, 1, "the other one is allowed by no user yet");
        assert!(redeem(&db, 1).await.is_none());
    })
    .await;
}

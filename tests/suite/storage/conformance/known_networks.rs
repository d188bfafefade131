//! The known networks of accounts, and the standing that accounts lend them.

use signet::base::{TimeSpan, Timestamp};
use signet::store::known_networks::KnownNetwork;
use signet::store::{Db, known_networks};

use super::{NOW, after, commit, count, on_both_stores, reader};

const DAY: TimeSpan = TimeSpan::from_days(1);

async fn remember(db: &Db, account: &str, network: &str, at: Timestamp) -> bool {
    let (pseudonym, account) = (format!("{account} at {network}"), account.to_owned());
    let seen = KnownNetwork {
        pseudonym: pseudonym.as_bytes(),
        network: network.as_bytes(),
        account: account.as_bytes(),
    };
    commit(db, async |tx| known_networks::remember(tx, seen, DAY, at).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_is_known_for_as_long_as_it_may_be() {
    on_both_stores("limits: networks", async |db| {
        let known = async |account: &str, at| {
            let (name, length) = (format!("{account} at home"), TimeSpan::from_days(90));
            let mut reader = reader(&db).await;
            known_networks::is_known(&mut reader, name.as_bytes(), length, at).await.unwrap()
        };
        assert!(!known("ada", NOW).await);
        assert!(remember(&db, "ada", "home", NOW).await);
        let end = NOW + TimeSpan::from_days(90);
        assert!(known("ada", NOW).await && known("ada", end - TimeSpan::from_millis(1)).await);
        assert!(!known("ada", end).await);
        assert!(!known("bob", NOW).await);
        // Seen by a clock that was a little ahead, and by one that was far ahead.
        assert!(known("ada", NOW - DAY).await);
        assert!(!known("ada", NOW - DAY - TimeSpan::from_millis(1)).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_is_written_once_a_day() {
    on_both_stores("limits: networks once a day", async |db| {
        let seen =
            async || Timestamp::from_millis(count!(&db, "SELECT seen_at FROM known_networks"));
        assert!(remember(&db, "ada", "home", NOW).await);
        let day = 24 * 3_600;
        assert!(!remember(&db, "ada", "home", after(day - 1)).await, "not on the same day");
        assert_eq!(seen().await, NOW);
        assert!(remember(&db, "ada", "home", after(day + 1)).await);
        assert!(!remember(&db, "ada", "home", after(1)).await, "a clock a little behind");
        assert_eq!(seen().await, after(day + 1));
        assert!(remember(&db, "ada", "home", NOW).await, "a clock that was ahead");
        assert_eq!(seen().await, NOW);
        assert_eq!(count!(&db, "SELECT count(*) FROM known_networks"), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_lends_its_standing_to_the_networks_it_last_logged_in_from() {
    on_both_stores("limits: standing", async |db| {
        let standing = async |network: &str, now, most| {
            let mut reader = reader(&db).await;
            known_networks::standing(&mut reader, network.as_bytes(), DAY, most, now).await.unwrap()
        };
        for number in 0..5 {
            assert!(remember(&db, "ada", &format!("net {number}"), after(number)).await);
            let lend = async |tx: &mut _| known_networks::lend_to_latest(tx, b"ada", 3).await;
            commit(&db, lend).await;
        }
        for (number, lent) in [0, 0, 1, 1, 1].into_iter().enumerate() {
            assert_eq!(standing(&format!("net {number}"), NOW, 9).await, lent, "{number}");
        }
        // Each account is counted, up to a number; a log-in that is too old is not.
        for account in ["bob", "carol", "dan"] {
            remember(&db, account, "net 4", after(9)).await;
        }
        assert_eq!(standing("net 4", NOW, 9).await, 4);
        assert_eq!(standing("net 4", NOW, 2).await, 2);
        assert_eq!(standing("net 4", after(4) + DAY, 9).await, 3);
        assert_eq!(standing("net 4", NOW - DAY, 9).await, 0, "the clock was ahead");
        // A log-in from a network without standing earns it again, also on the same day.
        assert!(remember(&db, "ada", "net 0", after(10)).await);
        commit(&db, async |tx| known_networks::lend_to_latest(tx, b"ada", 3).await).await;
        assert_eq!(standing("net 0", NOW, 9).await, 1);
        assert_eq!(standing("net 2", NOW, 9).await, 0);
        assert_eq!(standing("net 4", NOW, 9).await, 4);
        // The account still knows every one of them.
        assert_eq!(count!(&db, "SELECT count(*) FROM known_networks"), 8);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_knows_the_networks_that_it_lends_its_standing_to() {
    on_both_stores("limits: another network", async |db| {
        let another = async |account: &str, network: &str, since| {
            let pseudonym = format!("{account} at {network}");
            let (account, pseudonym) = (account.as_bytes(), pseudonym.as_bytes());
            let link = &mut reader(&db).await;
            known_networks::knows_another(link, account, pseudonym, since).await.unwrap()
        };
        assert!(!another("ada", "home", NOW - DAY).await);
        remember(&db, "ada", "home", NOW).await;
        assert!(!another("ada", "home", NOW - DAY).await, "no other than this one");
        assert!(
            another("ada", "work", NOW - DAY).await && !another("bob", "work", NOW - DAY).await
        );
        assert!(!another("ada", "work", NOW).await, "too long ago");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_networks_that_an_account_lends_its_standing_to_are_forgotten() {
    on_both_stores("limits: forgotten networks", async |db| {
        for (number, account) in ["ada", "ada", "ada", "bob"].into_iter().enumerate() {
            let at = after(i64::try_from(number).unwrap());
            assert!(remember(&db, account, &format!("net {number}"), at).await);
        }
        commit(&db, async |tx| known_networks::lend_to_latest(tx, b"ada", 2).await).await;
        commit(&db, async |tx| known_networks::forget(tx, b"ada").await).await;
        let known = async |name: &str| {
            let (mut reader, length) = (reader(&db).await, TimeSpan::from_days(90));
            let known = known_networks::is_known(&mut reader, name.as_bytes(), length, after(9));
            known.await.unwrap()
        };
        assert!(!known("ada at net 1").await && !known("ada at net 2").await);
        assert!(known("ada at net 0").await, "it lent this one nothing");
        assert!(known("bob at net 3").await);
    })
    .await;
}

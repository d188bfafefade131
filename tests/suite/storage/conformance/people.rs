//! Searching users, explaining failures and unlocking: each statement by itself, on both databases.

use signet::base::TimeSpan;
use signet::base::id::UserId;
use signet::crypto::random::SystemEntropy;
use signet::domain::audit::{Event, EventKind, Origin};
use signet::domain::failure_reason::{FailureReason, SealedReason};
use signet::domain::rate_limit::ACCOUNT_FROM_NETWORK;
use signet::domain::user_email::NewEmail;
use signet::domain::user_filter::PasswordClass;
use signet::domain::user_words::after_prefix;
use signet::execute;
use signet::store::audit::{self, Attempts};
use signet::store::login_limits::{self, Counter};
use signet::store::login_names::{self, LoginChange};
use signet::store::user_search::{self, FoundUser, IdRange, WordRange};
use signet::store::{Db, email_owners, unlocked_networks, user_words, users};
use uuid::Uuid;

use super::{NOW, after, commit, count, login, on_both_stores, reader, user};

const ALL: IdRange = IdRange { after: Uuid::nil(), until: Uuid::max(), limit: 10 };

fn logins(found: &[FoundUser]) -> Vec<&str> {
    found.iter().map(|found| found.listed.user.login.as_str()).collect()
}

async fn by_word(db: &Db, word: &str) -> Vec<String> {
    let until = after_prefix(word);
    let after_user = UserId::from_uuid(Uuid::nil());
    let range = WordRange { from: word, until: &until, after_word: "", after_user, limit: 10 };
    let found = user_search::by_word(&mut reader(db).await, range).await.unwrap();
    found.iter().map(|found| format!("{}:{}", found.word, found.listed.user.login)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn words_follow_each_change_of_a_user() {
    on_both_stores("words", async |db| {
        let ada = user(&db, "Ada.Love").await;
        assert!(user_words::are_complete(&mut reader(&db).await).await.unwrap());
        assert_eq!(by_word(&db, "ada").await, ["ada:Ada.Love", "ada.love:Ada.Love"]);
        commit(&db, async |tx| users::rename(tx, ada, Some("Ångström Zoë"), NOW).await).await;
        assert_eq!(by_word(&db, "ångs").await, ["ångström:Ada.Love"]);
        let (before, new) = (login("Ada.Love"), login("countess"));
        let change = LoginChange { user: ada, before: &before, new: &new };
        assert!(commit(&db, async |tx| login_names::change(tx, change, NOW).await).await);
        assert_eq!(by_word(&db, "ada").await, [""; 0]);
        assert_eq!(by_word(&db, "count").await, ["countess:countess"]);
        let former = login_names::login_of_former(&mut reader(&db).await, "ada.love").await;
        assert_eq!(former.unwrap().as_deref(), Some("countess"));
        let email = NewEmail {
            address: "zoe@Example.org".to_owned(),
            key: "zoe@example.org".to_owned(),
            verified_at: None,
        };
        let set = async |email| {
            commit(&db, async |tx| email_owners::set_email(tx, ada, email, NOW).await).await
        };
        assert!(set(Some(&email)).await);
        assert_eq!(by_word(&db, "exa").await, ["example:countess"]);
        let mut link = reader(&db).await;
        let unproved = email_owners::login_without_proof(&mut link, &email.key).await;
        assert_eq!(unproved.unwrap().as_deref(), Some("countess"));
        drop(link);
        assert!(set(None).await);
        assert_eq!(by_word(&db, "exa").await, [""; 0]);
        assert!(commit(&db, async |tx| users::delete(tx, ada).await).await);
        assert_eq!(count!(&db, "SELECT count(*) FROM user_words"), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_earlier_users_are_written_in_steps() {
    on_both_stores("backfill", async |db| {
        for number in 0..5 {
            user(&db, &format!("user{number}")).await;
        }
        commit(&db, async |tx| {
            execute!(tx, "DELETE FROM user_words")?;
            execute!(tx, "DELETE FROM meta WHERE name = 'user_words'")
        })
        .await;
        assert!(!user_words::are_complete(&mut reader(&db).await).await.unwrap());
        let step = async || commit(&db, async |tx| user_words::write_next(tx, 2).await).await;
        let mut steps = 0;
        while !step().await {
            steps += 1;
        }
        assert_eq!(steps, 3);
        assert!(user_words::are_complete(&mut reader(&db).await).await.unwrap());
        assert_eq!(by_word(&db, "user").await.len(), 5);
        assert!(step().await, "there is nothing to do any more");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_have_those_they_are_for() {
    on_both_stores("lists", async |db| {
        let ada = user(&db, "ada").await;
        let bob = user(&db, "bob").await;
        commit(&db, async |tx| {
            users::disable(tx, bob, NOW).await?;
            users::require_password_change(tx, ada, true, NOW).await?;
            user_search::note_login(tx, ada, after(90_000)).await?;
            user_search::note_login(tx, ada, NOW).await?;
            execute!(tx, "UPDATE users SET role = 'admin' WHERE id = $1", ada)
        })
        .await;
        let link = &mut reader(&db).await;
        let all = user_search::by_id(link, ALL).await.unwrap();
        assert_eq!(all.len(), 2);
        let found = all.iter().find(|found| found.login_key == "ada").unwrap();
        let day = found.listed.last_login_at.unwrap();
        assert!(day <= after(90_000) && day > NOW && day.secs() % 86_400 == 0, "{day:?}");
        assert_eq!(found.listed.password_class, PasswordClass::Unreadable);
        let until = IdRange { until: Uuid::nil(), ..ALL };
        assert!(user_search::by_id(link, until).await.unwrap().is_empty());
        assert_eq!(logins(&user_search::disabled(link, ALL).await.unwrap()), ["bob"]);
        assert_eq!(logins(&user_search::must_change(link, ALL).await.unwrap()), ["ada"]);
        assert_eq!(logins(&user_search::administrators(link, ALL).await.unwrap()), ["ada"]);
        assert_eq!(logins(&user_search::by_login(link, "bob").await.unwrap()), ["bob"]);
        assert_eq!(login_names::neighbours(link, "b", 1).await.unwrap(), ["ada", "bob"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_found_by_login_user_and_kind() {
    on_both_stores("attempts", async |db| {
        let ada = user(&db, "ada").await;
        let reason = SealedReason::new(FailureReason::Address);
        let event = Event::new(EventKind::LoginThrottled)
            .because(reason)
            .of_login(vec![7; 16])
            .folded(vec![1]);
        let origin = Origin { address: "192.0.2.7".parse().ok(), ..Origin::system() };
        let attempts = |key: &str, times, last| Attempts {
            login_key: Some(key.to_owned()),
            origin: origin.clone(),
            at: NOW,
            last_at: after(last),
            times,
        };
        let shed = Event::new(EventKind::LoginShed).folded(vec![2]);
        commit(&db, async |tx| {
            audit::record_attempts(tx, &event, &attempts("ada", 3, 1), &SystemEntropy).await?;
            audit::record_attempts(tx, &event, &attempts("ada", 4, 9), &SystemEntropy).await?;
            audit::record_attempts(tx, &shed, &attempts("nobody", 5, 1), &SystemEntropy).await?;
            let success = Event::new(EventKind::LoginSucceeded).about(ada);
            audit::record(tx, &success, &origin, NOW, &SystemEntropy).await
        })
        .await;
        let link = &mut reader(&db).await;
        let before = NOW - TimeSpan::from_mins(1);
        let found = audit::attempts(link, &[7; 16], before, 10).await.unwrap();
        assert_eq!(found.len(), 1);
        let one = &found[0];
        assert_eq!((one.user_id, one.times, one.last_at), (Some(ada), 7, Some(after(9))));
        assert_eq!(one.reason.as_deref(), Some("address"));
        assert!(audit::attempts(link, &[8; 16], before, 10).await.unwrap().is_empty());
        assert_eq!(audit::shed_since(link, before).await.unwrap(), 5);
        assert_eq!(audit::shed_since(link, after(60)).await.unwrap(), 0);
        let networks = audit::refused_networks(link, ada, before, 5).await.unwrap();
        assert_eq!(networks, ["192.0.2.7"]);
        let refused = audit::addresses_refused(link, before, 5).await.unwrap();
        assert_eq!(refused, [("192.0.2.7".to_owned(), after(9))]);
        assert!(audit::addresses_refused(link, after(60), 5).await.unwrap().is_empty());
        assert!(audit::addresses_refused(link, before, 0).await.unwrap().is_empty());
        assert!(audit::last_success(link, ada, before).await.unwrap().is_some());
        assert!(audit::last_success(link, ada, after(60)).await.unwrap().is_none());
        let found = user_search::lately_failed(link, before, ALL).await.unwrap();
        assert_eq!(logins(&found), ["ada"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_are_found_by_their_accounts() {
    on_both_stores("counters", async |db| {
        let counter = Counter { pseudonym: &[1; 32], account: Some(&[9; 32]) };
        commit(&db, async |tx| {
            for _ in 0..20 {
                login_limits::count_try_of(tx, counter, ACCOUNT_FROM_NETWORK, NOW).await?.unwrap();
            }
            Ok(())
        })
        .await;
        let link = &mut reader(&db).await;
        let found = login_limits::of_account(link, &[9; 32], NOW).await.unwrap();
        assert_eq!((found.len(), found[0].tries, &*found[0].pseudonym), (1, 20, &[1; 32][..]));
        let accounts = [vec![8; 32], vec![9; 32]];
        let found = login_limits::of_accounts(link, &accounts, 20, NOW).await.unwrap();
        assert_eq!((found.len(), &*found[0].account), (1, &[9; 32][..]));
        assert!(login_limits::of_accounts(link, &accounts, 21, NOW).await.unwrap().is_empty());
        let over = after(3_600);
        assert!(login_limits::of_account(link, &[9; 32], over).await.unwrap().is_empty());
        assert!(login_limits::of_accounts(link, &accounts, 20, over).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unlocked_networks_are_read_once_by_each_process() {
    on_both_stores("networks", async |db| {
        let version = count!(&db, "SELECT version FROM cache_version WHERE id = 1");
        commit(&db, async |tx| unlocked_networks::unlock(tx, "192.0.2.7", NOW).await).await;
        let since = async |version| {
            unlocked_networks::since(&mut reader(&db).await, version).await.unwrap()
        };
        assert_eq!(since(version).await, ["192.0.2.7"]);
        assert_eq!(since(version + 1).await, [""; 0]);
        commit(&db, async |tx| unlocked_networks::unlock(tx, "192.0.2.7", after(1)).await).await;
        assert_eq!(since(version + 1).await, ["192.0.2.7"]);
        let later = after(3 * 86_400);
        commit(&db, async |tx| unlocked_networks::unlock(tx, "192.0.2.8", later).await).await;
        assert_eq!(since(version).await, ["192.0.2.8"], "rows of earlier days are gone");
    })
    .await;
}

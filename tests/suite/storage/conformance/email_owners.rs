//! Addresses of users and their owners.

use signet::base::Timestamp;
use signet::base::id::UserId;
use signet::domain::user_email::NewEmail;
use signet::store::{Db, email_owners, users};

use super::{after, at_once, commit, count, on_both_stores, reader, user, user_id, winners};

fn email(text: &str, verified_at: Option<Timestamp>) -> NewEmail {
    NewEmail { verified_at, ..NewEmail::parse(text).unwrap() }
}

async fn resolved(db: &Db, key: &str) -> Option<String> {
    email_owners::login_key_of(&mut reader(db).await, key).await.unwrap()
}

async fn owner(db: &Db, key: &str) -> Option<UserId> {
    email_owners::owner_of(&mut reader(db).await, key).await.unwrap()
}

async fn own(db: &Db, user: UserId, key: &str) -> bool {
    commit(db, async |tx| email_owners::own(tx, user, key).await).await
}

async fn set(db: &Db, user: UserId, email: Option<&NewEmail>, at: Timestamp) -> bool {
    commit(db, async |tx| email_owners::set_email(tx, user, email, at).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_comes_back_as_it_was_set() {
    on_both_stores("addresses: round trip", async |db| {
        let ada = user(&db, "ada").await;
        let found = async || users::find(&mut reader(&db).await, ada).await.unwrap().unwrap();
        assert!(found().await.email.is_none());
        for (number, verified_at) in [(1, None), (2, Some(after(1)))] {
            let stored = email("Ada'@Example.com", verified_at);
            assert!(set(&db, ada, Some(&stored), after(number)).await);
            let user = found().await;
            let email = user.email.unwrap();
            assert_eq!((&*email.address, email.verified_at), ("Ada'@Example.com", verified_at));
            assert_eq!(user.updated_at, after(number));
        }
        assert!(set(&db, ada, None, after(3)).await);
        assert!(found().await.email.is_none());
        assert!(!set(&db, user_id(0), None, after(3)).await, "nobody");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_comes_before_an_address() {
    on_both_stores("addresses: resolution", async |db| {
        let (ada, _) = (user(&db, "ada").await, user(&db, "vic@x.org").await);
        assert_eq!(resolved(&db, "ada@x.org").await, None);
        assert_eq!(owner(&db, "ada@x.org").await, None);
        assert!(own(&db, ada, "ada@x.org").await);
        assert_eq!(owner(&db, "ada@x.org").await, Some(ada));
        assert_eq!(resolved(&db, "ada@x.org").await.as_deref(), Some("ada"));
        assert_eq!(resolved(&db, "ada").await.as_deref(), Some("ada"));
        assert_eq!(resolved(&db, "ADA@x.org").await, None, "the key is looked up as it is");
        assert!(commit(&db, async |tx| email_owners::disown(tx, ada).await).await);
        assert!(!commit(&db, async |tx| email_owners::disown(tx, ada).await).await, "only once");
        assert!(own(&db, ada, "vic@x.org").await);
        assert_eq!(owner(&db, "vic@x.org").await, Some(ada), "whatever login is spelt like it");
        assert_eq!(resolved(&db, "vic@x.org").await.as_deref(), Some("vic@x.org"));
        commit(&db, async |tx| users::delete(tx, ada).await).await;
        assert_eq!(count!(&db, "SELECT count(*) FROM email_owners"), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_owns_an_address_and_a_user_owns_one() {
    on_both_stores("addresses: owners", async |db| {
        let mut ids = Vec::new();
        for number in 0..20 {
            ids.push(user(&db, &format!("user{number}")).await);
        }
        let won = winners(
            at_once(async |number| own(&db, ids[usize::from(number)], "vic@x.org").await).await,
        );
        assert_eq!(won.len(), 1);
        assert!(!own(&db, ids[won[0]], "other@x.org").await, "a second one");
        assert_eq!(count!(&db, "SELECT count(*) FROM email_owners"), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unverified_addresses_of_others_are_cleared() {
    on_both_stores("addresses: unverified", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let (eve, sam) = (user(&db, "eve").await, user(&db, "sam").await);
        let unverified = email("Vic@x.org", None);
        for id in [ada, bob] {
            set(&db, id, Some(&unverified), after(1)).await;
        }
        set(&db, eve, Some(&email("vic@x.org", Some(after(1)))), after(1)).await;
        set(&db, sam, Some(&email("sam@x.org", None)), after(1)).await;
        let cleared = commit(&db, async |tx| {
            email_owners::clear_unverified(tx, "vic@x.org", bob, after(2)).await
        })
        .await;
        assert_eq!(cleared, 1);
        for (id, has_one) in [(ada, false), (bob, true), (eve, true), (sam, true)] {
            let user = users::find(&mut reader(&db).await, id).await.unwrap().unwrap();
            assert_eq!(user.email.is_some(), has_one);
        }
    })
    .await;
}

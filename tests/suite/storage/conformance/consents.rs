//! Consents: one for each client, replaced and deleted as a whole.

use signet::base::id::UserId;
use signet::execute;
use signet::store::consents::{self, Consent};
use signet::store::{Db, users};

use super::{NOW, after, at_once, commit, count, is_internal, on_both_stores, reader, scopes};
use super::{user, user_id};

async fn remember(db: &Db, user: UserId, client: &str, scope: &str, secs: i64) {
    let scopes = scopes(scope);
    commit(db, async |tx| {
        consents::remember(
            tx,
            consents::ConsentKey { user, client_id: client, audience: None },
            &scopes,
            after(secs),
        )
        .await
    })
    .await;
}

async fn find(db: &Db, user: UserId, client: &str) -> Option<Consent> {
    consents::find(&mut reader(db).await, user, client, None).await.unwrap()
}

async fn all(db: &Db, user: UserId) -> Vec<Consent> {
    consents::of_user(&mut reader(db).await, user).await.unwrap()
}

async fn forget(db: &Db, user: UserId, client: &str) -> bool {
    commit(db, async |tx| consents::forget(tx, user, client).await).await
}

fn consent(client: &str, scope: &str, since: i64, changed: i64) -> Consent {
    Consent {
        client_id: client.to_owned(),
        audience: None,
        scopes: scopes(scope),
        created_at: after(since),
        updated_at: after(changed),
        document: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_is_replaced_and_keeps_its_first_time() {
    on_both_stores("consents: remember", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let many: Vec<String> = (0..64).map(|n| format!("{n:0>128}")).collect();
        let many = many.join(" ");
        remember(&db, ada, "shop 🗝", "openid b a", 1).await;
        assert_eq!(find(&db, ada, "shop 🗝").await, Some(consent("shop 🗝", "openid b a", 1, 1)));
        for (secs, scope) in [(2, "c"), (3, ""), (4, &*many)] {
            remember(&db, ada, "shop 🗝", scope, secs).await;
            let replaced = Some(consent("shop 🗝", scope, 1, secs));
            assert_eq!(find(&db, ada, "shop 🗝").await, replaced);
        }
        for (user, client) in [(bob, "shop 🗝"), (ada, "Shop 🗝"), (ada, ""), (user_id(0), "shop")]
        {
            assert_eq!(find(&db, user, client).await, None, "{client}");
        }
        assert_eq!(count!(&db, "SELECT count(*) FROM consents"), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_a_user_allowed_is_listed_by_age_and_client() {
    on_both_stores("consents: list", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        assert!(all(&db, ada).await.is_empty());
        for (client, secs) in [("late", 9), ("b", 5), ("c", 5), ("early", 1), ("a", 5)] {
            remember(&db, ada, client, "x", secs).await;
        }
        remember(&db, bob, "other", "y", 2).await;
        // A changed one keeps its place.
        remember(&db, ada, "early", "z", 20).await;
        let expected = [
            consent("early", "z", 1, 20),
            consent("a", "x", 5, 5),
            consent("b", "x", 5, 5),
            consent("c", "x", 5, 5),
            consent("late", "x", 9, 9),
        ];
        assert_eq!(all(&db, ada).await, expected);
        assert_eq!(all(&db, bob).await, [consent("other", "y", 2, 2)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_is_forgotten_once_and_alone() {
    on_both_stores("consents: forget", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        for (user, client) in [(ada, "shop"), (ada, "blog"), (bob, "shop")] {
            remember(&db, user, client, "x", 0).await;
        }
        assert!(!forget(&db, bob, "blog").await);
        assert!(!forget(&db, user_id(0), "shop").await);
        let forgotten = at_once(async |_: u8| forget(&db, ada, "shop").await).await;
        assert_eq!(forgotten.iter().filter(|done| **done).count(), 1);
        assert_eq!(find(&db, ada, "shop").await, None);
        assert!(find(&db, ada, "blog").await.is_some() && find(&db, bob, "shop").await.is_some());
        // Allowed again it has a new first time.
        remember(&db, ada, "shop", "y", 7).await;
        assert_eq!(find(&db, ada, "shop").await, Some(consent("shop", "y", 7, 7)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn allowing_the_same_at_once_is_one_consent() {
    on_both_stores("consents: race", async |db| {
        let ada = user(&db, "ada").await;
        at_once(async |_: u8| remember(&db, ada, "shop", "x", 0).await).await;
        assert_eq!(all(&db, ada).await, [consent("shop", "x", 0, 0)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consents_are_of_users_and_go_with_them() {
    on_both_stores("consents: users", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        remember(&db, ada, "shop", "x", 0).await;
        remember(&db, bob, "shop", "x", 0).await;
        assert!(commit(&db, async |tx| users::delete(tx, ada).await).await);
        assert!(all(&db, ada).await.is_empty());
        assert_eq!(all(&db, bob).await.len(), 1);
        let mut tx = db.begin().await.unwrap();
        let nobody = consents::remember(
            &mut tx,
            consents::ConsentKey { user: user_id(0), client_id: "shop", audience: None },
            &scopes("x"),
            NOW,
        )
        .await;
        assert!(nobody.is_err_and(|fault| is_internal(&fault)));
        tx.rollback().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_is_for_one_api() {
    on_both_stores("consents: APIs", async |db| {
        let ada = user(&db, "ada").await;
        let apis = [None, Some("https://a.example"), Some("https://A.example")];
        for (scope, api) in ["x", "y", "z"].iter().zip(apis) {
            let scopes = scopes(scope);
            let work = async |tx: &mut _| {
                consents::remember(
                    tx,
                    consents::ConsentKey { user: ada, client_id: "shop", audience: api },
                    &scopes,
                    NOW,
                )
                .await
            };
            commit(&db, work).await;
        }
        for (scope, api) in ["x", "y", "z"].iter().zip(apis) {
            let found = consents::find(&mut reader(&db).await, ada, "shop", api).await.unwrap();
            let found = found.unwrap();
            assert_eq!((found.scopes, found.audience.as_deref()), (scopes(scope), api));
        }
        let link = &mut reader(&db).await;
        assert!(consents::find(link, ada, "shop", Some("b")).await.unwrap().is_none());
        assert_eq!(all(&db, ada).await.len(), 3);
        assert!(forget(&db, ada, "shop").await && all(&db, ada).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_that_cannot_be_read_are_a_fault() {
    on_both_stores("consents: impossible rows", async |db| {
        let ada = user(&db, "ada").await;
        remember(&db, ada, "shop", "x", 0).await;
        let break_it = async |tx: &mut _| execute!(tx, "UPDATE consents SET scope = 'a\"b'");
        assert_eq!(commit(&db, break_it).await, 1);
        let link = &mut reader(&db).await;
        let found = consents::find(link, ada, "shop", None).await;
        assert!(found.is_err_and(|fault| is_internal(&fault)));
        let listed = consents::of_user(link, ada).await;
        assert!(listed.is_err_and(|fault| is_internal(&fault)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_remembers_what_the_document_said() {
    on_both_stores("consents: bind_document", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        remember(&db, ada, "shop", "a", 1).await;
        remember(&db, bob, "shop", "a", 1).await;
        let key = consents::ConsentKey { user: ada, client_id: "shop", audience: None };
        let other = consents::ConsentKey { audience: Some("x"), ..key };
        for (key, document) in [(key, "one"), (key, "two"), (other, "three")] {
            commit(&db, async |tx| consents::bind_document(tx, key, document).await).await;
        }
        let document = async |user| find(&db, user, "shop").await.unwrap().document;
        assert_eq!(document(ada).await.as_deref(), Some("two"));
        assert_eq!(document(bob).await, None);
        remember(&db, ada, "shop", "a b", 2).await;
        assert_eq!(
            document(ada).await.as_deref(),
            Some("two"),
            "scopes alone change nothing of it"
        );
    })
    .await;
}

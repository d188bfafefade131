//! APIs: found by either of their names, and only by their own.

use std::time::Duration;

use signet::base::{TimeSpan, Timestamp};
use signet::domain::api::Api;
use signet::domain::pagination::PageRequest;
use signet::domain::signing_key::SigningAlg;
use signet::domain::token_rules::{TokenAlg, TokenProfile, TokenRules};
use signet::execute;
use signet::store::apis::{SealedSecret, StoredApi};
use signet::store::{Db, Tx, apis, meta};
use uuid::Uuid;

use super::{NOW, after, commit, is_internal, on_both_stores, reader, scopes, user_id, walk};

/// The time since when an identifier belongs to an API that none had before.
const ALWAYS: Timestamp = Timestamp::from_millis(0);

/// A row's id that sorts by `secs`.
fn row_id(secs: i64) -> Uuid {
    user_id(secs).uuid()
}

fn api(identifier: &str, offered: &str) -> Api {
    Api::new(identifier, scopes(offered)).unwrap()
}

async fn insert(db: &Db, id: Uuid, api: &Api, at: Timestamp) -> bool {
    let new = StoredApi { id, api: api.clone(), secret: None, created_at: at, name_since: ALWAYS };
    commit(db, async |tx| apis::insert(tx, &new).await).await
}

async fn delete(db: &Db, name: &str) -> Option<String> {
    delete_at(db, name, NOW).await
}

async fn delete_at(db: &Db, name: &str, at: Timestamp) -> Option<String> {
    commit(db, async |tx| apis::delete(tx, name, at).await).await
}

async fn version(db: &Db) -> i64 {
    meta::cache_version(&mut reader(db).await).await.unwrap()
}

/// The identifiers of every API.
async fn all(db: &Db) -> Vec<String> {
    let all = apis::all(&mut reader(db).await).await.unwrap();
    all.into_iter().map(|stored| stored.api.identifier).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_is_found_by_identifier_and_by_row_id() {
    on_both_stores("apis: round trip", async |db| {
        let many: Vec<String> = (0..64).map(|n| format!("{n:0>128}")).collect();
        let long = api(&format!("https://api.example/{:0>236}", 1), &many.join(" "));
        let bare = api("urn:orders", "");
        for (secs, api) in [(1, long), (2, bare)] {
            let id = row_id(secs);
            assert!(insert(&db, id, &api, after(secs)).await);
            for name in [api.identifier.clone(), id.to_string()] {
                let found = apis::find(&mut reader(&db).await, &name).await.unwrap().unwrap();
                assert_eq!((found.id, &found.api, found.created_at), (id, &api, after(secs)));
            }
        }
        for name in ["", "urn:order", "URN:ORDERS", &row_id(0).to_string()] {
            assert!(apis::find(&mut reader(&db).await, name).await.unwrap().is_none(), "{name}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_identifier_keeps_its_first_api() {
    on_both_stores("apis: taken", async |db| {
        let id = row_id(0);
        assert!(insert(&db, id, &api("urn:a", "read"), NOW).await);
        assert!(!insert(&db, row_id(1), &api("urn:a", "write"), after(1)).await);
        // Byte for byte: another case is another API.
        assert!(insert(&db, row_id(2), &api("urn:A", ""), NOW).await);
        let found = apis::find(&mut reader(&db).await, "urn:a").await.unwrap().unwrap();
        assert_eq!((found.id, found.api, found.created_at), (id, api("urn:a", "read"), NOW));
        assert_eq!(all(&db).await, ["urn:a", "urn:A"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_takes_either_name_and_says_the_identifier() {
    on_both_stores("apis: delete", async |db| {
        for (secs, identifier) in [(1, "urn:a"), (2, "urn:b"), (3, "urn:c")] {
            assert!(insert(&db, row_id(secs), &api(identifier, ""), NOW).await);
        }
        let second = apis::find(&mut reader(&db).await, "urn:b").await.unwrap().unwrap();
        assert_eq!(delete(&db, "urn:a").await.as_deref(), Some("urn:a"));
        assert_eq!(delete(&db, &second.id.to_string()).await.as_deref(), Some("urn:b"));
        assert_eq!(delete(&db, "urn:a").await, None);
        assert_eq!(delete(&db, &second.id.to_string()).await, None);
        assert_eq!(all(&db).await, ["urn:c"]);
    })
    .await;
}

/// `urn:uuid:…` is an absolute URI, so an identifier can spell the row id of another API.
#[tokio::test(flavor = "multi_thread")]
async fn an_identifier_that_spells_a_row_id_names_its_own_api_only() {
    on_both_stores("apis: identifiers like ids", async |db| {
        let id = row_id(0);
        assert!(insert(&db, id, &api("urn:a", ""), NOW).await);
        let urn = format!("urn:uuid:{id}");
        assert!(apis::find(&mut reader(&db).await, &urn).await.unwrap().is_none());
        assert_eq!(delete(&db, &urn).await, None);
        assert!(insert(&db, row_id(1), &api(&urn, ""), NOW).await);
        let found = apis::find(&mut reader(&db).await, &urn).await.unwrap().unwrap();
        assert_eq!(found.api.identifier, urn);
        assert_eq!(delete(&db, &urn).await, Some(urn));
        assert_eq!(all(&db).await, ["urn:a"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_version_rises_with_every_change() {
    on_both_stores("apis: cache version", async |db| {
        let before = version(&db).await;
        assert!(insert(&db, row_id(0), &api("urn:a", ""), NOW).await);
        assert_eq!(version(&db).await, before + 1);
        assert!(delete(&db, "urn:b").await.is_none());
        assert_eq!(version(&db).await, before + 1, "nothing was deleted");
        assert!(delete(&db, "urn:a").await.is_some());
        assert_eq!(version(&db).await, before + 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn apis_are_paged_oldest_first() {
    on_both_stores("apis: pages", async |db| {
        let page = async |request| apis::page(&mut reader(&db).await, request).await;
        assert!(walk(page).await.is_empty());
        assert!(all(&db).await.is_empty());
        for secs in [3, 1, 4, 0, 2] {
            let api = api(&format!("urn:{secs}"), "read write");
            assert!(insert(&db, row_id(secs), &api, after(secs)).await);
        }
        let expected = ["urn:0", "urn:1", "urn:2", "urn:3", "urn:4"];
        let walked = walk(page).await;
        let walked: Vec<&str> = walked.iter().map(|stored| &*stored.api.identifier).collect();
        assert_eq!(walked, expected);
        assert_eq!(all(&db).await, expected);
        let exact = page(PageRequest { after: None, limit: 5 }).await.unwrap();
        assert_eq!((exact.data.len(), exact.next), (5, None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_that_cannot_be_read_are_a_fault() {
    on_both_stores("apis: broken scopes", async |db| {
        assert!(insert(&db, row_id(0), &api("urn:a", ""), NOW).await);
        let update = async |tx: &mut _| {
            execute!(tx, "UPDATE apis SET scopes = 'a\"b' WHERE identifier = $1", "urn:a")
        };
        assert_eq!(commit(&db, update).await, 1);
        let link = &mut reader(&db).await;
        assert!(apis::find(link, "urn:a").await.is_err_and(|fault| is_internal(&fault)));
        assert!(apis::all(link).await.is_err_and(|fault| is_internal(&fault)));
        let page = apis::page(link, PageRequest::default()).await;
        assert!(page.is_err_and(|fault| is_internal(&fault)));
    })
    .await;
}

/// An API with every setting.
fn choosy(id: Uuid) -> StoredApi {
    let rules = TokenRules {
        signing_alg: Some(TokenAlg::SharedSecret),
        profile: TokenProfile::Jwt,
        access_ttl: Some(TimeSpan::from_days(1)),
        claims: vec!["roles".to_owned(), "https://example.com/a-b_c".to_owned()],
    };
    let scope_descriptions =
        [("read", "See your “orders”")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    let scope_descriptions = scope_descriptions.into();
    let key_scopes = scopes("read");
    let choosy = api("urn:choosy", "read write");
    let api = Api { rules, scope_descriptions, key_scopes, documents: true, ..choosy };
    let secret = SealedSecret { kid: "k".to_owned(), sealed: vec![0, 255, 1] };
    StoredApi { id, api, secret: Some(secret), created_at: NOW, name_since: ALWAYS }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_choice_comes_back_and_can_be_taken_back() {
    on_both_stores("apis: choices", async |db| {
        let mut stored = choosy(row_id(0));
        assert!(commit(&db, async |tx| apis::insert(tx, &stored).await).await);
        let same = |found: StoredApi, expected: &StoredApi| {
            assert_eq!((found.id, &found.api), (expected.id, &expected.api));
            assert_eq!((&found.secret, found.created_at), (&expected.secret, expected.created_at));
        };
        same(apis::find(&mut reader(&db).await, "urn:choosy").await.unwrap().unwrap(), &stored);
        same(apis::all(&mut reader(&db).await).await.unwrap().remove(0), &stored);

        (stored.api.rules, stored.secret) = (TokenRules::DEFAULT, None);
        stored.api.scopes = scopes("write");
        let before = version(&db).await;
        assert!(commit(&db, async |tx| apis::update(tx, &stored).await).await);
        assert_eq!(version(&db).await, before + 1);
        same(apis::find(&mut reader(&db).await, "urn:choosy").await.unwrap().unwrap(), &stored);

        let rules = TokenRules {
            signing_alg: Some(TokenAlg::Key(SigningAlg::Rs256)),
            ..TokenRules::DEFAULT
        };
        stored.api.rules = rules;
        assert!(commit(&db, async |tx| apis::update(tx, &stored).await).await);
        same(apis::find(&mut reader(&db).await, "urn:choosy").await.unwrap().unwrap(), &stored);

        let nobody = choosy(row_id(1));
        assert!(!commit(&db, async |tx| apis::update(tx, &nobody).await).await);
        assert_eq!(version(&db).await, before + 2, "nothing was changed");
        assert_eq!(all(&db).await, ["urn:choosy"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_locked_for_a_change_stays_locked_until_the_end() {
    on_both_stores("apis: held", async |db| {
        let mut stored = choosy(row_id(0));
        assert!(commit(&db, async |tx| apis::insert(tx, &stored).await).await);
        assert!(commit(&db, async |tx| apis::hold(tx, "urn:nobody").await).await.is_none());
        let mut tx = db.begin().await.unwrap();
        let held = apis::hold(&mut tx, &stored.id.to_string()).await.unwrap().unwrap();
        assert_eq!(held.api, stored.api);
        let other = async {
            let mut tx = db.begin_within(Duration::from_millis(200)).await?;
            apis::hold(&mut tx, "urn:choosy").await
        };
        assert!(other.await.is_err_and(|fault| !is_internal(&fault)));
        stored.api.scopes = scopes("admin");
        apis::update(&mut tx, &stored).await.unwrap();
        tx.commit().await.unwrap();
        let seen = commit(&db, async |tx| apis::hold(tx, "urn:choosy").await).await.unwrap();
        assert_eq!(seen.api.scopes, scopes("admin"));
    })
    .await;
}

/// The defaults of a row from before the settings existed.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_of_an_earlier_schema_has_chosen_nothing() {
    on_both_stores("apis: earlier rows", async |db| {
        commit(&db, async |tx| {
            execute!(
                tx,
                "INSERT INTO apis (id, identifier, scopes, created_at) VALUES ($1, $2, $3, $4)",
                row_id(0),
                "urn:a",
                "read",
                NOW
            )
        })
        .await;
        let found = apis::find(&mut reader(&db).await, "urn:a").await.unwrap().unwrap();
        assert_eq!((found.api, found.secret), (api("urn:a", "read"), None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_that_cannot_be_are_a_fault() {
    on_both_stores("apis: broken choices", async |db| {
        assert!(commit(&db, async |tx| apis::insert(tx, &choosy(row_id(0))).await).await);
        let broken = async |what: &str| {
            let found = apis::find(&mut reader(&db).await, "urn:choosy").await;
            assert!(found.is_err_and(|fault| is_internal(&fault)), "{what}");
        };
        commit(&db, async |tx| execute!(tx, "UPDATE apis SET secret_kid = NULL")).await;
        broken("half a secret").await;
        commit(&db, async |tx| execute!(tx, "UPDATE apis SET secret_sealed = NULL")).await;
        broken("HS256 without a secret").await;
        commit(&db, async |tx| execute!(tx, "UPDATE apis SET signing_alg = 'none'")).await;
        broken("an algorithm nobody knows").await;
        commit(&db, async |tx| execute!(tx, "UPDATE apis SET signing_alg = NULL")).await;
        assert!(apis::find(&mut reader(&db).await, "urn:choosy").await.is_ok());
        commit(&db, async |tx| execute!(tx, "UPDATE apis SET claims = 'roles'")).await;
        broken("claims that are no list").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_sealed_again_and_nothing_else_changes() {
    on_both_stores("apis: another seal", async |db| {
        let mut ids = Vec::new();
        for (number, sealed) in [(1, Some(b"old".to_vec())), (2, Some(b"old".to_vec())), (3, None)]
        {
            let secret = sealed.map(|sealed| SealedSecret { kid: format!("k{number}"), sealed });
            let mut api = api(&format!("urn:{number}"), "a");
            if secret.is_some() {
                api.rules.signing_alg = Some(TokenAlg::SharedSecret);
            }
            ids.push(row_id(number));
            let id = ids[ids.len() - 1];
            let new = StoredApi { id, api, secret, created_at: NOW, name_since: ALWAYS };
            assert!(commit(&db, async |tx| apis::insert(tx, &new).await).await);
        }
        let before = version(&db).await;
        commit(&db, async |tx| apis::reseal_secret(tx, ids[1], b"new").await).await;
        let found = apis::all(&mut reader(&db).await).await.unwrap();
        let secret = |stored: &StoredApi| {
            stored.secret.as_ref().map(|secret| (secret.kid.clone(), secret.sealed.clone()))
        };
        let expected = [
            Some(("k1".to_owned(), b"old".to_vec())),
            Some(("k2".to_owned(), b"new".to_vec())),
            None,
        ];
        assert_eq!(found.iter().map(secret).collect::<Vec<_>>(), expected);
        assert_eq!(version(&db).await, before);
    })
    .await;
}

/// Data from before the identifier's time belong to another API.
#[tokio::test(flavor = "multi_thread")]
async fn an_identifier_given_again_is_another_api() {
    on_both_stores("apis: again", async |db| {
        let shop = api("https://shop.example.com", "read");
        let since = async || {
            let found = apis::find(&mut reader(&db).await, &shop.identifier).await.unwrap();
            found.unwrap().name_since
        };
        assert!(insert(&db, row_id(1), &shop, NOW).await);
        assert_eq!(since().await, ALWAYS, "a clock that was wrong shuts no session out");
        assert!(delete_at(&db, &shop.identifier, after(50)).await.is_some());
        assert!(insert(&db, row_id(2), &shop, after(60)).await);
        assert_eq!(since().await, after(60));
        // A change keeps it.
        let change = async |tx: &mut Tx| {
            let stored = apis::hold(tx, &shop.identifier).await?.unwrap();
            apis::update(tx, &stored).await
        };
        assert!(commit(&db, change).await);
        assert_eq!(since().await, after(60));
        // With a clock that was set back, the time of the later deletion is used.
        assert!(delete_at(&db, &shop.identifier, after(40)).await.is_some());
        assert!(insert(&db, row_id(3), &shop, after(30)).await);
        assert_eq!(since().await, after(50));
        for stored in apis::all(&mut reader(&db).await).await.unwrap() {
            assert_eq!(stored.name_since, after(50));
        }
        // Another spelling does not affect it.
        assert!(insert(&db, row_id(4), &api("https://shop.example.com/", "read"), NOW).await);
        let other = apis::find(&mut reader(&db).await, "https://shop.example.com/").await.unwrap();
        assert_eq!(other.unwrap().name_since, ALWAYS);
    })
    .await;
}

//! Objects that configuration files manage: one row for each name and each object, and counts of the effects of
//! a change.

use serde_json::json;
use signet::domain::managed::ManagedKind;
use signet::store::managed::{self, Managed};
use signet::store::{Db, impact, meta};
use uuid::Uuid;

use super::{after, commit, on_both_stores, reader, user_id};

fn row(kind: ManagedKind, name: &str, object: u128) -> Managed {
    Managed {
        kind,
        name: name.to_owned(),
        source: "infra/prod".to_owned(),
        object_id: Uuid::from_u128(object),
        state: json!({"name": "\u{e4}", "scopes": ["b", "a"]}).as_object().cloned().unwrap(),
        reference: Some(r#"{"env":"A"}"#.to_owned()),
        secret: Some(vec![0, 255]),
        applied_at: after(1),
    }
}

async fn put(db: &Db, row: &Managed) {
    commit(db, async |tx| managed::put(tx, row).await).await;
}

async fn names(db: &Db) -> Vec<(ManagedKind, String)> {
    let all = managed::all(&mut reader(db).await).await.unwrap();
    all.into_iter().map(|row| (row.kind, row.name)).collect()
}

/// A row replaces the one of its name and the one of its object: an object has one manager, and a name one object.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_and_an_object_have_one_row() {
    on_both_stores("managed: rows", async |db| {
        let shop = row(ManagedKind::Client, "shop", 1);
        put(&db, &shop).await;
        put(&db, &row(ManagedKind::Api, "shop", 2)).await;
        put(&db, &row(ManagedKind::User, "ada", 3)).await;
        let found =
            managed::of_object(&mut reader(&db).await, shop.object_id).await.unwrap().unwrap();
        assert_eq!(
            (&found.name, &found.state, &found.secret),
            (&shop.name, &shop.state, &shop.secret)
        );
        assert_eq!(
            (found.reference, found.source, found.applied_at),
            (shop.reference, shop.source, after(1))
        );
        assert!(managed::of_object(&mut reader(&db).await, Uuid::nil()).await.unwrap().is_none());
        let plain =
            Managed { reference: None, secret: None, ..row(ManagedKind::Client, "shop", 4) };
        put(&db, &plain).await;
        put(&db, &row(ManagedKind::User, "eve", 3)).await;
        use ManagedKind::{Api, Client, User};
        let expected = [(Api, "shop"), (Client, "shop"), (User, "eve")];
        assert_eq!(names(&db).await, expected.map(|(kind, name)| (kind, name.to_owned())));
        assert!(
            managed::of_object(&mut reader(&db).await, shop.object_id).await.unwrap().is_none()
        );
        assert!(commit(&db, async |tx| managed::remove(tx, Client, "shop").await).await);
        assert!(!commit(&db, async |tx| managed::remove(tx, Client, "shop").await).await);
        assert_eq!(names(&db).await.len(), 2);
    })
    .await;
}

/// Locking the cache version raises nothing; counts of unknown objects are 0.
#[tokio::test(flavor = "multi_thread")]
async fn holding_raises_nothing_and_nothing_is_counted_as_zero() {
    on_both_stores("managed: counts", async |db| {
        let version = meta::cache_version(&mut reader(&db).await).await.unwrap();
        commit(&db, async |tx| meta::hold_cache_version(tx).await).await;
        assert_eq!(meta::cache_version(&mut reader(&db).await).await.unwrap(), version);
        let mut link = reader(&db).await;
        assert_eq!(impact::sessions_of_client(&mut link, "shop", after(0)).await.unwrap(), 0);
        assert_eq!(impact::sessions_for_api(&mut link, "urn:a", after(0)).await.unwrap(), 0);
        assert_eq!(impact::sessions_of_user(&mut link, user_id(1), after(0)).await.unwrap(), 0);
        assert_eq!(impact::consents_of_client(&mut link, "shop").await.unwrap(), 0);
        assert_eq!(impact::consents_for_api(&mut link, "urn:a").await.unwrap(), 0);
        assert_eq!(impact::consents_of_user(&mut link, user_id(1)).await.unwrap(), 0);
    })
    .await;
}

//! The history of the schema: applied and missing steps, and the lock for applying them.

use futures_util::future::join_all;
use signet::base::{Deadlines, Timestamp};
use signet::crypto::random::SystemEntropy;
use signet::domain::api::Api;
use signet::domain::audit::{Event, EventKind, Origin};
use signet::domain::client::{Client, ClientMetadata, ClientType};
use signet::domain::outcome::FaultKind;
use signet::execute;
use signet::oauth::grants;
use signet::store::apis::StoredApi;
use signet::store::clients::StoredClient;
use signet::store::{Db, apis, audit, clients, meta, migrate};

use super::{after, commit, is_internal, on_both_places, on_both_stores, reader, scopes, user_id};

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_has_nothing_applied_until_it_is_migrated() {
    on_both_places("migrate: up", async |place| {
        let db = place.connect().await;
        let before = migrate::status(&db).await.unwrap();
        assert!(before.known > 0);
        assert_eq!(before.applied, 0);
        let steps = migrate::steps(&db).await.unwrap();
        assert_eq!(steps.last().map(|step| step.version), Some(before.known));
        assert!(steps.iter().all(|step| !step.applied && !step.name.is_empty()));
        migrate::up(&db).await.unwrap();
        let now = migrate::status(&db).await.unwrap();
        assert_eq!(now.known, migrate::known());
        assert_eq!((now.applied, now.known), (before.known, before.known));
        let names = |steps: &[migrate::Step]| {
            steps.iter().map(|step| (step.version, step.name.clone())).collect::<Vec<_>>()
        };
        let applied = migrate::steps(&db).await.unwrap();
        assert!(applied.iter().all(|step| step.applied));
        assert_eq!(names(&applied), names(&steps));
        db.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn migrating_again_keeps_what_is_there() {
    on_both_stores("migrate: again", async |db| {
        commit(&db, async |tx| meta::put_once(tx, "fact", b"1").await).await;
        migrate::up(&db).await.unwrap();
        assert!(meta::get(&mut reader(&db).await, "fact").await.unwrap().is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_migrate_at_once_wait_for_each_other() {
    on_both_places("migrate: at once", async |place| {
        let mut all = Vec::new();
        for _ in 0..8 {
            all.push(place.connect().await);
        }
        let up = |db: &Db| {
            let db = db.clone();
            tokio::spawn(async move { migrate::up(&db).await })
        };
        for done in join_all(all.iter().map(up)).await {
            done.unwrap().unwrap_or_else(|fault| panic!("{fault}"));
        }
        for db in all {
            let status = migrate::status(&db).await.unwrap();
            assert_eq!(status.applied, status.known);
            db.close().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_is_refused_while_the_database_is_in_use() {
    on_both_places("migrate: busy", async |place| {
        let one = place.connect().await;
        let two = place.connect_for(Deadlines::IN_SERVICE).await;
        migrate::up(&one).await.unwrap();
        let mut tx = one.begin().await.unwrap();
        if !one.is_sqlite() {
            execute!(&mut tx, "LOCK TABLE _sqlx_migrations").unwrap();
        }
        let refused = migrate::up(&two).await.unwrap_err();
        assert_eq!(refused.kind, FaultKind::Unavailable, "{refused}");
        tx.rollback().await;
        migrate::up(&one).await.unwrap();
        two.close().await;
        one.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_was_edited_after_the_fact_is_a_fault() {
    on_both_stores("migrate: edited", async |db| {
        let edit = async |tx: &mut _| {
            execute!(tx, "UPDATE _sqlx_migrations SET checksum = $1 WHERE version = 1", &b"x"[..])
        };
        assert_eq!(commit(&db, edit).await, 1);
        assert!(migrate::up(&db).await.is_err_and(|fault| is_internal(&fault)));
    })
    .await;
}

/// A name whose client was deleted before names were stored: the audit trail has it.
#[tokio::test(flavor = "multi_thread")]
async fn names_that_were_had_before_the_step_are_remembered() {
    on_both_stores("migrate: names of clients", async |db| {
        let client = |client_id: &str, secs| {
            let settings = ClientMetadata::new("App".to_owned(), ClientType::Service, grants::ALL);
            let client = Client::new(client_id.to_owned(), settings, after(secs));
            StoredClient { id: user_id(secs).uuid(), client, updated_at: after(secs) }
        };
        let insert = async |new: &StoredClient| {
            assert!(commit(&db, async |tx| clients::insert(tx, new).await).await);
        };
        let since = async |client_id: &str| {
            let found = clients::find(&mut reader(&db).await, client_id).await.unwrap();
            found.unwrap().client.name_since
        };
        for (name, secs) in [("gone", 10), ("gone", 20), ("again", 10)] {
            let event = Event::new(EventKind::ClientDeleted).detail(name);
            let origin = Origin::system();
            let (at, entropy) = (after(secs), SystemEntropy);
            commit(&db, async |tx| audit::record(tx, &event, &origin, at, &entropy).await).await;
        }
        insert(&client("again", 12)).await;
        assert_eq!(since("again").await, Timestamp::from_millis(0), "nobody remembers");
        // Back to before the step.
        let back =
            async |tx: &mut _| execute!(tx, "DELETE FROM _sqlx_migrations WHERE version = 8");
        assert_eq!(commit(&db, back).await, 1);
        migrate::up(&db).await.unwrap();

        assert_eq!(since("again").await, after(12));
        insert(&client("gone", 15)).await;
        assert_eq!(since("gone").await, after(20));
        insert(&client("new", 30)).await;
        assert_eq!(since("new").await, Timestamp::from_millis(0));
    })
    .await;
}

/// An identifier whose API was deleted before identifiers were stored: the audit trail has it.
#[tokio::test(flavor = "multi_thread")]
async fn identifiers_that_were_had_before_the_step_are_remembered() {
    on_both_stores("migrate: identifiers of APIs", async |db| {
        let insert = async |identifier: &str, secs| {
            let api = Api::new(identifier, scopes("read")).unwrap();
            let (id, name_since) = (user_id(secs).uuid(), Timestamp::from_millis(0));
            let new = StoredApi { id, api, secret: None, created_at: after(secs), name_since };
            assert!(commit(&db, async |tx| apis::insert(tx, &new).await).await);
        };
        let since = async |identifier: &str| {
            let found = apis::find(&mut reader(&db).await, identifier).await.unwrap();
            found.unwrap().name_since
        };
        for (name, secs) in [("urn:gone", 10), ("urn:gone", 20), ("urn:again", 10)] {
            let event = Event::new(EventKind::ApiDeleted).detail(name);
            let origin = Origin::system();
            let (at, entropy) = (after(secs), SystemEntropy);
            commit(&db, async |tx| audit::record(tx, &event, &origin, at, &entropy).await).await;
        }
        insert("urn:again", 12).await;
        insert("urn:first", 13).await;
        // Back to before the step.
        let back = async |tx: &mut _| {
            execute!(tx, "DELETE FROM _sqlx_migrations WHERE description = 'former apis'")?;
            execute!(tx, "DROP TABLE former_apis")?;
            execute!(tx, "ALTER TABLE apis DROP COLUMN name_since")
        };
        commit(&db, back).await;
        migrate::up(&db).await.unwrap();

        assert_eq!(since("urn:again").await, after(12));
        assert_eq!(since("urn:first").await, Timestamp::from_millis(0));
        insert("urn:gone", 15).await;
        assert_eq!(since("urn:gone").await, after(20));
    })
    .await;
}

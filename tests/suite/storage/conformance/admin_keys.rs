//! Administration keys: found by their hash, counted by client, deleted with their client.

use signet::base::TimeSpan;
use signet::base::id::AdminKeyId;
use signet::domain::admin_key::AdminKey;
use signet::domain::client::{Client, ClientMetadata, ClientType};
use signet::oauth::grants;
use signet::store::clients::StoredClient;
use signet::store::{Db, admin_keys, clients};

use super::{after, commit, hash, on_both_stores, reader, scopes, user_id, walk};

async fn register(db: &Db, client_id: &str, secs: i64) {
    let metadata = ClientMetadata::new("App".to_owned(), ClientType::Service, grants::ALL);
    let client = Client::new(client_id.to_owned(), metadata, after(secs));
    let stored = StoredClient { id: user_id(secs).uuid(), client, updated_at: after(secs) };
    assert!(commit(db, async |tx| clients::insert(tx, &stored).await).await);
}

fn key(client_id: &str, secs: i64) -> AdminKey {
    AdminKey {
        id: AdminKeyId::from_uuid(user_id(secs).uuid()),
        client_id: client_id.to_owned(),
        name: "Ночной".to_owned(),
        scopes: scopes("signet:users signet:read"),
        networks: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        created_at: after(secs),
        expires_at: after(secs + 60),
        last_used_at: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_found_by_its_hash_until_it_is_revoked_or_its_client_deleted() {
    on_both_stores("admin keys", async |db| {
        register(&db, "bot", 0).await;
        register(&db, "other", 1).await;
        let insert = async |key: &AdminKey, byte: u8| {
            commit(&db, async |tx| admin_keys::insert(tx, key, &hash(byte), 2).await).await
        };
        let (one, two, three) = (key("bot", 2), key("bot", 3), key("bot", 4));
        assert!(insert(&one, 1).await);
        assert!(insert(&two, 2).await);
        assert!(!insert(&three, 3).await, "the client has two");
        let foreign = key("other", 5);
        assert!(insert(&foreign, 4).await);
        let by_hash = async |byte: u8| {
            admin_keys::by_hash(&mut reader(&db).await, &hash(byte)).await.unwrap()
        };
        assert_eq!(by_hash(1).await.as_ref(), Some(&one));
        assert_eq!(by_hash(3).await, None);
        let find = async |id| admin_keys::find(&mut reader(&db).await, id).await.unwrap();
        assert_eq!(find(two.id).await.as_ref(), Some(&two));
        let listed =
            walk(async |request| admin_keys::page(&mut reader(&db).await, "bot", request).await);
        assert_eq!(listed.await, [one.clone(), two.clone()]);

        let note = async |secs: i64| {
            commit(&db, async |tx| admin_keys::note_use(tx, one.id, after(secs)).await).await
        };
        assert!(note(120).await);
        assert!(!note(120).await && !note(60).await, "only a later use is noted");
        assert_eq!(find(one.id).await.unwrap().last_used_at, Some(after(120)));

        let delete = async |client: &str, id| {
            commit(&db, async |tx| admin_keys::delete(tx, client, id).await).await
        };
        assert!(!delete("other", one.id).await, "it is another client's");
        assert!(delete("bot", one.id).await);
        assert!(!delete("bot", one.id).await);
        assert_eq!(by_hash(1).await, None);
        commit(&db, async |tx| admin_keys::delete_of_client(tx, "bot").await).await;
        assert_eq!(by_hash(2).await, None);
        assert!(by_hash(4).await.is_some(), "another client's stays");
        assert!(insert(&three, 3).await);
        commit(&db, async |tx| clients::delete(tx, "bot", after(9)).await).await;
        assert_eq!(by_hash(3).await, None);
        assert_eq!(
            by_hash(4).await.map(|key| key.expires_at),
            Some(after(5) + TimeSpan::from_mins(1))
        );
    })
    .await;
}

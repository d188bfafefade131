//! Logos of clients: one for each, found by their hash, deleted with their client.

use signet::domain::client::{Client, ClientMetadata, ClientType};
use signet::domain::client_logo::{ClientLogo, ImageType};
use signet::oauth::grants;
use signet::store::clients::StoredClient;
use signet::store::{Db, client_logos, clients};

use super::{after, commit, on_both_stores, reader, user_id};

async fn register(db: &Db, client_id: &str, secs: i64) {
    let metadata = ClientMetadata::new("App".to_owned(), ClientType::Web, grants::ALL);
    let client = Client::new(client_id.to_owned(), metadata, after(secs));
    let stored = StoredClient { id: user_id(secs).uuid(), client, updated_at: after(secs) };
    assert!(commit(db, async |tx| clients::insert(tx, &stored).await).await);
}

async fn put(db: &Db, client_id: &str, hash: &str, bytes: &[u8]) {
    let logo = ClientLogo { hash: hash.to_owned(), media_type: ImageType::Webp };
    commit(db, async |tx| client_logos::put(tx, client_id, (&logo, bytes), after(5)).await).await;
}

async fn bytes(db: &Db, hash: &str) -> Option<Vec<u8>> {
    client_logos::bytes(&mut reader(db).await, hash).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logo_is_found_by_its_hash_as_long_as_a_client_has_it() {
    on_both_stores("logos", async |db| {
        register(&db, "shop", 0).await;
        register(&db, "desk", 1).await;
        assert_eq!(bytes(&db, "one").await, None);
        put(&db, "shop", "one", b"1\0\xff").await;
        put(&db, "desk", "one", b"1\0\xff").await;
        assert_eq!(bytes(&db, "one").await.as_deref(), Some(&b"1\0\xff"[..]));
        put(&db, "shop", "two", b"2").await;
        assert_eq!(bytes(&db, "two").await.as_deref(), Some(&b"2"[..]));
        assert!(bytes(&db, "one").await.is_some(), "the other client has it");
        commit(&db, async |tx| client_logos::remove(tx, "desk").await).await;
        assert_eq!(bytes(&db, "one").await, None);
        commit(&db, async |tx| clients::delete(tx, "shop", after(8)).await).await;
        assert_eq!(bytes(&db, "two").await, None);
    })
    .await;
}

//! Clients that can no longer be registered: rows as an older version wrote them.

use signet::base::id::SessionId;
use signet::base::opaque_token::{self, CLIENT_SECRET};
use signet::crypto::digest::token_hash;
use signet::crypto::random::SystemEntropy;
use signet::domain::client::{Client, ClientMetadata, ClientType, SecretHash};
use signet::oauth::grants;
use signet::store::clients::{self, StoredClient};

use super::Server;
use super::relying_party::REDIRECT_URI;

/// Stores a web client with any id and a secret, known to this process at once. Returns the secret.
pub async fn old_client(server: &Server, id: &str) -> String {
    let now = server.now();
    let mut metadata = ClientMetadata::new("Old".to_owned(), ClientType::Web, grants::ALL);
    metadata.redirect_uris = vec![REDIRECT_URI.to_owned()];
    let secret = opaque_token::generate(CLIENT_SECRET, &SystemEntropy);
    let mut client = Client::new(id.to_owned(), metadata, now);
    client.secrets = vec![SecretHash { hash: *token_hash(&secret).digest(), created_at: now }];
    let id = SessionId::new(now, &SystemEntropy).uuid();
    let stored = StoredClient { id, client, updated_at: now };
    let mut tx = server.app.db.begin().await.unwrap();
    assert!(clients::insert(&mut tx, &stored).await.unwrap());
    tx.commit().await.unwrap();
    server.app.reload_if_changed().await.unwrap();
    secret
}

//! Clients: read as they were stored, locked while they are changed, deleted with their consents.

use std::time::Duration;

use serde_json::json;
use signet::base::{TimeSpan, Timestamp};
use signet::domain::authn::AssuranceLevel;
use signet::domain::client::{
    AssertionAudience, AuthMethod, Client, ClientMetadata, ClientType, IdTokenClaims, PkcePolicy,
    SecretHash, SecurityProfile,
};
use signet::domain::client_logo::{ClientLogo, ImageType};
use signet::domain::pagination::PageRequest;
use signet::domain::signing_key::SigningAlg;
use signet::execute;
use signet::oauth::grants;
use signet::store::clients::StoredClient;
use signet::store::{Db, Tx, clients, meta};
use uuid::Uuid;

use super::{
    NOW, after, commit, count, is_internal, on_both_stores, reader, scopes, user, user_id, walk,
};

/// A row's id that sorts by `secs`.
fn row_id(secs: i64) -> Uuid {
    user_id(secs).uuid()
}

/// A client of which only the name matters.
fn bare(secs: i64, client_id: &str) -> StoredClient {
    let settings = ClientMetadata::new("App".to_owned(), ClientType::Service, grants::ALL);
    let client = Client::new(client_id.to_owned(), settings, after(secs));
    StoredClient { id: row_id(secs), client, updated_at: after(secs) }
}

/// A client with every setting.
fn choosy(secs: i64, client_id: &str) -> StoredClient {
    let text = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let settings = ClientMetadata {
        name: "Größe \"x\" 'y'".to_owned(),
        client_type: ClientType::Web,
        auth_method: AuthMethod::PrivateKeyJwt,
        auth_method_pinned: Some(true),
        assertion_audience: AssertionAudience::Endpoint,
        pkce: PkcePolicy::Optional,
        security_profile: Some(SecurityProfile::Fapi2),
        client_uri: Some("https://a.example/home".to_owned()),
        policy_uri: Some("https://a.example/privacy".to_owned()),
        tos_uri: Some("https://a.example/terms".to_owned()),
        logo: Some(ClientLogo { hash: "h".repeat(43), media_type: ImageType::Png }),
        redirect_uris: text(&["https://a.example/cb", "https://a.example/cb?x=%20"]),
        post_logout_redirect_uris: text(&["https://a.example/"]),
        backchannel_logout_uri: Some("https://a.example/back".to_owned()),
        web_origins: text(&["https://b.example"]),
        grant_types: text(&["authorization_code"]),
        scopes: Some(scopes("read write")),
        audiences: text(&["urn:a", "urn:b"]),
        resource_servers: text(&["urn:c"]),
        access_token_ttl: Some(TimeSpan::from_secs(90)),
        refresh_idle_ttl: Some(TimeSpan::from_days(3650)),
        refresh_max_ttl: Some(TimeSpan::from_secs(60)),
        id_token_alg: SigningAlg::EdDsa,
        id_token_claims: IdTokenClaims::Scopes,
        min_acr: Some(AssuranceLevel::PhishingResistant),
        skip_consent: true,
        first_party: true,
        jwks: vec![json!({"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "1"})],
        admin_scopes: scopes("signet:users signet:read"),
        workloads: vec!["github: ref=refs/heads/ä%2Cb,repository_id=1".parse().unwrap()],
    };
    let secret = |first, at| SecretHash { hash: [first; 32], created_at: at };
    let client = Client {
        secrets: vec![secret(255, after(9)), secret(0, NOW)],
        disabled_at: Some(after(5)),
        ..Client::new(client_id.to_owned(), settings, after(secs))
    };
    StoredClient { id: row_id(secs), client, updated_at: after(7) }
}

async fn insert(db: &Db, new: &StoredClient) -> bool {
    commit(db, async |tx| clients::insert(tx, new).await).await
}

async fn find(db: &Db, client_id: &str) -> Option<StoredClient> {
    clients::find(&mut reader(db).await, client_id).await.unwrap()
}

async fn version(db: &Db) -> i64 {
    meta::cache_version(&mut reader(db).await).await.unwrap()
}

/// The names of every client.
async fn all(db: &Db) -> Vec<String> {
    let all = clients::all(&mut reader(db).await).await.unwrap();
    all.into_iter().map(|stored| stored.client.client_id).collect()
}

fn same(found: &StoredClient, expected: &StoredClient) {
    assert_eq!((found.id, found.updated_at), (expected.id, expected.updated_at));
    assert_eq!(found.client, expected.client);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_choice_comes_back_and_can_be_taken_back() {
    on_both_stores("clients: choices", async |db| {
        let mut stored = choosy(0, "https://shop.example.com");
        assert!(insert(&db, &stored).await);
        same(&find(&db, "https://shop.example.com").await.unwrap(), &stored);
        same(&clients::all(&mut reader(&db).await).await.unwrap()[0], &stored);

        let plain = bare(0, "https://shop.example.com").client;
        (stored.client.metadata, stored.client.secrets) = (plain.metadata, plain.secrets);
        (stored.client.disabled_at, stored.updated_at) = (None, after(8));
        let before = version(&db).await;
        assert!(commit(&db, async |tx| clients::update(tx, &stored).await).await);
        assert!(version(&db).await > before);
        same(&find(&db, "https://shop.example.com").await.unwrap(), &stored);

        let before = version(&db).await;
        assert!(!commit(&db, async |tx| clients::update(tx, &bare(1, "nobody")).await).await);
        assert_eq!(version(&db).await, before, "nothing was changed");
        assert_eq!(all(&db).await, ["https://shop.example.com"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_name_keeps_its_first_client() {
    on_both_stores("clients: taken", async |db| {
        let first = bare(0, "shop");
        assert!(insert(&db, &first).await);
        assert!(!insert(&db, &choosy(1, "shop")).await);
        // Byte for byte: another case is another client.
        assert!(insert(&db, &bare(2, "Shop")).await);
        same(&find(&db, "shop").await.unwrap(), &first);
        assert_eq!(all(&db).await, ["shop", "Shop"]);
        for name in ["", "sho", "SHOP", "shop ", &first.id.to_string()] {
            assert!(find(&db, name).await.is_none(), "{name}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_locked_for_a_change_stays_locked_until_the_end() {
    on_both_stores("clients: held", async |db| {
        let mut stored = bare(0, "shop");
        assert!(insert(&db, &stored).await);
        assert!(commit(&db, async |tx| clients::hold(tx, "nobody").await).await.is_none());
        let mut tx = db.begin().await.unwrap();
        let held = clients::hold(&mut tx, "shop").await.unwrap().unwrap();
        same(&held, &stored);
        let other = async {
            let mut tx = db.begin_within(Duration::from_millis(200)).await?;
            clients::hold(&mut tx, "shop").await
        };
        assert!(other.await.is_err_and(|fault| !is_internal(&fault)));
        stored.client.metadata.name = "Other".to_owned();
        clients::update(&mut tx, &stored).await.unwrap();
        tx.commit().await.unwrap();
        let seen = commit(&db, async |tx| clients::hold(tx, "shop").await).await.unwrap();
        same(&seen, &stored);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_client_removes_only_its_own_grants() {
    on_both_stores("clients: delete", async |db| {
        let ada = user(&db, "ada").await;
        for (secs, client_id) in [(0, "shop"), (1, "desk")] {
            assert!(insert(&db, &bare(secs, client_id)).await);
            commit(&db, async |tx| {
                execute!(
                    tx,
                    "INSERT INTO consents (user_id, client_id, scope, created_at, updated_at) \
                     VALUES ($1, $2, $3, $4, $5)",
                    ada,
                    client_id,
                    "read",
                    NOW,
                    NOW
                )
            })
            .await;
        }
        let before = version(&db).await;
        assert!(!commit(&db, async |tx| clients::delete(tx, "nobody", NOW).await).await);
        assert_eq!(version(&db).await, before);
        assert!(commit(&db, async |tx| clients::delete(tx, "shop", NOW).await).await);
        assert_eq!(version(&db).await, before + 1);
        assert!(!commit(&db, async |tx| clients::delete(tx, "shop", NOW).await).await);
        assert_eq!(all(&db).await, ["desk"]);
        assert_eq!(count!(&db, "SELECT COUNT(*) FROM consents WHERE client_id = 'shop'"), 0);
        assert_eq!(count!(&db, "SELECT COUNT(*) FROM consents WHERE client_id = 'desk'"), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_paged_oldest_first() {
    on_both_stores("clients: pages", async |db| {
        let page = async |request| clients::page(&mut reader(&db).await, request).await;
        assert!(walk(page).await.is_empty());
        assert!(all(&db).await.is_empty());
        for secs in [3, 1, 4, 0, 2] {
            assert!(insert(&db, &bare(secs, &format!("c{secs}"))).await);
        }
        let expected = ["c0", "c1", "c2", "c3", "c4"];
        let walked = walk(page).await;
        let walked: Vec<&str> = walked.iter().map(|stored| &*stored.client.client_id).collect();
        assert_eq!(walked, expected);
        assert_eq!(all(&db).await, expected);
        let exact = page(PageRequest { after: None, limit: 5 }).await.unwrap();
        assert_eq!((exact.data.len(), exact.next), (5, None));
    })
    .await;
}

/// A value that this server never writes is a fault in every read, and never a client with half its rules.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_cannot_be_are_a_fault() {
    on_both_stores("clients: broken rows", async |db| {
        assert!(insert(&db, &choosy(0, "shop")).await);
        let broken = async |what: &str| {
            let link = &mut reader(&db).await;
            let found = clients::find(link, "shop").await;
            assert!(found.is_err_and(|fault| is_internal(&fault)), "find: {what}");
            let all = clients::all(link).await;
            assert!(all.is_err_and(|fault| is_internal(&fault)), "all: {what}");
            let page = clients::page(link, PageRequest::default()).await;
            assert!(page.is_err_and(|fault| is_internal(&fault)), "page: {what}");
            let mut tx = db.begin().await.unwrap();
            let held = clients::hold(&mut tx, "shop").await;
            assert!(held.is_err_and(|fault| is_internal(&fault)), "hold: {what}");
            tx.rollback().await;
        };
        let good = json!({"name": "App", "type": "web", "token_endpoint_auth_method": "none"});
        for (member, value) in [
            ("name", json!(null)),
            ("type", json!("robot")),
            ("token_endpoint_auth_method", json!("client_secret_jwt")),
            ("scopes", json!("a\"b")),
            ("id_token_signed_response_alg", json!("none")),
            ("redirect_uris", json!("https://a.example")),
            ("access_token_ttl", json!("5m")),
        ] {
            let mut settings = good.clone();
            settings[member] = value;
            let text = settings.to_string();
            commit(&db, async |tx| execute!(tx, "UPDATE clients SET settings = $1", &text)).await;
            broken(member).await;
        }
        commit(&db, async |tx| execute!(tx, "UPDATE clients SET settings = $1", &good.to_string()))
            .await;
        assert!(find(&db, "shop").await.is_some());
        for secrets in ["", "{}", r#"[{"hash":[1],"created_at":0}]"#, r#"["scs_x"]"#] {
            commit(&db, async |tx| execute!(tx, "UPDATE clients SET secrets = $1", secrets)).await;
            broken(secrets).await;
        }
    })
    .await;
}

/// A client has none of the data from before its id was its own, and data of other ids are unaffected.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_given_again_is_another_client() {
    on_both_stores("clients: again", async |db| {
        let delete =
            async |at| assert!(commit(&db, async |tx| clients::delete(tx, "shop", at).await).await);
        let since = async || find(&db, "shop").await.unwrap().client.name_since;
        assert!(insert(&db, &choosy(0, "shop")).await);
        let first = find(&db, "shop").await.unwrap().client;
        assert!(first.owned_name_at(NOW) && first.owned_name_at(Timestamp::from_millis(0)));

        delete(after(50)).await;
        assert!(insert(&db, &bare(60, "shop")).await);
        let second = find(&db, "shop").await.unwrap().client;
        assert!(!second.owned_name_at(after(59)) && second.owned_name_at(after(60)));
        // A change keeps it.
        let change = async |tx: &mut Tx| {
            let mut stored = clients::hold(tx, "shop").await?.unwrap();
            stored.client.disabled_at = Some(after(61));
            clients::update(tx, &stored).await
        };
        assert!(commit(&db, change).await);
        assert_eq!(since().await, after(60));

        // With a clock that was set back, the time of the later deletion is used.
        delete(after(40)).await;
        assert!(insert(&db, &bare(30, "shop")).await);
        assert_eq!(since().await, after(50));
        // The id of another client does not affect it.
        assert!(insert(&db, &bare(70, "Shop")).await);
        assert!(find(&db, "Shop").await.unwrap().client.owned_name_at(NOW));
    })
    .await;
}

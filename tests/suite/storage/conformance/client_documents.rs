//! Copies of client documents: one for each address, versions that rise with every change, and a bound.

use signet::domain::client::AuthMethod;
use signet::domain::client_document::DocumentContent;
use signet::domain::pagination::PageRequest;
use signet::store::client_documents::{self, StoredDocument};
use signet::store::{Db, meta};
use uuid::Uuid;

use super::{after, at_once, commit, on_both_stores, reader};

fn copy(n: u8, name: &str) -> StoredDocument {
    StoredDocument {
        id: Uuid::from_u128(u128::from(n)),
        client_id: format!("https://{n}.example/x"),
        content: Some(DocumentContent {
            name: name.to_owned(),
            redirect_uris: vec!["http://127.0.0.1/cb".to_owned()],
            auth_method: AuthMethod::None,
            jwks: Vec::new(),
            jwks_uri: None,
        }),
        etag: Some("\"1\"".to_owned()),
        confirmed_at: after(i64::from(n)),
        fresh_until: after(i64::from(n) + 60),
        failed: None,
        authorized_at: None,
        blocked_at: None,
        version: 0,
    }
}

/// Stores a copy. Returns it as stored.
async fn put(db: &Db, copy: StoredDocument) -> StoredDocument {
    commit(db, async |tx| {
        let version = client_documents::raise_version(tx).await?;
        let copy = StoredDocument { version, ..copy.clone() };
        client_documents::put(tx, &copy).await?;
        Ok(copy)
    })
    .await
}

async fn find(db: &Db, client_id: &str) -> Option<StoredDocument> {
    client_documents::find(&mut reader(db).await, client_id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_takes_the_place_of_the_one_before() {
    on_both_stores("client_documents: put", async |db| {
        let first = put(&db, copy(1, "One \u{1f5dd}")).await;
        assert_eq!(find(&db, &first.client_id).await, Some(first.clone()));
        commit(&db, async |tx| {
            client_documents::note_failure(tx, &first.client_id, "no", after(9), 7).await?;
            client_documents::note_failure(tx, "https://unknown.example/x", "no", after(9), 7)
                .await?;
            client_documents::note_authorization(tx, &first.client_id, after(20), after(10))
                .await?;
            // Recorded to the day, or always if the caller requests it.
            client_documents::note_authorization(tx, &first.client_id, after(30), after(20)).await
        })
        .await;
        let noted = find(&db, &first.client_id).await.unwrap();
        assert_eq!(noted.failed, Some((after(9), "no".to_owned())));
        assert_eq!((noted.authorized_at, noted.version), (Some(after(20)), 7));
        let second = StoredDocument { id: Uuid::from_u128(99), etag: None, ..copy(1, "Two") };
        let second = put(&db, second).await;
        let found = find(&db, &first.client_id).await.unwrap();
        let expected = StoredDocument { id: first.id, authorized_at: Some(after(20)), ..second };
        assert_eq!(found, expected, "the id stays, the failure goes");
        assert_eq!(find(&db, "https://1.example/X").await, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_rise_and_tell_what_changed() {
    on_both_stores("client_documents: since", async |db| {
        let (_, before) = meta::cache_versions(&mut reader(&db).await).await.unwrap();
        let first = put(&db, copy(1, "One")).await;
        let second = put(&db, copy(2, "Two")).await;
        assert_eq!((first.version, second.version), (before + 1, before + 2));
        let versions = meta::cache_versions(&mut reader(&db).await).await.unwrap();
        let cached = meta::cache_version(&mut reader(&db).await).await.unwrap();
        assert_eq!(versions, (cached, before + 2));
        let since = async |version| {
            let mut found = client_documents::since(&mut reader(&db).await, version).await.unwrap();
            found.sort_by_key(|copy| copy.version);
            found
        };
        assert_eq!(since(before).await, [first, second.clone()]);
        assert_eq!(since(before + 1).await, [second]);
        assert_eq!(since(before + 2).await, []);
        // Concurrently, each with its own version.
        let mut raised = at_once(async |_| {
            commit(&db, async |tx| client_documents::raise_version(tx).await).await
        })
        .await;
        raised.sort_unstable();
        assert_eq!(raised, (before + 3..before + 23).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_outlives_copies() {
    on_both_stores("client_documents: block", async |db| {
        let known = put(&db, copy(1, "One")).await;
        let unknown = "https://2.example/x";
        let block = async |id: u128, client_id: &str| {
            let key = (Uuid::from_u128(id), client_id);
            commit(&db, async |tx| client_documents::block(tx, key, after(50), 5).await).await
        };
        let unblock = async |client_id: &str| {
            commit(&db, async |tx| client_documents::unblock(tx, client_id, 6).await).await
        };
        assert!(block(7, &known.client_id).await && !block(8, &known.client_id).await);
        assert!(block(9, unknown).await && !block(9, unknown).await);
        let blocked = find(&db, &known.client_id).await.unwrap();
        assert_eq!(
            (blocked.id, blocked.blocked_at, blocked.version),
            (known.id, Some(after(50)), 5)
        );
        assert!(find(&db, unknown).await.unwrap().content.is_none());
        put(&db, copy(1, "Again")).await;
        assert_eq!(find(&db, &known.client_id).await.unwrap().blocked_at, Some(after(50)));
        assert!(unblock(&known.client_id).await && !unblock(&known.client_id).await);
        assert!(unblock(unknown).await && !unblock(unknown).await);
        assert_eq!(find(&db, &known.client_id).await.unwrap().blocked_at, None);
        assert_eq!(find(&db, unknown).await, None, "there was no copy of it");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_that_no_user_let_in_go_first() {
    on_both_stores("client_documents: bound", async |db| {
        for n in 1..=6 {
            put(&db, copy(n, "App")).await;
        }
        let id = |n: u8| format!("https://{n}.example/x");
        commit(&db, async |tx| {
            client_documents::note_authorization(tx, &id(1), after(100), after(100)).await?;
            client_documents::note_authorization(tx, &id(6), after(200), after(200)).await?;
            client_documents::block(tx, (Uuid::from_u128(50), &id(2)), after(1), 1).await
        })
        .await;
        let counts = async || client_documents::counts(&mut reader(&db).await).await.unwrap();
        assert_eq!(counts().await, (6, 3));
        let evict =
            async |rows| commit(&db, async |tx| client_documents::evict(tx, rows).await).await;
        assert_eq!(evict(1).await, 1);
        assert_eq!((find(&db, &id(3)).await, counts().await), (None, (5, 2)));
        let prune = async |unauthorized, authorized, rows| {
            commit(&db, async |tx| {
                client_documents::prune(tx, after(unauthorized), after(authorized), rows).await
            })
            .await
        };
        let (_, before) = meta::cache_versions(&mut reader(&db).await).await.unwrap();
        assert_eq!(prune(4, 100, 10).await, 0);
        assert_eq!(meta::cache_versions(&mut reader(&db).await).await.unwrap().1, before);
        assert_eq!(prune(5, 101, 10).await, 2);
        assert_eq!(meta::cache_versions(&mut reader(&db).await).await.unwrap().1, before + 1);
        assert_eq!((find(&db, &id(4)).await, find(&db, &id(1)).await), (None, None));
        assert_eq!(evict(9).await, 1);
        assert_eq!(prune(1_000, 1_000, 10).await, 1);
        let left = client_documents::page(&mut reader(&db).await, PageRequest::default()).await;
        let left: Vec<String> = left.unwrap().data.into_iter().map(|copy| copy.client_id).collect();
        assert_eq!(left, [id(2)], "a blocked one stays");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_in_the_order_of_the_ids() {
    on_both_stores("client_documents: page", async |db| {
        for n in [3, 1, 2] {
            put(&db, copy(n, "App")).await;
        }
        let page = async |after: Option<u128>| {
            let request = PageRequest { after: after.map(Uuid::from_u128), limit: 2 };
            let page = client_documents::page(&mut reader(&db).await, request).await.unwrap();
            let ids: Vec<u128> = page.data.iter().map(|copy| copy.id.as_u128()).collect();
            (ids, page.next.is_some())
        };
        assert_eq!(page(None).await, (vec![1, 2], true));
        assert_eq!(page(Some(2)).await, (vec![3], false));
    })
    .await;
}

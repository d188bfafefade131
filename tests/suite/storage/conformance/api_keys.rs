//! API keys of users: found by their hash, counted by user, deleted with their user.

use signet::base::id::{ApiKeyId, UserId};
use signet::domain::api_key::ApiKey;
use signet::store::{Db, api_keys, users};

use super::{NOW, after, commit, hash, on_both_stores, reader, scopes, user, user_id};

fn key(user: UserId, secs: i64) -> ApiKey {
    ApiKey {
        id: ApiKeyId::from_uuid(user_id(secs).uuid()),
        user_id: user,
        name: "Ночной".to_owned(),
        audience: "https://api.example.com".to_owned(),
        scopes: scopes("orders:read orders:write"),
        networks: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        user_epoch: 0,
        created_at: after(secs),
        expires_at: after(secs + 1_000),
        last_used_at: None,
        revoked_at: None,
    }
}

async fn insert(db: &Db, key: &ApiKey, byte: u8) -> bool {
    commit(db, async |tx| api_keys::insert(tx, key, &hash(byte), 2).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_found_by_its_hash_and_counted_while_it_counts() {
    on_both_stores("API keys", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let keys = [100, 101, 102].map(|secs| key(ada, secs));
        assert!(insert(&db, &keys[0], 1).await);
        assert!(insert(&db, &keys[1], 2).await);
        assert!(!insert(&db, &keys[2], 3).await, "the user has two");
        let foreign = key(bob, 103);
        assert!(insert(&db, &foreign, 4).await);
        let by_hash =
            async |byte: u8| api_keys::by_hash(&mut reader(&db).await, &hash(byte)).await.unwrap();
        let (found, holder) = by_hash(1).await.unwrap();
        assert_eq!((&found, holder.id), (&keys[0], ada));
        assert!(by_hash(3).await.is_none());
        let with_user = async |id| api_keys::with_user(&mut reader(&db).await, id).await.unwrap();
        let (found, holder) = with_user(foreign.id).await.unwrap();
        assert_eq!((found, holder.id, &*holder.login), (foreign, bob, "bob"));
        let ids = async || -> Vec<ApiKeyId> {
            let listed = api_keys::of_user(&mut reader(&db).await, ada).await.unwrap();
            listed.into_iter().map(|key| key.id).collect()
        };
        assert_eq!(ids().await, [keys[1].id, keys[0].id]);

        let revoke = async |user, id, secs| {
            commit(&db, async |tx| api_keys::revoke(tx, user, id, after(secs)).await).await
        };
        assert!(!revoke(bob, keys[0].id, 200).await, "it is another user's");
        assert!(revoke(ada, keys[0].id, 200).await);
        assert!(!revoke(ada, keys[0].id, 201).await);
        assert_eq!(by_hash(1).await.unwrap().0.revoked_at, Some(after(200)));
        assert!(insert(&db, &keys[2], 3).await, "one that was revoked makes room");

        // Of the invalid ones the newest are kept: expired ones, and those of an earlier epoch.
        for number in 0..25_u8 {
            let later = ApiKey { user_epoch: 1, ..key(ada, 5_000 + i64::from(number)) };
            assert!(insert(&db, &later, 100 + number).await);
            assert!(revoke(ada, later.id, 9_000).await);
        }
        assert_eq!(ids().await.len(), 21);
        assert!(by_hash(1).await.is_none(), "the oldest went");
        commit(&db, async |tx| users::delete(tx, ada).await).await;
        assert!(ids().await.is_empty());
        assert!(by_hash(4).await.is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_use_never_goes_back_and_tells_which_keys_have_tokens() {
    on_both_stores("API keys: use", async |db| {
        let ada = user(&db, "ada").await;
        let (one, two) = (key(ada, 100), key(ada, 101));
        assert!(insert(&db, &one, 1).await && insert(&db, &two, 2).await);
        let note = async |id, secs| {
            commit(&db, async |tx| api_keys::note_use(tx, id, after(secs)).await).await
        };
        assert!(note(one.id, 7_200).await);
        assert!(note(one.id, 3_600).await, "noted by another process before");
        let listed = api_keys::of_user(&mut reader(&db).await, ada).await.unwrap();
        assert_eq!(listed[1].last_used_at, Some(after(7_200)));
        assert_eq!(listed[0].last_used_at, None);
        let used = async |epoch, secs| {
            api_keys::used_since(&mut reader(&db).await, ada, epoch, after(secs)).await.unwrap()
        };
        assert_eq!(used(0, 7_200).await, [one.id]);
        assert!(used(0, 7_201).await.is_empty() && used(1, 0).await.is_empty());
        assert!(commit(&db, async |tx| api_keys::revoke(tx, ada, one.id, NOW).await).await);
        assert!(!note(one.id, 9_000).await, "it was revoked");
        assert!(used(0, 0).await.is_empty());
        assert!(!note(ApiKeyId::from_uuid(user_id(999).uuid()), 9_000).await);
    })
    .await;
}

//! Passkeys.

use signet::base::id::{FactorId, UserId};
use signet::crypto::random::SystemEntropy;
use signet::domain::factor::{Factor, FactorKind};
use signet::store::passkeys::{self, NewPasskey};
use signet::store::{Db, factors, users};

use super::{NOW, after, at_once, commit, on_both_stores, reader, user, winners};

fn passkey(credential: u8, secs: i64) -> NewPasskey {
    let factor = Factor {
        id: FactorId::new(after(secs), &SystemEntropy),
        kind: FactorKind::Passkey,
        name: format!("passkey {credential} 🗝"),
        created_at: after(secs),
        last_used_at: None,
    };
    NewPasskey {
        factor,
        credential_id: vec![credential; 1023],
        public_key: vec![7; 77],
        sign_count: u32::MAX,
        aaguid: [3; 16],
        transports: "hybrid internal".to_owned(),
        backup_eligible: true,
        backed_up: false,
    }
}

async fn insert(db: &Db, user: UserId, passkey: &NewPasskey) -> bool {
    commit(db, async |tx| passkeys::insert(tx, user, passkey, 3).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_stored_once_and_as_many_as_the_limit_says() {
    on_both_stores("passkeys: insert", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let first = passkey(1, 0);
        assert!(insert(&db, ada, &first).await);
        assert!(!insert(&db, ada, &passkey(1, 1)).await, "the same credential");
        assert!(!insert(&db, bob, &passkey(1, 1)).await, "the same of another user");
        let found = passkeys::find(&mut reader(&db).await, &[1; 1023]).await.unwrap().unwrap();
        assert_eq!((found.id, found.user_id), (first.factor.id, ada));
        assert_eq!((found.public_key, found.backup_eligible), (vec![7; 77], true));
        assert_eq!(passkeys::find(&mut reader(&db).await, &[1; 1022]).await.unwrap(), None);
        assert!(insert(&db, ada, &passkey(3, 2)).await && insert(&db, ada, &passkey(2, 1)).await);
        assert!(!insert(&db, ada, &passkey(4, 3)).await);
        let listed = passkeys::of_user(&mut reader(&db).await, ada).await.unwrap();
        let ids: Vec<u8> = listed.iter().map(|one| one.credential_id[0]).collect();
        assert_eq!(ids, [1, 2, 3]);
        assert_eq!(listed[0].transports, "hybrid internal");
        let all = at_once(async |number| {
            commit(&db, async |tx| {
                users::hold(tx, bob, 0).await?;
                passkeys::insert(tx, bob, &passkey(100 + number, 4), 3).await
            })
            .await
        })
        .await;
        assert_eq!(winners(all).len(), 3);
        let same = at_once(async |_| insert(&db, ada, &passkey(200, 5)).await).await;
        assert_eq!(winners(same).len(), 0, "there is no room");
        // They are factors, and the account is listed as having a passkey.
        let stored = factors::of_user(&mut reader(&db).await, ada).await.unwrap();
        assert_eq!(stored[0].factor, first.factor);
        assert!(stored.iter().all(|stored| stored.sealed.is_none()));
        let credential = users::credential_of(&mut reader(&db).await, ada).await.unwrap().unwrap();
        assert!(credential.has_passkey && !credential.has_totp);
        let credential = users::credential(&mut reader(&db).await, "bob").await.unwrap().unwrap();
        assert!(credential.has_passkey);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_only_increases() {
    on_both_stores("passkeys: counter", async |db| {
        let ada = user(&db, "ada").await;
        let stored = NewPasskey { sign_count: 5, ..passkey(1, 0) };
        assert!(insert(&db, ada, &stored).await);
        let id = stored.factor.id;
        let count = async |number, backed_up| {
            commit(&db, async |tx| passkeys::count_use(tx, id, number, backed_up, NOW).await).await
        };
        assert!(!count(5, false).await && !count(4, false).await && !count(0, false).await);
        let all = at_once(async |_| count(6, true).await).await;
        assert_eq!(winners(all).len(), 1);
        assert!(count(u32::MAX, false).await && !count(7, false).await);
        // A use without an effect keeps the counter.
        commit(&db, async |tx| passkeys::note_use(tx, id, true, after(9)).await).await;
        assert!(!count(8, false).await);
        let found = factors::of_user(&mut reader(&db).await, ada).await.unwrap();
        assert_eq!(found[0].factor.last_used_at, Some(after(9)));
        // An authenticator without a counter stays at 0.
        let none = NewPasskey { sign_count: 0, ..passkey(2, 1) };
        assert!(insert(&db, ada, &none).await);
        let id = none.factor.id;
        let count = async |number| {
            commit(&db, async |tx| passkeys::count_use(tx, id, number, false, NOW).await).await
        };
        assert!(count(0).await && count(0).await && count(1).await && !count(0).await);
    })
    .await;
}

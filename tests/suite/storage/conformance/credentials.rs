//! Password hashes and epochs of users: every change is guarded by the epoch that the caller read.

use signet::store::{passwords, users};

use super::{NOW, after, commit, login, on_both_stores, user, user_id};

use super::users::{credential, found, insert};

#[tokio::test(flavor = "multi_thread")]
async fn a_rehash_yields_to_a_password_change() {
    on_both_stores("users: rehash", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let before = found(&db, ada).await;
        commit(&db, async |tx| passwords::rehash(tx, ada, "hash", "dearer").await).await;
        assert_eq!(credential(&db, ada).await.password_hash.as_deref(), Some("dearer"));
        assert!(found(&db, ada).await == before, "the password is the same, so nothing ends");
        assert_eq!(credential(&db, bob).await.password_hash.as_deref(), Some("hash"));
        commit(&db, async |tx| passwords::rehash(tx, ada, "hash", "late").await).await;
        assert_eq!(credential(&db, ada).await.password_hash.as_deref(), Some("dearer"));
        let carol = user_id(0);
        assert!(insert(&db, carol, &login("carol")).await);
        commit(&db, async |tx| passwords::rehash(tx, carol, "", "new").await).await;
        assert_eq!(credential(&db, carol).await.password_hash, None, "there was none to replace");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_changes_only_in_the_epoch_it_was_checked_in() {
    on_both_stores("users: change password", async |db| {
        let ada = user(&db, "ada").await;
        let change = async |id, epoch, hash: &str, at| {
            commit(&db, async |tx| passwords::change_password(tx, id, epoch, hash, at).await).await
        };
        assert_eq!(change(ada, 0, "second", after(1)).await, Some(1));
        assert_eq!(change(ada, 0, "stale", after(2)).await, None);
        assert_eq!(change(ada, 2, "early", after(2)).await, None);
        assert_eq!(change(user_id(0), 0, "nobody", after(2)).await, None);
        let now = credential(&db, ada).await;
        assert_eq!(now.password_hash.as_deref(), Some("second"));
        assert_eq!((now.user.session_epoch, now.user.updated_at), (1, after(1)));
        assert_eq!(now.user.created_at, NOW);
        assert!(commit(&db, async |tx| users::disable(tx, ada, after(3)).await).await);
        assert_eq!(change(ada, 2, "disabled", after(4)).await, None);
        assert_eq!(credential(&db, ada).await.password_hash.as_deref(), Some("second"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_set_from_outside_ends_everything() {
    on_both_stores("users: set password", async |db| {
        let (ada, none) = (user_id(0), user_id(0));
        assert!(insert(&db, ada, &login("ada")).await);
        let bob = user(&db, "bob").await;
        let set = async |id, at| {
            commit(&db, async |tx| passwords::set_password(tx, id, "set", false, at).await).await
        };
        assert!(!set(none, after(1)).await);
        assert!(set(ada, after(1)).await);
        let now = credential(&db, ada).await;
        assert_eq!(now.password_hash.as_deref(), Some("set"));
        assert_eq!((now.user.session_epoch, now.user.updated_at), (1, after(1)));
        assert_eq!(credential(&db, bob).await.password_hash.as_deref(), Some("hash"));
        assert!(commit(&db, async |tx| users::disable(tx, ada, after(2)).await).await);
        assert!(set(ada, after(3)).await);
        let now = found(&db, ada).await;
        assert_eq!((now.session_epoch, now.disabled_at), (3, Some(after(2))));
        // A password for one sign-in; the user's own change makes it permanent.
        assert!(commit(&db, async |tx| users::enable(tx, ada, after(4)).await).await);
        let once =
            async |tx: &mut _| passwords::set_password(tx, ada, "once", true, after(5)).await;
        assert!(commit(&db, once).await);
        assert!(found(&db, ada).await.must_change_password);
        let change =
            async |tx: &mut _| passwords::change_password(tx, ada, 4, "chosen", after(6)).await;
        assert_eq!(commit(&db, change).await, Some(5));
        assert!(!found(&db, ada).await.must_change_password);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn raising_the_epoch_says_the_new_one() {
    on_both_stores("users: raise epoch", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        for epoch in 1..4 {
            let at = after(epoch);
            let raised = commit(&db, async |tx| users::raise_epoch(tx, ada, at).await).await;
            assert_eq!(raised, Some(epoch));
            let now = found(&db, ada).await;
            assert_eq!((now.session_epoch, now.updated_at), (epoch, at));
        }
        assert_eq!(found(&db, bob).await.session_epoch, 0);
        let nobody = commit(&db, async |tx| users::raise_epoch(tx, user_id(0), NOW).await).await;
        assert_eq!(nobody, None);
    })
    .await;
}

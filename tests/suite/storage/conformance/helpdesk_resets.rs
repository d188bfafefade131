//! Resets of the helpdesk: the last one of each kind, by user.

use signet::domain::helpdesk::Reset;
use signet::store::helpdesk_resets;

use super::{after, commit, on_both_stores, reader, user};

#[tokio::test(flavor = "multi_thread")]
async fn the_last_reset_of_each_kind_is_kept_by_user() {
    on_both_stores("helpdesk resets", async |db| {
        let (ada, eve) = (user(&db, "ada").await, user(&db, "eve").await);
        let last = async |user, what| {
            helpdesk_resets::last(&mut reader(&db).await, user, what).await.unwrap()
        };
        let note = async |what, secs: i64| {
            commit(&db, async |tx| helpdesk_resets::note(tx, ada, what, after(secs)).await).await;
        };
        assert_eq!(last(ada, Reset::Password).await, None);
        note(Reset::Password, 1).await;
        note(Reset::Factors, 2).await;
        note(Reset::Password, 3).await;
        assert_eq!(last(ada, Reset::Password).await, Some(after(3)));
        assert_eq!(last(ada, Reset::Factors).await, Some(after(2)));
        assert_eq!(last(eve, Reset::Password).await, None);
    })
    .await;
}

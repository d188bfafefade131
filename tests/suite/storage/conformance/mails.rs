//! The outbox of mail: each mail is claimed by one process at a time, until it is delivered.

use std::collections::BTreeSet;

use signet::base::Timestamp;
use signet::base::id::{MailId, UserId};
use signet::crypto::random::SystemEntropy;
use signet::store::mails::{self, NewMail, TakenMail, Turn};
use signet::store::{Db, users};

use super::{NOW, after, at_once, commit, on_both_stores, reader, user};

fn new(id: MailId, user_id: Option<UserId>) -> NewMail<'static> {
    NewMail {
        id,
        kind: "test",
        user_id,
        link_hash: Some(b"hash"),
        sealed: b"sealed",
        expires_at: after(9_999),
    }
}

async fn insert(db: &Db, at: Timestamp) -> MailId {
    let id = MailId::new(at, &SystemEntropy);
    commit(db, async |tx| mails::insert(tx, &new(id, None), at).await).await;
    id
}

async fn take(db: &Db, now: Timestamp, again: Timestamp, limit: i64) -> Vec<TakenMail> {
    commit(db, async |tx| mails::take(tx, Turn { now, again, limit }).await).await
}

fn ids(taken: &[TakenMail]) -> BTreeSet<MailId> {
    taken.iter().map(|mail| mail.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_are_taken_when_due_put_off_and_removed() {
    on_both_stores("mails: take", async |db| {
        let any_due = async |at| mails::any_due(&mut reader(&db).await, at).await.unwrap();
        assert!(!any_due(after(1 << 20)).await);
        assert_eq!(mails::oldest(&mut reader(&db).await).await.unwrap(), None);
        let (late, early) = (insert(&db, after(5)).await, insert(&db, NOW).await);
        assert_eq!(mails::oldest(&mut reader(&db).await).await.unwrap(), Some(early));
        assert_eq!((early.made_at(), late.made_at()), (NOW, after(5)));
        let waiting = async |limit| mails::waiting(&mut reader(&db).await, limit).await.unwrap();
        assert_eq!((waiting(10).await, waiting(2).await, waiting(1).await), (2, 2, 1));
        assert!(any_due(NOW).await);
        assert!(take(&db, after(9), after(60), 0).await.is_empty());
        let taken = take(&db, after(9), after(60), 1).await;
        let expected = TakenMail {
            id: early,
            kind: "test".to_owned(),
            user_id: None,
            link_hash: Some(b"hash".to_vec()),
            sealed: b"sealed".to_vec(),
            tries: 1,
            expires_at: after(9_999),
        };
        assert_eq!(taken, std::slice::from_ref(&expected), "the longest waiting first");
        assert_eq!(ids(&take(&db, after(9), after(60), 9).await), BTreeSet::from([late]));
        assert!(!any_due(after(59)).await);
        assert!(take(&db, after(59), after(90), 9).await.is_empty(), "another process has them");
        commit(&db, async |tx| mails::put_off(tx, late, after(600), after(59)).await).await;
        let again = TakenMail { tries: 2, ..expected };
        assert_eq!(take(&db, after(60), after(90), 9).await, [again]);
        // One that was not tried keeps its count.
        commit(&db, async |tx| mails::release(tx, early, after(61), after(60)).await).await;
        assert_eq!(take(&db, after(61), after(90), 9).await[0].tries, 2);
        let remove = async |id| commit(&db, async |tx| mails::remove(tx, id).await).await;
        let removed = at_once(async |_: u8| remove(early).await).await;
        assert_eq!(removed.iter().filter(|removed| **removed).count(), 1);
        // One that was delivered meanwhile is no error.
        commit(&db, async |tx| mails::put_off(tx, early, NOW, NOW).await).await;
        assert_eq!(ids(&take(&db, after(600), after(700), 9).await), BTreeSet::from([late]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_are_sealed_again_and_go_with_their_user() {
    on_both_stores("mails: users", async |db| {
        let ada = user(&db, "ada").await;
        let id = MailId::new(NOW, &SystemEntropy);
        commit(&db, async |tx| mails::insert(tx, &new(id, Some(ada)), NOW).await).await;
        let other = insert(&db, after(1)).await;
        let waits =
            async |user, kind| mails::waits(&mut reader(&db).await, user, kind).await.unwrap();
        assert!(waits(ada, "test").await && !waits(ada, "password_changed").await);
        assert!(!waits(user(&db, "bob").await, "test").await);
        commit(&db, async |tx| mails::reseal(tx, id, b"again").await).await;
        let sealed = mails::sealed(&mut reader(&db).await).await.unwrap();
        assert_eq!(sealed, [(id, b"again".to_vec()), (other, b"sealed".to_vec())]);
        assert_eq!(take(&db, NOW, after(60), 1).await[0].user_id, Some(ada));
        assert!(commit(&db, async |tx| users::delete(tx, ada).await).await);
        assert_eq!(mails::sealed(&mut reader(&db).await).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_wait_no_longer_after_the_clock_was_set_back() {
    on_both_stores("mails: clock set back", async |db| {
        let month = 30 * 24 * 3_600;
        let id = insert(&db, after(month)).await;
        assert_eq!(take(&db, after(month), after(month + 60), 10).await.len(), 1);
        commit(&db, async |tx| mails::put_off(tx, id, after(month * 2), after(month)).await).await;
        let ahead = async |now| {
            let any = mails::any_ahead(&mut reader(&db).await, now).await.unwrap();
            let made = commit(&db, async |tx| mails::make_due(tx, now, 10).await).await;
            assert_eq!(any, made > 0);
            made
        };
        assert_eq!((ahead(after(month)).await, ahead(after(month - 120)).await), (0, 0));
        assert_eq!(ahead(NOW).await, 1);
        assert_eq!(ids(&take(&db, NOW, after(60), 10).await), BTreeSet::from([id]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_are_taken_by_one_process_each_however_many_take() {
    on_both_stores("mails: race", async |db| {
        let mut all = BTreeSet::new();
        for _ in 0..40 {
            all.insert(insert(&db, NOW).await);
        }
        for round in 0..3 {
            let (now, again) = (after(round * 10), after(round * 10 + 10));
            let taken = at_once(async |_: u8| take(&db, now, again, 3).await).await;
            let mut found: Vec<MailId> = taken.iter().flatten().map(|mail| mail.id).collect();
            // A process that looked for the same rows as another may have got none.
            while let Some(left) = Some(take(&db, now, again, 100).await).filter(|l| !l.is_empty())
            {
                found.extend(left.iter().map(|mail| mail.id));
            }
            assert_eq!(found.len(), all.len(), "no mail was taken twice");
            assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), all);
        }
    })
    .await;
}

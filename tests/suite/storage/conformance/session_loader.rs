//! Sessions read for many at once: each caller gets his own answer, and none from before he asked.

use futures_util::future::join_all;
use signet::domain::session::EndReason;
use signet::execute;
use signet::store::session_loader::SessionLoader;
use signet::store::{sessions, users};

use super::{NOW, commit, is_internal, on_both_stores, opened, reader, session, session_id, user};

#[tokio::test(flavor = "multi_thread")]
async fn many_are_read_as_each_alone_is() {
    on_both_stores("lookup: read", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let (one, two) = (opened(&db, session(ada)).await, opened(&db, session(bob)).await);
        let broken = opened(&db, session(ada)).await;
        commit(&db, async |tx| users::raise_epoch(tx, bob, NOW).await).await;
        commit(&db, async |tx| {
            execute!(tx, "UPDATE sessions SET current = -1 WHERE id = $1", broken.id)
        })
        .await;
        let ids = [one.id, two.id, one.id, broken.id, session_id(0)];
        let link = &mut reader(&db).await;
        let found = sessions::with_users(link, &ids).await.unwrap();
        assert_eq!(found.len(), 3);
        assert!(found[&broken.id].as_ref().is_err_and(is_internal));
        for expected in [&one, &two] {
            let alone = sessions::with_user(link, expected.id).await.unwrap().unwrap();
            let (found, owner) = found[&expected.id].as_ref().unwrap();
            assert_eq!(found, expected);
            assert!((found, owner) == (&alone.0, &alone.1));
        }
        assert!(sessions::with_users(link, &[]).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_asks_gets_his_own_answer() {
    on_both_stores("lookup: callers", async |db| {
        let ada = user(&db, "ada").await;
        let mut all = Vec::new();
        for _ in 0..40 {
            all.push(opened(&db, session(ada)).await);
        }
        let broken = all.pop().unwrap();
        commit(&db, async |tx| {
            execute!(tx, "UPDATE sessions SET current = -1 WHERE id = $1", broken.id)
        })
        .await;
        let lookup = SessionLoader::start(db.clone());
        // Ten times as many callers as sessions, and strangers among them.
        let asked = (0..400).map(|n| all.get(n % 41).map_or(session_id(n as i64), |s| s.id));
        let asked: Vec<_> = asked.collect();
        let answers = join_all(asked.iter().map(|id| lookup.session(*id))).await;
        for (id, answer) in asked.iter().zip(answers) {
            let known = all.iter().find(|session| session.id == *id);
            assert_eq!(answer.unwrap().map(|(session, _)| session).as_ref(), known);
        }
        assert!(lookup.session(broken.id).await.is_err_and(|fault| is_internal(&fault)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_what_was_true_before_he_asked() {
    on_both_stores("lookup: freshness", async |db| {
        let ada = user(&db, "ada").await;
        let lookup = std::sync::Arc::new(SessionLoader::start(db.clone()));
        let others = opened(&db, session(ada)).await.id;
        // Somebody is always asking, so that a reading is under way whenever the next one asks.
        let busy = std::sync::Arc::clone(&lookup);
        let noise = tokio::spawn(async move {
            loop {
                join_all((0..32).map(|_| busy.session(others))).await;
            }
        });
        for _ in 0..100 {
            let id = opened(&db, session(ada)).await.id;
            assert!(lookup.session(id).await.unwrap().is_some(), "seen as soon as it is there");
            commit(&db, async |tx| sessions::revoke(tx, id, EndReason::Logout, NOW).await).await;
            let (found, _) = lookup.session(id).await.unwrap().unwrap();
            assert!(found.revoked.is_some(), "and not alive once it was ended");
        }
        noise.abort();
    })
    .await;
}

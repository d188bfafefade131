//! Sessions that are read for several callers at once: each caller gets its own row, and none that was read
//! before its request.

use futures_util::future::join_all;
use signet::domain::session::EndReason;
use signet::execute;
use signet::store::session_loader::SessionLoader;
use signet::store::{sessions, spent_ids, users};

use crate::support::sessions as test_sessions;

use super::{
    NOW, after, commit, hash, is_internal, on_both_stores, opened, reader, session, session_id,
    user,
};

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
        let found = sessions::with_users(link, &ids, &[]).await.unwrap().sessions;
        assert_eq!(found.len(), 3);
        assert!(found[&broken.id].as_ref().is_err_and(is_internal));
        for expected in [&one, &two] {
            let alone = sessions::with_user(link, expected.id).await.unwrap().unwrap();
            let (found, owner) = found[&expected.id].as_ref().unwrap();
            assert_eq!(found, expected);
            assert!((found, owner) == (&alone.0, &alone.1));
        }
        assert!(sessions::with_users(link, &[], &[]).await.unwrap().sessions.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_caller_gets_its_own_result() {
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
        // Ten times as many callers as sessions, with unknown ids among them.
        let asked = (0..400).map(|n| all.get(n % 41).map_or(session_id(n as i64), |s| s.id));
        let asked: Vec<_> = asked.collect();
        let answers = join_all(asked.iter().map(|id| lookup.session(*id, Vec::new()))).await;
        for (id, answer) in asked.iter().zip(answers) {
            let known = all.iter().find(|session| session.id == *id);
            assert_eq!(answer.unwrap().map(|held| held.session).as_ref(), known);
        }
        assert!(
            lookup.session(broken.id, Vec::new()).await.is_err_and(|fault| is_internal(&fault))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_is_never_older_than_the_request() {
    on_both_stores("lookup: freshness", async |db| {
        let ada = user(&db, "ada").await;
        let lookup = std::sync::Arc::new(SessionLoader::start(db.clone()));
        let others = opened(&db, session(ada)).await.id;
        // There is always a caller, so that a read is in progress when the next request comes.
        let busy = std::sync::Arc::clone(&lookup);
        let noise = tokio::spawn(async move {
            loop {
                join_all((0..32).map(|_| busy.session(others, Vec::new()))).await;
            }
        });
        for _ in 0..100 {
            let id = opened(&db, session(ada)).await.id;
            assert!(
                lookup.session(id, Vec::new()).await.unwrap().is_some(),
                "seen as soon as it is there"
            );
            commit(&db, async |tx| test_sessions::end(tx, id, EndReason::Logout, NOW).await).await;
            let found = lookup.session(id, Vec::new()).await.unwrap().unwrap();
            assert!(found.session.revoked.is_some(), "and not alive once it was ended");
        }
        noise.abort();
    })
    .await;
}

/// The ids of a token and of its subject tokens are looked up with its session, for every caller of a batch separately.
#[tokio::test(flavor = "multi_thread")]
async fn each_caller_learns_of_the_revocation_of_its_own_token_on_both_databases() {
    on_both_stores("lookup: revoked", async |db| {
        let ada = user(&db, "ada").await;
        let id = opened(&db, session(ada)).await.id;
        commit(&db, async |tx| spent_ids::spend(tx, &hash(7), after(60)).await).await;
        let lookup = SessionLoader::start(db.clone());
        let asked: Vec<Vec<u8>> =
            (0..200).map(|n| (0..n % 4).map(|m| n / 4 + m).collect()).collect();
        let answers = join_all(
            asked.iter().map(|ids| lookup.session(id, ids.iter().map(|id| hash(*id)).collect())),
        )
        .await;
        let mut revoked = 0;
        for (ids, answer) in asked.iter().zip(answers) {
            let found = answer.unwrap().unwrap().revoked;
            assert_eq!(found, ids.contains(&7), "{ids:?}");
            revoked += u32::from(found);
        }
        assert!(revoked > 3, "{revoked}");
    })
    .await;
}

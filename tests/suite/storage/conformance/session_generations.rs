//! Sessions and sign-ins that end with one row, and the walks that find them.

use signet::base::id::{BranchId, BrowserId, NoticeId, SessionId, UserId};
use signet::crypto::random::SystemEntropy;
use signet::domain::session::Session;
use signet::store::session_generations::{self, LogoutWalk};
use signet::store::sessions::end::EndedSession;
use signet::store::sessions::{self, walk};
use signet::store::{Db, browser_sessions, users};
use uuid::Uuid;

use crate::support::sessions::numbered;

use super::sessions::live_of;
use super::{
    NOW, after, begun, commit, count, on_both_stores, opened, reader, session, session_id, user,
};

/// A session that a client got in the second `secs`.
fn of_client(user: UserId, client_id: &str, secs: i64) -> Session {
    let grant_type = Some("authorization_code".to_owned());
    let session = Session { client_id: client_id.to_owned(), grant_type, ..session(user) };
    numbered(session_id(secs), session)
}

async fn is_over(db: &Db, id: SessionId) -> bool {
    let (session, user) =
        sessions::with_user(&mut reader(db).await, id).await.unwrap().expect("a session");
    session.revoked.is_some() || session.user_epoch != user.session_epoch
}

async fn live_branches(db: &Db) -> Vec<SessionId> {
    let (mut live, mut at) = (Vec::new(), BranchId::from_uuid(Uuid::nil()));
    loop {
        let rows = walk::branches(&mut reader(db).await, at, 2, NOW).await.unwrap();
        let Some(last) = rows.last() else { return live };
        at = last.id;
        live.extend(rows.iter().filter(|row| row.is_live()).map(|row| row.session));
    }
}

async fn live_sign_ins(db: &Db) -> Vec<BrowserId> {
    let start = BrowserId::from_uuid(Uuid::nil());
    let rows = walk::sign_ins(&mut reader(db).await, start, 100, NOW).await.unwrap();
    rows.iter().filter(|row| row.is_live()).map(|row| row.id).collect()
}

/// One row ends every session and sign-in of every user, no row of theirs is written, and later ones are active.
#[tokio::test(flavor = "multi_thread")]
async fn one_row_ends_everything_and_what_begins_later_lives() {
    on_both_stores("generations: all", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let one = opened(&db, numbered(session_id(1), session(ada))).await;
        let two = opened(&db, of_client(bob, "shop", 2)).await;
        let browser = begun(&db, 1, ada).await.id;
        assert_eq!(live_branches(&db).await, [one.id, two.id]);
        assert_eq!(live_sign_ins(&db).await, [browser]);

        assert_eq!(commit(&db, async |tx| session_generations::end_all(tx).await).await, 0);
        assert!(is_over(&db, one.id).await && is_over(&db, two.id).await);
        assert!(live_of(&db, ada, NOW).await.is_empty() && live_of(&db, bob, NOW).await.is_empty());
        assert!(live_branches(&db).await.is_empty() && live_sign_ins(&db).await.is_empty());
        let live = browser_sessions::live_user(&mut reader(&db).await, browser, NOW).await;
        assert_eq!(live.unwrap(), None);
        let written = count!(&db, "SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL");
        assert_eq!(written, 0, "no row of a session was written");

        // A value that was read before has ended; a new log-in has not.
        let stale = numbered(session_id(3), session(ada));
        let held = commit(&db, async |tx| sessions::open::hold(tx, &stale).await).await;
        assert!(!held, "a log-in under way when everything ended opens nothing");
        let epoch = users::find(&mut reader(&db).await, ada).await.unwrap().unwrap().session_epoch;
        let new = Session { user_epoch: epoch, ..numbered(session_id(4), session(ada)) };
        let new = opened(&db, new).await;
        assert!(!is_over(&db, new.id).await);
        assert_eq!(live_branches(&db).await, [new.id]);
        assert_eq!(commit(&db, async |tx| session_generations::end_all(tx).await).await, 1);
        assert!(is_over(&db, new.id).await);
        // A new user begins with the usual epoch.
        let eve = user(&db, "eve").await;
        let of_eve = users::find(&mut reader(&db).await, eve).await.unwrap().unwrap();
        assert_eq!(of_eve.session_epoch, 0);
        opened(&db, numbered(session_id(5), session(eve))).await;
        assert_eq!(live_of(&db, eve, NOW).await.len(), 1);
    })
    .await;
}

/// One row ends the sessions of a client; those of others and sign-ins at the pages continue.
#[tokio::test(flavor = "multi_thread")]
async fn one_row_ends_the_sessions_of_a_client_and_no_others() {
    on_both_stores("generations: client", async |db| {
        let ada = user(&db, "ada").await;
        let shop = opened(&db, of_client(ada, "shop", 1)).await;
        let desk = opened(&db, of_client(ada, "desk", 2)).await;
        let own = opened(&db, numbered(session_id(3), session(ada))).await;
        let browser = begun(&db, 1, ada).await.id;
        let end = async |client: &str, secs| {
            commit(&db, async |tx| {
                session_generations::end_all_of_client(tx, client, after(secs)).await
            })
            .await
        };
        assert_eq!(end("shop", 5).await, 0);
        let (found, _) =
            sessions::with_user(&mut reader(&db).await, shop.id).await.unwrap().unwrap();
        let (at, reason) = found.revoked.unwrap();
        assert_eq!((at, reason.as_str()), (after(5), "ended_by_admin"), "it says when and why");
        assert!(!is_over(&db, desk.id).await && !is_over(&db, own.id).await);
        let listed: Vec<_> =
            live_of(&db, ada, NOW).await.iter().map(|listed| listed.session.id).collect();
        assert_eq!(listed, [own.id, desk.id]);
        assert_eq!(live_branches(&db).await, [desk.id, own.id]);
        assert_eq!(live_sign_ins(&db).await, [browser]);
        let again = opened(&db, of_client(ada, "shop", 6)).await;
        assert!(!is_over(&db, again.id).await);
        assert_eq!(end("shop", 7).await, 1);
        assert!(is_over(&db, again.id).await && is_over(&db, shop.id).await);
        assert_eq!(end("signet", 8).await, 0);
        assert!(is_over(&db, own.id).await && !is_over(&db, desk.id).await);
    })
    .await;
}

fn ended(session: &Session) -> EndedSession {
    let Session { id, user_id, client_id, .. } = session.clone();
    EndedSession { id, user_id, client_id }
}

/// The walks find each session that ended with the generation once, and none that ended before or is active.
#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_that_ended_with_a_generation_are_found_afterwards() {
    on_both_stores("generations: who is told", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let shop = opened(&db, of_client(ada, "shop", 1)).await;
        // Another branch of the same session.
        let branch = BranchId::from_uuid(session_id(2).uuid());
        opened(&db, Session { branch, ..shop.clone() }).await;
        let desk = opened(&db, of_client(ada, "desk", 3)).await;
        opened(&db, numbered(session_id(4), session(ada))).await;
        let gone = opened(&db, of_client(bob, "shop", 5)).await;
        commit(&db, async |tx| users::raise_epoch(tx, bob, after(6)).await).await;
        assert!(is_over(&db, gone.id).await);

        let walk = |client_id: Option<&str>, generation| LogoutWalk {
            id: NoticeId::new(NOW, &SystemEntropy),
            client_id: client_id.map(str::to_owned),
            generation,
            after: None,
            ended_at: after(10),
        };
        let of_client = walk(Some("shop"), 0);
        commit(&db, async |tx| {
            session_generations::end_all_of_client(tx, "shop", after(10)).await?;
            session_generations::insert_walk(tx, &of_client).await
        })
        .await;
        assert!(session_generations::any_walk(&mut reader(&db).await).await.unwrap());
        let taken = commit(&db, async |tx| session_generations::take_walk(tx).await).await;
        assert_eq!(taken.as_ref(), Some(&of_client));
        let found = async |walk: &LogoutWalk| {
            session_generations::of_client_generation(&mut reader(&db).await, walk, 10)
                .await
                .unwrap()
        };
        assert_eq!(found(&of_client).await, [ended(&shop)]);
        let last = BranchId::from_uuid(shop.id.uuid());
        commit(&db, async |tx| session_generations::advance_walk(tx, of_client.id, last).await)
            .await;
        let taken = commit(&db, async |tx| session_generations::take_walk(tx).await).await;
        assert!(found(&taken.unwrap()).await.is_empty());
        commit(&db, async |tx| session_generations::remove_walk(tx, of_client.id).await).await;
        assert!(!session_generations::any_walk(&mut reader(&db).await).await.unwrap());

        let generation = commit(&db, async |tx| session_generations::end_all(tx).await).await;
        let of_all = walk(None, generation);
        let (mut told, mut at) = (Vec::new(), of_all.clone());
        loop {
            let rows = session_generations::of_generation(&mut reader(&db).await, &at, 2).await;
            let rows = rows.unwrap();
            let Some(last) = rows.last() else { break };
            at.after = Some(last.branch());
            told.extend(rows.into_iter().filter_map(|row| row.ended()));
        }
        assert_eq!(told, [ended(&shop), ended(&desk)], "a session of two branches once");
        // A user who changed before the walk is notified as well.
        commit(&db, async |tx| users::raise_epoch(tx, ada, after(11)).await).await;
        let rows = session_generations::of_generation(&mut reader(&db).await, &of_all, 10).await;
        assert_eq!(rows.unwrap().into_iter().filter_map(|row| row.ended()).count(), 2);
    })
    .await;
}

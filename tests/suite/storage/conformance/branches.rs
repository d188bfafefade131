//! Refresh branches, their end, and the rows that are written for it.

use signet::base::id::{BranchId, NoticeId, SessionId};
use signet::crypto::random::SystemEntropy;
use signet::domain::audit::Origin;
use signet::domain::session::{EndReason, Session};
use signet::domain::user_agent::Device;
use signet::store::logout_fanouts::{self, Fanout};
use signet::store::revocations::{self, Revoked};
use signet::store::sessions::end::{self, Ending};
use signet::store::sessions::open::{self, NewBranch};
use signet::store::{authorization_codes, housekeeping, sessions, users};
use signet::{execute, fetch_all};

use crate::support::sessions::context;

use super::{
    NOW, after, authorization, begun, commit, count, hash, on_both_stores, opened, reader,
};
use super::{session, session_id, stored, user, user_id};

/// Another branch of `session`, answered at `secs`.
fn branch_of(session: &Session, secs: i64) -> Session {
    let branch = BranchId::from_uuid(session_id(secs).uuid());
    let mut branch = Session { branch, created_at: after(secs), ..session.clone() };
    branch.chain.answered_at = after(secs);
    branch
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_are_one_session_and_are_seen_through_the_one_that_lives_longest() {
    on_both_stores("branches: reading", async |db| {
        let ada = user(&db, "ada").await;
        let browser = begun(&db, 1, ada).await.id;
        let first = opened(&db, Session { browser: Some(browser), ..session(ada) }).await;
        let mut second = branch_of(&first, 5);
        second.idle_expires_at = after(3_000);
        let mut tx = db.begin().await.unwrap();
        assert!(open::hold(&mut tx, &second).await.unwrap());
        open::insert(&mut tx, &second, &Device::default()).await.unwrap();
        tx.commit().await.unwrap();
        let link = &mut reader(&db).await;
        for branch in [&first, &second] {
            let seen = sessions::of_branch(link, branch.branch).await.unwrap().unwrap().0;
            assert_eq!((seen.id, seen.branch), (first.id, branch.branch));
            let id = sessions::id_of_branch(link, branch.branch).await.unwrap();
            assert_eq!(id, Some(first.id));
        }
        let none = BranchId::from_uuid(session_id(9).uuid());
        assert_eq!(sessions::id_of_branch(link, none).await.unwrap(), None);
        assert_eq!(stored(&db, first.id).await.branch, first.branch);
        let read = sessions::with_users(link, &[first.id], &[]).await.unwrap();
        assert_eq!(read.sessions[&first.id].as_ref().unwrap().0.branch, first.branch);
        // Only live ones of the client, the user, the epoch and the sign-in.
        let live = async |session: &Session, name_since| {
            let of = NewBranch { session, name_since };
            let mut live = open::live_branches(&mut reader(&db).await, of, browser).await.unwrap();
            live.sort_by_key(|branch| branch.answered_at);
            live.into_iter().map(|branch| (branch.session, branch.branch)).collect::<Vec<_>>()
        };
        let asking = branch_of(&first, 10);
        let both = [(first.id, first.branch), (first.id, second.branch)];
        assert_eq!(live(&asking, after(-1)).await, both);
        assert_eq!(live(&asking, after(1)).await, both[1..], "of the client that has the name now");
        let late = Session { created_at: after(3_000), ..asking.clone() };
        assert_eq!(live(&late, after(-1)).await, both[..1]);
        for other in [
            Session { client_id: "other".to_owned(), ..asking.clone() },
            Session { user_epoch: 1, ..asking.clone() },
            Session { user_id: user_id(0), ..asking.clone() },
        ] {
            assert_eq!(live(&other, after(-1)).await, []);
        }
        commit(&db, async |tx| open::remove_branch(tx, first.branch).await).await;
        assert_eq!(live(&asking, after(-1)).await, both[1..]);
        assert_eq!(stored(&db, first.id).await.branch, second.branch);
        assert_eq!(count!(&db, "SELECT count(*) FROM session_devices"), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ending_is_the_rows_an_event_and_a_revocation() {
    on_both_stores("branches: ending", async |db| {
        let ada = user(&db, "ada").await;
        let first = opened(&db, session(ada)).await;
        let second = branch_of(&first, 100);
        commit(&db, async |tx| open::insert(tx, &second, &Device::default()).await).await;
        let origin = Origin::system();
        let finish = async |id, at| {
            let (reason, context) =
                (Ending::of(EndReason::ReuseDetected).detail("x"), context(&origin, at));
            commit(&db, async |tx| end::end_session(tx, id, reason, &context).await).await
        };
        let ended = finish(first.id, after(120)).await.unwrap();
        assert_eq!((ended.id, ended.user_id), (first.id, ada));
        assert_eq!(finish(first.id, after(130)).await, None, "once");
        assert_eq!(finish(session_id(0), after(130)).await, None);
        let mut link = reader(&db).await;
        for branch in [&first, &second] {
            let (found, _) = sessions::of_branch(&mut link, branch.branch).await.unwrap().unwrap();
            assert_eq!(found.revoked, Some((after(120), EndReason::ReuseDetected)));
        }
        let events = fetch_all!(
            &mut link,
            (String, SessionId, Option<String>),
            "SELECT kind, session_id, detail FROM audit_events"
        );
        let expected = ("refresh.reuse_detected".to_owned(), first.id, Some("x".to_owned()));
        assert_eq!(events.unwrap(), [expected]);
        // The branch with the last response determines until when tokens may be valid.
        let rows =
            fetch_all!(&mut link, (String, i64, i64), "SELECT value, at, until FROM revocations");
        let until = after(100 + 600 + 60).millis();
        assert_eq!(rows.unwrap(), [(first.id.to_string(), after(120).millis(), until)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_end_with_their_session_unless_offline() {
    on_both_stores("branches: offline", async |db| {
        let ada = user(&db, "ada").await;
        let mut offline = session(ada);
        offline.scopes = super::scopes("a offline_access");
        let offline = opened(&db, offline).await;
        let online = Session { scopes: super::scopes("a"), ..branch_of(&offline, 5) };
        commit(&db, async |tx| open::insert(tx, &online, &Device::default()).await).await;
        let finish = async || {
            let (id, reason) = (offline.id, EndReason::Logout);
            commit(&db, async |tx| end::end_online_branches(tx, id, reason, after(9)).await).await
        };
        assert_eq!((finish().await, finish().await), (1, 0));
        let mut link = reader(&db).await;
        let (found, _) = sessions::of_branch(&mut link, online.branch).await.unwrap().unwrap();
        assert_eq!(found.revoked, Some((after(9), EndReason::Logout)));
        assert_eq!(stored(&db, offline.id).await, offline);
    })
    .await;
}

/// A branch is opened while its session ends: in either order, none stays live.
#[tokio::test(flavor = "multi_thread")]
async fn no_branch_slips_through_the_end_of_its_session_on_both_databases() {
    on_both_stores("branches: race", async |db| {
        let ada = user(&db, "ada").await;
        let first = opened(&db, session(ada)).await;
        let late = branch_of(&first, 5);
        let mut opening = db.begin().await.unwrap();
        assert!(open::hold(&mut opening, &late).await.unwrap());
        open::insert(&mut opening, &late, &Device::default()).await.unwrap();
        // The end waits for the opening, which locks the user's row (on SQLite, the only writer).
        let ending = tokio::spawn({
            let (db, id) = (db.clone(), first.id);
            async move {
                let origin = Origin::system();
                let mut tx = db.begin().await.unwrap();
                let ending = Ending::of(EndReason::TokenRevoked);
                let ended =
                    end::end_session(&mut tx, id, ending, &context(&origin, after(9))).await;
                tx.commit().await.unwrap();
                ended.unwrap().is_some()
            }
        });
        tokio::task::yield_now().await;
        opening.commit().await.unwrap();
        assert!(ending.await.unwrap());
        let mut link = reader(&db).await;
        for branch in [&first, &late] {
            let (found, _) = sessions::of_branch(&mut link, branch.branch).await.unwrap().unwrap();
            assert!(found.revoked.is_some(), "{:?} lives", branch.branch);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_beyond_the_limit_are_those_used_longest_ago() {
    on_both_stores("branches: limit", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        opened(&db, session(bob)).await;
        let mut all = Vec::new();
        for secs in [30, 10, 20] {
            let mut session = session(ada);
            session.chain.answered_at = after(secs);
            session.created_at = after(secs);
            all.push(opened(&db, session).await);
        }
        // A second branch makes the second session the most recently used one, and is not a session of its own.
        let branch = branch_of(&all[1], 40);
        commit(&db, async |tx| open::insert(tx, &branch, &Device::default()).await).await;
        let over =
            async |most| open::over_limit(&mut reader(&db).await, ada, most, NOW).await.unwrap();
        assert_eq!(over(3).await, []);
        assert_eq!(over(1).await, [all[0].id, all[2].id]);
        assert_eq!(over(0).await, [all[1].id, all[0].id, all[2].id]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_of_a_user_that_may_have_valid_tokens_are_found_under_the_users_row() {
    on_both_stores("branches: epochs", async |db| {
        let ada = user(&db, "ada").await;
        let mut old = session(ada);
        old.chain.answered_at = after(-700);
        old.created_at = after(-700);
        opened(&db, old).await;
        let one = opened(&db, session(ada)).await;
        let branch = branch_of(&one, 5);
        commit(&db, async |tx| open::insert(tx, &branch, &Device::default()).await).await;
        let origin = Origin::system();
        let at = after(10);
        let found = commit(&db, async |tx| {
            assert_eq!(users::hold_any(tx, user_id(0)).await?, None);
            let epoch = users::hold_any(tx, ada).await?.unwrap();
            assert!(users::hold(tx, ada, epoch).await? && !users::hold(tx, ada, epoch + 1).await?);
            end::with_valid_tokens(tx, ada, epoch, &context(&origin, at)).await
        })
        .await;
        assert_eq!(found, [(one.id, after(605))]);
        commit(&db, async |tx| revocations::insert_sessions(tx, &found, at).await).await;
        commit(&db, async |tx| revocations::insert_sessions(tx, &found, at).await).await;
        assert_eq!(count!(&db, "SELECT count(*) FROM revocations"), 1);
        // Disabled: no session is opened, whatever the epoch.
        commit(&db, async |tx| users::disable(tx, ada, NOW).await).await;
        assert!(!commit(&db, async |tx| users::hold(tx, ada, 1).await).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_moves_forward_only_and_goes_when_its_tokens_have_expired() {
    on_both_stores("revocations: cuts", async |db| {
        let insert = async |revoked: Revoked<'_>, at: i64, until: i64| {
            let (at, until) = (after(at), after(until));
            commit(&db, async |tx| revocations::insert(tx, revoked, at, until).await).await;
        };
        insert(Revoked::Client("shop"), 10, 100).await;
        insert(Revoked::Client("shop"), 20, 50).await;
        insert(Revoked::Client("shop"), 5, 60).await;
        insert(Revoked::Api("shop"), 1, 2).await;
        insert(Revoked::Token("shop"), 1, 2).await;
        let mut link = reader(&db).await;
        let rows = fetch_all!(
            &mut link,
            (String, Option<i64>, i64),
            "SELECT kind, cut_iat, until FROM revocations ORDER BY kind"
        );
        let secs = |secs: i64| after(secs).secs();
        let until = |secs: i64| after(secs + 60).millis();
        assert_eq!(
            rows.unwrap(),
            [
                ("aud".to_owned(), Some(secs(1)), until(2)),
                ("client_id".to_owned(), Some(secs(20)), until(100)),
                ("jti".to_owned(), None, until(2)),
            ]
        );
        let counting = async |at| {
            let rows = revocations::unexpired(&mut reader(&db).await, after(at)).await.unwrap();
            rows.into_iter().map(|row| (row.kind, row.cut_iat)).collect::<Vec<_>>()
        };
        let client = ("client_id".to_owned(), Some(secs(20)));
        let (aud, jti) = (("aud".to_owned(), Some(secs(1))), ("jti".to_owned(), None));
        assert_eq!(counting(61).await, [aud, jti, client.clone()]);
        assert_eq!(counting(62).await, [client]);
        assert!(counting(160).await.is_empty());
        let removed = async |before, step| {
            commit(&db, async |tx| housekeeping::revocations(tx, before, step).await).await
        };
        assert_eq!(removed(after(62), 9).await, 0, "not yet");
        assert_eq!(removed(after(63), 1).await, 1);
        assert_eq!(removed(after(63), 9).await, 1);
        assert_eq!(count!(&db, "SELECT count(*) FROM revocations"), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fanout_is_taken_oldest_first_and_remembers_how_far_it_came() {
    on_both_stores("fan-outs", async |db| {
        let ada = user(&db, "ada").await;
        let fanout = |secs: i64| Fanout {
            id: NoticeId::new(after(secs), &SystemEntropy),
            user_id: ada,
            epoch: secs,
            after: None,
            ended_at: after(secs),
        };
        let (one, two) = (fanout(1), fanout(2));
        assert!(!logout_fanouts::any(&mut reader(&db).await).await.unwrap());
        for fanout in [&two, &one] {
            commit(&db, async |tx| logout_fanouts::insert(tx, fanout).await).await;
        }
        assert!(logout_fanouts::any(&mut reader(&db).await).await.unwrap());
        let take = async || commit(&db, async |tx| logout_fanouts::take(tx).await).await;
        assert_eq!(take().await.as_ref(), Some(&one));
        let last = session_id(5);
        commit(&db, async |tx| logout_fanouts::advance(tx, one.id, last).await).await;
        assert_eq!(take().await, Some(Fanout { after: Some(last), ..one.clone() }));
        commit(&db, async |tx| logout_fanouts::remove(tx, one.id).await).await;
        assert_eq!(take().await, Some(two));
        commit(&db, async |tx| execute!(tx, "DELETE FROM users WHERE id = $1", ada)).await;
        assert_eq!(take().await, None, "goes with its user");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_gave_a_branch_names_its_session() {
    on_both_stores("branches: codes", async |db| {
        let ada = user(&db, "ada").await;
        let authorization = authorization(ada);
        let new = authorization_codes::NewCode {
            hash: &hash(1),
            flow: b"flow",
            authorization: &authorization,
            expires_at: after(60),
        };
        commit(&db, async |tx| authorization_codes::insert(tx, &new).await).await;
        let (own, joined) = (session_id(1), session_id(2));
        commit(&db, async |tx| authorization_codes::redeem(tx, &hash(1), own, "shop", NOW).await)
            .await;
        commit(&db, async |tx| authorization_codes::gave_branch_of(tx, &hash(1), joined).await)
            .await;
        let gave = authorization_codes::gave(&mut reader(&db).await, &hash(1)).await.unwrap();
        assert_eq!(gave, Some(joined));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_ends_alone_only_where_the_session_has_another() {
    on_both_stores("branches: one ends", async |db| {
        let ada = user(&db, "ada").await;
        let first = opened(&db, session(ada)).await;
        let second = branch_of(&first, 100);
        let reason = EndReason::ApiDeleted;
        let end = async |of: &Session, at| {
            let (id, branch) = (of.id, of.branch);
            commit(&db, async |tx| end::end_branch(tx, id, branch, reason, after(at)).await).await
        };
        assert!(!end(&first, 10).await, "the only one");
        commit(&db, async |tx| open::insert(tx, &second, &Device::default()).await).await;
        assert!(end(&first, 120).await);
        assert!(!end(&first, 130).await, "once");
        assert!(!end(&second, 140).await, "the other one has ended");
        let mut link = reader(&db).await;
        let (ended, _) = sessions::of_branch(&mut link, first.branch).await.unwrap().unwrap();
        assert_eq!(ended.revoked, Some((after(120), reason)));
        let (left, _) = sessions::with_user(&mut link, first.id).await.unwrap().unwrap();
        assert_eq!((left.branch, left.revoked), (second.branch, None));
        drop(link);
        assert_eq!(count!(&db, "SELECT count(*) FROM audit_events"), 0);
        assert_eq!(count!(&db, "SELECT count(*) FROM revocations"), 0);
    })
    .await;
}

//! Sessions of clients: opened in an active sign-in, and ended with it or with their client.

use signet::base::Timestamp;
use signet::base::id::{BrowserId, SessionId, UserId};
use signet::domain::audit::Origin;
use signet::domain::outcome::Fault;
use signet::domain::pagination::PageRequest;
use signet::domain::session::{EndReason, Session, SessionFilter};
use signet::domain::user_agent::Device;
use signet::execute;
use signet::store::refresh_batch::sql;
use signet::store::sessions::end::{self, EndedSession, EpochPage};
use signet::store::sessions::list;
use signet::store::{Db, Tx, browser_sessions, sessions, users};

use crate::support::sessions as test_sessions;

use super::sessions::{all_kinds, live_of, open, revoke};
use super::{
    NOW, RequestedScopes, after, asked_claims, at_once, begun, commit, count, log_in,
    on_both_stores,
};
use super::{opened, reader, scopes, session, stored, user, user_id, winners};

/// A session that a client got in a log-in.
fn in_browser(user: UserId, browser: BrowserId, scope: &str) -> Session {
    Session {
        client_id: "shop".to_owned(),
        scopes: scopes(scope),
        grant_type: Some("authorization_code".to_owned()),
        browser: Some(browser),
        ..session(user)
    }
}

/// Ends a sign-in with its sessions that are not offline, as a log-out does.
async fn end_of_browser(
    tx: &mut Tx,
    browser: BrowserId,
    at: Timestamp,
) -> Result<Vec<EndedSession>, Fault> {
    browser_sessions::end(tx, browser, at).await?;
    let mut ended = Vec::new();
    for of_browser in end::of_browser(tx, browser, at).await? {
        if !of_browser.goes_on {
            test_sessions::end(tx, of_browser.session.id, EndReason::Logout, at).await?;
            ended.push(of_browser.session);
        }
    }
    Ok(ended)
}

async fn revoke_of_browser(db: &Db, browser: BrowserId, at: Timestamp) -> Vec<EndedSession> {
    let ended = async |tx: &mut _| end_of_browser(tx, browser, at).await;
    in_order(commit(db, ended).await)
}

/// The statement's order of rows is not defined.
fn in_order(mut ended: Vec<EndedSession>) -> Vec<EndedSession> {
    ended.sort_by_key(|ended| ended.id);
    ended
}

fn ended_ids(ended: &[EndedSession]) -> Vec<SessionId> {
    ended.iter().map(|ended| ended.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lists_and_the_refresh_path_know_how_a_session_was_opened() {
    on_both_stores("sessions: how opened", async |db| {
        let ada = user(&db, "ada").await;
        let browser = begun(&db, 1, ada).await.id;
        let requested = format!("openid offline_access {}", "x".repeat(4_000));
        let full = Session {
            auth_time: after(-60),
            factors: None,
            asked_claims: asked_claims(),
            dpop_jkt: Some("thumbprint".to_owned()),
            requested_scopes: Some(RequestedScopes::parse(&requested).unwrap()),
            ..in_browser(ada, browser, "openid offline_access")
        };
        let full = opened(&db, full).await;
        let link = &mut reader(&db).await;
        assert_eq!(live_of(&db, ada, NOW).await[0].session, full);
        let page =
            list::page(link, &SessionFilter::default(), PageRequest::default(), NOW).await.unwrap();
        assert_eq!(page.data[0].session, full);
        let read = commit(&db, async |tx| sql::read(tx, &[full.branch]).await).await;
        assert_eq!(read[&full.branch].as_ref().unwrap().session, full);
        // Of a session that is older than the column.
        let forget = async |tx: &mut _| execute!(tx, "UPDATE sessions SET auth_time = NULL");
        assert_eq!(commit(&db, forget).await, 1);
        assert_eq!(stored(&db, full.id).await, Session { auth_time: full.created_at, ..full });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_opens_in_a_log_in_that_has_ended_or_is_anothers() {
    on_both_stores("sessions: log-in guard", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let (of_ada, of_bob) = (begun(&db, 1, ada).await.id, begun(&db, 2, bob).await.id);
        let unknown = log_in(ada).id;
        let device = Device::default();
        assert!(open(&db, &in_browser(ada, of_ada, ""), &device).await);
        let end = async |tx: &mut _| browser_sessions::end(tx, of_ada, after(1)).await;
        assert_eq!(commit(&db, end).await, Some(ada));
        for (browser, scope) in
            [(of_ada, ""), (of_ada, "offline_access"), (of_bob, ""), (unknown, "")]
        {
            let refused = in_browser(ada, browser, scope);
            assert!(!open(&db, &refused, &device).await);
            let found = sessions::with_user(&mut reader(&db).await, refused.id).await.unwrap();
            assert!(found.is_none());
        }
        assert_eq!(count!(&db, "SELECT count(*) FROM session_devices"), 1);
        // The epoch is checked in a sign-in as well.
        commit(&db, async |tx| users::raise_epoch(tx, bob, NOW).await).await;
        assert!(!open(&db, &in_browser(bob, of_bob, ""), &device).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_log_in_ends_its_sessions_but_those_that_go_on_offline() {
    on_both_stores("sessions: end of a log-in", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let (browser, other) = (begun(&db, 1, ada).await.id, begun(&db, 2, ada).await.id);
        let of_bob = begun(&db, 3, bob).await.id;
        let mut ended = Vec::new();
        for scope in [
            "",
            "openid",
            "offline_access_x xoffline_access",
            "openid offline-access offlinexaccess",
            "OFFLINE_ACCESS",
            "offline_accessoffline_access",
        ] {
            ended.push(opened(&db, in_browser(ada, browser, scope)).await);
        }
        let mut kept = Vec::new();
        for scope in
            ["offline_access", "offline_access a", "a offline_access", "a offline_access b"]
        {
            kept.push(opened(&db, in_browser(ada, browser, scope)).await);
        }
        for elsewhere in [in_browser(ada, other, ""), in_browser(bob, of_bob, ""), session(ada)] {
            kept.push(opened(&db, elsewhere).await);
        }
        let before = opened(&db, in_browser(ada, browser, "")).await.id;
        assert_eq!(revoke(&db, before, EndReason::EndedByUser, NOW).await, Some(ada));
        ended.sort_by_key(|session| session.id);
        let told = revoke_of_browser(&db, browser, after(1)).await;
        assert_eq!(ended_ids(&told), ended.iter().map(|session| session.id).collect::<Vec<_>>());
        assert!(told.iter().all(|told| told.user_id == ada && told.client_id == "shop"));
        for session in ended {
            let revoked = Some((after(1), EndReason::Logout));
            assert_eq!(stored(&db, session.id).await, Session { revoked, ..session });
        }
        for session in kept {
            assert_eq!(stored(&db, session.id).await, session, "{:?}", session.scopes);
        }
        let first = stored(&db, before).await.revoked;
        assert_eq!(first, Some((NOW, EndReason::EndedByUser)), "the first reason stays");
        assert!(revoke_of_browser(&db, browser, after(2)).await.is_empty(), "once");
        assert!(revoke_of_browser(&db, log_in(ada).id, after(2)).await.is_empty());
    })
    .await;
}

/// A client redeems a code while its user logs out: in either order, no session is left.
#[tokio::test(flavor = "multi_thread")]
async fn no_session_slips_through_the_end_of_its_log_in() {
    on_both_stores("sessions: log-out race", async |db| {
        let ada = user(&db, "ada").await;
        for round in 0..10 {
            let browser = begun(&db, round, ada).await.id;
            let new: Vec<Session> = (0..20).map(|_| in_browser(ada, browser, "openid")).collect();
            let won = at_once(async |n: u8| {
                let session = &new[usize::from(n)];
                if n != 10 {
                    return open(&db, session, &Device::default()).await;
                }
                commit(&db, async |tx| {
                    end_of_browser(tx, browser, NOW).await?;
                    Ok(true)
                })
                .await
            })
            .await;
            let won = winners(won);
            assert!(won.contains(&10), "the log-in ended once");
            for n in won.into_iter().filter(|n| *n != 10) {
                let session = stored(&db, new[n].id).await;
                assert!(session.revoked.is_some(), "round {round}: session {n} of {browser} lives");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_a_user_has_through_one_client_ends_at_once() {
    on_both_stores("sessions: end of a client", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let of = |user, client: &str| Session { client_id: client.to_owned(), ..session(user) };
        let offline = Session { scopes: scopes("offline_access"), ..of(ada, "shop") };
        let (one, two) = (opened(&db, of(ada, "shop")).await, opened(&db, offline).await);
        let mut kept = Vec::new();
        for other in [of(ada, "Shop"), of(ada, "shop2"), of(ada, "signet"), of(bob, "shop")] {
            kept.push(opened(&db, other).await);
        }
        let before = opened(&db, of(ada, "shop")).await.id;
        assert_eq!(revoke(&db, before, EndReason::Logout, NOW).await, Some(ada));
        let end = async |at| {
            let (reason, origin) = (EndReason::ConsentRevoked, Origin::system());
            let context = test_sessions::context(&origin, at);
            let ended = async |tx: &mut _| {
                end::end_sessions_of_client(tx, ada, "shop", reason, &context).await
            };
            in_order(commit(&db, ended).await)
        };
        let told = end(after(1)).await;
        let mut expected = [one.id, two.id];
        expected.sort_unstable();
        assert_eq!(ended_ids(&told), expected);
        assert!(told.iter().all(|told| told.user_id == ada && told.client_id == "shop"));
        assert!(end(after(2)).await.is_empty(), "once");
        for id in expected {
            let revoked = stored(&db, id).await.revoked;
            assert_eq!(revoked, Some((after(1), EndReason::ConsentRevoked)));
        }
        assert_eq!(stored(&db, before).await.revoked, Some((NOW, EndReason::Logout)));
        for session in kept {
            assert_eq!(stored(&db, session.id).await, session);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_told_of_the_live_sessions_of_an_epoch_a_page_at_a_time() {
    on_both_stores("sessions: of clients", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let of = |user| Session {
            client_id: "shop".to_owned(),
            grant_type: Some("authorization_code".to_owned()),
            ..session(user)
        };
        opened(&db, of(bob)).await;
        let mut live = all_kinds(&db, of(ada)).await;
        live.reverse();
        opened(&db, Session { user_epoch: 1, ..session(ada) }).await;
        let told = async |user, epoch, at, after| {
            let page = EpochPage { epoch, after, at, limit: 1 };
            end::of_epoch(&mut reader(&db).await, user, page).await.unwrap()
        };
        let first = SessionId::from_uuid(uuid::Uuid::nil());
        let mut found = Vec::new();
        let mut after_this = first;
        while let [next] = &*told(ada, 1, NOW, after_this).await {
            after_this = next.id;
            found.push(next.clone());
        }
        assert_eq!(ended_ids(&found), live, "oldest first, and none of the built-in client");
        assert!(found.iter().all(|told| told.user_id == ada && told.client_id == "shop"));
        assert!(told(ada, 1, after(3_600), first).await.is_empty(), "over at the very moment");
        assert_eq!(told(ada, 0, NOW, first).await.len(), 1, "of the epoch before");
        assert!(told(user_id(0), 1, NOW, first).await.is_empty());
    })
    .await;
}

//! Sign-ins at Signet's own pages: found by their cookie only, renewed and ended once.

use signet::base::Timestamp;
use signet::base::id::{BranchId, BrowserId, UserId};
use signet::base::opaque_token::TokenHash;
use signet::domain::browser_session::BrowserSession;
use signet::domain::pagination::PageRequest;
use signet::domain::session::{Session, SessionFilter};
use signet::domain::user_agent::Device;
use signet::execute;
use signet::store::browser_sessions::{self, Consented, Found, list};
use signet::store::{Db, consents, users};

use super::{
    NOW, after, at_once, commit, count, hash, is_internal, log_in, on_both_stores, opened, reader,
};
use super::{scopes, session, session_id, user, user_id, winners};

async fn begin(db: &Db, browser: &BrowserSession, cookie: &TokenHash) -> bool {
    commit(db, async |tx| browser_sessions::begin(tx, browser, cookie, &Device::default()).await)
        .await
}

async fn renew(db: &Db, browser: &BrowserSession, cookie: &TokenHash) -> bool {
    commit(db, async |tx| browser_sessions::renew(tx, browser, cookie).await).await
}

async fn end(db: &Db, id: BrowserId, at: Timestamp) -> Option<UserId> {
    commit(db, async |tx| browser_sessions::end(tx, id, at).await).await
}

async fn find(db: &Db, cookie: &TokenHash, client_id: &str) -> Option<Found> {
    browser_sessions::find(&mut reader(db).await, cookie, client_id, None).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_is_found_by_its_cookie_with_its_user_and_what_was_allowed() {
    on_both_stores("browsers: find", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let mut browser = log_in(ada);
        (browser.auth_time, browser.expires_at) =
            (Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX));
        assert!(begin(&db, &browser, &hash(1)).await);
        assert!(begin(&db, &log_in(bob), &hash(2)).await);
        commit(&db, async |tx| {
            consents::remember(
                tx,
                consents::ConsentKey { user: ada, client_id: "shop", audience: None },
                &scopes("openid b a"),
                after(1),
            )
            .await?;
            consents::remember(
                tx,
                consents::ConsentKey { user: ada, client_id: "none", audience: None },
                &scopes(""),
                after(2),
            )
            .await?;
            consents::remember(
                tx,
                consents::ConsentKey {
                    user: ada,
                    client_id: "api",
                    audience: Some("https://a.example"),
                },
                &scopes("x"),
                NOW,
            )
            .await?;
            consents::remember(
                tx,
                consents::ConsentKey { user: bob, client_id: "other", audience: None },
                &scopes("c"),
                after(3),
            )
            .await
        })
        .await;
        let shop = Consented { scopes: scopes("openid b a"), at: after(1), document: None };
        let none = Consented { scopes: scopes(""), at: after(2), document: None };
        for (client, consented) in
            [("shop", Some(shop)), ("none", Some(none)), ("other", None), ("Shop", None)]
        {
            let found = find(&db, &hash(1), client).await.unwrap();
            assert_eq!((&found.browser, &found.consented), (&browser, &consented), "{client}");
            assert!(found.user == users::find(&mut reader(&db).await, ada).await.unwrap().unwrap());
        }
        assert!(find(&db, &hash(3), "shop").await.is_none());
        // A consent at one API is none at another one, nor at the issuer.
        for (audience, there) in
            [(Some("https://a.example"), true), (Some("https://b.example"), false), (None, false)]
        {
            let link = &mut reader(&db).await;
            let found =
                browser_sessions::find(link, &hash(1), "api", audience).await.unwrap().unwrap();
            assert_eq!(found.consented.is_some(), there, "{audience:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_in_begins_for_a_user_who_has_changed_meanwhile() {
    on_both_stores("browsers: epoch guard", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        commit(&db, async |tx| users::raise_epoch(tx, ada, NOW).await).await;
        commit(&db, async |tx| users::disable(tx, bob, NOW).await).await;
        let of_epoch = |user, user_epoch| BrowserSession { user_epoch, ..log_in(user) };
        for browser in
            [log_in(ada), of_epoch(ada, 2), log_in(bob), of_epoch(bob, 1), log_in(user_id(0))]
        {
            assert!(!begin(&db, &browser, &hash(1)).await);
            assert!(find(&db, &hash(1), "shop").await.is_none());
        }
        assert!(begin(&db, &of_epoch(ada, 1), &hash(1)).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_stands_for_one_log_in() {
    on_both_stores("browsers: one cookie", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        assert!(begin(&db, &log_in(ada), &hash(1)).await);
        let mut tx = db.begin().await.unwrap();
        let taken =
            browser_sessions::begin(&mut tx, &log_in(bob), &hash(1), &Device::default()).await;
        assert!(taken.is_err_and(|fault| is_internal(&fault)), "a cookie is 256 random bits");
        tx.rollback().await;
        assert_eq!(find(&db, &hash(1), "shop").await.unwrap().user.id, ada);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authenticating_again_gives_the_same_log_in_another_cookie() {
    on_both_stores("browsers: renew", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let browser = log_in(ada);
        assert!(begin(&db, &browser, &hash(1)).await);
        let untouched = log_in(ada);
        assert!(begin(&db, &untouched, &hash(2)).await);
        let renewed =
            BrowserSession { auth_time: after(60), expires_at: after(7_200), ..browser.clone() };
        assert!(renew(&db, &renewed, &hash(3)).await);
        assert!(find(&db, &hash(1), "shop").await.is_none(), "the old cookie is worth nothing");
        assert_eq!(find(&db, &hash(3), "shop").await.unwrap().browser, renewed);
        assert_eq!(find(&db, &hash(2), "shop").await.unwrap().browser, untouched);
        let of_bob = BrowserSession { user_id: bob, ..renewed.clone() };
        let late = BrowserSession { user_epoch: 1, ..renewed.clone() };
        for browser in [of_bob, late, log_in(ada)] {
            assert!(!renew(&db, &browser, &hash(4)).await, "{browser:?}");
        }
        // A new password, and the sign-in in which it was changed: renewed in the new epoch.
        commit(&db, async |tx| users::raise_epoch(tx, ada, NOW).await).await;
        assert!(!renew(&db, &renewed, &hash(4)).await, "the epoch moved on");
        let moved = BrowserSession { user_epoch: 1, ..renewed.clone() };
        assert!(renew(&db, &moved, &hash(4)).await);
        assert_eq!(find(&db, &hash(4), "shop").await.unwrap().browser, moved);
        assert_eq!(end(&db, moved.id, after(90)).await, Some(ada));
        assert!(!renew(&db, &moved, &hash(5)).await, "it has ended");
        commit(&db, async |tx| users::disable(tx, ada, NOW).await).await;
        let disabled = BrowserSession { user_epoch: 2, ..untouched };
        assert!(!renew(&db, &disabled, &hash(5)).await, "the user is disabled");
        assert!(find(&db, &hash(5), "shop").await.is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_is_carried_over_from_its_own_epoch_only() {
    on_both_stores("browsers: carry over", async |db| {
        let ada = user(&db, "ada").await;
        let (kept, left, over) = (log_in(ada), log_in(ada), log_in(ada));
        for (number, browser) in [(1, &kept), (2, &left), (3, &over)] {
            assert!(begin(&db, browser, &hash(number)).await);
        }
        assert_eq!(end(&db, over.id, NOW).await, Some(ada));
        let carry = async |id, old, new| {
            commit(&db, async |tx| browser_sessions::carry_over(tx, id, (old, new), None).await)
                .await
        };
        assert!(!carry(kept.id, 1, 2).await, "another epoch's");
        assert!(!carry(over.id, 0, 1).await, "it has ended");
        assert!(!carry(log_in(ada).id, 0, 1).await);
        assert!(carry(kept.id, 0, 1).await);
        assert!(!carry(kept.id, 0, 1).await, "it is there already");
        let epoch = async |number| find(&db, &hash(number), "x").await.unwrap().browser.user_epoch;
        assert_eq!((epoch(1).await, epoch(2).await, epoch(3).await), (1, 0, 0));
        // With another cookie: the previous one finds nothing.
        let moved = commit(&db, async |tx| {
            browser_sessions::carry_over(tx, kept.id, (1, 2), Some(&hash(4))).await
        });
        assert!(moved.await);
        assert_eq!(epoch(4).await, 2);
        assert!(find(&db, &hash(1), "x").await.is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_ends_once_and_stays_to_be_found_as_ended() {
    on_both_stores("browsers: end", async |db| {
        let ada = user(&db, "ada").await;
        let (browser, other) = (log_in(ada), log_in(ada));
        assert!(begin(&db, &browser, &hash(1)).await);
        assert!(begin(&db, &other, &hash(2)).await);
        let ended = at_once(async |n: u8| end(&db, browser.id, after(n.into())).await).await;
        assert_eq!(ended.iter().flatten().collect::<Vec<_>>(), [&ada], "whoever is first");
        let winner = winners(ended.iter().map(Option::is_some))[0];
        assert_eq!(end(&db, log_in(ada).id, NOW).await, None);
        let found = find(&db, &hash(1), "shop").await.unwrap().browser;
        let at = after(i64::try_from(winner).unwrap());
        assert_eq!(found, BrowserSession { ended_at: Some(at), ..browser });
        assert_eq!(find(&db, &hash(2), "shop").await.unwrap().browser, other);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn log_ins_go_with_their_user() {
    on_both_stores("browsers: deletion", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        assert!(begin(&db, &log_in(ada), &hash(1)).await);
        assert!(begin(&db, &log_in(bob), &hash(2)).await);
        assert!(commit(&db, async |tx| users::delete(tx, ada).await).await);
        assert!(find(&db, &hash(1), "shop").await.is_none());
        assert!(find(&db, &hash(2), "shop").await.is_some());
        assert_eq!(count!(&db, "SELECT count(*) FROM browser_sessions"), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_cannot_be_read_are_faults() {
    on_both_stores("browsers: impossible rows", async |db| {
        let ada = user(&db, "ada").await;
        assert!(begin(&db, &log_in(ada), &hash(1)).await);
        let allow = async |tx: &mut _| {
            consents::remember(
                tx,
                consents::ConsentKey { user: ada, client_id: "shop", audience: None },
                &scopes("a"),
                NOW,
            )
            .await?;
            execute!(tx, "UPDATE consents SET scope = 'a\"b'")
        };
        assert_eq!(commit(&db, allow).await, 1);
        let found = browser_sessions::find(&mut reader(&db).await, &hash(1), "shop", None).await;
        assert!(found.is_err_and(|fault| is_internal(&fault)));
        // A caller without that client ignores it.
        assert!(find(&db, &hash(1), "other").await.is_some());
        let crown = async |tx: &mut _| execute!(tx, "UPDATE users SET role = 'king'");
        assert_eq!(commit(&db, crown).await, 1);
        let found = browser_sessions::find(&mut reader(&db).await, &hash(1), "other", None).await;
        assert!(found.is_err_and(|fault| is_internal(&fault)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_sees_only_their_own_active_sign_ins() {
    on_both_stores("log-ins of one user", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let device = Device::new("agent/1", "192.0.2.1".parse().ok());
        let one = BrowserSession { id: BrowserId::earliest(after(1)), ..log_in(ada) };
        let two = BrowserSession { id: BrowserId::earliest(after(2)), ..log_in(ada) };
        for (browser, cookie) in [(&one, hash(1)), (&two, hash(2))] {
            let begun = commit(&db, async |tx| {
                browser_sessions::begin(tx, browser, &cookie, &device).await
            });
            assert!(begun.await);
        }
        let live = async |user, at| {
            let request = PageRequest::default();
            let link = &mut reader(&db).await;
            let page = list::page(link, &SessionFilter::of_user(user), request, at).await;
            let everyone = list::page(link, &SessionFilter::default(), request, at).await;
            let mut of_user = everyone.unwrap().data;
            of_user.retain(|(browser, _)| browser.user_id == user);
            let page = page.unwrap().data;
            assert_eq!(of_user, page);
            page
        };
        let listed = live(ada, after(0)).await;
        assert_eq!(listed, [(two.clone(), device.clone()), (one.clone(), device.clone())]);
        let page = async |after| {
            let request = PageRequest { after, limit: 1 };
            let filter = SessionFilter::of_user(ada);
            list::page(&mut reader(&db).await, &filter, request, NOW).await.unwrap()
        };
        let first = page(None).await;
        assert_eq!(first.data, [(two.clone(), device.clone())]);
        let second = page(PageRequest::cursor(&first.next.unwrap())).await;
        assert_eq!((second.data, second.next), (vec![(one.clone(), device.clone())], None));
        assert!(live(bob, after(0)).await.is_empty());
        assert!(live(ada, one.expires_at).await.is_empty());
        let is_of = async |id, user| {
            browser_sessions::is_of(&mut reader(&db).await, id, user).await.unwrap()
        };
        assert!(is_of(one.id, ada).await && !is_of(one.id, bob).await);
        let live_user = async |at| {
            browser_sessions::live_user(&mut reader(&db).await, one.id, at).await.unwrap()
        };
        assert_eq!(live_user(after(0)).await, Some(ada));
        assert_eq!(live_user(one.expires_at).await, None, "it has expired");
        commit(&db, async |tx| browser_sessions::end(tx, one.id, after(1)).await).await;
        assert_eq!(live_user(after(1)).await, None, "it has ended");
        assert_eq!(live(ada, after(1)).await, [(two.clone(), device)]);
        commit(&db, async |tx| users::raise_epoch(tx, ada, after(2)).await).await;
        assert!(live(ada, after(2)).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn log_ins_beyond_the_limit_are_those_used_longest_ago() {
    on_both_stores("browsers: limit", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let mut ids = Vec::new();
        for number in 1..=4_u8 {
            let at = after(number.into());
            let browser =
                BrowserSession { id: BrowserId::earliest(at), auth_time: at, ..log_in(ada) };
            assert!(begin(&db, &browser, &hash(number)).await);
            ids.push(browser.id);
        }
        assert!(begin(&db, &log_in(bob), &hash(9)).await);
        let over = async |most, at| {
            browser_sessions::over_limit(&mut reader(&db).await, ada, most, at).await.unwrap()
        };
        assert_eq!(over(2, NOW).await, [ids[1], ids[0]]);
        assert_eq!(over(4, NOW).await, []);
        // A session of a client with a later response is a use; one with an earlier response is not.
        for (number, browser, at) in [(1, ids[0], 10), (2, ids[3], 2)] {
            let (id, answered) = (session_id(number), after(at));
            let branch = BranchId::from_uuid(id.uuid());
            opened(&db, Session { id, branch, browser: Some(browser), ..session(ada) }).await;
            let work = async |tx: &mut _| {
                execute!(tx, "UPDATE sessions SET answered_at = $1 WHERE id = $2", answered, id)
            };
            assert_eq!(commit(&db, work).await, 1);
        }
        assert_eq!(over(0, NOW).await, [ids[0], ids[3], ids[2], ids[1]]);
        assert!(end(&db, ids[0], after(11)).await.is_some());
        assert_eq!(over(0, NOW).await, [ids[3], ids[2], ids[1]]);
        assert_eq!(over(0, log_in(ada).expires_at).await, []);
        commit(&db, async |tx| users::raise_epoch(tx, ada, after(2)).await).await;
        assert_eq!(over(0, NOW).await, []);
    })
    .await;
}

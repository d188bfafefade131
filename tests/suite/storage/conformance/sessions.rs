//! Sessions: opened in the current epoch only, listed while live, ended once.

use signet::base::id::{SessionId, UserId};
use signet::base::{TimeSpan, Timestamp};
use signet::domain::pagination::PageRequest;
use signet::domain::session::{EndReason, Listed, Session, SessionFilter};
use signet::domain::user_agent::Device;
use signet::execute;
use signet::store::sessions::list;
use signet::store::{Db, sessions, users};

use crate::support::sessions::{self as test_sessions, numbered};

use super::{NOW, after, asked_claims, begun, commit, count, is_internal, on_both_stores, opened};
use super::{reader, scopes, session, session_id, stored, user, user_id, walk};

pub(super) async fn open(db: &Db, session: &Session, device: &Device) -> bool {
    commit(db, async |tx| test_sessions::open(tx, session, device).await).await
}

pub(super) async fn revoke(
    db: &Db,
    id: SessionId,
    reason: EndReason,
    at: Timestamp,
) -> Option<UserId> {
    commit(db, async |tx| test_sessions::end(tx, id, reason, at).await).await
}

/// The first page of a user's live sessions, newest first.
pub(super) async fn live_of(db: &Db, user: UserId, at: Timestamp) -> Vec<Listed> {
    let request = PageRequest { after: None, limit: 100 };
    list::page(&mut reader(db).await, &SessionFilter::of_user(user), request, at)
        .await
        .unwrap()
        .data
}

fn ids(listed: &[Listed]) -> Vec<SessionId> {
    listed.iter().map(|listed| listed.session.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_comes_back_as_it_was_opened_with_its_user_as_it_is() {
    on_both_stores("sessions: round trip", round_trip).await;
}

pub(super) async fn round_trip(db: Db) {
    let ada = user(&db, "ada").await;
    let many: Vec<String> = (0..64).map(|n| format!("{n:0>128}")).collect();
    let mut full = session(ada);
    full.client_id = "ein Klient 🗝".to_owned();
    full.audience = Some(format!("https://api.example/{}", "x".repeat(200)));
    full.scopes = scopes(&many.join(" "));
    full.chain.current = u32::MAX;
    full.idle_expires_at = Timestamp::from_millis(i64::MIN);
    full.expires_at = Timestamp::from_millis(i64::MAX);
    full.grant_type = Some("urn:ietf:params:oauth:grant-type:device_code".to_owned());
    full.auth_time = Timestamp::from_millis(i64::MIN);
    full.browser = Some(begun(&db, 1, ada).await.id);
    full.asked_claims = asked_claims();
    full.dpop_jkt = Some("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I".to_owned());
    for session in [full, session(ada)] {
        assert!(open(&db, &session, &Device::default()).await);
        let link = &mut reader(&db).await;
        let (found, owner) = sessions::with_user(link, session.id).await.unwrap().unwrap();
        assert_eq!(found, session);
        assert!(owner == users::find(link, ada).await.unwrap().unwrap());
    }
    assert!(sessions::with_user(&mut reader(&db).await, session_id(0)).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_opens_for_a_user_who_has_changed_meanwhile() {
    on_both_stores("sessions: epoch guard", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        commit(&db, async |tx| users::raise_epoch(tx, ada, NOW).await).await;
        commit(&db, async |tx| users::disable(tx, bob, NOW).await).await;
        let device = Device::default();
        let mut early = session(ada);
        early.user_epoch = 2;
        // The epoch of a disabled user, known by any means, opens no session either.
        let mut disabled = session(bob);
        disabled.user_epoch = 1;
        for session in [session(ada), early, session(bob), disabled, session(user_id(0))] {
            assert!(!open(&db, &session, &device).await);
            let found = sessions::with_user(&mut reader(&db).await, session.id).await.unwrap();
            assert!(found.is_none());
        }
        assert_eq!(count!(&db, "SELECT count(*) FROM session_devices"), 0);
        let mut right = session(ada);
        right.user_epoch = 1;
        assert!(open(&db, &right, &device).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_come_back_as_they_were_seen() {
    on_both_stores("sessions: devices", async |db| {
        let ada = user(&db, "ada").await;
        let devices = [
            Device::new(&"\u{1f4f1}".repeat(256), Some("2001:db8::1".parse().unwrap())),
            Device::new("curl/8", Some("192.0.2.7".parse().unwrap())),
            Device::default(),
        ];
        for (secs, device) in (0..).zip(&devices) {
            let session = numbered(session_id(secs), session(ada));
            assert!(open(&db, &session, device).await);
        }
        let listed = live_of(&db, ada, NOW).await;
        let seen: Vec<&Device> = listed.iter().map(|listed| &listed.device).collect();
        assert_eq!(seen, devices.iter().rev().collect::<Vec<_>>());
        assert!(listed.iter().all(|listed| !listed.superseded));
    })
    .await;
}

/// Opens sessions like `kind`, one for each reason not to be live, and two live ones. Returns the ids of the
/// latter, newest first.
pub(super) async fn all_kinds(db: &Db, kind: Session) -> Vec<SessionId> {
    let owner = kind.user_id;
    let early = opened(db, numbered(session_id(1), kind.clone())).await;
    let mut bumped = early.clone();
    bumped.user_epoch = 1;
    commit(db, async |tx| users::raise_epoch(tx, owner, NOW).await).await;
    bumped = numbered(session_id(5), bumped);
    let late = opened(db, bumped.clone()).await;
    bumped = numbered(session_id(2), bumped);
    let live = opened(db, bumped.clone()).await;
    bumped = numbered(session_id(3), bumped);
    let revoked = opened(db, bumped.clone()).await;
    assert_eq!(revoke(db, revoked.id, EndReason::Logout, NOW).await, Some(owner));
    bumped = numbered(session_id(4), bumped);
    bumped.idle_expires_at = NOW;
    opened(db, bumped.clone()).await;
    bumped = numbered(session_id(6), bumped);
    (bumped.idle_expires_at, bumped.expires_at) = (after(3_600), NOW);
    opened(db, bumped).await;
    vec![late.id, live.id]
}

#[tokio::test(flavor = "multi_thread")]
async fn only_live_sessions_of_the_user_are_listed_newest_first() {
    on_both_stores("sessions: live ones", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        opened(&db, session(bob)).await;
        let live = all_kinds(&db, session(ada)).await;
        let listed = async |at| live_of(&db, ada, at).await;
        assert_eq!(ids(&listed(NOW).await), live);
        assert_eq!(listed(after(3_600) - TimeSpan::from_millis(1)).await.len(), 2);
        assert!(listed(after(3_600)).await.is_empty(), "over at the very moment");
        let found = &listed(NOW).await[0].session;
        assert_eq!(*found, stored(&db, live[0]).await);
        commit(&db, async |tx| {
            execute!(tx, "UPDATE sessions SET supersedes = 1 WHERE id = $1", live[1])
        })
        .await;
        let superseded: Vec<bool> = listed(NOW).await.iter().map(|l| l.superseded).collect();
        assert_eq!(superseded, [false, true]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_sessions_of_one_user_or_of_all_are_paged_newest_first() {
    on_both_stores("sessions: pages", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let of_ada = all_kinds(&db, session(ada)).await;
        let mut of_bob = Vec::new();
        for secs in [12, 11, 10] {
            of_bob.push(opened(&db, numbered(session_id(secs), session(bob))).await.id);
        }
        let all = [of_bob.clone(), of_ada].concat();
        let everyone = SessionFilter::default();
        let first = all.iter().map(|id| id.made_at()).min();
        let since = SessionFilter { since: first, ..everyone.clone() };
        let of_client = SessionFilter { client_id: Some("signet".to_owned()), ..everyone.clone() };
        let of_bob_there =
            SessionFilter { client_id: Some("signet".to_owned()), ..SessionFilter::of_user(bob) };
        for (filter, expected) in [
            (&everyone, &all),
            (&since, &all),
            (&of_client, &all),
            (&SessionFilter::of_user(bob), &of_bob),
            (&of_bob_there, &of_bob),
        ] {
            let page =
                async |request| list::page(&mut reader(&db).await, filter, request, NOW).await;
            assert_eq!(ids(&walk(page).await), *expected);
            let limit = i64::try_from(expected.len()).unwrap();
            let exact = page(PageRequest { after: None, limit }).await.unwrap();
            assert_eq!((exact.data.len(), exact.next), (expected.len(), None));
        }
        let link = &mut reader(&db).await;
        let nobody = SessionFilter::of_user(user_id(0));
        let later = SessionFilter { since: Some(after(13)), ..everyone.clone() };
        let other = SessionFilter { client_id: Some("shop".to_owned()), ..everyone.clone() };
        let of_bob_elsewhere = SessionFilter { user: Some(bob), ..other.clone() };
        for filter in [nobody, later, other, of_bob_elsewhere] {
            let page = list::page(link, &filter, PageRequest::default(), NOW).await.unwrap();
            assert!(page.data.is_empty() && page.next.is_none());
        }
        let request = PageRequest::default();
        let over = list::page(link, &everyone, request, after(3_600)).await.unwrap();
        assert!(over.data.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_revoked_once_and_keeps_its_first_reason() {
    on_both_stores("sessions: revoke", async |db| {
        let ada = user(&db, "ada").await;
        let untouched = opened(&db, session(ada)).await;
        for reason in EndReason::ALL {
            let id = opened(&db, session(ada)).await.id;
            assert_eq!(revoke(&db, id, *reason, after(1)).await, Some(ada));
            assert_eq!(revoke(&db, id, EndReason::EndedByAdmin, after(2)).await, None);
            assert_eq!(stored(&db, id).await.revoked, Some((after(1), *reason)));
        }
        assert_eq!(revoke(&db, session_id(0), EndReason::Logout, NOW).await, None);
        assert_eq!(stored(&db, untouched.id).await, untouched);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_carried_over_from_its_own_epoch_only() {
    on_both_stores("sessions: carry over", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let (kept, left) = (opened(&db, session(ada)).await, opened(&db, session(ada)).await);
        let revoked = opened(&db, session(ada)).await;
        revoke(&db, revoked.id, EndReason::Logout, NOW).await;
        let carry = async |id, user, old, new| {
            commit(&db, async |tx| sessions::carry_over(tx, id, user, old, new).await).await
        };
        commit(&db, async |tx| users::raise_epoch(tx, ada, NOW).await).await;
        assert!(!carry(kept.id, bob, 0, 1).await, "somebody else's");
        assert!(!carry(kept.id, ada, 1, 2).await, "another epoch's");
        assert!(!carry(revoked.id, ada, 0, 1).await);
        assert!(!carry(session_id(0), ada, 0, 1).await);
        assert!(carry(kept.id, ada, 0, 1).await);
        assert!(!carry(kept.id, ada, 0, 1).await, "it is there already");
        let live = live_of(&db, ada, NOW).await;
        assert_eq!(ids(&live), [kept.id]);
        assert_eq!(stored(&db, left.id).await.user_epoch, 0);
        assert_eq!(stored(&db, kept.id).await, Session { user_epoch: 1, ..kept });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_is_a_fault_and_never_a_guess() {
    on_both_stores("sessions: impossible rows", async |db| {
        let ada = user(&db, "ada").await;
        macro_rules! broken_by {
            ($($sql:literal),+) => {
                $({
                    let id = opened(&db, session(ada)).await.id;
                    assert_eq!(commit(&db, async |tx| execute!(tx, $sql, id)).await, 1);
                    let found = sessions::with_user(&mut reader(&db).await, id).await;
                    assert!(found.is_err_and(|fault| is_internal(&fault)), "{}", $sql);
                })+
            };
        }
        broken_by!(
            "UPDATE sessions SET current = 4294967296 WHERE id = $1",
            "UPDATE sessions SET current = -1 WHERE id = $1",
            "UPDATE sessions SET current = 3, parent = 3 WHERE id = $1",
            "UPDATE sessions SET supersedes = 256 WHERE id = $1",
            "UPDATE sessions SET revoked_at = 1 WHERE id = $1",
            "UPDATE sessions SET revoked_reason = 'logout' WHERE id = $1",
            "UPDATE sessions SET revoked_at = 1, revoked_reason = 'moonlight' WHERE id = $1",
            "UPDATE sessions SET scope = 'a\"b' WHERE id = $1",
            "UPDATE sessions SET asked_claims = '' WHERE id = $1",
            "UPDATE sessions SET asked_claims = '{' WHERE id = $1",
            "UPDATE sessions SET asked_claims = '{\"id_token\":[1]}' WHERE id = $1",
            "UPDATE users SET role = 'king' WHERE id = (SELECT user_id FROM sessions WHERE id = $1)"
        );
    })
    .await;
}

//! Authorization codes: one for each request, redeemed once, and their content.

use signet::base::Timestamp;
use signet::base::id::SessionId;
use signet::base::opaque_token::TokenHash;
use signet::domain::authorization::{Authorization, CODE_LIFE};
use signet::execute;
use signet::store::authorization_codes::{self, NewCode};
use signet::store::{Db, consents, users};

use super::{NOW, after, at_once, authorization, commit, count, full_authorization, hash};
use super::{is_internal, on_both_stores, reader, scopes, session_id, user, user_id, winners};

async fn insert(db: &Db, number: u8, flow: &[u8], authorization: &Authorization) -> bool {
    let new = NewCode { hash: &hash(number), flow, authorization, expires_at: after(60) };
    commit(db, async |tx| authorization_codes::insert(tx, &new).await).await
}

async fn redeem(
    db: &Db,
    code: &TokenHash,
    session: SessionId,
    at: Timestamp,
) -> Option<(Authorization, Timestamp)> {
    let work = async |tx: &mut _| authorization_codes::redeem(tx, code, session, "shop", at).await;
    commit(db, work).await.map(|redeemed| (redeemed.authorization, redeemed.expires_at))
}

async fn gave(db: &Db, code: &TokenHash) -> Option<SessionId> {
    authorization_codes::gave(&mut reader(db).await, code).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_redeemed_once() {
    on_both_stores("codes: round trip", async |db| {
        let ada = user(&db, "ada").await;
        // Whether it has expired is decided by the caller.
        for (number, at, allowed) in
            [(1, NOW, authorization(ada)), (2, after(86_400), full_authorization(ada))]
        {
            assert!(insert(&db, number, &[number], &allowed).await);
            assert_eq!(gave(&db, &hash(number)).await, None, "nothing yet");
            let (first, second) = (session_id(1), session_id(2));
            let redeemed = redeem(&db, &hash(number), first, at).await;
            assert_eq!(redeemed, Some((allowed, after(60))));
            assert_eq!(redeem(&db, &hash(number), second, at).await, None);
            assert_eq!(redeem(&db, &hash(number), first, at).await, None);
            assert_eq!(gave(&db, &hash(number)).await, Some(first));
        }
        assert_eq!(redeem(&db, &hash(3), session_id(1), NOW).await, None);
        assert_eq!(gave(&db, &hash(3)).await, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_answered_with_one_code() {
    on_both_stores("codes: one a request", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let is_answered = async |flow: &[u8]| {
            authorization_codes::is_answered(&mut reader(&db).await, flow).await.unwrap()
        };
        assert!(!is_answered(b"flow").await);
        assert!(insert(&db, 1, b"flow", &authorization(ada)).await);
        assert!(is_answered(b"flow").await && !is_answered(b"Flow").await);
        assert!(!insert(&db, 2, b"flow", &authorization(bob)).await);
        assert_eq!(redeem(&db, &hash(2), session_id(0), NOW).await, None);
        let redeemed = redeem(&db, &hash(1), session_id(0), NOW).await;
        assert_eq!(redeemed, Some((authorization(ada), after(60))), "the first stays");
        assert!(!insert(&db, 2, b"flow", &authorization(ada)).await, "redeemed or not");
        let others: [&[u8]; 4] = [b"", b"flow\0", b"Flow", &[0xff; 1_000]];
        for (number, flow) in (10..).zip(others) {
            assert!(insert(&db, number, flow, &authorization(ada)).await, "{flow:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_answered_and_its_code_redeemed_exactly_once() {
    on_both_stores("codes: races", async |db| {
        let ada = user(&db, "ada").await;
        let allowed = authorization(ada);
        for round in 0..5_u8 {
            let base = round * 20;
            let stored =
                at_once(async |n: u8| insert(&db, base + n, &[round], &allowed).await).await;
            let stored = winners(stored);
            assert_eq!(stored.len(), 1, "{stored:?}");
            let code = hash(base + u8::try_from(stored[0]).unwrap());
            let sessions: Vec<SessionId> = (0..20).map(session_id).collect();
            let redeemed =
                at_once(async |n: u8| redeem(&db, &code, sessions[usize::from(n)], NOW).await)
                    .await;
            let won = winners(redeemed.iter().map(Option::is_some));
            assert_eq!(won.len(), 1, "{won:?}");
            assert_eq!(redeemed[won[0]], Some((allowed.clone(), after(60))));
            assert_eq!(gave(&db, &code).await, Some(sessions[won[0]]));
        }
        assert_eq!(count!(&db, "SELECT count(*) FROM authorization_codes"), 5);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_of_users_and_go_with_them() {
    on_both_stores("codes: users", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        assert!(insert(&db, 1, b"1", &authorization(ada)).await);
        assert!(insert(&db, 2, b"2", &authorization(ada)).await);
        assert!(insert(&db, 3, b"3", &authorization(bob)).await);
        assert!(redeem(&db, &hash(2), session_id(0), NOW).await.is_some());
        assert!(commit(&db, async |tx| users::delete(tx, ada).await).await);
        assert_eq!(redeem(&db, &hash(1), session_id(0), NOW).await, None);
        assert_eq!(gave(&db, &hash(2)).await, None);
        assert_eq!(count!(&db, "SELECT count(*) FROM authorization_codes"), 1);
        let nobody = authorization(user_id(0));
        let (hash, expires_at) = (hash(4), after(60));
        let new = NewCode { hash: &hash, flow: b"4", authorization: &nobody, expires_at };
        let mut tx = db.begin().await.unwrap();
        assert!(
            authorization_codes::insert(&mut tx, &new)
                .await
                .is_err_and(|fault| is_internal(&fault))
        );
        tx.rollback().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_its_user_still_allows_the_client_comes_with_the_code() {
    on_both_stores("codes: consent", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let api = Some("https://api.example.com");
        commit(&db, async |tx| {
            consents::remember(
                tx,
                consents::ConsentKey { user: ada, client_id: "shop", audience: api },
                &scopes("x"),
                NOW,
            )
            .await
        })
        .await;
        for (number, user, client, wanted) in
            [(1, ada, "shop", true), (2, ada, "other", false), (3, bob, "shop", false)]
        {
            assert!(insert(&db, number, &[number], &authorization(user)).await);
            let hash = hash(number);
            let work = async |tx: &mut _| {
                authorization_codes::redeem(tx, &hash, session_id(number.into()), client, NOW).await
            };
            assert_eq!(commit(&db, work).await.unwrap().consented, wanted, "{number}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_cannot_be_read_is_a_fault_and_stays() {
    on_both_stores("codes: impossible rows", async |db| {
        let ada = user(&db, "ada").await;
        macro_rules! broken_by {
            ($($sql:literal),+) => {
                $({
                    assert!(insert(&db, 1, b"flow", &full_authorization(ada)).await);
                    assert_eq!(commit(&db, async |tx| execute!(tx, $sql)).await, 1);
                    let mut tx = db.begin().await.unwrap();
                    let redeemed = authorization_codes::redeem(&mut tx, &hash(1), session_id(0), "shop", NOW).await;
                    assert!(redeemed.is_err_and(|fault| is_internal(&fault)), "{}", $sql);
                    tx.rollback().await;
                    assert_eq!(gave(&db, &hash(1)).await, None);
                    let clean = async |tx: &mut _| execute!(tx, "DELETE FROM authorization_codes");
                    assert_eq!(commit(&db, clean).await, 1);
                })+
            };
        }
        broken_by!(
            "UPDATE authorization_codes SET grants = ''",
            "UPDATE authorization_codes SET grants = '{}'",
            "UPDATE authorization_codes SET grants = '[]'",
            "UPDATE authorization_codes SET grants = substr(grants, 2)",
            "UPDATE authorization_codes SET grants = replace(grants, 'openid', 'open\\\\id')"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_codes_of_one_user_that_are_under_way_can_be_voided() {
    on_both_stores("codes: void", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        for (number, owner) in [(1, ada), (2, ada), (3, bob)] {
            assert!(insert(&db, number, &[number], &authorization(owner)).await);
        }
        let first = session_id(1);
        assert!(redeem(&db, &hash(1), first, after(1)).await.is_some());
        let voided =
            commit(&db, async |tx| authorization_codes::void(tx, ada, after(2)).await).await;
        assert_eq!(voided, 1, "the one that was redeemed keeps its session");
        assert_eq!(redeem(&db, &hash(2), session_id(2), after(3)).await, None);
        assert_eq!(gave(&db, &hash(2)).await, None);
        assert_eq!(gave(&db, &hash(1)).await, Some(first));
        assert!(redeem(&db, &hash(3), session_id(3), after(3)).await.is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_from_before_a_time_can_be_voided() {
    on_both_stores("codes: void by time", async |db| {
        let ada = user(&db, "ada").await;
        let mine = authorization(ada);
        for number in [1, 2, 3] {
            let hash = hash(number);
            // Issued a second apart.
            let expires_at = after(number.into()) + CODE_LIFE;
            let new = NewCode { hash: &hash, flow: &[number], authorization: &mine, expires_at };
            let work = async |tx: &mut _| authorization_codes::insert(tx, &new).await;
            assert!(commit(&db, work).await);
        }
        let first = session_id(1);
        assert!(redeem(&db, &hash(1), first, after(3)).await.is_some());
        let void = async |before, now| {
            let work =
                async |tx: &mut _| authorization_codes::void_issued_before(tx, before, now).await;
            commit(&db, work).await
        };
        assert_eq!(void(after(1), after(3)).await, 0, "none was issued before");
        assert_eq!(void(after(3), after(3)).await, 1, "the first was redeemed");
        assert_eq!(redeem(&db, &hash(2), session_id(2), after(3)).await, None);
        assert_eq!(gave(&db, &hash(1)).await, Some(first));
        assert!(redeem(&db, &hash(3), session_id(3), after(3)).await.is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_codes_of_a_user_and_client_make_room() {
    on_both_stores("codes: surplus", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let other = Authorization { client_id: "other".to_owned(), ..authorization(ada) };
        assert!(insert(&db, 100, b"bob", &authorization(bob)).await);
        assert!(insert(&db, 101, b"other", &other).await);
        let (mine, first) = (authorization(ada), session_id(1));
        let add = async |number: u8, expires_at| {
            let hash = hash(number);
            let new = NewCode { hash: &hash, flow: &[number], authorization: &mine, expires_at };
            let work = async |tx: &mut _| {
                assert!(authorization_codes::insert(tx, &new).await?);
                authorization_codes::remove_surplus(tx, &new, 2).await
            };
            commit(&db, work).await
        };
        for number in 1..=3 {
            assert_eq!(add(number, after(number.into())).await, 0, "two beside the newest");
            if number == 1 {
                assert!(redeem(&db, &hash(1), first, NOW).await.is_some());
            }
        }
        assert_eq!(add(4, after(4)).await, 0, "those that were redeemed count separately");
        assert_eq!(add(5, after(5)).await, 1);
        assert_eq!(redeem(&db, &hash(2), session_id(2), NOW).await, None);
        // The newest is kept, also if the clock was set back or many have the same time.
        assert_eq!(add(6, after(1)).await, 1);
        assert!(redeem(&db, &hash(6), session_id(2), NOW).await.is_some());
        assert_eq!(gave(&db, &hash(1)).await, Some(first));
        assert_eq!(count!(&db, "SELECT count(*) FROM authorization_codes"), 6);
    })
    .await;
}

//! Second factors and recovery codes.

use signet::base::id::{FactorId, UserId};
use signet::crypto::random::SystemEntropy;
use signet::domain::authn::{Authentication, Factors, Method};
use signet::domain::factor::{Factor, FactorKind};
use signet::domain::totp::TimeStep;
use signet::store::factors::{self, StoredFactor};
use signet::store::{Db, browser_sessions, recovery_codes, sessions, users};

use super::{
    NOW, after, at_once, begun, commit, count, on_both_stores, opened, reader, session, stored,
    user, winners,
};

fn factor(name: &str, secs: i64) -> StoredFactor {
    let factor = Factor {
        id: FactorId::new(after(secs), &SystemEntropy),
        kind: FactorKind::Totp,
        name: name.to_owned(),
        created_at: after(secs),
        last_used_at: None,
    };
    StoredFactor { factor, sealed: Some(vec![7; 49]) }
}

fn step(number: i64) -> TimeStep {
    TimeStep::from_number(number)
}

async fn insert(db: &Db, user: UserId, factor: &StoredFactor) -> bool {
    commit(db, async |tx| factors::insert(tx, user, factor, Some(step(5)), 3).await).await
}

async fn names(db: &Db, user: UserId) -> Vec<String> {
    let found = factors::of_user(&mut reader(db).await, user).await.unwrap();
    found.into_iter().map(|stored| stored.factor.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_factor_is_stored_once_and_as_many_as_the_limit_says() {
    on_both_stores("factors: insert", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let first = factor("first", 0);
        assert!(insert(&db, ada, &first).await);
        assert!(!insert(&db, ada, &first).await, "the same id");
        for (name, secs) in [("third", 2), ("second", 1)] {
            assert!(insert(&db, ada, &factor(name, secs)).await);
        }
        assert!(!insert(&db, ada, &factor("fourth", 3)).await);
        assert!(insert(&db, bob, &factor("bob's", 3)).await);
        assert_eq!(names(&db, ada).await, ["first", "second", "third"]);
        let found = factors::of_user(&mut reader(&db).await, ada).await.unwrap();
        assert_eq!(found[0], first);
        let all = at_once(async |number| {
            commit(&db, async |tx| {
                users::hold(tx, bob, 0).await?;
                let new = factor("new", i64::from(number));
                factors::insert(tx, bob, &new, None, 3).await
            })
            .await
        })
        .await;
        assert_eq!(winners(all).len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_is_used_once_and_none_before_it_afterwards() {
    on_both_stores("factors: steps", async |db| {
        let ada = user(&db, "ada").await;
        let stored = factor("app", 0);
        assert!(insert(&db, ada, &stored).await);
        let id = stored.factor.id;
        let use_step = async |number| {
            commit(&db, async |tx| factors::use_step(tx, id, step(number), NOW).await).await
        };
        assert!(!use_step(5).await, "the step it was confirmed with");
        assert!(!use_step(4).await);
        let all = at_once(async |_| use_step(7).await).await;
        assert_eq!(winners(all).len(), 1);
        assert!(!use_step(6).await);
        assert!(use_step(8).await);
        assert!(!use_step(5).await);
        // Codes of one time are at most two steps apart: the clock was set back.
        assert!(use_step(4).await && !use_step(4).await && !use_step(3).await);
        assert!(use_step(5).await);
        let found = factors::of_user(&mut reader(&db).await, ada).await.unwrap();
        assert_eq!(found[0].factor.last_used_at, Some(NOW));
        let unknown = factor("none", 0).factor.id;
        let used = commit(&db, async |tx| factors::use_step(tx, unknown, step(9), NOW).await).await;
        assert!(!used);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn factors_belong_to_their_user() {
    on_both_stores("factors: changes", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let stored = factor("app", 0);
        assert!(insert(&db, ada, &stored).await && insert(&db, bob, &factor("bob's", 0)).await);
        let id = stored.factor.id;
        let rename = async |user, name| {
            commit(&db, async |tx| factors::rename(tx, user, id, name).await).await
        };
        assert!(!rename(bob, "stolen").await && rename(ada, "Phone 🗝").await);
        assert_eq!(names(&db, ada).await, ["Phone 🗝"]);
        commit(&db, async |tx| factors::reseal(tx, id, b"again").await).await;
        let sealed = factors::all_sealed(&mut reader(&db).await).await.unwrap();
        assert_eq!(sealed.len(), 2);
        let own = sealed.iter().find(|sealed| sealed.id == id).unwrap();
        assert_eq!((own.user_id, &*own.sealed), (ada, &b"again"[..]));
        let delete = async |user| commit(&db, async |tx| factors::delete(tx, user, id).await).await;
        assert!(!delete(bob).await && delete(ada).await && !delete(ada).await);
        assert!(
            insert(&db, ada, &factor("one", 0)).await && insert(&db, ada, &factor("two", 0)).await
        );
        assert_eq!(commit(&db, async |tx| factors::delete_all(tx, ada).await).await, 2);
        assert_eq!(names(&db, bob).await, ["bob's"]);
        commit(&db, async |tx| users::delete(tx, bob).await).await;
        assert_eq!(count!(&db, "SELECT count(*) FROM factors"), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn since_when_a_second_factor_follows_is_noted_once() {
    on_both_stores("factors: since", async |db| {
        let ada = user(&db, "ada").await;
        let since = async || {
            let found = users::credential_of(&mut reader(&db).await, ada).await.unwrap().unwrap();
            (found.second_factor_since, found.has_totp, found.has_recovery_codes)
        };
        assert_eq!(since().await, (None, false, false));
        commit(&db, async |tx| factors::require_second(tx, ada, NOW).await).await;
        commit(&db, async |tx| factors::require_second(tx, ada, after(9)).await).await;
        assert!(insert(&db, ada, &factor("app", 0)).await);
        commit(&db, async |tx| recovery_codes::replace(tx, ada, &[vec![1; 32]]).await).await;
        assert_eq!(since().await, (Some(NOW), true, true));
        let found = users::credential(&mut reader(&db).await, "ada").await.unwrap().unwrap();
        assert!(found.has_totp && found.has_recovery_codes);
        commit(&db, async |tx| factors::require_no_second(tx, ada).await).await;
        assert_eq!(since().await, (None, true, true));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_is_used_up_once() {
    on_both_stores("recovery codes", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let macs: Vec<Vec<u8>> = (0..10).map(|number| vec![number; 32]).collect();
        for user in [ada, bob] {
            commit(&db, async |tx| recovery_codes::replace(tx, user, &macs).await).await;
        }
        let spend = async |mac: &[u8]| {
            commit(&db, async |tx| recovery_codes::spend(tx, ada, mac).await).await
        };
        let all = at_once(async |_| spend(&macs[0]).await).await;
        assert_eq!(winners(all).len(), 1);
        assert!(!spend(&[99; 32]).await);
        let is_unused = async |user, mac: &[u8]| {
            recovery_codes::is_unused(&mut reader(&db).await, user, mac).await.unwrap()
        };
        assert!(is_unused(ada, &[2; 32]).await && !is_unused(bob, &[99; 32]).await);
        let left = async |user| recovery_codes::left(&mut reader(&db).await, user).await.unwrap();
        assert_eq!((left(ada).await, left(bob).await), (9, 10));
        commit(&db, async |tx| recovery_codes::replace(tx, ada, &[vec![77; 32]]).await).await;
        assert!(!spend(&macs[1]).await && spend(&[77; 32]).await);
        commit(&db, async |tx| recovery_codes::delete_all(tx, bob).await).await;
        assert_eq!((left(ada).await, left(bob).await), (0, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_live_session_of_the_user_as_they_are_now_is_raised() {
    on_both_stores("factors: raised sessions", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let session = opened(&db, session(ada)).await;
        let both = Factors::password(after(-5)).with(Method::Totp, after(-3)).authentication(NOW);
        let owner = users::find(&mut reader(&db).await, ada).await.unwrap().unwrap();
        let other = users::find(&mut reader(&db).await, bob).await.unwrap().unwrap();
        let raise = async |user: &signet::domain::user::User, at| {
            commit(&db, async |tx| sessions::raise(tx, session.id, user, &both, at).await).await
        };
        assert!(!raise(&other, NOW).await);
        assert!(
            !raise(&owner, session.expires_at).await
                && !raise(&owner, session.idle_expires_at).await
        );
        let later = signet::domain::user::User { session_epoch: 1, ..owner.clone() };
        assert!(!raise(&later, NOW).await);
        assert_eq!(stored(&db, session.id).await.factors, None);
        assert!(raise(&owner, NOW).await);
        let found = stored(&db, session.id).await;
        assert_eq!((found.auth_time, found.factors), (after(-5), both.factors));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authentication_of_a_session_can_be_replaced() {
    on_both_stores("factors: of sessions", async |db| {
        let ada = user(&db, "ada").await;
        let session = opened(&db, session(ada)).await;
        let browser = begun(&db, 1, ada).await;
        let both = Factors::password(after(-5)).with(Method::Totp, after(-3)).authentication(NOW);
        let alone = Authentication { auth_time: after(-5), factors: None };
        for authentication in [both, alone] {
            commit(&db, async |tx| {
                sessions::set_authentication(tx, session.id, &authentication).await?;
                browser_sessions::set_authentication(tx, browser.id, &authentication).await
            })
            .await;
            let found = stored(&db, session.id).await;
            assert_eq!((found.auth_time, found.factors), (after(-5), authentication.factors));
            let cookie = super::hash(1);
            let found = browser_sessions::find(&mut reader(&db).await, &cookie, "", None).await;
            assert_eq!(found.unwrap().unwrap().browser.authentication(), authentication);
        }
    })
    .await;
}

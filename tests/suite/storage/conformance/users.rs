//! Users: stored values are returned, and every guard refuses without changing anything.

use serde_json::json;
use signet::base::Timestamp;
use signet::base::id::UserId;
use signet::domain::attributes::{Attributes, Subject};
use signet::domain::login_name::LoginName;
use signet::domain::pagination::PageRequest;
use signet::domain::user::{MAX_NAME, Role, User};
use signet::execute;
use signet::store::users::{self, Credential, NewUser};
use signet::store::{Db, sessions};

use super::{
    NOW, after, commit, count, is_internal, login, on_both_stores, opened, reader, session, user,
};
use super::{user_id, walk};

pub async fn insert(db: &Db, id: UserId, login: &LoginName) -> bool {
    let attributes = &Attributes::default();
    let new = NewUser { id, login, name: None, role: Role::User, attributes, password_hash: None };
    commit(db, async |tx| users::insert(tx, &new, NOW).await).await
}

/// The maximum of every value.
fn attributes() -> Attributes {
    let labels = |text: &str| (0..64).map(|n| format!("{n:0>3}{}", text.repeat(125))).collect();
    let claims = (0..4).map(|n| (format!("{n:0>64}"), json!("\u{1f512}".repeat(220)))).collect();
    let attributes = Attributes { roles: labels("\u{1f512}"), groups: labels("'"), claims };
    attributes.checked().unwrap()
}

fn admin() -> Subject {
    Subject { role: Role::Admin, attributes: Attributes::default(), email: None }
}

pub async fn credential(db: &Db, id: UserId) -> Credential {
    users::credential_of(&mut reader(db).await, id).await.unwrap().unwrap()
}

pub async fn found(db: &Db, id: UserId) -> User {
    users::find(&mut reader(db).await, id).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_comes_back_as_it_was_made() {
    on_both_stores("users: round trip", async |db| {
        let login = login("Ἀρχιμήδης@Bücher.Example");
        let name = "\u{1f512}".repeat(MAX_NAME);
        let hash = "$argon2id$".repeat(1_000);
        let id = user_id(0);
        let new = NewUser {
            id,
            login: &login,
            name: Some(&name),
            role: Role::Admin,
            attributes: &attributes(),
            password_hash: Some(&hash),
        };
        assert!(commit(&db, async |tx| users::insert(tx, &new, NOW).await).await);
        let expected = User {
            id,
            login: login.raw().to_owned(),
            name: Some(name.clone()),
            role: Role::Admin,
            attributes: attributes(),
            email: None,
            disabled_at: None,
            created_at: NOW,
            updated_at: NOW,
            session_epoch: 0,
            must_change_password: false,
        };
        let by_key = users::credential(&mut reader(&db).await, login.key()).await.unwrap().unwrap();
        for found in [by_key, credential(&db, id).await] {
            assert!(found.user == expected);
            assert_eq!(found.password_hash, Some(hash.clone()));
        }
        assert!(found(&db, id).await == expected);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_name_and_password_has_neither() {
    on_both_stores("users: nulls", async |db| {
        let (id, ada) = (user_id(0), login("ada"));
        assert!(insert(&db, id, &ada).await);
        let found = credential(&db, id).await;
        assert_eq!((found.user.name, found.password_hash), (None, None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_was_never_created_is_not_found() {
    on_both_stores("users: missing", async |db| {
        user(&db, "ada").await;
        let (link, nobody) = (&mut reader(&db).await, user_id(0));
        assert!(users::credential(link, "bob").await.unwrap().is_none());
        // The key is looked up as given: the caller normalizes it.
        assert!(users::credential(link, "ADA").await.unwrap().is_none());
        assert!(users::credential_of(link, nobody).await.unwrap().is_none());
        assert!(users::find(link, nobody).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ends_of_time_round_trip() {
    on_both_stores("users: extreme times", async |db| {
        for (name, at) in [("first", i64::MIN), ("last", i64::MAX), ("zero", 0)] {
            let (id, login, at) = (user_id(0), login(name), Timestamp::from_millis(at));
            let new = NewUser {
                id,
                login: &login,
                name: None,
                role: Role::User,
                attributes: &Attributes::default(),
                password_hash: None,
            };
            commit(&db, async |tx| users::insert(tx, &new, at).await).await;
            commit(&db, async |tx| users::disable(tx, id, at).await).await;
            let found = found(&db, id).await;
            let times = (found.created_at, found.updated_at, found.disabled_at);
            assert_eq!(times, (at, at, Some(at)));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_login_changes_nothing() {
    on_both_stores("users: taken login", async |db| {
        let first = user(&db, "Ada").await;
        let second = user_id(0);
        assert!(!insert(&db, second, &login(" ADA ")).await);
        assert!(users::find(&mut reader(&db).await, second).await.unwrap().is_none());
        assert_eq!(found(&db, first).await.login, "Ada");
        // If the refused one had been counted, the skeleton would outlive the only user it has.
        assert!(commit(&db, async |tx| users::delete(tx, first).await).await);
        assert_eq!(count!(&db, "SELECT count(*) FROM login_skeletons"), 0);
        assert!(insert(&db, second, &login("ada")).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn look_alikes_exclude_each_other_in_either_order() {
    on_both_stores("users: look-alikes", async |db| {
        let latin = login("paypal");
        let cyrillic = login("p\u{430}ypal");
        let another = login("\u{440}aypal");
        for (first, second) in [(&latin, &cyrillic), (&cyrillic, &latin), (&cyrillic, &another)] {
            let (one, two) = (user_id(0), user_id(0));
            assert!(insert(&db, one, first).await);
            assert!(!insert(&db, two, second).await);
            let link = &mut reader(&db).await;
            assert!(users::find(link, two).await.unwrap().is_none());
            assert!(users::credential(link, second.key()).await.unwrap().is_none());
            // The skeleton that refuses look-alikes is deleted with the user.
            assert!(commit(&db, async |tx| users::delete(tx, one).await).await);
            assert!(insert(&db, two, second).await);
            assert!(commit(&db, async |tx| users::delete(tx, two).await).await);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_skeleton_is_shared_by_ascii_logins_until_the_last_is_gone() {
    on_both_stores("users: shared skeleton", async |db| {
        let (arne, ame, cyrillic) = (login("arne"), login("ame"), login("\u{430}rne"));
        assert_eq!((arne.skeleton(), arne.skeleton()), (ame.skeleton(), cyrillic.skeleton()));
        let (one, two, three) = (user_id(0), user_id(0), user_id(0));
        assert!(insert(&db, one, &arne).await);
        assert!(insert(&db, two, &ame).await);
        for id in [one, two] {
            assert!(!insert(&db, three, &cyrillic).await);
            assert!(commit(&db, async |tx| users::delete(tx, id).await).await);
        }
        assert!(insert(&db, three, &cyrillic).await);
        assert!(!insert(&db, one, &arne).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_user_deletes_only_their_own_sessions() {
    on_both_stores("users: delete", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        opened(&db, session(ada)).await;
        opened(&db, session(ada)).await;
        let kept = opened(&db, session(bob)).await;
        assert!(commit(&db, async |tx| users::delete(tx, ada).await).await);
        assert!(!commit(&db, async |tx| users::delete(tx, ada).await).await, "only once");
        let link = &mut reader(&db).await;
        assert!(users::find(link, ada).await.unwrap().is_none());
        assert!(sessions::with_user(link, kept.id).await.unwrap().is_some());
        assert_eq!(count!(&db, "SELECT count(*) FROM sessions"), 1);
        assert_eq!(count!(&db, "SELECT count(*) FROM session_devices"), 1);
        assert_eq!(count!(&db, "SELECT users FROM login_skeletons"), 1, "bob's");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_paged_oldest_first() {
    on_both_stores("users: pages", async |db| {
        let page = async |request| users::page(&mut reader(&db).await, request).await;
        assert!(walk(page).await.is_empty());
        // The newest first, so that the order of writing differs from that of age.
        let mut ids: Vec<UserId> = (0..5).rev().map(user_id).collect();
        for (number, id) in ids.iter().enumerate() {
            assert!(insert(&db, *id, &login(&format!("user-{number}"))).await);
        }
        ids.reverse();
        let all: Vec<UserId> = walk(page).await.iter().map(|user| user.id).collect();
        assert_eq!(all, ids);
        let exact = page(PageRequest { after: None, limit: 5 }).await.unwrap();
        assert_eq!((exact.data.len(), exact.next), (5, None), "a full last page is the last");
        // A cursor is a position, not a row: it stays valid when its row is deleted.
        assert!(commit(&db, async |tx| users::delete(tx, ids[1]).await).await);
        let rest = page(PageRequest { after: Some(ids[1].uuid()), limit: 9 }).await.unwrap();
        assert_eq!(rest.data.iter().map(|user| user.id).collect::<Vec<_>>(), ids[2..]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn disabling_and_enabling_each_happen_once() {
    on_both_stores("users: disable", async |db| {
        let ada = user(&db, "ada").await;
        let disable = async |id, at| commit(&db, async |tx| users::disable(tx, id, at).await).await;
        let enable = async |id, at| commit(&db, async |tx| users::enable(tx, id, at).await).await;
        assert!(!enable(ada, after(1)).await, "it is enabled already");
        assert_eq!(found(&db, ada).await.updated_at, NOW);
        assert!(disable(ada, after(2)).await);
        assert!(!disable(ada, after(3)).await, "it is disabled already");
        let now = found(&db, ada).await;
        assert_eq!((now.disabled_at, now.updated_at), (Some(after(2)), after(2)));
        assert_eq!(now.session_epoch, 1);
        assert!(enable(ada, after(4)).await);
        let now = found(&db, ada).await;
        assert_eq!((now.disabled_at, now.updated_at), (None, after(4)));
        assert_eq!(now.session_epoch, 1, "what ended stays ended");
        assert!(!disable(user_id(0), NOW).await);
        assert!(!enable(user_id(0), NOW).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn name_and_role_change_and_nothing_else() {
    on_both_stores("users: update", async |db| {
        let ada = user(&db, "ada").await;
        let none = Attributes::default();
        for (secs, name, role, attributes) in
            [(1, Some("Àdà 🔑"), Role::Admin, attributes()), (2, None, Role::User, none)]
        {
            let at = after(secs);
            let subject = Subject { role, attributes, email: None };
            let done = commit(&db, async |tx| users::update(tx, ada, name, &subject, at).await);
            assert!(done.await);
            let now = credential(&db, ada).await;
            assert_eq!((now.user.name.as_deref(), now.user.subject()), (name, subject));
            assert_eq!((now.user.updated_at, now.user.created_at), (at, NOW));
            assert_eq!((now.user.session_epoch, &*now.user.login), (0, "ada"));
            assert_eq!(now.password_hash.as_deref(), Some("hash"));
        }
        let update = async |tx: &mut _| users::update(tx, user_id(0), None, &admin(), NOW).await;
        assert!(!commit(&db, update).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_password_change_is_stored_and_ends_nothing() {
    on_both_stores("users: required password change", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        assert!(!found(&db, ada).await.must_change_password);
        for (secs, must) in [(1, true), (2, false), (3, true)] {
            let at = after(secs);
            let require =
                async |tx: &mut _| users::require_password_change(tx, ada, must, at).await;
            assert!(commit(&db, require).await);
            let now = credential(&db, ada).await;
            assert_eq!((now.user.must_change_password, now.user.updated_at), (must, at));
            assert_eq!((now.user.session_epoch, now.second_factor_since), (0, None));
        }
        assert!(!found(&db, bob).await.must_change_password);
        let page = users::page(&mut reader(&db).await, PageRequest { after: None, limit: 9 })
            .await
            .unwrap();
        let listed: Vec<bool> = page.data.iter().map(|user| user.must_change_password).collect();
        assert_eq!(listed.iter().filter(|must| **must).count(), 1);
        let none =
            async |tx: &mut _| users::require_password_change(tx, user_id(0), true, NOW).await;
        assert!(!commit(&db, none).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_enabled_administrators_besides_oneself_are_counted() {
    on_both_stores("users: administrators", async |db| {
        let others =
            async |id| users::other_administrators(&mut reader(&db).await, id).await.unwrap();
        let (one, two, three) =
            (user(&db, "one").await, user(&db, "two").await, user(&db, "three").await);
        assert_eq!(others(one).await, 0);
        for id in [one, two] {
            commit(&db, async |tx| users::update(tx, id, None, &admin(), NOW).await).await;
        }
        assert_eq!((others(one).await, others(two).await, others(three).await), (1, 1, 2));
        commit(&db, async |tx| users::disable(tx, two, NOW).await).await;
        assert_eq!((others(one).await, others(two).await, others(three).await), (0, 1, 1));
    })
    .await;
}

/// The values of a row from before there were attributes.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_an_earlier_schema_has_no_attributes() {
    on_both_stores("users: earlier rows", async |db| {
        let id = user_id(0);
        commit(&db, async |tx| {
            execute!(
                tx,
                "INSERT INTO users (id, login, login_key, login_skeleton, role, session_epoch, \
                 created_at, updated_at) VALUES ($1, $2, $2, $2, 'user', 0, $3, $3)",
                id,
                "ada",
                NOW
            )
        })
        .await;
        assert_eq!(found(&db, id).await.attributes, Attributes::default());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn renaming_leaves_everything_else() {
    on_both_stores("users: rename", async |db| {
        let ada = user(&db, "ada").await;
        let subject = Subject { role: Role::Admin, attributes: attributes(), email: None };
        commit(&db, async |tx| users::update(tx, ada, None, &subject, after(1)).await).await;
        for (secs, name) in [(2, Some("Ada")), (3, None)] {
            let at = after(secs);
            assert!(commit(&db, async |tx| users::rename(tx, ada, name, at).await).await);
            let now = found(&db, ada).await;
            assert_eq!((now.name.as_deref(), now.updated_at), (name, at));
            assert_eq!((now.subject(), now.session_epoch), (subject.clone(), 0));
        }
        assert!(!commit(&db, async |tx| users::rename(tx, user_id(0), None, NOW).await).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_that_cannot_be_read_are_a_fault() {
    on_both_stores("users: broken attributes", async |db| {
        let ada = user(&db, "ada").await;
        commit(&db, async |tx| execute!(tx, "UPDATE users SET groups = 'staff'")).await;
        let found = users::find(&mut reader(&db).await, ada).await;
        assert!(found.is_err_and(|fault| is_internal(&fault)));
    })
    .await;
}

//! Mailed codes: one for each purpose and subject, counted before it is compared, used up once.

use signet::base::TimeSpan;
use signet::base::id::UserId;
use signet::domain::mailed_code::{CodePurpose, TRIES};
use signet::domain::user_email::NewEmail;
use signet::store::email_owners::{self, EnabledOwner};
use signet::store::mailed_codes::{self, CodeName, CodeOwner, NewCode};
use signet::store::{Db, login_limits, users};

use super::{
    NOW, after, at_once, commit, count, hash, on_both_stores, reader, user, user_id, winners,
};

const FLOW: u8 = 200;

/// Writes a code of `purpose` whose link, subject and MAC follow from `number`.
async fn put(db: &Db, purpose: CodePurpose, number: u8, owner: Option<CodeOwner>) {
    put_as(db, purpose, (b"subject", number), owner).await;
}

async fn put_as(
    db: &Db,
    purpose: CodePurpose,
    (subject, number): (&[u8], u8),
    owner: Option<CodeOwner>,
) {
    let (link_hash, flow, mac) = (hash(number), hash(FLOW), [number; 32]);
    let new = NewCode {
        purpose,
        subject,
        link_hash: &link_hash,
        code: Some((&mac, &flow)),
        sealed: b"sealed",
        owner,
        expires_at: NOW + purpose.life(),
    };
    commit(db, async |tx| mailed_codes::put(tx, &new, NOW).await).await;
}

fn of(user: UserId) -> Option<CodeOwner> {
    Some(CodeOwner { user, epoch: Some(0) })
}

/// The first byte of the MAC with which an attempt is compared.
async fn count_at(db: &Db, flow: u8, at: i64) -> Option<u8> {
    let flow_hash = hash(flow);
    let name =
        CodeName { purpose: CodePurpose::Recover, subject: b"subject", flow_hash: &flow_hash };
    let counted = commit(db, async |tx| mailed_codes::count_try(tx, name, after(at)).await).await;
    counted.map(|(_, mac)| mac[0])
}

async fn found(db: &Db, number: u8) -> Option<Option<CodeOwner>> {
    let link = &mut reader(db).await;
    mailed_codes::by_link(link, &hash(number)).await.unwrap().map(|code| code.owner)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_counted_in_its_flow_up_to_five_times_and_within_its_life() {
    on_both_stores("mailed codes: tries", async |db| {
        let ada = user(&db, "ada").await;
        put(&db, CodePurpose::Recover, 1, of(ada)).await;
        assert_eq!(count_at(&db, 7, 0).await, None, "another flow");
        assert_eq!(count_at(&db, FLOW, 600).await, None, "expired");
        // Written by a clock that has been set back since.
        assert_eq!(count_at(&db, FLOW, -11).await, None);
        assert_eq!(count_at(&db, FLOW, 599).await, Some(1));
        let tries = at_once(async |_| count_at(&db, FLOW, 0).await).await;
        assert_eq!(winners(tries.iter().map(Option::is_some)).len() as i64, TRIES - 1);
        // A newer one replaces it, with its own attempts.
        put(&db, CodePurpose::Recover, 2, of(ada)).await;
        assert_eq!(count_at(&db, FLOW, 0).await, Some(2));
        assert!(found(&db, 1).await.is_none() && found(&db, 2).await.is_some());
        assert_eq!(count!(&db, "SELECT count(*) FROM mailed_codes"), 1);
        // A link alone has no code to try.
        let link_hash = hash(3);
        let link = NewCode {
            purpose: CodePurpose::Recover,
            subject: b"subject",
            link_hash: &link_hash,
            code: None,
            sealed: b"",
            owner: of(ada),
            expires_at: after(600),
        };
        commit(&db, async |tx| mailed_codes::put(tx, &link, NOW).await).await;
        assert_eq!(count_at(&db, FLOW, 0).await, None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_without_an_owner_redeems_nothing_until_it_is_sent() {
    on_both_stores("mailed codes: sent", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        put(&db, CodePurpose::Recover, 1, None).await;
        assert!(found(&db, 1).await.is_none());
        assert_eq!(count_at(&db, FLOW, 0).await, Some(1), "it is counted like any other");
        let send = async |user, epoch, at| {
            let link = hash(1);
            let work = async |tx: &mut _| {
                mailed_codes::send_to(tx, link.digest(), (user, epoch), after(at)).await
            };
            commit(&db, work).await
        };
        assert!(!send(ada, 0, 600).await, "expired");
        assert!(send(ada, 0, 1).await);
        assert_eq!(found(&db, 1).await, Some(of(ada)));
        assert!(send(ada, 0, 2).await, "the same mail once more");
        assert!(!send(bob, 0, 2).await && !send(ada, 1, 2).await);
        assert_eq!(count!(&db, "SELECT sent_at FROM mailed_codes"), after(1).millis());
        let is_live = async |number: u8| {
            let link = hash(number);
            mailed_codes::is_live(&mut reader(&db).await, link.digest()).await.unwrap()
        };
        assert!(is_live(1).await && !is_live(2).await);
        commit(&db, async |tx| users::raise_epoch(tx, ada, NOW).await).await;
        assert!(!is_live(1).await && found(&db, 1).await.is_none(), "the epoch is over");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_without_a_user_redeems_something_once_it_is_sent() {
    on_both_stores("mailed codes: sent to a new user", async |db| {
        let ada = user(&db, "ada").await;
        put(&db, CodePurpose::Signup, 1, None).await;
        let send = async |number: u8, at| {
            let link = hash(number);
            let work = async |tx: &mut _| mailed_codes::send(tx, link.digest(), after(at)).await;
            commit(&db, work).await
        };
        assert!(!send(1, 600).await, "expired");
        assert!(!send(2, 1).await, "there is none");
        assert!(found(&db, 1).await.is_none());
        assert!(send(1, 1).await);
        assert_eq!(found(&db, 1).await, Some(None));
        assert!(send(1, 2).await, "the same mail once more");
        assert_eq!(count!(&db, "SELECT sent_at FROM mailed_codes"), after(1).millis());
        put(&db, CodePurpose::Recover, 3, of(ada)).await;
        assert!(!send(3, 1).await, "it is a user's");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_used_up_once_and_ends_with_its_user() {
    on_both_stores("mailed codes: consumed", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        put(&db, CodePurpose::Recover, 1, of(ada)).await;
        let consumed = at_once(async |_| {
            commit(&db, async |tx| mailed_codes::consume(tx, &hash(1)).await).await
        });
        assert_eq!(winners(consumed.await).len(), 1);
        assert!(!commit(&db, async |tx| mailed_codes::discard(tx, hash(1).digest()).await).await);

        put(&db, CodePurpose::Recover, 2, of(ada)).await;
        put(&db, CodePurpose::Change, 3, of(ada)).await;
        // Stays valid across epochs.
        put(&db, CodePurpose::Undo, 4, Some(CodeOwner { user: ada, epoch: None })).await;
        put(&db, CodePurpose::Verify, 5, of(bob)).await;
        let of_subject = async |purpose, subject: &[u8]| {
            let found = mailed_codes::of_subject(&mut reader(&db).await, purpose, subject).await;
            found.unwrap().map(|code| code.link_hash)
        };
        assert!(of_subject(CodePurpose::Change, b"subject").await == Some(hash(3)));
        assert!(of_subject(CodePurpose::Change, b"other").await.is_none());
        let voided = commit(&db, async |tx| mailed_codes::void_of_user(tx, ada).await).await;
        assert_eq!(voided, 2);
        commit(&db, async |tx| users::raise_epoch(tx, ada, NOW).await).await;
        assert!(found(&db, 4).await.is_some() && found(&db, 5).await.is_some());
        commit(&db, async |tx| users::delete(tx, ada).await).await;
        assert_eq!(count!(&db, "SELECT count(*) FROM mailed_codes"), 1, "bob's is left");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_resealed_and_removed_when_they_are_old() {
    on_both_stores("mailed codes: housekeeping", async |db| {
        let ada = user(&db, "ada").await;
        for number in [1, 2, 3] {
            put_as(&db, CodePurpose::Recover, (&[number], number), of(ada)).await;
        }
        let all = mailed_codes::sealed(&mut reader(&db).await).await.unwrap();
        let expected = [1, 2, 3].map(|n| ("recover".to_owned(), vec![n; 32], b"sealed".to_vec()));
        assert_eq!(all, expected);
        commit(&db, async |tx| mailed_codes::reseal(tx, &[2; 32], b"again").await).await;
        let all = mailed_codes::sealed(&mut reader(&db).await).await.unwrap();
        assert_eq!((&*all[0].2, &*all[1].2), (&b"sealed"[..], &b"again"[..]));
        let end = NOW + CodePurpose::Recover.life();
        let remove = async |before| {
            let before = [before, before - TimeSpan::from_days(30)];
            let work = async |tx: &mut _| mailed_codes::remove_expired(tx, before, 2).await;
            commit(&db, work).await
        };
        assert_eq!(remove(end).await, 0, "it ends at the very moment, not before it");
        let later = end + TimeSpan::from_millis(1);
        assert_eq!((remove(later).await, remove(later).await, remove(later).await), (2, 1, 0));
        // Links that are valid for days are kept longer.
        for (number, purpose) in [(4, CodePurpose::Invite), (5, CodePurpose::Undo)] {
            put_as(&db, purpose, (&[number], number), of(ada)).await;
        }
        let end = NOW + CodePurpose::Invite.life() + TimeSpan::from_millis(1);
        assert_eq!(remove(end).await, 0);
        assert_eq!(remove(end + TimeSpan::from_days(30)).await, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_enabled_owner_of_an_address_is_found_by_its_key() {
    on_both_stores("addresses: enabled owner", async |db| {
        let ada = user(&db, "ada").await;
        let key = "ada@example.com";
        let email =
            NewEmail { verified_at: Some(NOW), ..NewEmail::parse("Ada@Example.com").unwrap() };
        let owner =
            async || email_owners::enabled_owner(&mut reader(&db).await, key).await.unwrap();
        let stored =
            async || email_owners::stored_address(&mut reader(&db).await, key).await.unwrap();
        let login =
            async || email_owners::login_key_of_owner(&mut reader(&db).await, key).await.unwrap();
        commit(&db, async |tx| email_owners::set_email(tx, ada, Some(&email), NOW).await).await;
        assert_eq!((owner().await, login().await), (None, None), "it is not verified");
        assert_eq!(stored().await, None);
        assert!(commit(&db, async |tx| email_owners::own(tx, ada, key).await).await);
        let expected = EnabledOwner { user: ada, epoch: 0, address: "Ada@Example.com".to_owned() };
        assert_eq!(owner().await, Some(expected));
        assert_eq!(login().await.as_deref(), Some("ada"));
        commit(&db, async |tx| users::disable(tx, ada, NOW).await).await;
        assert_eq!(owner().await, None);
        assert_eq!(stored().await.as_deref(), Some("Ada@Example.com"), "disabled or not");
        assert_eq!(login().await.as_deref(), Some("ada"));
        assert!(!commit(&db, async |tx| users::disable(tx, user_id(0), NOW).await).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counters_of_an_account_are_cleared_together() {
    on_both_stores("limits: of an account", async |db| {
        let limit = signet::domain::rate_limit::RECOVERY_CODES;
        for (pseudonym, account) in [(b"a", Some(&b"ada"[..])), (b"b", Some(b"ada")), (b"c", None)]
        {
            let counter = login_limits::Counter { pseudonym, account };
            let counted =
                async |tx: &mut _| login_limits::count_try_of(tx, counter, limit, NOW).await;
            assert_eq!(commit(&db, counted).await, Ok(()));
        }
        let clear =
            async || commit(&db, async |tx| login_limits::clear_account(tx, b"ada").await).await;
        assert_eq!((clear().await, clear().await), (2, 0));
        assert_eq!(count!(&db, "SELECT count(*) FROM login_limits"), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_void_by_purpose_and_subject_or_all_of_a_user() {
    on_both_stores("mailed codes: void", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        put(&db, CodePurpose::Verify, 1, of(ada)).await;
        put(&db, CodePurpose::Change, 2, of(ada)).await;
        let void = async |purpose| {
            commit(&db, async |tx| mailed_codes::void(tx, purpose, b"subject").await).await
        };
        assert!(void(CodePurpose::Verify).await && !void(CodePurpose::Verify).await);
        assert!(found(&db, 1).await.is_none() && found(&db, 2).await.is_some());
        let outliving = Some(CodeOwner { user: ada, epoch: None });
        put(&db, CodePurpose::Undo, 3, outliving).await;
        put(&db, CodePurpose::Recover, 4, of(bob)).await;
        commit(&db, async |tx| mailed_codes::void_all_of_user(tx, ada).await).await;
        assert!(found(&db, 2).await.is_none() && found(&db, 3).await.is_none());
        assert!(found(&db, 4).await.is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_an_older_address_voids_the_newer_ones_and_not_the_other_way_round() {
    on_both_stores("mailed codes: undo", async |db| {
        let (ada, bob) = (user(&db, "ada").await, user(&db, "bob").await);
        let outliving = |user| Some(CodeOwner { user, epoch: None });
        let put_at = async |subject: &[u8], number: u8, user, at| {
            let link_hash = hash(number);
            let link = NewCode {
                purpose: CodePurpose::Undo,
                subject,
                link_hash: &link_hash,
                code: None,
                sealed: b"",
                owner: outliving(user),
                expires_at: after(at),
            };
            commit(&db, async |tx| mailed_codes::put(tx, &link, NOW).await).await;
        };
        let undo = async |user, number| {
            let link = hash(number);
            commit(&db, async |tx| mailed_codes::undo_from(tx, user, &link).await).await
        };
        put_at(b"first", 1, ada, 10).await;
        put_at(b"second", 2, ada, 20).await;
        put_at(b"third", 3, ada, 30).await;
        put_at(b"other", 4, bob, 30).await;
        assert!(!undo(bob, 1).await, "of another user");
        assert!(undo(ada, 2).await && !undo(ada, 2).await);
        let left: Vec<u8> = {
            let mut left = Vec::new();
            for number in 1..=4 {
                if found(&db, number).await.is_some() {
                    left.push(number);
                }
            }
            left
        };
        assert_eq!(left, [1, 4]);
        put_at(b"third", 3, ada, 30).await;
        let tries = at_once(async |_| undo(ada, 1).await).await;
        assert_eq!(winners(tries.into_iter()).len(), 1);
        assert!(found(&db, 3).await.is_none() && found(&db, 4).await.is_some());
    })
    .await;
}

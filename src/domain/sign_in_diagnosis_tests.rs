//! Tests of every cause, and of facts that are not causes.

use super::*;
use crate::base::TimeSpan;

fn account() -> AccountFacts {
    AccountFacts {
        login: "ada".to_owned(),
        disabled_at: None,
        password: StoredPassword::Hash("argon2id".to_owned()),
        must_change_password: false,
        lacks_second_factor: false,
        last_success: None,
        last_address: None,
    }
}

fn failure(reason: &str, at: i64) -> FailedAttempts {
    FailedAttempts {
        last_at: Timestamp::from_secs(at),
        kind: "login.failed".to_owned(),
        reason: Some(reason.to_owned()),
        detail: None,
        address: Some("192.0.2.7".to_owned()),
        times: 3,
    }
}

fn lock(guarded: Guarded, from: CountedFrom, tries: i64) -> Lock {
    let until = Timestamp::from_secs(2_000);
    Lock { guarded, from, tries, limit: 20, until }
}

fn causes(account: &AccountFacts, observed: &Observed) -> Vec<Cause> {
    let found = diagnose(account, observed, Timestamp::from_secs(1_000));
    found.into_iter().map(|finding| finding.cause).collect()
}

#[test]
fn an_account_that_signs_in_has_no_finding() {
    assert_eq!(causes(&account(), &Observed::default()), []);
    // Failures before the last success, and counters below their limit, are not causes.
    let signed_in = AccountFacts { last_success: Some(Timestamp::from_secs(900)), ..account() };
    let network = CountedFrom::Network("192.0.2.7".parse().ok());
    let observed = Observed {
        locks: vec![lock(Guarded::Password, network, 19)],
        failures: vec![failure("wrong_password", 800), failure("factor_failed", 900)],
        shed: 0,
        limited: Vec::new(),
    };
    assert_eq!(causes(&signed_in, &observed), []);
}

#[test]
fn each_state_of_an_account_is_its_own_cause() {
    let at = Some(Timestamp::from_secs(5));
    let none = Observed::default();
    for (account, cause) in [
        (AccountFacts { disabled_at: at, ..account() }, Cause::Disabled),
        (AccountFacts { password: StoredPassword::None, ..account() }, Cause::NoPassword),
        (AccountFacts { password: StoredPassword::Unreadable, ..account() }, Cause::HashUnreadable),
        (AccountFacts { must_change_password: true, ..account() }, Cause::PasswordChangeRequired),
        (AccountFacts { lacks_second_factor: true, ..account() }, Cause::EnrolmentRequired),
    ] {
        assert_eq!(causes(&account, &none), [cause]);
    }
}

#[test]
fn each_observation_is_its_own_cause_and_says_what_to_type() {
    let network = CountedFrom::Network("192.0.2.7".parse().ok());
    let observed = |locks, failures, shed| Observed { locks, failures, shed, limited: Vec::new() };
    for (observed, cause, fix) in [
        (
            observed(vec![lock(Guarded::Password, network, 20)], vec![], 0),
            Cause::LockedFromNetwork,
            "signet user unlock ada --network 192.0.2.7",
        ),
        (
            observed(vec![lock(Guarded::Password, CountedFrom::Strangers, 20)], vec![], 0),
            Cause::LockedFromStrangers,
            "signet user unlock ada",
        ),
        (
            observed(vec![lock(Guarded::SecondFactor, network, 20)], vec![], 0),
            Cause::SecondFactorLocked,
            "signet user unlock ada --network 192.0.2.7",
        ),
        (
            observed(vec![], vec![failure("address", 950)], 0),
            Cause::AddressLimited,
            "signet user unlock ada --network 192.0.2.7",
        ),
        (
            observed(vec![], vec![failure("wrong_password", 950)], 0),
            Cause::WrongPassword,
            "signet user recover ada",
        ),
        (
            observed(vec![], vec![failure("factor_failed", 950)], 0),
            Cause::SecondFactorFailed,
            "signet user reset-factors ada",
        ),
        (observed(vec![], vec![], 4), Cause::Overloaded, "signet audit list --kind login.shed"),
    ] {
        let found = diagnose(&account(), &observed, Timestamp::from_secs(1_000));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].cause, found[0].fix.as_deref()), (cause, Some(fix)));
    }
    let later = Timestamp::from_secs(950) + TimeSpan::from_mins(3);
    let over = observed(vec![], vec![failure("address", 950)], 0);
    assert_eq!(diagnose(&account(), &over, later), [], "the bucket of the address is full again");
}

#[test]
fn an_unknown_login_is_explained_by_what_is_near_it() {
    let unknown = UnknownFacts {
        former: Some("ada2".to_owned()),
        unverified: Some("bob".to_owned()),
        nearest: vec!["adam".to_owned()],
    };
    let observed = Observed { failures: vec![failure("no_such_user", 5)], ..Observed::default() };
    let found = diagnose_unknown(&unknown, &observed, Timestamp::from_secs(1_000));
    let causes: Vec<_> = found.iter().map(|finding| finding.cause).collect();
    assert_eq!(causes, [Cause::NoSuchUser, Cause::FormerLogin, Cause::UnverifiedAddress]);
    assert!(found[0].message.contains("tried 3 times"), "{}", found[0].message);
    assert_eq!(found[0].fix.as_deref(), Some("signet user why adam"));
}

#[test]
fn an_address_that_is_refused_for_others_is_a_cause_where_the_account_was_used_from_it() {
    let limited = vec!["192.0.2.7".parse().unwrap()];
    let observed = Observed { limited, ..Observed::default() };
    assert_eq!(causes(&account(), &observed), [], "whether the user is there is not known");
    let last_address = "192.0.2.7".parse().ok();
    let used = AccountFacts { last_address, ..account() };
    assert_eq!(causes(&used, &observed), [Cause::AddressLimited]);
    let found = diagnose(&used, &observed, Timestamp::from_secs(1_000)).remove(0);
    assert_eq!(found.fix.unwrap(), "signet user unlock ada --network 192.0.2.7");
}

#[test]
fn an_unknown_login_has_no_command_that_unlocks_it() {
    let failure = FailedAttempts { address: None, ..failure("address", 999) };
    let observed = Observed { failures: vec![failure], ..Observed::default() };
    let found = diagnose_unknown(&UnknownFacts::default(), &observed, Timestamp::from_secs(1_000));
    let limited = found.iter().find(|finding| finding.cause == Cause::AddressLimited).unwrap();
    assert!(limited.message.starts_with("An address has failed"), "{}", limited.message);
    assert_eq!(limited.fix, None);
}

//! Tests of the rule: tables of accounts and requests, and that every authentication terminates.

use proptest::prelude::*;
use serde_json::json;

use super::*;

use AssuranceLevel::{Multi, PhishingResistant, Single};
use Method::{MailedCode, Passkey, Password, RecoveryCode, Totp};

const NOW: Timestamp = Timestamp::from_secs(10_000);

fn ago(secs: i64) -> Timestamp {
    Timestamp::from_secs(NOW.secs() - secs)
}

/// These methods, completed a moment ago.
fn completed(methods: &[Method]) -> Factors {
    methods.iter().fold(Factors::default(), |all, method| all.with(*method, ago(1)))
}

fn step(
    purpose: Purpose,
    methods: &[Method],
    account: AccountState,
    requirements: Requirements,
) -> AuthnStep {
    let attempt = Attempt { purpose, epoch: 0, factors: completed(methods) };
    next_step(&attempt, &account, &requirements, NOW)
}

fn plain() -> AccountState {
    AccountState::default()
}

fn with_totp() -> AccountState {
    AccountState {
        second_factor_since: Some(ago(5_000)),
        has_totp: true,
        has_recovery_codes: true,
        ..plain()
    }
}

fn with_passkey() -> AccountState {
    AccountState { has_passkey: true, ..plain() }
}

fn demanding(least: AssuranceLevel, is_essential: bool) -> Requirements {
    let required = if is_essential { least } else { Single };
    Requirements { wished: least, required, ..Requirements::BASIC }
}

fn required(from: Timestamp) -> Requirements {
    Requirements { policy: SecondFactorPolicy::Required { from }, ..Requirements::BASIC }
}

fn authenticate(methods: &[Method]) -> AuthnStep {
    AuthnStep::Authenticate(methods.to_vec())
}

fn done(methods: &[Method]) -> AuthnStep {
    AuthnStep::Done(completed(methods))
}

#[test]
fn a_sign_in_asks_for_what_the_account_and_the_request_want() {
    let essential = Requirements { required: Multi, ..required(ago(-1)) };
    for (what, methods, account, requirements, wanted) in [
        ("nothing yet", &[][..], plain(), Requirements::BASIC, authenticate(&[Password])),
        (
            "nothing yet",
            &[],
            with_passkey(),
            Requirements::BASIC,
            authenticate(&[Password, Passkey]),
        ),
        ("password", &[Password], plain(), Requirements::BASIC, done(&[Password])),
        (
            "password, then TOTP",
            &[Password],
            with_totp(),
            Requirements::BASIC,
            authenticate(&[Totp, RecoveryCode]),
        ),
        ("both", &[Password, Totp], with_totp(), Requirements::BASIC, done(&[Password, Totp])),
        (
            "recovery code",
            &[Password, RecoveryCode],
            with_totp(),
            Requirements::BASIC,
            done(&[Password, RecoveryCode]),
        ),
        ("TOTP alone", &[Totp], with_totp(), Requirements::BASIC, authenticate(&[Password])),
        (
            "a mailbox is no first factor",
            &[MailedCode],
            plain(),
            Requirements::BASIC,
            authenticate(&[Password]),
        ),
        ("passkey", &[Passkey], with_passkey(), Requirements::BASIC, done(&[Passkey])),
        (
            "a passkey is asked for by choice",
            &[Password],
            with_passkey(),
            Requirements::BASIC,
            done(&[Password]),
        ),
        (
            "wished for",
            &[Password],
            with_passkey(),
            demanding(PhishingResistant, false),
            authenticate(&[Passkey]),
        ),
        ("out of reach", &[Password], plain(), demanding(Multi, false), done(&[Password])),
        (
            "out of reach and essential",
            &[Password],
            plain(),
            demanding(Multi, true),
            AuthnStep::Refuse(Refused::UnmetRequirements),
        ),
        (
            "as far as it goes",
            &[Password],
            with_totp(),
            demanding(PhishingResistant, false),
            authenticate(&[Totp, RecoveryCode]),
        ),
        (
            "as far as it goes",
            &[Password, Totp],
            with_totp(),
            demanding(PhishingResistant, false),
            done(&[Password, Totp]),
        ),
        (
            "not far enough",
            &[Password, Totp],
            with_totp(),
            demanding(PhishingResistant, true),
            AuthnStep::Refuse(Refused::UnmetRequirements),
        ),
        (
            "before the date",
            &[Password],
            plain(),
            required(ago(-1)),
            AuthnStep::Enrol { may_skip: true },
        ),
        (
            "from the date on",
            &[Password],
            plain(),
            required(NOW),
            AuthnStep::Enrol { may_skip: false },
        ),
        ("essential", &[Password], plain(), essential, AuthnStep::Enrol { may_skip: false }),
        (
            "a thief of the password does not enrol",
            &[Password],
            AccountState { has_verified_email: true, ..plain() },
            required(ago(1)),
            authenticate(&[MailedCode]),
        ),
        (
            "unless it can be put off",
            &[Password],
            AccountState { has_verified_email: true, ..plain() },
            required(ago(-1)),
            AuthnStep::Enrol { may_skip: true },
        ),
        (
            "the owner does",
            &[Password, MailedCode],
            AccountState { has_verified_email: true, ..plain() },
            required(ago(1)),
            AuthnStep::Enrol { may_skip: false },
        ),
        ("policy met", &[Passkey], with_passkey(), required(ago(1)), done(&[Passkey])),
        (
            "the second factor comes before the new password",
            &[Password],
            AccountState { must_change_password: true, ..with_totp() },
            Requirements::BASIC,
            authenticate(&[Totp, RecoveryCode]),
        ),
        (
            "a new password comes last",
            &[Password, Totp],
            AccountState { must_change_password: true, ..with_totp() },
            Requirements::BASIC,
            AuthnStep::ChangePassword,
        ),
    ] {
        assert_eq!(step(Purpose::SignIn, methods, account, requirements), wanted, "{what}");
    }
}

#[test]
fn a_recovery_begins_with_the_mailbox_and_skips_no_second_factor() {
    let recover =
        |methods: &[Method], account| step(Purpose::Recover, methods, account, Requirements::BASIC);
    assert_eq!(recover(&[], plain()), authenticate(&[MailedCode]));
    assert_eq!(recover(&[Totp], with_totp()), authenticate(&[MailedCode]));
    assert_eq!(recover(&[MailedCode], plain()), AuthnStep::ChangePassword);
    assert_eq!(recover(&[MailedCode], with_totp()), authenticate(&[Totp, RecoveryCode]));
    assert_eq!(recover(&[MailedCode, Totp], with_totp()), AuthnStep::ChangePassword);
    // A user who cannot enrol now does so at the next sign-in.
    let policy = step(Purpose::Recover, &[MailedCode], plain(), required(ago(1)));
    assert_eq!(policy, AuthnStep::ChangePassword);
}

#[test]
fn old_factors_do_not_count() {
    let at = |secs| Factors::password(ago(secs));
    let next = |purpose, factors, requirements| {
        next_step(&Attempt { purpose, epoch: 0, factors }, &plain(), &requirements, NOW)
    };
    let basic = Requirements::BASIC;
    assert_eq!(next(Purpose::SignIn, at(599), basic), AuthnStep::Done(at(599)));
    assert_eq!(next(Purpose::SignIn, at(600), basic), authenticate(&[Password]));
    assert_eq!(next(Purpose::StepUp, at(9_000), basic), AuthnStep::Done(at(9_000)));
    let young = Requirements { max_age: Some(TimeSpan::from_secs(60)), ..basic };
    assert_eq!(next(Purpose::StepUp, at(60), young), AuthnStep::Done(at(60)));
    assert_eq!(next(Purpose::StepUp, at(61), young), authenticate(&[Password]));
    let since = Requirements { since: Some(ago(5)), ..basic };
    assert_eq!(next(Purpose::StepUp, at(5), since), AuthnStep::Done(at(5)));
    assert_eq!(next(Purpose::StepUp, at(6), since), authenticate(&[Password]));
}

/// A thief with a stolen session cannot enrol their own factor.
#[test]
fn a_step_up_enrols_only_after_the_password_or_a_mailed_code() {
    let of = |account, factors, requirements| {
        let attempt = Attempt { purpose: Purpose::StepUp, epoch: 0, factors };
        next_step(&attempt, &account, &requirements, NOW)
    };
    let next = |secs, requirements| of(plain(), Factors::password(ago(secs)), requirements);
    let essential = Requirements { required: Multi, ..required(ago(-1)) };
    for requirements in [required(ago(1)), essential] {
        assert_eq!(next(599, requirements), AuthnStep::Enrol { may_skip: false });
        for secs in [600, 9_000, -11] {
            assert_eq!(next(secs, requirements), authenticate(&[Password]));
        }
    }
    let verified = AccountState { has_verified_email: true, ..plain() };
    let old = Factors::password(ago(9_000));
    assert_eq!(of(verified, old, required(ago(1))), authenticate(&[MailedCode]));
    let mailed = old.with(MailedCode, ago(1));
    assert_eq!(of(verified, mailed, required(ago(1))), AuthnStep::Enrol { may_skip: false });
    // A postponable enrolment waits for the next sign-in.
    assert_eq!(of(verified, old, required(ago(-1))), AuthnStep::Done(old));
    assert_eq!(next(599, required(ago(-1))), AuthnStep::Enrol { may_skip: true });
    assert_eq!(next(600, required(ago(-1))), AuthnStep::Done(Factors::password(ago(600))));
}

#[test]
fn an_account_that_changed_since_the_first_factor_is_refused() {
    let refused = AuthnStep::Refuse(Refused::AccountChanged);
    let later = UserState { session_epoch: 1, disabled_at: None };
    let disabled = UserState { session_epoch: 0, disabled_at: Some(ago(1)) };
    for account in
        [AccountState { user: later, ..plain() }, AccountState { user: disabled, ..plain() }]
    {
        for purpose in [Purpose::SignIn, Purpose::StepUp, Purpose::Recover] {
            let all = [Password, Totp, MailedCode];
            assert_eq!(step(purpose, &all, account, Requirements::BASIC), refused);
        }
    }
}

#[test]
fn claims_follow_from_the_factors() {
    for (methods, level, amr) in [
        (&[Password][..], Single, &["pwd"][..]),
        (&[Password, Totp], Multi, &["pwd", "otp", "mfa"]),
        (&[Password, RecoveryCode], Multi, &["pwd", "otp", "mfa"]),
        (&[Password, MailedCode], Single, &["pwd"]),
        (&[MailedCode], Single, &["otp"]),
        (&[MailedCode, Totp], Multi, &["otp", "mfa"]),
        (&[Passkey], PhishingResistant, &["pop", "user", "mfa"]),
        (&[Password, Passkey], PhishingResistant, &["pwd", "pop", "user", "mfa"]),
    ] {
        let factors = completed(methods);
        assert_eq!(factors.level(), Some(level), "{methods:?}");
        assert_eq!(json!(factors.amr()), json!(amr), "{methods:?}");
    }
    assert_eq!(Factors::default().level(), None);
}

#[test]
fn a_fresh_second_factor_does_not_make_an_old_password_fresh() {
    let both = Factors::password(ago(300)).with(Totp, ago(2));
    assert_eq!(both.auth_time(), Some(ago(300)));
    assert_eq!(both.with(Passkey, ago(1)).auth_time(), Some(ago(1)));
    assert_eq!(Factors::password(ago(7)).auth_time(), Some(ago(7)));
}

#[test]
fn factors_are_stored_as_a_list() {
    let both = Factors::password(Timestamp::from_millis(1)).with(Totp, Timestamp::from_millis(2));
    let text = json!([{"m": "password", "at": 1}, {"m": "totp", "at": 2}]);
    assert_eq!(json!(both), text);
    assert_eq!(serde_json::from_value::<Factors>(text).unwrap(), both);
    assert!(serde_json::from_value::<Factors>(json!([{"m": "word", "at": 1}])).is_err());
}

fn any_account() -> impl Strategy<Value = AccountState> {
    (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<[bool; 2]>()).prop_map(
        |(must_change_password, since, has_totp, has_passkey, [codes, email])| AccountState {
            must_change_password,
            second_factor_since: since.then_some(ago(5_000)),
            has_totp,
            has_passkey,
            has_recovery_codes: codes,
            has_verified_email: email,
            ..plain()
        },
    )
}

fn any_requirements() -> impl Strategy<Value = Requirements> {
    (0..3_usize, any::<bool>(), any::<bool>(), -10..10_i64).prop_map(
        |(least, is_essential, required, from)| Requirements {
            policy: if required {
                SecondFactorPolicy::Required { from: ago(from) }
            } else {
                SecondFactorPolicy::IfEnrolled
            },
            ..demanding(AssuranceLevel::ALL[least], is_essential)
        },
    )
}

proptest! {
    /// Whatever a user chooses, an authentication ends, never requests a completed factor, and its result meets
    /// all requirements.
    #[test]
    fn every_authentication_ends(
        account in any_account(),
        requirements in any_requirements(),
        choices in prop::collection::vec(any::<prop::sample::Index>(), 6),
    ) {
        let mut factors = Factors::default();
        for choice in choices {
            let attempt = Attempt { purpose: Purpose::SignIn, epoch: 0, factors };
            match next_step(&attempt, &account, &requirements, NOW) {
                AuthnStep::Authenticate(methods) => {
                    prop_assert!(!methods.is_empty());
                    let method = *choice.get(&methods);
                    prop_assert_eq!(factors.completed(method), None);
                    factors = factors.with(method, NOW);
                }
                AuthnStep::Done(done) => {
                    let level = done.level().unwrap();
                    prop_assert!(!account.must_change_password);
                    let reachable = account.has_totp || account.has_recovery_codes || account.has_passkey;
                    if account.second_factor_since.is_some() && reachable {
                        prop_assert!(level >= Multi);
                    }
                    if matches!(requirements.policy, SecondFactorPolicy::Required { .. }) {
                        prop_assert!(level >= Multi);
                    }
                    prop_assert!(level >= requirements.required);
                    return Ok(());
                }
                AuthnStep::ChangePassword | AuthnStep::Enrol { .. } | AuthnStep::Refuse(_) => return Ok(()),
            }
        }
        prop_assert!(false, "still not done");
    }
}

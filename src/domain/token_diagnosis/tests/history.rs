//! Diagnoses of current rows for another time, and of opaque secrets.

use super::*;
use crate::domain::liveness::{ClientState, UserState, active_session};

#[test]
fn later_events_do_not_affect_an_earlier_time() {
    let note = |report: &Report, check, word: &str| {
        is_good(report);
        let detail = report.of_check(check).unwrap().detail.clone().unwrap();
        assert!(detail.contains(word) && detail.contains(&LATER.rfc3339()), "{detail}");
    };
    let ended = |signed: &mut Signed| session(signed).revoked = Some((LATER, EndReason::Logout));
    note(&changed(NOW, ended), Check::Session, "logout");
    let retired = |signed: &mut Signed| {
        let key = key(signed);
        (key.state, key.since) = (KeyState::Retired, LATER);
    };
    note(&changed(NOW, retired), Check::Key, "retired");
    let disabled = |signed: &mut Signed| {
        (user(signed).disabled_at, user(signed).session_epoch) = (Some(LATER), 5);
        signed.state.as_mut().unwrap().raises =
            vec![EpochRaise { at: LATER, why: EventKind::UserDisabled, certain: true }];
    };
    note(&changed(NOW, disabled), Check::User, "disabled");
    let password = |signed: &mut Signed| {
        user(signed).session_epoch = 5;
        signed.state.as_mut().unwrap().raises =
            vec![EpochRaise { at: LATER, why: EventKind::PasswordChanged, certain: true }];
    };
    note(&changed(NOW, password), Check::User, "password");
    // A longer lifetime, so that only the event decides.
    let longer = |change: fn(&mut Signed)| {
        changed(LATER, |signed| {
            claim(signed, "exp", json!(LATER.secs() + 1));
            change(signed);
        })
    };
    fails_with(&longer(ended), Check::Session, TokenCode::SessionEnded);
    fails_with(&longer(retired), Check::Key, TokenCode::KeyRetired);
    fails_with(&longer(disabled), Check::User, TokenCode::UserDisabled);
    fails_with(&longer(password), Check::User, TokenCode::UserChanged);
    // The session was deleted with its user, so its earlier state is unknown.
    let deleted = changed(NOW, |signed| {
        let state = signed.state.as_mut().unwrap();
        (state.session, state.user) = (None, Holder::Gone(Some(LATER)));
    });
    fails_with(&deleted, Check::Session, TokenCode::SessionUnknown);
    let early = changed(BEGAN - TimeSpan::from_secs(1), |_| {});
    assert_eq!(early.code, Some(TokenCode::IssuedInFuture));
    assert_eq!(early.of_check(Check::Session).unwrap().code, Some(TokenCode::SessionUnknown));
}

/// Determines which of several events ended the session.
#[test]
fn the_event_that_left_the_session_behind_is_found() {
    let raise = |secs, why| EpochRaise {
        at: BEGAN + TimeSpan::from_secs(secs),
        why,
        certain: why != EventKind::UserUpdated,
    };
    let (password, all, profile) =
        (EventKind::PasswordChanged, EventKind::SessionsEnded, EventKind::UserUpdated);
    let told = |behind: i64, raises: Vec<EpochRaise>| {
        let report = changed(NOW, |signed| {
            user(signed).session_epoch = 4 + behind;
            signed.state.as_mut().unwrap().raises = raises;
        });
        assert_eq!(report.code, Some(TokenCode::UserChanged), "{report:#?}");
        report.message
    };
    let at = |secs| (BEGAN + TimeSpan::from_secs(secs)).rfc3339();
    let one = told(1, vec![raise(20, all), raise(10, password)]);
    assert!(one.starts_with("All of") && one.contains(&at(20)), "{one}");
    let two = told(2, vec![raise(20, all), raise(10, password), raise(-5, password)]);
    assert!(two.starts_with("The password") && two.contains(&at(10)), "{two}");
    // A change of the profile counts only if it certainly raised the epoch.
    let role = told(1, vec![raise(20, profile), raise(-5, password)]);
    assert!(role.contains("role was taken away on") && role.contains(&at(20)), "{role}");
    let doubt = told(1, vec![raise(20, profile), raise(10, password)]);
    assert!(doubt.contains("does not contain the time"), "{doubt}");
    for behind in [2, -1] {
        assert!(told(behind, vec![raise(20, all)]).contains("does not contain the time"));
    }
}

#[test]
fn an_opaque_secret_is_named_for_what_it_is() {
    let judged = |text: &str, genuine| {
        let kind = OpaqueKind::of(text).unwrap();
        let presented = Presented::Opaque(Box::new(Opaque { kind, genuine }));
        diagnose(&Evidence { issuer: ISSUER.to_owned(), audience: None, presented }, NOW)
    };
    for (text, code) in [
        ("sac_x", TokenCode::AuthorizationCode),
        ("scs_x", TokenCode::ClientSecret),
        ("sak_x", TokenCode::ApiKey),
    ] {
        fails_with(&judged(text, None), Check::Form, code);
    }
    assert_eq!(OpaqueKind::of("srt_a.b.c"), None);
    assert_eq!(OpaqueKind::of("eyJ"), None);

    let forged = judged("srt_x", None);
    assert_eq!(forged.code, Some(TokenCode::RefreshToken));
    assert_eq!(forged.of_check(Check::Genuine).unwrap().code, Some(TokenCode::NotGenuine));
    for (counter, word) in [(3, "newest"), (2, "has been used"), (4, "newer")] {
        let report = judged("srt_x", Some(Genuine { counter, state: state() }));
        assert_eq!((report.good, report.code), (false, Some(TokenCode::RefreshToken)));
        let detail = report.of_check(Check::Genuine).unwrap().detail.clone().unwrap();
        assert!(detail.contains(word), "{detail}");
        assert!(report.message.contains("genuine, and its session is active"), "{report:#?}");
    }
    let mut over = state();
    over.session.as_mut().unwrap().revoked = Some((NOW, EndReason::ReuseDetected));
    let report = judged("srt_x", Some(Genuine { counter: 3, state: over }));
    assert!(report.message.contains("its session has ended"), "{}", report.message);
    assert_eq!(report.of_check(Check::Session).unwrap().code, Some(TokenCode::SessionEnded));
    let report = judged("srt_x", Some(Genuine { counter: 3, state: clients::through(None) }));
    assert_eq!(report.of_check(Check::Client).unwrap().code, Some(TokenCode::ClientUnknown));
    assert!(report.message.contains("its client cannot use it"), "{}", report.message);
    let lost = StoredState::default();
    let report = judged("srt_x", Some(Genuine { counter: 3, state: lost }));
    for open in [Check::User, Check::Client] {
        assert_eq!(report.of_check(open).unwrap().ok, None, "{open}");
    }
    assert_eq!(report.of_check(Check::Session).unwrap().code, Some(TokenCode::SessionUnknown));
}

/// A diagnosis for the present agrees with Signet's own endpoints.
#[test]
fn now_is_judged_like_a_bearer() {
    for revoked in [None, Some((BEGAN, EndReason::Logout))] {
        for epoch in [4, 5] {
            for (idle, end) in [(BEGAN, LATER), (LATER, BEGAN), (LATER, LATER), (NOW, NOW)] {
                let mut lives = false;
                let report = changed(NOW, |signed| {
                    user(signed).session_epoch = epoch;
                    let session = session(signed);
                    session.revoked = revoked;
                    (session.idle_expires_at, session.expires_at) = (idle, end);
                    let user = UserState { session_epoch: epoch, disabled_at: None };
                    lives = active_session(&*session, user, ClientState::BuiltIn, NOW).is_ok();
                });
                assert_eq!(report.good, lives, "{report:#?}");
            }
        }
    }
}

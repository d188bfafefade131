//! Diagnoses of tokens of clients: in their own name, of sessions they opened, exchanged.

use serde_json::{Value, json};

use super::{BEGAN, LATER, NOW, changed, claim, fails_with, is_good, session, state};
use crate::base::TimeSpan;
use crate::base::id::UserId;
use crate::domain::session::EndReason;
use crate::domain::token_diagnosis::{
    Check, Registered, ReliedRows, Signed, StoredState, TokenCode,
};

/// The client of the token, registered when its session began.
fn shop(found: Option<Registered>) -> ReliedRows {
    ReliedRows { client_id: "shop".to_owned(), since: Some(BEGAN), found }
}

fn registered() -> Registered {
    Registered { name_since: BEGAN, disabled_at: None }
}

/// A session that a client has opened.
pub(super) fn through(found: Option<Registered>) -> StoredState {
    let mut state = state();
    let session = state.session.as_mut().unwrap();
    session.client_id = "shop".to_owned();
    session.grant_type = Some("authorization_code".to_owned());
    state.clients = vec![shop(found)];
    state
}

/// Turns the token into one that a client has in its own name.
fn own(signed: &mut Signed, found: Option<Registered>) {
    signed.anatomy.claims.as_mut().unwrap().remove("sid");
    for name in ["sub", "client_id"] {
        claim(signed, name, json!("shop"));
    }
    signed.state = Some(StoredState { clients: vec![shop(found)], ..StoredState::default() });
}

#[test]
fn a_client_in_its_own_name_has_no_session_and_no_user() {
    let report = changed(NOW, |signed| own(signed, Some(registered())));
    is_good(&report);
    let made: Vec<Check> = report.checks.iter().map(|checked| checked.check).collect();
    let all = Check::ALL.iter().copied();
    let rest = all.filter(|c| !matches!(c, Check::User | Check::Session | Check::Genuine));
    assert_eq!(made, rest.collect::<Vec<_>>());
    let revoked = changed(NOW, |signed| {
        own(signed, Some(registered()));
        signed.revoked = true;
    });
    fails_with(&revoked, Check::Revocation, TokenCode::TokenRevoked);
    // Only a token whose subject is the client has no session.
    let other = changed(NOW, |signed| {
        own(signed, Some(registered()));
        claim(signed, "sub", json!("blog"));
    });
    assert_eq!(other.code, Some(TokenCode::IncompleteClaims), "{other:#?}");
    let null = changed(NOW, |signed| {
        own(signed, Some(registered()));
        claim(signed, "sid", Value::Null);
    });
    assert_eq!(null.code, Some(TokenCode::IncompleteClaims), "{null:#?}");
    let altered = changed(NOW, |signed| {
        own(signed, Some(registered()));
        (signed.signature, signed.accepted, signed.state) = (Some(false), false, None);
    });
    fails_with(&altered, Check::Signature, TokenCode::BadSignature);
    for open in [Check::Revocation, Check::Client] {
        assert_eq!(altered.of_check(open).unwrap().ok, None);
    }
}

#[test]
fn a_deleted_or_disabled_client_has_no_valid_tokens() {
    let disabled = |at| Some(Registered { disabled_at: Some(at), ..registered() });
    let later =
        |secs| Some(Registered { name_since: BEGAN + TimeSpan::from_secs(secs), ..registered() });
    // In its own name, of a session it opened, exchanged.
    let kinds: [fn(&mut Signed, Option<Registered>); 3] = [
        own,
        |signed, found| {
            claim(signed, "client_id", json!("shop"));
            signed.state = Some(through(found));
        },
        |signed, found| {
            claim(signed, "client_id", json!("shop"));
            claim(signed, "act", json!({"sub": "shop"}));
            signed.state.as_mut().unwrap().clients = vec![shop(found)];
        },
    ];
    for kind in kinds {
        let judged = |at, found| changed(at, |signed| kind(signed, found));
        is_good(&judged(NOW, Some(registered())));
        fails_with(&judged(NOW, None), Check::Client, TokenCode::ClientUnknown);
        fails_with(&judged(NOW, disabled(NOW)), Check::Client, TokenCode::ClientDisabled);
        let note = judged(NOW, disabled(LATER));
        is_good(&note);
        let detail = note.of_check(Check::Client).unwrap().detail.clone().unwrap();
        assert!(detail.contains(&LATER.rfc3339()), "{detail}");
        // The client that has the name now is a different one if it is newer than the token.
        is_good(&judged(
            NOW,
            Some(Registered { name_since: BEGAN + TimeSpan::from_millis(999), ..registered() }),
        ));
        let other = judged(NOW, later(1));
        fails_with(&other, Check::Client, TokenCode::ClientUnknown);
        assert!(other.message.contains("registered only on"), "{}", other.message);
    }
}

#[test]
fn an_exchanged_token_is_of_its_user_whatever_it_is_for() {
    // An exchange by another client, also for another API.
    let exchanged = |change: fn(&mut Signed)| {
        changed(NOW, |signed| {
            claim(signed, "client_id", json!("shop"));
            claim(signed, "act", json!({"sub": "shop"}));
            session(signed).audience = Some("https://other.example.com".to_owned());
            change(signed);
        })
    };
    is_good(&exchanged(|_| {}));
    let of_another = exchanged(|signed| {
        session(signed).user_id = UserId::from_uuid(uuid::Uuid::from_u128(9));
    });
    fails_with(&of_another, Check::Session, TokenCode::SessionMismatch);
    let ended = exchanged(|signed| session(signed).revoked = Some((NOW, EndReason::Logout)));
    fails_with(&ended, Check::Session, TokenCode::SessionEnded);
    // A client exchanged a token of its own session, so there is no actor.
    let own = |client: &'static str| {
        changed(NOW, |signed| {
            claim(signed, "client_id", json!(client));
            signed.state = Some(through(Some(registered())));
            session(signed).audience = None;
        })
    };
    is_good(&own("shop"));
    fails_with(&own("blog"), Check::Session, TokenCode::SessionMismatch);
    // A token that a client has in its own name, with an actor: both clients must exist.
    for (found, code) in [(Some(registered()), None), (None, Some(TokenCode::ClientUnknown))] {
        let report = changed(NOW, |signed| {
            own_for(signed, found);
        });
        assert_eq!((report.good, report.code), (code.is_none(), code), "{report:#?}");
    }
}

/// A token that another client has exchanged for one of the shop's own.
fn own_for(signed: &mut Signed, found: Option<Registered>) {
    own(signed, Some(registered()));
    claim(signed, "client_id", json!("blog"));
    claim(signed, "act", json!({"sub": "blog"}));
    let blog = ReliedRows { client_id: "blog".to_owned(), ..shop(Some(registered())) };
    signed.state.as_mut().unwrap().clients = vec![blog, shop(found)];
}

//! Each kind of evidence invalid, one at a time, and diagnoses for other times.

mod clients;
mod history;

use serde_json::{Map, Value, json};

use super::*;
use crate::base::TimeSpan;
use crate::base::id::{SessionId, UserId};
use crate::domain::attributes::Attributes;
use crate::domain::audit::EventKind;
use crate::domain::claims::TokenType;
use crate::domain::key_rotation::KeyFacts;
use crate::domain::oidc::RequestedClaims;
use crate::domain::scope::Scopes;
use crate::domain::session::{Chain, EndReason, Session};
use crate::domain::signing_key::{KeyState, SigningAlg};
use crate::domain::user::{Role, User};

const ISSUER: &str = "https://auth.example.com";
const API: &str = "https://api.example.com";
/// When the session began and the token was issued.
const BEGAN: Timestamp = Timestamp::from_secs(1_800_000_000);
const NOW: Timestamp = Timestamp::from_secs(1_800_000_100);
const LATER: Timestamp = Timestamp::from_secs(1_800_000_200);

fn user_id() -> UserId {
    UserId::from_uuid(uuid::Uuid::from_u128(1))
}

fn session_id() -> SessionId {
    SessionId::from_uuid(uuid::Uuid::from_u128(2))
}

fn map(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn state() -> StoredState {
    let session = Session {
        id: session_id(),
        branch: crate::base::id::BranchId::from_uuid(session_id().uuid()),
        user_id: user_id(),
        client_id: "signet".to_owned(),
        audience: Some(API.to_owned()),
        scopes: Scopes::default(),
        chain: Chain { current: 3, ..Chain::opened(BEGAN) },
        created_at: BEGAN,
        idle_expires_at: BEGAN + TimeSpan::from_days(1),
        expires_at: BEGAN + TimeSpan::from_days(2),
        revoked: None,
        user_epoch: 4,
        grant_type: None,
        auth_time: BEGAN,
        factors: None,
        browser: None,
        asked_claims: RequestedClaims::default(),
        dpop_jkt: None,
        requested_scopes: None,
    };
    let user = User {
        id: user_id(),
        login: "ada".to_owned(),
        name: None,
        role: Role::User,
        attributes: Attributes::default(),
        email: None,
        disabled_at: None,
        created_at: BEGAN,
        updated_at: BEGAN,
        session_epoch: 4,
        must_change_password: false,
    };
    let user = Holder::Known(Box::new(user));
    StoredState { session: Some(session), user, ..StoredState::default() }
}

/// Evidence of a valid token for an API.
fn good() -> Evidence {
    let claims = json!({
        "iss": ISSUER, "sub": user_id(), "aud": API, "exp": LATER.secs(), "iat": BEGAN.secs(),
        "jti": "j", "client_id": "signet", "scope": "", "sid": session_id(),
    });
    let signed = Signed {
        anatomy: TokenStructure {
            flaw: None,
            header: Some(map(json!({"alg": "ES256", "kid": "k", "typ": "at+jwt"}))),
            plain_header: true,
            claims: Some(map(claims)),
        },
        expected_type: TokenType::AtJwt,
        either_type: false,
        key: Some(NamedKey::Signing(Box::new(KeyFacts {
            kid: "k".to_owned(),
            alg: SigningAlg::Es256,
            state: KeyState::Active,
            since: BEGAN,
            published_at: BEGAN,
            activated_at: Some(BEGAN),
            signs_at: None,
            longest_ttl: TimeSpan::ZERO,
        }))),
        signature: Some(true),
        accepted: true,
        registered: true,
        state: Some(state()),
        revoked: false,
    };
    Evidence {
        issuer: ISSUER.to_owned(),
        audience: None,
        presented: Presented::Signed(Box::new(signed)),
    }
}

/// The report about the valid token with one change.
fn changed(at: Timestamp, change: impl FnOnce(&mut Signed)) -> Report {
    let mut facts = good();
    match &mut facts.presented {
        Presented::Signed(signed) => change(signed),
        Presented::Opaque(_) => unreachable!(),
    }
    diagnose(&facts, at)
}

fn claim(signed: &mut Signed, name: &str, value: Value) {
    signed.anatomy.claims.as_mut().unwrap().insert(name.to_owned(), value);
}

fn head(signed: &mut Signed, name: &str, value: Value) {
    signed.anatomy.header.as_mut().unwrap().insert(name.to_owned(), value);
}

fn session(signed: &mut Signed) -> &mut Session {
    signed.state.as_mut().unwrap().session.as_mut().unwrap()
}

fn key(signed: &mut Signed) -> &mut KeyFacts {
    match signed.key.as_mut().unwrap() {
        NamedKey::Signing(key) => key,
        NamedKey::SharedSecret => unreachable!(),
    }
}

fn user(signed: &mut Signed) -> &mut User {
    match &mut signed.state.as_mut().unwrap().user {
        Holder::Known(user) => user,
        _ => unreachable!(),
    }
}

/// Asserts that the report has exactly this failure.
#[track_caller]
fn fails_with(report: &Report, check: Check, code: TokenCode) {
    let failed: Vec<_> = report.checks.iter().filter(|c| c.ok == Some(false)).collect();
    assert_eq!(failed.len(), 1, "{report:#?}");
    assert_eq!((failed[0].check, failed[0].code), (check, Some(code)), "{report:#?}");
    assert_eq!((report.good, report.code), (false, Some(code)));
    assert_eq!(Some(&report.message), failed[0].detail.as_ref());
}

#[track_caller]
fn is_good(report: &Report) {
    assert!(report.good && report.code.is_none(), "{report:#?}");
}

#[test]
fn a_valid_token_passes_every_check_in_order() {
    let report = diagnose(&good(), NOW);
    is_good(&report);
    let order: Vec<Check> = report.checks.iter().map(|checked| checked.check).collect();
    let (last, signed) = Check::ALL.split_last().unwrap();
    assert_eq!((order.as_slice(), *last), (signed, Check::Genuine));
    assert!(report.checks.iter().all(|checked| checked.detail.is_none()), "{report:#?}");
}

#[test]
fn one_thing_that_is_wrong_is_named_and_nothing_else() {
    type Change = fn(&mut Signed);
    let cases: &[(Check, TokenCode, Change)] = &[
        (Check::Form, TokenCode::Malformed, |s| s.anatomy.flaw = Some(Flaw::Empty("signature"))),
        (Check::Form, TokenCode::TooLarge, |s| s.anatomy.flaw = Some(Flaw::TooLarge(8))),
        (Check::Header, TokenCode::UnexpectedHeader, |s| {
            head(s, "jku", json!("x"));
            s.anatomy.plain_header = false;
        }),
        (Check::Header, TokenCode::UnexpectedHeader, |s| s.anatomy.plain_header = false),
        (Check::Type, TokenCode::WrongType, |s| head(s, "typ", json!("JWT"))),
        (Check::Key, TokenCode::KeyRetired, |s| {
            key(s).state = KeyState::Retired;
        }),
        (Check::Key, TokenCode::KeyNotSigning, |s| {
            key(s).state = KeyState::Published;
        }),
        (Check::Issuer, TokenCode::WrongIssuer, |s| claim(s, "iss", json!("https://b"))),
        (Check::IssuedAt, TokenCode::IssuedInFuture, |s| claim(s, "iat", json!(NOW.secs() + 1))),
        (Check::Expiry, TokenCode::Expired, |s| claim(s, "exp", json!(NOW.secs()))),
        (Check::Claims, TokenCode::IncompleteClaims, |s| s.accepted = false),
        (Check::Claims, TokenCode::IncompleteClaims, |s| claim(s, "nbf", json!(1))),
        (Check::Claims, TokenCode::IncompleteClaims, |s| claim(s, "jti", json!(5))),
        (Check::Claims, TokenCode::IncompleteClaims, |s| claim(s, "exp", json!(2e9))),
        (Check::User, TokenCode::UserDisabled, |s| user(s).disabled_at = Some(NOW)),
        (Check::User, TokenCode::UserChanged, |s| user(s).session_epoch = 5),
        (Check::User, TokenCode::UserDeleted, |s| {
            let state = s.state.as_mut().unwrap();
            (state.session, state.user) = (None, Holder::Gone(Some(NOW)));
        }),
        (Check::User, TokenCode::UserDeleted, |s| {
            let state = s.state.as_mut().unwrap();
            (state.session, state.user) = (None, Holder::Gone(None));
        }),
        (Check::Session, TokenCode::SessionUnknown, |s| {
            s.state.as_mut().unwrap().session = None;
        }),
        (Check::Session, TokenCode::SessionMismatch, |s| session(s).audience = None),
        (Check::Session, TokenCode::SessionMismatch, |s| {
            session(s).user_id = UserId::from_uuid(uuid::Uuid::from_u128(9));
        }),
        (Check::Session, TokenCode::SessionMismatch, |s| claim(s, "client_id", json!("shop"))),
        (Check::Session, TokenCode::SessionMismatch, |s| {
            // An `act` that is not an object names no actor.
            claim(s, "act", json!("shop"));
            claim(s, "client_id", json!("shop"));
        }),
        (Check::Revocation, TokenCode::TokenRevoked, |s| s.revoked = true),
        (Check::Session, TokenCode::SessionEnded, |s| {
            session(s).revoked = Some((NOW, EndReason::Logout));
        }),
        (Check::Session, TokenCode::SessionExpired, |s| session(s).idle_expires_at = NOW),
        (Check::Session, TokenCode::SessionExpired, |s| session(s).expires_at = NOW),
    ];
    for (check, code, change) in cases {
        fails_with(&changed(NOW, change), *check, *code);
    }
}

#[test]
fn every_claim_is_missed() {
    for name in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "sid"] {
        let report = changed(NOW, |signed| {
            signed.anatomy.claims.as_mut().unwrap().remove(name);
        });
        let checked = report.of_check(Check::Claims).unwrap();
        assert_eq!(checked.code, Some(TokenCode::IncompleteClaims));
        assert!(checked.detail.as_ref().unwrap().contains(&format!("{name} is missing")));
        assert!(!report.good);
    }
}

#[test]
fn whom_it_is_for_is_asked_or_registered() {
    let mut facts = good();
    facts.audience = Some(API.to_owned());
    is_good(&diagnose(&facts, NOW));
    facts.audience = Some(ISSUER.to_owned());
    fails_with(&diagnose(&facts, NOW), Check::Audience, TokenCode::WrongAudience);
    let gone = changed(NOW, |signed| signed.registered = false);
    fails_with(&gone, Check::Audience, TokenCode::UnregisteredAudience);
    assert_eq!(gone.of_check(Check::Api).unwrap().ok, None);
    // Tokens of a deleted API stay valid.
    facts.audience = Some(API.to_owned());
    if let Presented::Signed(signed) = &mut facts.presented {
        signed.registered = false;
    }
    let report = diagnose(&facts, NOW);
    is_good(&report);
    assert!(report.of_check(Check::Api).unwrap().detail.is_some());
    // The session of a token for the issuer itself has no audience.
    is_good(&changed(NOW, |signed| {
        signed.registered = false;
        claim(signed, "aud", json!(ISSUER));
        session(signed).audience = None;
    }));
}

#[test]
fn an_api_chooses_kind_and_secret() {
    let kind = |either| {
        changed(NOW, |signed| {
            signed.either_type = either;
            head(signed, "typ", json!("JWT"));
        })
    };
    fails_with(&kind(false), Check::Type, TokenCode::WrongType);
    is_good(&kind(true));
    assert!(kind(true).of_check(Check::Type).unwrap().detail.is_some());
    let stranger = changed(NOW, |signed| {
        signed.either_type = true;
        head(signed, "typ", json!("dpop+jwt"));
    });
    fails_with(&stranger, Check::Type, TokenCode::WrongType);
    let shared = |alg: &str| {
        changed(NOW, |signed| {
            head(signed, "alg", json!(alg));
            signed.key = Some(NamedKey::SharedSecret);
        })
    };
    is_good(&shared("HS256"));
    fails_with(&shared("ES256"), Check::Algorithm, TokenCode::WrongAlgorithm);
    let replaced = changed(NOW, |signed| {
        head(signed, "alg", json!("HS256"));
        (signed.key, signed.signature, signed.accepted) = (None, None, false);
    });
    fails_with(&replaced, Check::Key, TokenCode::UnknownKey);
    assert!(replaced.message.contains("it was replaced"), "{}", replaced.message);
}

#[test]
fn claims_without_a_valid_signature_are_read_but_not_looked_up() {
    let report = changed(NOW, |signed| {
        claim(signed, "iss", json!("https://other"));
        (signed.key, signed.signature) = (None, None);
        (signed.accepted, signed.state) = (false, None);
    });
    assert_eq!(report.code, Some(TokenCode::UnknownKey));
    let ok = |check| report.of_check(check).unwrap().ok;
    assert_eq!(ok(Check::Issuer), Some(false));
    assert_eq!(ok(Check::Expiry), Some(true));
    for check in [Check::Algorithm, Check::Signature, Check::User, Check::Session] {
        assert_eq!(ok(check), None, "{check}");
    }
    let wrong = changed(NOW, |signed| {
        head(signed, "alg", json!("RS256"));
        (signed.signature, signed.accepted, signed.state) = (None, false, None);
    });
    fails_with(&wrong, Check::Algorithm, TokenCode::WrongAlgorithm);
    let altered = changed(NOW, |signed| {
        (signed.signature, signed.accepted, signed.state) = (Some(false), false, None);
    });
    fails_with(&altered, Check::Signature, TokenCode::BadSignature);
    let rubbish = changed(NOW, |signed| {
        *signed =
            Signed { key: None, signature: None, accepted: false, state: None, ..take(signed) };
        signed.anatomy = TokenStructure { flaw: Some(Flaw::Parts(1)), ..TokenStructure::default() };
    });
    fails_with(&rubbish, Check::Form, TokenCode::Malformed);
    assert!(rubbish.checks[1..].iter().all(|checked| checked.ok.is_none()), "{rubbish:#?}");
}

/// Moves the evidence out, so that the caller can replace it.
fn take(signed: &mut Signed) -> Signed {
    let Evidence { presented: Presented::Signed(fresh), .. } = good() else { unreachable!() };
    std::mem::replace(signed, *fresh)
}

//! The rule, compared with a specification that was written independently.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::base::id::{BranchId, SessionId, UserId};
use crate::domain::oidc::RequestedClaims;
use crate::domain::scope::Scopes;
use crate::domain::session::Chain;

fn session() -> Session {
    Session {
        id: SessionId::from_uuid(Uuid::from_u128(1)),
        branch: BranchId::from_uuid(Uuid::from_u128(1)),
        user_id: UserId::from_uuid(Uuid::from_u128(2)),
        client_id: "shop".to_owned(),
        audience: None,
        scopes: Scopes::default(),
        chain: Chain::opened(Timestamp::from_secs(10)),
        created_at: Timestamp::from_secs(10),
        idle_expires_at: Timestamp::from_secs(20),
        expires_at: Timestamp::from_secs(30),
        revoked: None,
        user_epoch: 4,
        grant_type: Some("authorization_code".to_owned()),
        auth_time: Timestamp::from_secs(10),
        factors: None,
        browser: None,
        asked_claims: RequestedClaims::default(),
        dpop_jkt: None,
        requested_scopes: None,
    }
}

const ENABLED: UserState = UserState { session_epoch: 4, disabled_at: None };
const SHOP: Registered = Registered { name_since: Timestamp::from_secs(10), disabled_at: None };

fn judged(session: &Session, user: UserState, client: Registered, at: i64) -> Option<Inactive> {
    let client = ClientState::Registered(client);
    active_session(session, user, client, Timestamp::from_secs(at)).err()
}

#[test]
fn each_reason_is_named() {
    let (good, at) = (session(), Timestamp::from_secs(15));
    assert_eq!(judged(&good, ENABLED, SHOP, 19), None);
    let ended = Session { revoked: Some((at, EndReason::Logout)), ..session() };
    let revoked = Inactive::Revoked { at, reason: EndReason::Logout };
    assert_eq!(judged(&ended, ENABLED, SHOP, 19), Some(revoked));
    assert_eq!(judged(&good, ENABLED, SHOP, 20), Some(Inactive::Expired(Limit::Idle)));
    assert_eq!(judged(&good, ENABLED, SHOP, 30), Some(Inactive::Expired(Limit::Absolute)));
    let disabled = UserState { disabled_at: Some(at), ..ENABLED };
    assert_eq!(judged(&good, disabled, SHOP, 19), Some(Inactive::UserDisabled { since: at }));
    let changed = UserState { session_epoch: 6, ..ENABLED };
    assert_eq!(judged(&good, changed, SHOP, 19), Some(Inactive::UserChanged { epochs: 2 }));
    let stopped = Registered { disabled_at: Some(at), ..SHOP };
    assert_eq!(judged(&good, ENABLED, stopped, 19), Some(Inactive::ClientDisabled { since: at }));
    let other = Registered { name_since: at, ..SHOP };
    assert_eq!(judged(&good, ENABLED, other, 19), Some(Inactive::ClientReplaced { since: at }));
    let gone = active_session(&good, ENABLED, ClientState::Missing, at).err();
    assert_eq!(gone, Some(Inactive::ClientMissing));
}

/// Refresh endpoints respond alike to a log-out, a new password and a disabled user, but differently to
/// expiry: so expiry must not hide one of them.
#[test]
fn an_expiry_hides_no_end() {
    let ended = (Timestamp::from_secs(15), EndReason::Logout);
    let (at, reason) = ended;
    let over = Session { revoked: Some(ended), ..session() };
    assert_eq!(judged(&over, ENABLED, SHOP, 40), Some(Inactive::Revoked { at, reason }));
    let changed = UserState { session_epoch: 5, ..ENABLED };
    assert_eq!(judged(&session(), changed, SHOP, 40), Some(Inactive::UserChanged { epochs: 1 }));
}

#[test]
fn a_clock_that_is_behind_revives_nothing() {
    let later = Timestamp::from_secs(19);
    let ended = Session { revoked: Some((later, EndReason::Logout)), ..session() };
    assert!(judged(&ended, ENABLED, SHOP, 11).is_some());
    assert!(
        judged(&session(), UserState { disabled_at: Some(later), ..ENABLED }, SHOP, 11).is_some()
    );
    assert!(
        judged(&session(), ENABLED, Registered { disabled_at: Some(later), ..SHOP }, 11).is_some()
    );
}

#[test]
fn a_client_created_in_the_second_of_the_token_is_accepted() {
    let registered = |millis| {
        let name_since = Timestamp::from_millis(millis);
        ClientState::Registered(Registered { name_since, disabled_at: None })
    };
    assert_eq!(inactive_client(registered(10_999), made_at_the_latest(10)), None);
    assert!(inactive_client(registered(11_000), made_at_the_latest(10)).is_some());
    assert_eq!(made_at_the_latest(i64::MAX), Timestamp::from_millis(i64::MAX));
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![0..6i64, Just(1_000)]
}

fn clients() -> impl Strategy<Value = ClientState> {
    let registered = (time(), prop::option::of(time())).prop_map(|(since, disabled)| {
        ClientState::Registered(Registered {
            name_since: Timestamp::from_millis(since),
            disabled_at: disabled.map(Timestamp::from_millis),
        })
    });
    prop_oneof![
        Just(ClientState::BuiltIn),
        Just(ClientState::Missing),
        Just(ClientState::NotConsidered),
        registered
    ]
}

proptest! {
    /// A session is active exactly while it was not ended, has not expired, its user is enabled and in the same
    /// epoch, and its client is enabled and already had its name.
    #[test]
    fn the_rule_is_the_specification(
        revoked in prop::option::of(time()),
        (idle, end, opened) in (time(), time(), time()),
        (epoch, user_epoch) in (0..3i64, 0..3i64),
        user_disabled in prop::option::of(time()),
        client in clients(),
        now in time(),
    ) {
        let at = Timestamp::from_millis;
        let session = Session {
            revoked: revoked.map(|ended| (at(ended), EndReason::EndedByAdmin)),
            idle_expires_at: at(idle),
            expires_at: at(end),
            created_at: at(opened),
            user_epoch: epoch,
            ..session()
        };
        let user = UserState { session_epoch: user_epoch, disabled_at: user_disabled.map(at) };

        let mut expected = true;
        if revoked.is_some() || user_disabled.is_some() {
            expected = false;
        }
        if epoch - user_epoch != 0 {
            expected = false;
        }
        let remaining = std::cmp::min(idle - now, end - now);
        if remaining <= 0 {
            expected = false;
        }
        match client {
            ClientState::Missing => expected = false,
            ClientState::Registered(Registered { disabled_at: Some(_), .. }) => expected = false,
            ClientState::Registered(Registered { name_since, .. }) if opened < name_since.millis() => {
                expected = false;
            }
            _ => {}
        }

        let judged = active_session(&session, user, client, at(now));
        prop_assert_eq!(judged.is_ok(), expected, "{:?}", judged);
        if let Ok(active) = judged {
            prop_assert_eq!(active.session(), &session);
        }
        // The parts, which the diagnosis uses individually, give the same result.
        let parts = inactive_session(&session, at(now)).count()
            + inactive_user(user, Some(epoch)).count()
            + usize::from(inactive_client(client, session.created_at).is_some());
        prop_assert_eq!(parts == 0, expected);
    }
}

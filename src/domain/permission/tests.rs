//! Tests of the permission table.

//! The rule without a server: roles, scopes, targets. The access matrix of the suite tests it through the server.

use super::*;

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

fn user(role: Role, text: &str) -> Authority {
    Authority::User { role, scopes: scopes(text), epoch: 0, factors: Factors::default() }
}

#[test]
fn a_user_needs_a_role_and_a_scope() {
    let outcome = |role, text| user(role, text).require(Action::UnlockUser);
    assert_eq!(outcome(Role::Admin, "signet:admin"), Ok(()));
    assert_eq!(outcome(Role::Helpdesk, "signet:users"), Ok(()));
    assert_eq!(outcome(Role::Helpdesk, "signet:read"), Err(Denied::Scope(Action::UnlockUser)));
    assert_eq!(outcome(Role::Auditor, "signet:users"), Err(Denied::Role(Action::UnlockUser)));
    assert_eq!(outcome(Role::User, "signet:admin"), Err(Denied::Role(Action::UnlockUser)));
    assert_eq!(outcome(Role::Admin, ""), Err(Denied::Scope(Action::UnlockUser)));
}

#[test]
fn protected_targets_need_the_administrator_and_the_whole_scope() {
    for kind in TargetKind::ALL.iter().filter(|kind| **kind != TargetKind::Ordinary) {
        let outcome = |authority: Authority| authority.require_on(Action::DisableUser, [*kind]);
        assert_eq!(outcome(user(Role::Admin, "signet:admin")), Ok(()));
        assert_eq!(outcome(Authority::Client { scopes: scopes("signet:admin") }), Ok(()));
        assert_eq!(outcome(Authority::Machine), Ok(()));
        let denied = Err(Denied::Target(*kind));
        assert_eq!(outcome(user(Role::Admin, "signet:users")), denied);
        assert_eq!(outcome(Authority::Client { scopes: scopes("signet:users") }), denied);
    }
}

#[test]
fn nothing_is_allowed_without_authority_and_no_client_grants_administration() {
    for action in Action::ALL {
        assert!(Authority::None.require(*action).is_err(), "{action}");
        assert_eq!(Authority::Machine.require(*action), Ok(()), "{action}");
    }
    let all = Authority::Client { scopes: scopes("signet:admin") };
    for action in [Action::GrantAdminScopes, Action::CreateAdminKey] {
        assert_eq!(all.require(action), Err(Denied::Client(action)));
    }
}

#[test]
fn roles_are_granted_the_scopes_that_they_can_use() {
    for role in Role::ALL {
        for scope in scopes_of(*role) {
            let authority = user(*role, scope.as_str());
            let opens = |action: &Action| authority.require(*action).is_ok();
            assert!(Action::ALL.iter().any(opens), "{role} {scope}");
        }
        for action in Action::ALL.iter().filter(|action| action.permission().allows_role(*role)) {
            let can =
                action.permission().all_scopes().any(|scope| scopes_of(*role).contains(&scope));
            assert!(can, "no scope lets {role} do {action}");
        }
    }
    assert!(!may_hold_all(Role::Admin, &scopes("signet:unknown")));
    assert!(may_hold_all(Role::User, &scopes("openid orders:read")));
}

#[test]
fn refusals_name_what_is_missing() {
    let refusal = Refusal::from(Denied::Scope(Action::ReadKeys));
    assert!(refusal.message.contains("signet:admin, signet:read or signet:keys"));
    let refusal = Refusal::from(Denied::Role(Action::RotateKeys));
    assert!(refusal.message.contains("the role admin."));
}

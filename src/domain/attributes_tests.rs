//! Tests of the rules for attributes.

use serde_json::json;

use super::*;

fn roles(names: &[&str]) -> Attributes {
    let roles = names.iter().map(|name| (*name).to_owned()).collect();
    Attributes { roles, ..Attributes::default() }
}

fn claims(value: Value) -> Result<Attributes, AttributeError> {
    let Value::Object(claims) = value else { panic!("{value}") };
    Attributes { claims, ..Attributes::default() }.checked()
}

#[test]
fn names_are_kept_once_and_none_is_signets_own() {
    let kept = roles(&["support", "\u{1f680} crew", "support"]).checked().unwrap();
    assert_eq!(kept.roles, ["support", "\u{1f680} crew"]);
    for wrong in ["", "a\nb", "a\u{7f}", &"x".repeat(129)] {
        assert_eq!(roles(&[wrong]).checked(), Err(AttributeError::Roles), "{wrong:?}");
        let groups = Attributes { groups: vec![wrong.to_owned()], ..Attributes::default() };
        assert_eq!(groups.checked(), Err(AttributeError::Groups), "{wrong:?}");
    }
    for list in ["admin,support", "support,", "cn=sales,emea"] {
        assert_eq!(roles(&[list]).checked(), Err(AttributeError::RoleList), "{list}");
    }
    assert!(roles(&["cn=sales,ou=groups", "on call"]).checked().is_ok());
    assert_eq!(roles(&["admin"]).checked(), Err(AttributeError::OwnRole));
    assert_eq!(roles(&["user"]).checked(), Err(AttributeError::OwnRole));
    assert_eq!(roles(&["Admin"]).checked(), Err(AttributeError::OwnRole));
    let many: Vec<String> = (0..65).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(roles(&many[..64]).checked().is_ok());
    assert_eq!(roles(&many).checked(), Err(AttributeError::Roles));
}

#[test]
fn claims_are_of_simple_types() {
    for good in [
        json!({"a": "x", "b": 1, "c": -9_007_199_254_740_991_i64, "d": true, "e": ["x", ""]}),
        json!({"https://example.com/a": "x", &*"n".repeat(64): ""}),
    ] {
        assert!(claims(good.clone()).is_ok(), "{good}");
    }
    for wrong in [
        json!(null),
        json!(1.5),
        json!(1e308),
        json!(9_007_199_254_740_992_i64),
        json!(u64::MAX),
        json!({"b": 1}),
        json!([1]),
        json!(["a\u{0}"]),
        json!("a\nb"),
    ] {
        assert_eq!(claims(json!({ "a": wrong })), Err(AttributeError::ClaimType), "{wrong}");
    }
}

#[test]
fn claims_have_names_of_their_own_and_a_size() {
    for wrong in ["", "a b", "\u{e4}", "a\"", &"n".repeat(65)] {
        assert_eq!(claims(json!({ wrong: 1 })), Err(AttributeError::ClaimName), "{wrong}");
    }
    for reserved in RESERVED.iter().chain(&["roles", "groups", "signet", "signet:x"]) {
        assert_eq!(claims(json!({ *reserved: 1 })), Err(AttributeError::ReservedClaim));
    }
    assert!(claims(json!({"a": "x".repeat(1024)})).is_ok());
    assert_eq!(claims(json!({"a": "x".repeat(1025)})), Err(AttributeError::ClaimSize));
    let five: Map<String, Value> =
        (0..5).map(|n| (format!("c{n}"), json!("x".repeat(900)))).collect();
    assert_eq!(claims(Value::Object(five)), Err(AttributeError::ClaimSize));
    let many: Map<String, Value> = (0..33).map(|n| (format!("c{n}"), json!(n))).collect();
    assert_eq!(claims(Value::Object(many)), Err(AttributeError::ClaimSize));
}

#[test]
fn a_patch_sets_removes_and_leaves_the_rest() {
    let Value::Object(before) = json!({"a": 1, "b": 2, "c": 3}) else { panic!() };
    let Value::Object(patch) = json!({"a": null, "b": 5, "z": null, "d": true}) else { panic!() };
    let after = ClaimsPatch::Merge(patch).applied_to(before.clone());
    assert_eq!(Value::Object(after), json!({"b": 5, "c": 3, "d": true}));
    assert!(ClaimsPatch::Clear.applied_to(before).is_empty());
}

#[test]
fn an_administrator_has_one_role_more() {
    let attributes = roles(&["support"]);
    let of = |role| Subject { role, attributes: attributes.clone(), email: None }.token_roles();
    assert_eq!(of(Role::User), ["support"]);
    assert_eq!(of(Role::Admin), ["support", "admin"]);
}

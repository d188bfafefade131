//! Tests of findings.

use super::*;

#[test]
fn scopes_that_exist_are_told_from_those_that_callers_invent_and_both_are_bounded() {
    let text: String = (0..100).map(|n| format!("invented:{n} ")).collect();
    let requested = RequestedScopes::parse(&format!("read profile {text}")).unwrap();
    let found = dropped("shop", "/oauth2/par", &requested, |scope| scope == "read");
    assert_eq!(found.len(), 16);
    let codes: Vec<&str> = found.iter().take(3).map(|key| &*key.code).collect();
    assert_eq!(codes, ["scope_not_granted", "scope_not_granted", "scope_unknown"]);
    let long = RequestedScopes::parse(&"x".repeat(4_000)).unwrap();
    assert_eq!(dropped("shop", "/oauth2/par", &long, |_| false)[0].detail.len(), 64);
}

#[test]
fn a_redirect_uri_is_kept_without_its_query() {
    for (asked, kept) in [
        ("https://a.example/cb", "https://a.example/cb"),
        ("https://a.example/cb?user=ada", "https://a.example/cb?"),
        ("https://a.example/cb#x?y", "https://a.example/cb"),
        ("com.example.app:/cb", "com.example.app:/cb"),
        ("", ""),
    ] {
        assert_eq!(redirect_detail(asked), kept);
    }
}

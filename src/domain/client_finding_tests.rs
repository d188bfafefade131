//! Tests of what findings say.

use super::*;
use crate::domain::client::{ClientMetadata, ClientType};
use crate::domain::scope::Scopes;

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

fn client() -> Client {
    let mut metadata = ClientMetadata::new("Shop".to_owned(), ClientType::Web, &[]);
    metadata.audiences = vec!["urn:own".to_owned()];
    Client::new("shop".to_owned(), metadata, Timestamp::from_secs(1))
}

fn key(code: FindingCode, detail: &str) -> FindingKey {
    FindingKey::new("shop", "/oauth2/authorize", code.as_str(), detail)
}

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
fn the_fix_of_a_scope_follows_from_how_the_client_is_registered() {
    let (own, other) = (
        Api::new("urn:own", scopes("read write")).unwrap(),
        Api::new("urn:other", scopes("pay")).unwrap(),
    );
    let fix = |client: &Client, scope: &str, apis: &[&Api]| {
        explain(&key(FindingCode::ScopeNotGranted, scope), client, apis).fix.unwrap()
    };
    assert_eq!(
        fix(&client(), "pay", &[&other]),
        "signet client update shop --audience urn:own --audience urn:other"
    );
    let mut narrow = client();
    narrow.metadata.scopes = Some(scopes("openid read"));
    assert_eq!(
        fix(&narrow, "write", &[&own]),
        "signet client update shop --scope openid --scope read --scope write"
    );
    assert!(fix(&client(), "read", &[&own]).contains("resource=urn:own"));
    for client in [&client(), &narrow] {
        assert!(fix(client, "invented", &[]).contains("signet api set"));
    }
}

#[test]
fn every_finding_has_a_sentence_and_names_no_client_but_its_own() {
    for code in FindingCode::ALL {
        for detail in ["", "pay."] {
            let said = explain(&key(*code, detail), &client(), &[]);
            assert!(said.message.ends_with('.'), "{code}: {}", said.message);
            let commands = said.fix.iter().filter(|fix| fix.contains("signet client"));
            for fix in commands {
                assert!(fix.contains(" shop"), "{code}: {fix}");
            }
        }
    }
    let refused = FindingKey::new("shop", "/oauth2/token", "invalid_request", "code is missing.");
    let said = explain(&refused, &client(), &[]);
    assert_eq!(said.message, "A request was refused with invalid_request: code is missing.");
}

//! Tests of the explanations of findings.

use super::*;
use crate::base::Timestamp;
use crate::domain::client::{ClientMetadata, ClientType};
use crate::domain::scope::Scopes;

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

fn client() -> Client {
    let mut metadata = ClientMetadata::new("Shop".to_owned(), ClientType::Web, &[]);
    metadata.audiences = vec!["urn:own".to_owned()];
    metadata.redirect_uris = vec!["https://shop.example/cb".to_owned()];
    Client::new("shop".to_owned(), metadata, Timestamp::from_secs(1))
}

fn key(code: FindingCode, detail: &str) -> FindingKey {
    FindingKey::new("shop", "/oauth2/authorize", code.as_str(), detail)
}

fn fix(code: FindingCode, detail: &str, apis: &[&Api]) -> Option<String> {
    explain(&key(code, detail), &client(), apis).fix
}

#[test]
fn the_fix_of_a_scope_follows_from_how_the_client_is_registered() {
    let (own, other) = (
        Api::new("urn:own", scopes("read write")).unwrap(),
        Api::new("urn:other", scopes("pay")).unwrap(),
    );
    for code in [FindingCode::ScopeNotGranted, FindingCode::InvalidScope] {
        let fix = |client: &Client, scope: &str, apis: &[&Api]| {
            explain(&key(code, scope), client, apis).fix.unwrap()
        };
        assert_eq!(
            fix(&client(), "pay", &[&own, &other]),
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
            assert_eq!(
                fix(client, "new:one", &[&own, &other]),
                "signet api set urn:own --scope read --scope write --scope new:one"
            );
            for (scope, apis) in
                [("new:one", &[&other][..]), ("phone", &[&own]), ("signet:admin", &[])]
            {
                assert!(fix(client, scope, apis).starts_with("Remove it from"), "{scope}");
            }
        }
    }
}

#[test]
fn a_redirect_uri_that_may_be_registered_has_a_command_and_a_warning() {
    let explained = |uri: &str| explain(&key(FindingCode::RedirectUri, uri), &client(), &[]);
    let good = explained("https://shop.example/new");
    assert!(good.message.contains("\"https://shop.example/new\""), "{}", good.message);
    assert!(good.message.contains("only if it is the application's own"), "{}", good.message);
    assert_eq!(
        good.fix.unwrap(),
        "signet client update shop --redirect-uri https://shop.example/cb --redirect-uri \
         https://shop.example/new"
    );
    for (uri, says) in [
        ("http://shop.example/cb", "Plain http"),
        ("javascript:alert(1)", "scheme is not allowed"),
        ("https://shop.example/cb?", "query"),
        ("https://shop.example/\u{1b}[2J", "printable"),
    ] {
        let bad = explained(uri);
        assert!(bad.message.contains(says), "{uri}: {}", bad.message);
        assert!(!bad.message.contains('\u{1b}'), "{uri}");
        assert!(!bad.fix.unwrap().contains("--redirect-uri"), "{uri}");
    }
    for nothing_to_do in ["", "redirect_uri_not_registered", "https://shop.example/cb"] {
        assert_eq!(explained(nothing_to_do).fix, None, "{nothing_to_do}");
    }
}

#[test]
fn words_of_requests_are_quoted_for_a_shell() {
    let own = Api::new("urn:own", scopes("read")).unwrap();
    assert_eq!(
        fix(FindingCode::ScopeUnknown, "$(reboot)", &[&own]).unwrap(),
        "signet api set urn:own --scope read --scope '$(reboot)'"
    );
    assert!(
        fix(FindingCode::RedirectUri, "https://shop.example/$(reboot);x", &[])
            .unwrap()
            .ends_with(" 'https://shop.example/$(reboot);x'")
    );
}

#[test]
fn grants_methods_and_apis_have_commands_that_can_be_pasted() {
    let update = |options: &str| Some(format!("signet client update shop {options}"));
    let other = Api::new("urn:other", scopes("pay")).unwrap();
    assert_eq!(
        fix(FindingCode::InvalidTarget, "urn:other", &[&other]),
        update("--audience urn:own --audience urn:other")
    );
    assert_eq!(fix(FindingCode::InvalidTarget, "urn:gone", &[]).unwrap(), "signet api list");
    assert_eq!(
        fix(FindingCode::WrongMethod, "private_key_jwt", &[]),
        update("--auth-method private_key_jwt --jwks-file FILE")
    );
    assert_eq!(
        fix(FindingCode::WrongMethod, "none", &[]).unwrap(),
        "signet client rotate-secret shop"
    );
    let grant = fix(FindingCode::UnauthorizedClient, "client_credentials", &[]).unwrap();
    assert!(grant.ends_with("--grant client_credentials"), "{grant}");
    for grant_of_client in &client().metadata.grant_types {
        assert!(grant.contains(&format!("--grant {grant_of_client}")), "{grant}");
    }
}

#[test]
fn every_finding_has_a_sentence_and_names_no_client_but_its_own() {
    for code in FindingCode::ALL {
        for detail in ["", "pay.", "A sentence of ours."] {
            let said = explain(&key(*code, detail), &client(), &[]);
            assert!(said.message.ends_with('.'), "{code}: {}", said.message);
            let commands = said.fix.iter().filter(|fix| fix.contains("signet client"));
            for fix in commands {
                assert!(fix.contains(" shop"), "{code}: {fix}");
                assert!(fix.starts_with("signet "), "{code}: a command stands alone: {fix}");
            }
        }
    }
    let refused = FindingKey::new("shop", "/oauth2/token", "invalid_request", "code is missing.");
    let said = explain(&refused, &client(), &[]);
    assert_eq!(said.message, "A request was refused with invalid_request: code is missing.");
}

#[test]
fn a_service_client_without_an_administration_scope_is_given_it_by_a_command() {
    let mut bot = client();
    bot.client_id = "-bot".to_owned();
    bot.metadata.client_type = ClientType::Service;
    bot.metadata.admin_scopes = scopes("signet:read");
    let explained = explain(&key(FindingCode::InvalidScope, "signet:users"), &bot, &[]);
    assert!(explained.message.contains("does not have it"), "{}", explained.message);
    assert_eq!(
        explained.fix.unwrap(),
        "signet client update --admin-scope signet:read --admin-scope signet:users -- -bot"
    );
    let has = explain(&key(FindingCode::InvalidScope, "signet:read"), &bot, &[]);
    assert!(has.fix.unwrap().contains("alone"));
    // A similar prefix that is not an administration scope has no command.
    let none = explain(&key(FindingCode::InvalidScope, "signet:other"), &bot, &[]);
    assert!(none.fix.unwrap().starts_with("Remove it"));
}

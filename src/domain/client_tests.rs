//! Tests of registered clients: defaults of types, refusals, and stored rows.

use serde_json::Value;

use super::*;
use crate::base::TimeSpan;

const CODE: GrantInfo = GrantInfo {
    name: "code",
    public_clients: true,
    redirects_user: true,
    default_for: &[ClientType::Spa, ClientType::Web, ClientType::Native],
};
/// A grant for clients that authenticate.
const CLOSED: GrantInfo = GrantInfo {
    name: "closed",
    public_clients: false,
    redirects_user: false,
    default_for: &[ClientType::Service],
};
const GRANTS: &[GrantInfo] = &[CODE, CLOSED];

fn of_type(client_type: ClientType) -> ClientMetadata {
    ClientMetadata::new("App".to_owned(), client_type, GRANTS)
}

fn web() -> ClientMetadata {
    let redirect_uris = vec!["https://app.example.com/cb".to_owned()];
    ClientMetadata { redirect_uris, ..of_type(ClientType::Web) }
}

fn codes(settings: &ClientMetadata) -> Vec<(&'static str, &'static str)> {
    settings.problems(GRANTS).iter().map(|problem| (problem.field, problem.code)).collect()
}

#[test]
fn the_defaults_of_a_type_are_consistent() {
    assert_eq!(codes(&web()), []);
    assert_eq!(codes(&of_type(ClientType::Service)), []);
    let native = ClientMetadata {
        redirect_uris: vec!["com.example.app:/cb".to_owned()],
        ..of_type(ClientType::Native)
    };
    assert_eq!(codes(&native), []);
    let without = of_type(ClientType::Spa);
    assert_eq!(codes(&without), [("redirect_uris", "missing")]);
}

#[test]
fn invalid_settings_are_named_with_a_reason() {
    let method = "token_endpoint_auth_method";
    for (settings, wanted) in [
        (ClientMetadata { name: String::new(), ..web() }, ("name", "malformed")),
        (ClientMetadata { auth_method: AuthMethod::None, ..web() }, (method, "not_for_this_type")),
        (ClientMetadata { client_type: ClientType::Spa, ..web() }, (method, "not_for_this_type")),
        (ClientMetadata { auth_method: AuthMethod::PrivateKeyJwt, ..web() }, ("jwks", "missing")),
        (ClientMetadata { jwks: vec![Value::Null], ..web() }, ("jwks", "not_used")),
        (
            ClientMetadata { grant_types: vec!["password".to_owned()], ..web() },
            ("grant_types", "unknown"),
        ),
        (
            ClientMetadata { client_uri: Some("http://a.example/".to_owned()), ..web() },
            ("client_uri", "plain_http"),
        ),
        (
            ClientMetadata { policy_uri: Some("javascript:alert(1)".to_owned()), ..web() },
            ("policy_uri", "forbidden_scheme"),
        ),
        (
            ClientMetadata { tos_uri: Some("com.example.app:/terms".to_owned()), ..web() },
            ("tos_uri", "not_for_this_type"),
        ),
        (
            ClientMetadata { client_type: ClientType::Service, first_party: true, ..web() },
            ("first_party", "not_for_this_type"),
        ),
        (
            ClientMetadata {
                auth_method: AuthMethod::None,
                pkce: PkcePolicy::Nonce,
                ..of_type(ClientType::Spa)
            },
            ("pkce", "not_for_this_type"),
        ),
        (
            ClientMetadata { web_origins: vec!["https://a.example/".to_owned()], ..web() },
            ("web_origins", "not_an_origin"),
        ),
        (
            ClientMetadata { scopes: Some(Scopes::parse("signet:admin").unwrap()), ..web() },
            ("scopes", "reserved"),
        ),
        (
            ClientMetadata { access_token_ttl: Some(TimeSpan::from_days(2)), ..web() },
            ("access_token_ttl", "out_of_range"),
        ),
        (
            ClientMetadata { refresh_max_ttl: Some(TimeSpan::from_secs(1)), ..web() },
            ("refresh_max_ttl", "out_of_range"),
        ),
        (
            ClientMetadata { backchannel_logout_uri: Some("myapp:/x".to_owned()), ..web() },
            ("backchannel_logout_uri", "not_for_this_type"),
        ),
    ] {
        assert!(codes(&settings).contains(&wanted), "{wanted:?}: {:?}", codes(&settings));
    }
    let spa = ClientMetadata {
        client_type: ClientType::Spa,
        auth_method: AuthMethod::None,
        pkce: PkcePolicy::Required,
        grant_types: vec![CLOSED.name.to_owned()],
        ..web()
    };
    assert_eq!(codes(&spa), [("grant_types", "needs_authentication")]);
    let service = ClientMetadata { client_type: ClientType::Service, ..web() };
    assert!(codes(&service).contains(&("grant_types", "not_for_this_type")));
}

#[test]
fn settings_are_read_back_and_new_ones_have_a_default() {
    let text = serde_json::to_string(&web()).unwrap();
    assert_eq!(serde_json::from_str::<ClientMetadata>(&text).unwrap(), web());
    let old = r#"{"name":"App","type":"web","token_endpoint_auth_method":"none"}"#;
    assert!(serde_json::from_str::<ClientMetadata>(old).is_ok());
}

#[test]
fn a_row_of_an_older_version_keeps_what_its_client_had() {
    use AuthMethod::{Basic, None as Public, Post, PrivateKeyJwt};
    for (method, basic, post, pinned) in [
        (Basic, true, true, false),
        (Post, false, true, true),
        (PrivateKeyJwt, false, false, false),
        (Public, false, false, false),
    ] {
        let old = format!(r#"{{"name":"A","type":"web","token_endpoint_auth_method":"{method}"}}"#);
        let old: ClientMetadata = serde_json::from_str(&old).unwrap();
        assert_eq!(old.pkce_policy(), PkcePolicy::Required);
        assert_eq!(old.pins_auth_method(), pinned, "{method}");
        let may = [Basic, Post].map(|one| old.may_authenticate_with(one));
        assert_eq!(may, [basic, post], "{method}");
        assert!(old.may_authenticate_with(method) && !old.skips_consent() && !old.first_party);
        assert_eq!(old.assertion_audience, AssertionAudience::Issuer);
        assert_eq!(old.id_token_claims, IdTokenClaims::Minimal);
    }
}

#[test]
fn a_client_without_a_secret_never_authenticates_with_one() {
    for method in [AuthMethod::None, AuthMethod::PrivateKeyJwt] {
        for pinned in [None, Some(false), Some(true)] {
            let client =
                ClientMetadata { auth_method: method, auth_method_pinned: pinned, ..web() };
            for other in AuthMethod::ALL.iter().copied() {
                assert_eq!(client.may_authenticate_with(other), other == method);
            }
        }
    }
}

#[test]
fn a_client_id_means_the_same_everywhere() {
    for good in ["a", "shop-web", "https://shop.example.com", &"x".repeat(128)] {
        assert!(is_client_id(good), "{good}");
    }
    for bad in ["", ".", "..", "a b", "a%b", "a+b", "a\"b", "\u{e4}", &"x".repeat(129)] {
        assert!(!is_client_id(bad), "{bad}");
    }
}

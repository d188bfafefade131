//! Document URLs, the members that are used, and the documents that are refused.

use serde_json::{Value, json};

use super::*;
use crate::domain::client::AuthMethod;
use crate::domain::client_jwks::{CheckedKey, KeyError};
use crate::domain::signing_key::SigningAlg;

const ID: &str = "https://app.example.com/oauth/client.json";
const OWN: Allowance = Allowance { cross_origin: false };
const CROSS: Allowance = Allowance { cross_origin: true };

fn url(text: &str) -> DocumentUrl {
    DocumentUrl::parse(text).unwrap_or_else(|| panic!("{text}"))
}

fn any_key(key: &Value) -> Result<CheckedKey, KeyError> {
    Ok(CheckedKey { alg: SigningAlg::Es256, identity: key.to_string() })
}

fn document() -> Value {
    json!({
        "client_id": ID,
        "client_name": "An app",
        "redirect_uris": ["https://app.example.com/cb", "http://127.0.0.1/cb"],
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut document = document();
    document[name] = value;
    document
}

fn read(document: &Value) -> Result<DocumentContent, DocumentError> {
    DocumentContent::read(document.to_string().as_bytes(), &url(ID), OWN, any_key)
}

#[test]
fn an_address_of_a_document_has_one_spelling() {
    for good in [
        ID,
        "https://a.example/x",
        "https://a.example/x/",
        "https://a.example:8443/x",
        "https://a.example:443/x",
        "https://a.example/x?v=1",
        "https://93.184.216.34/x",
        "https://a.example/a/b/c",
        "https://xn--mnchen-3ya.example/x",
    ] {
        assert_eq!(url(good).as_str(), good);
    }
    let long = format!("https://a.example/{}", "x".repeat(512));
    for bad in [
        "https://a.example",
        "https://a.example/",
        "http://a.example/x",
        "HTTPS://a.example/x",
        "https://A.example/x",
        "https://a.example/x#y",
        "https://user@a.example/x",
        "https://user:pw@a.example/x",
        "https://@a.example/x",
        "https://a.example/x/../y",
        "https://a.example/./x",
        "https://a.example/%2e%2e/x",
        "https://a.example/x\\y",
        "https://a.example\\x",
        "https:/a.example/x",
        "https:a.example/x",
        "https://a.example/x y",
        "https://0x7f.1/x",
        "https://127.1/x",
        "https://m\u{fc}nchen.example/x",
        "https://a.example/*",
        "https:///x",
        "https://?x",
        "app",
        "",
        &*long,
    ] {
        assert_eq!(DocumentUrl::parse(bad), None, "{bad}");
    }
}

#[test]
fn the_operator_says_whose_documents_count() {
    let any = ClientDocuments::parse("any").unwrap();
    let list = "https://a.example/, https://b.example/apps/+cross";
    let listed = ClientDocuments::parse(list).unwrap();
    assert_eq!(listed.to_string(), "https://a.example/,https://b.example/apps/+cross");
    for (id, by_any, by_list) in [
        ("https://a.example/x", Some(OWN), Some(OWN)),
        ("https://a.example/x?v=1", None, Some(OWN)),
        ("https://a.example.evil/x", Some(OWN), None),
        ("https://a.example:443/x", Some(OWN), None),
        ("https://b.example/apps/x", Some(OWN), Some(CROSS)),
        ("https://b.example/appsx", Some(OWN), None),
        ("https://c.example/x", Some(OWN), None),
    ] {
        let id = url(id);
        assert_eq!(any.allowance(&id), by_any, "{id:?}");
        assert_eq!(listed.allowance(&id), by_list, "{id:?}");
        assert_eq!(ClientDocuments::Off.allowance(&id), None);
    }
    for bad in [
        "on",
        "all",
        "",
        "https://a.example",
        "http://a.example/",
        "https://a.example/x",
        "https://*.example/",
        "https://a.example/,",
        "https://a.example/?x=/",
        "https://u@a.example/",
        "any,https://a.example/",
        "+cross",
        "https://A.example/",
        "https://a.example/../",
    ] {
        assert!(ClientDocuments::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_document_says_who_the_client_is_and_where_it_is_answered() {
    let mut given = document();
    for (name, value) in [
        ("grant_types", json!(["client_credentials", "urn:x"])),
        ("scope", json!("admin")),
        ("skip_consent", json!(true)),
        ("first_party", json!(true)),
        ("logo_uri", json!("https://evil.example/logo")),
        ("audiences", json!(["https://api.example.com"])),
        ("application_type", json!("web")),
        ("access_token_ttl", json!(9999)),
    ] {
        given[name] = value;
    }
    let content = read(&given).unwrap();
    assert_eq!(content, read(&document()).unwrap(), "nothing else counts");
    let client = content.client(ID, "hash".to_owned(), &["https://x.example".to_owned()]);
    assert_eq!(client.document_host().as_deref(), Some("app.example.com"));
    assert_eq!((&*client.client_id, &*client.metadata.name), (ID, "An app"));
    assert!(client.is_public() && !client.metadata.skips_consent());
    assert_eq!(client.metadata.grant_types, ["authorization_code", "refresh_token"]);
    assert_eq!(client.metadata.audiences, ["https://x.example"]);
    assert_eq!(client.metadata.scopes, None);
    assert_eq!(client.metadata.logo, None);
    assert!(client.metadata.resource_servers.is_empty() && client.metadata.admin_scopes.is_empty());
}

#[test]
fn a_document_that_is_wrong_describes_no_client() {
    let key = json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}]});
    let private = json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "d": "d"}]});
    let shared = json!({"keys": [{"kty": "oct", "k": "secret"}]});
    let mut both = with("token_endpoint_auth_method", json!("private_key_jwt"));
    let mut keyless = both.clone();
    both["jwks"] = key.clone();
    both["jwks_uri"] = json!("https://app.example.com/jwks");
    let mut plain = keyless.clone();
    plain["jwks_uri"] = json!("http://app.example.com/jwks");
    keyless["jwks"] = json!({"keys": []});
    for (document, error) in [
        (json!([document()]), DocumentError::NoObject),
        (with("client_id", json!("https://app.example.com/other")), DocumentError::ClientId),
        (
            with("client_id", json!("https://app.example.com:443/oauth/client.json")),
            DocumentError::ClientId,
        ),
        (with("client_id", Value::Null), DocumentError::ClientId),
        (with("client_name", Value::Null), DocumentError::Name),
        (with("client_name", json!("")), DocumentError::Name),
        (with("client_name", json!("a\u{202e}b")), DocumentError::Name),
        (with("client_name", json!("x".repeat(129))), DocumentError::Name),
        (with("redirect_uris", Value::Null), DocumentError::Redirects),
        (with("redirect_uris", json!([])), DocumentError::Redirects),
        (with("redirect_uris", json!("https://app.example.com/cb")), DocumentError::Redirects),
        (with("redirect_uris", json!([1])), DocumentError::Redirects),
        (
            with("redirect_uris", json!(vec!["https://app.example.com/cb"; 65])),
            DocumentError::Redirects,
        ),
        (with("redirect_uris", json!(["https://evil.example/cb"])), DocumentError::NoRedirect),
        (with("client_secret", json!("x")), DocumentError::Secret),
        (with("client_secret_expires_at", json!(0)), DocumentError::Secret),
        (with("token_endpoint_auth_method", json!("client_secret_basic")), DocumentError::Method),
        (with("token_endpoint_auth_method", json!("client_secret_post")), DocumentError::Method),
        (with("token_endpoint_auth_method", json!("client_secret_jwt")), DocumentError::Method),
        (with("token_endpoint_auth_method", json!("tls_client_auth")), DocumentError::Method),
        (with("token_endpoint_auth_method", json!(["none"])), DocumentError::Method),
        (with("jwks", private), DocumentError::PrivateKey),
        (with("jwks", shared), DocumentError::PrivateKey),
        (with("token_endpoint_auth_method", json!("private_key_jwt")), DocumentError::Keys),
        (both, DocumentError::Keys),
        (keyless, DocumentError::Keys),
        (plain, DocumentError::JwksUri),
    ] {
        assert_eq!(read(&document), Err(error), "{document}");
    }
    let raw = |bytes: &[u8]| DocumentContent::read(bytes, &url(ID), OWN, any_key);
    assert_eq!(raw(b"{"), Err(DocumentError::NoObject));
    assert_eq!(raw(b"\xff"), Err(DocumentError::NoObject));
    let mut good = with("token_endpoint_auth_method", json!("private_key_jwt"));
    good["jwks"] = key;
    let content = read(&good).unwrap();
    assert_eq!((content.auth_method, content.jwks.len()), (AuthMethod::PrivateKeyJwt, 1));
}

#[test]
fn only_places_of_the_client_itself_count() {
    let client = url(ID);
    for (uri, own, cross) in [
        ("https://app.example.com/cb", true, true),
        ("https://app.example.com:443/cb", true, true),
        ("https://app.example.com:8443/cb", false, true),
        ("https://example.com/cb", false, true),
        ("https://evil.example/cb", false, true),
        ("http://127.0.0.1/cb", true, true),
        ("http://127.0.0.1:4711/cb", true, true),
        ("http://[::1]/cb", true, true),
        ("http://localhost:4711/cb", true, true),
        ("http://app.localhost/cb", false, false),
        ("http://app.example.com/cb", false, false),
        ("http://127.0.0.1.evil.example/cb", false, false),
        ("com.example.app:/cb", true, true),
        ("com.example:/cb", false, false),
        ("com.example.app.evil:/cb", false, false),
        ("com.evil:/cb", false, false),
        ("app:/cb", false, false),
        ("javascript:alert(1)", false, false),
        ("data:text/html,x", false, false),
        ("https://app.example.com/cb#x", false, false),
        ("https://user@app.example.com/cb", false, false),
        ("https://app.example.com/../cb", false, false),
        ("https://*.example.com/cb", false, false),
        ("/cb", false, false),
        ("", false, false),
    ] {
        assert_eq!(redirects::counts(uri, &client, OWN), own, "{uri}");
        assert_eq!(redirects::counts(uri, &client, CROSS), cross, "{uri}");
    }
    let mixed = with("redirect_uris", json!(["https://evil.example/cb", "http://localhost/cb"]));
    assert_eq!(read(&mixed).unwrap().redirect_uris, ["http://localhost/cb"]);
}

#[test]
fn the_fingerprint_changes_with_what_users_were_asked_about() {
    let fingerprint = |document: &Value| read(document).unwrap().fingerprint();
    let first = fingerprint(&document());
    let turned = json!(["http://127.0.0.1/cb", "https://app.example.com/cb"]);
    assert_eq!(fingerprint(&with("redirect_uris", turned)), first, "the order says nothing");
    assert_eq!(fingerprint(&with("logo_uri", json!("https://app.example.com/logo"))), first);
    assert_ne!(fingerprint(&with("client_name", json!("Another app"))), first);
    assert_ne!(fingerprint(&with("redirect_uris", json!(["http://127.0.0.1/cb"]))), first);
    let mut keyed = with("token_endpoint_auth_method", json!("private_key_jwt"));
    keyed["jwks"] = json!({"keys": [{"kty": "EC", "x": "1"}]});
    let one = fingerprint(&keyed);
    keyed["jwks"] = json!({"keys": [{"kty": "EC", "x": "2"}]});
    assert_ne!(one, first);
    assert_ne!(fingerprint(&keyed), one);
}

#[test]
fn a_copy_is_fresh_for_a_minute_to_a_day() {
    for (said, fresh) in [
        (None, TimeSpan::from_mins(5)),
        (Some(0), TimeSpan::from_secs(60)),
        (Some(300), TimeSpan::from_secs(300)),
        (Some(86_401), TimeSpan::from_days(1)),
        (Some(u64::MAX), TimeSpan::from_days(1)),
    ] {
        assert_eq!(freshness(said), fresh, "{said:?}");
    }
}

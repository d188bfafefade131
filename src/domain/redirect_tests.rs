//! Tests of redirect URIs: what may be registered, and what matches.

use super::*;

#[test]
fn redirect_uris_are_registered_by_client_type() {
    use ClientType::{Native, Service, Spa, Web};
    for (uri, client_type, wanted) in [
        ("https://app.example.com/callback", Web, Ok(())),
        ("https://app.example.com:8443/cb?tenant=1", Web, Ok(())),
        ("https://app.example.com", Spa, Ok(())),
        ("http://localhost:3000/cb", Spa, Ok(())),
        ("http://127.0.0.1/cb", Native, Ok(())),
        ("http://[::1]/cb", Native, Ok(())),
        ("http://app.localhost:3000/cb", Spa, Ok(())),
        ("http://a.b-c.localhost/cb", Web, Ok(())),
        ("http://tauri.localhost/", Native, Ok(())),
        ("https://tauri.localhost/", Spa, Ok(())),
        ("http://.localhost/cb", Web, Err(UriError::PlainHttp)),
        ("http://a..localhost/cb", Web, Err(UriError::PlainHttp)),
        ("http://*.localhost/cb", Web, Err(UriError::Ambiguous)),
        ("http://APP.localhost/cb", Web, Err(UriError::Ambiguous)),
        ("http://app.localhost./cb", Web, Err(UriError::PlainHttp)),
        ("http://app.localhost:0/cb", Web, Err(UriError::Ambiguous)),
        ("http://app.localhost.example.com/cb", Web, Err(UriError::PlainHttp)),
        ("http://applocalhost/cb", Web, Err(UriError::PlainHttp)),
        ("http://app.localhost@evil.example/cb", Web, Err(UriError::Ambiguous)),
        ("http://evil.example:80@app.localhost/cb", Web, Err(UriError::Ambiguous)),
        ("http://evil.example\\.localhost/cb", Web, Err(UriError::Ambiguous)),
        ("com.example.app:/cb", Native, Ok(())),
        ("myapp://cb", Native, Ok(())),
        ("com.example.app:/cb", Web, Err(UriError::Type)),
        ("https://app.example.com/cb", Service, Err(UriError::Type)),
        ("http://app.example.com/cb", Web, Err(UriError::PlainHttp)),
        ("http://localhost.example.com/cb", Web, Err(UriError::PlainHttp)),
        ("http://127.0.0.1.example.com/cb", Native, Err(UriError::PlainHttp)),
        ("https://app.example.com/cb#x", Web, Err(UriError::Fragment)),
        ("https://*.example.com/cb", Web, Err(UriError::Ambiguous)),
        ("https://app.example.com/../cb", Web, Err(UriError::Ambiguous)),
        ("https://app.example.com/%2e%2e/cb", Web, Err(UriError::Ambiguous)),
        ("https://app.example.com\\@evil.example/cb", Web, Err(UriError::Ambiguous)),
        ("https://user@app.example.com/cb", Web, Err(UriError::Ambiguous)),
        ("https://APP.example.com/cb", Web, Err(UriError::Ambiguous)),
        ("https://app.example.com:0/cb", Web, Err(UriError::Ambiguous)),
        ("https:app.example.com/cb", Web, Err(UriError::Malformed)),
        ("javascript:alert(1)", Native, Err(UriError::Scheme)),
        ("data:text/html,x", Native, Err(UriError::Scheme)),
        ("/cb", Web, Err(UriError::Malformed)),
        ("https://app.example.com/c b", Web, Err(UriError::Malformed)),
        ("https://\u{e4}pp.example.com/cb", Web, Err(UriError::Malformed)),
        ("HTTPS://app.example.com/cb", Web, Err(UriError::Malformed)),
        ("", Web, Err(UriError::Malformed)),
    ] {
        assert_eq!(check(uri, client_type), wanted, "{uri}");
    }
}

#[test]
fn only_the_port_of_a_native_client_on_this_machine_varies() {
    let registered = ["http://127.0.0.1/cb", "https://a.example/cb", "http://app.localhost/cb"];
    let registered = registered.map(str::to_owned);
    let found = |asked, client_type| match_redirect(asked, &registered, client_type).is_some();
    for good in [
        "http://127.0.0.1/cb",
        "http://127.0.0.1:51234/cb",
        "https://a.example/cb",
        "http://app.localhost:51234/cb",
    ] {
        assert!(found(good, ClientType::Native), "{good}");
    }
    for bad in [
        "http://localhost:51234/cb",
        "http://other.localhost:51234/cb",
        "http://x.app.localhost:51234/cb",
        "http://[::1]:51234/cb",
        "http://127.0.0.1:51234/other",
        "http://127.0.0.1:51234/cb?x=1",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:999999/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "https://127.0.0.1:51234/cb",
        "https://a.example:444/cb",
        "https://a.example/cb/",
    ] {
        assert!(!found(bad, ClientType::Native), "{bad}");
    }
    assert!(!found("http://127.0.0.1:51234/cb", ClientType::Web));
    assert!(found("http://127.0.0.1/cb", ClientType::Web));
}

#[test]
fn a_scheme_of_ones_own_is_a_domain_turned_round() {
    for (uri, short) in [
        ("myapp://cb", true),
        ("myapp:/cb?x=a.b", true),
        ("com.example.app:/cb", false),
        ("https://a/cb", false),
        ("http://localhost/cb", false),
    ] {
        assert_eq!(is_short_scheme(uri), short, "{uri}");
    }
}

#[test]
fn a_policy_names_origins_and_schemes() {
    for (uri, source) in [
        ("https://a.example/cb?x", "https://a.example"),
        ("http://127.0.0.1:51234/cb", "http://127.0.0.1:51234"),
        ("com.example.app:/cb", "com.example.app:"),
        ("myapp://cb", "myapp:"),
    ] {
        assert_eq!(RegisteredRedirect(uri.to_owned()).source(), source);
    }
}

/// Where a server of the client's answers, which no browser resolves.
#[test]
fn a_server_is_not_reached_below_localhost() {
    assert_eq!(check_web("http://localhost:3000/out"), Ok(()));
    assert_eq!(check_web("http://app.localhost/out"), Err(UriError::PlainHttp));
}

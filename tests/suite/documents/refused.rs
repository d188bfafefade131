//! Addresses, responses and documents that describe no client, with a listener that must get no connection
//! where no fetch is allowed.

use serde_json::{Value, json};
use signet::base::TimeSpan;
use tokio::net::TcpListener;

use super::{BUSY, ID, Place, REFUSED, UNKNOWN, document, stays, with};
use crate::support::document_host::{PUBLIC, Reply};
use crate::support::{Backend, is_untouched};

#[tokio::test(flavor = "multi_thread")]
async fn with_documents_off_the_address_of_one_is_an_unknown_client_and_nothing_is_asked() {
    let off = [("SIGNET_CLIENT_DOCUMENTS", "off")];
    let Some(place) = Place::with(Backend::Sqlite, &off).await else { return };
    place.publish(&document());
    stays(&place.sent_by(ID).await, 400, UNKNOWN);
    assert_eq!(place.hosts.connections(), 0);
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        let metadata = place.server.get(path).await.is(200).json();
        assert_eq!(metadata.get("client_id_metadata_document_supported"), None, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_say_that_documents_are_read_only_where_they_are() {
    let Some(place) = Place::on(Backend::Sqlite).await else { return };
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        let metadata = place.server.get(path).await.is(200).json();
        assert_eq!(metadata["client_id_metadata_document_supported"], json!(true), "{path}");
        let methods = metadata["token_endpoint_auth_methods_supported"].to_string();
        assert!(methods.contains("\"none\"") && methods.contains("private_key_jwt"), "{methods}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_name_no_client_are_unknown_and_nothing_is_asked() {
    let Some(place) = Place::on(Backend::Sqlite).await else { return };
    place.publish(&document());
    let canary = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = canary.local_addr().unwrap().port();
    let long = format!("https://client.example/{}", "x".repeat(512));
    for id in [
        "https://client.example",
        "https://client.example/",
        "http://client.example/oauth/client.json",
        "https://client.example/oauth/client.json#x",
        "https://user@client.example/oauth/client.json",
        "https://client.example/x/../oauth/client.json",
        "https://client.example/oauth/client.json?v=1",
        "https://CLIENT.example/oauth/client.json",
        "HTTPS://client.example/oauth/client.json",
        "https://client.example/oauth/%2e%2e/client.json",
        "ftp://client.example/oauth/client.json",
        &*format!("http://127.0.0.1:{port}/x"),
        &*format!("https://127.1:{port}/x"),
        &*format!("https://0x7f000001:{port}/x"),
        &*long,
    ] {
        stays(&place.sent_by(id).await, 400, UNKNOWN);
    }
    assert_eq!(place.hosts.connections(), 0);
    assert!(is_untouched(&canary).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_with_special_use_addresses_are_not_asked() {
    let Some(place) = Place::on(Backend::Sqlite).await else { return };
    let canary = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = canary.local_addr().unwrap();
    let port = at.port();
    for (name, addresses, private) in [
        ("loopback.client.example", "127.0.0.1", "127.0.0.1"),
        ("private.client.example", "10.0.0.7", "10.0.0.7"),
        ("metadata.client.example", "169.254.169.254", "169.254.169.254"),
        ("mapped.client.example", "::ffff:127.0.0.1", "::ffff:127.0.0.1"),
        ("mixed.client.example", &format!("{PUBLIC},10.0.0.8"), "10.0.0.8"),
    ] {
        place.hosts.add_name(name, addresses);
        place.hosts.add_listener(private, at);
        stays(&place.sent_by(&format!("https://{name}/x")).await, 400, REFUSED);
    }
    for host in ["127.0.0.1", "10.0.0.7", "169.254.169.254", "[::1]", "[::ffff:7f00:1]"] {
        stays(&place.sent_by(&format!("https://{host}:{port}/x")).await, 400, REFUSED);
    }
    assert_eq!(place.hosts.connections(), 0);
    assert!(is_untouched(&canary).await);
}

/// Every response without a valid document is refused, and fetched again after the pause.
#[tokio::test(flavor = "multi_thread")]
async fn refused_documents_are_not_cached() {
    let Some(place) = Place::on(Backend::Sqlite).await else { return };
    let canary = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = format!("http://{}/x", canary.local_addr().unwrap());
    let large = with("padding", json!("x".repeat(16 * 1024)));
    let good = Reply::json(&document());
    let key = |kind: &str| json!({"keys": [{"kty": "EC", kind: "secret"}]});
    for (at, reply) in [
        good.clone().status(302).header("Location", &location),
        good.clone().status(201),
        good.clone().status(404),
        Reply::text("text/html", document().to_string().as_bytes()),
        Reply::json(&large),
        Reply::text("application/json", b"{"),
        Reply::json(&json!([document()])),
        Reply::json(&with("client_id", json!("https://client.example/other.json"))),
        Reply::json(&with("client_secret", json!("x"))),
        Reply::json(&with("token_endpoint_auth_method", json!("client_secret_basic"))),
        Reply::json(&with("token_endpoint_auth_method", json!("private_key_jwt"))),
        Reply::json(&with("jwks", key("d"))),
        Reply::json(&with("client_name", Value::Null)),
        Reply::json(&with("redirect_uris", json!(["https://other.example/cb", "javascript:x"]))),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/clients/{at}.json");
        let id = format!("https://client.example{path}");
        // The document has this address as its `client_id`, unless the `client_id` is under test.
        let body = |text: &[u8]| String::from_utf8_lossy(text).replace(ID, &id).into_bytes();
        place.hosts.answer(&path, reply.clone().mapped(body));
        stays(&place.sent_by(&id).await, 400, REFUSED);
        let asked = place.hosts.connections();
        let paused = place.sent_by(&id).await;
        stays(&paused, 503, BUSY);
        assert!(paused.header("retry-after").parse::<u64>().unwrap() <= 5, "{at}");
        assert_eq!(place.hosts.connections(), asked, "{at}: asked during the pause");
        place.hosts.answer(&path, good.clone().mapped(body));
        place.server.advance(TimeSpan::from_secs(5));
        let page = place.sent_by(&id).await;
        assert_eq!(page.status, 200, "{at}: {}", page.text);
    }
    assert!(is_untouched(&canary).await, "a redirect was followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_host_times_out() {
    let settings = [("SIGNET_CLIENT_DOCUMENTS", "any"), ("SIGNET_TEST_FETCH_MILLIS", "300")];
    let Some(place) = Place::with(Backend::Sqlite, &settings).await else { return };
    place.hosts.answer(super::PATH, Reply::json(&document()).silent_after(10));
    stays(&place.sent_by(ID).await, 400, REFUSED);
    stays(&place.sent_by(ID).await, 503, BUSY);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_names_whose_documents_count() {
    let list = "https://client.example/oauth/,https://other.example/x/+cross";
    let listed = [("SIGNET_CLIENT_DOCUMENTS", list)];
    let Some(place) = Place::with(Backend::Sqlite, &listed).await else { return };
    place.publish(&document());
    place.sent_by(ID).await.is(200);
    let asked = place.hosts.connections();
    for id in ["https://client.example/else.json", "https://other.example/y.json"] {
        stays(&place.sent_by(id).await, 400, UNKNOWN);
    }
    assert_eq!(place.hosts.connections(), asked);
    // With `+cross` redirect URIs on another host are accepted; a query is part of the `client_id`.
    let id = "https://other.example/x/client.json?tenant=7";
    let mut cross = with("client_id", json!(id));
    place.hosts.answer("/x/client.json?tenant=7", Reply::json(&cross));
    place.sent_by(id).await.is(200);
    cross["client_id"] = json!("https://client.example/oauth/2.json");
    cross["redirect_uris"] = json!(["https://other.example/cb"]);
    place.hosts.answer("/oauth/2.json", Reply::json(&cross));
    stays(&place.sent_by("https://client.example/oauth/2.json").await, 400, REFUSED);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_places_of_the_client_are_answered() {
    let Some(place) = Place::on(Backend::Sqlite).await else { return };
    let places = json!([
        "http://127.0.0.1/cb",
        "http://localhost:3000/cb",
        "http://[::1]/cb",
        "https://client.example/cb",
        "https://other.example/cb",
        "example.client:/cb",
        "app:/cb"
    ]);
    place.publish(&with("redirect_uris", places));
    for (redirect, ok) in [
        ("http://127.0.0.1:50123/cb", true),
        ("http://127.0.0.1/cb", true),
        ("http://localhost:50123/cb", true),
        ("http://localhost/cb", true),
        ("http://[::1]:50123/cb", true),
        ("https://client.example/cb", true),
        ("example.client:/cb", true),
        ("http://127.0.0.1:50123/other", false),
        ("http://127.0.0.2:50123/cb", false),
        ("http://app.localhost:50123/cb", false),
        ("https://client.example:8443/cb", false),
        ("https://client.example/other", false),
        ("https://other.example/cb", false),
        ("app:/cb", false),
        ("javascript:alert(1)", false),
    ] {
        let url = super::app(ID).url(&[("redirect_uri", redirect), ("resource", super::MCP)]);
        let page = place.server.get(&url).await;
        assert_eq!(page.status == 200, ok, "{redirect}: {}", page.text);
        assert_eq!(page.header("location"), "", "{redirect}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_at_the_address_of_an_api_describes_no_client() {
    let Some(place) = Place::on(Backend::Sqlite).await else { return };
    place.publish(&document());
    let api = json!({"identifier": ID});
    place.admin(reqwest::Method::POST, "/v1/admin/apis", api).await.is(201);
    stays(&place.sent_by(ID).await, 400, UNKNOWN);
    assert_eq!(place.hosts.connections(), 0);
}

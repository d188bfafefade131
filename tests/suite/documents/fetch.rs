//! The guarded fetch of a document, called directly, against hosts on loopback that stand for the Internet.

use signet::base::Deadlines;
use signet::domain::special_use::AddressPolicy;
use signet::http_client::{Fetch, FetchError, Fetched, HttpClient};
use tokio::net::TcpListener;
use url::Url;

use crate::support::document_host::{Hosts, PUBLIC, Reply};
use crate::support::{LONG, is_untouched, require};

const LIMIT: usize = 16 * 1024;

async fn hosts(of: &str) -> Option<Hosts> {
    let hosts = Hosts::start().await;
    if hosts.is_none() {
        require::missing("openssl", of);
    }
    hosts
}

fn client(hosts: &Hosts, deadlines: Deadlines) -> HttpClient {
    HttpClient::new(deadlines).standing_in(hosts.file().as_ref())
}

async fn fetch(hosts: &Hosts, url: &str) -> Result<Fetched, FetchError> {
    fetch_with(hosts, url, &AddressPolicy::PUBLIC, LONG).await
}

async fn fetch_with(
    hosts: &Hosts,
    url: &str,
    policy: &AddressPolicy,
    deadlines: Deadlines,
) -> Result<Fetched, FetchError> {
    let url = Url::parse(url).unwrap();
    client(hosts, deadlines).fetch(Fetch { url: &url, policy, limit: LIMIT, etag: None }).await
}

fn body(fetched: Result<Fetched, FetchError>) -> Vec<u8> {
    match fetched {
        Ok(Fetched::Document { body, .. }) => body,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_document_comes_with_its_freshness_and_its_entity_tag() {
    let Some(hosts) = hosts("fetching a document").await else { return };
    let reply = Reply::text("application/jwk-set+json; charset=utf-8", b"{}");
    hosts.answer(
        "/a?b=c",
        reply
            .header("ETag", "\"1\"")
            .header("Cache-Control", "public, max-age=90")
            .header("Age", "30"),
    );
    let fetched = fetch(&hosts, "https://client.example/a?b=c").await.unwrap();
    let (etag, max_age) = (Some("\"1\"".to_owned()), Some(60));
    assert_eq!(fetched, Fetched::Document { body: b"{}".to_vec(), etag, max_age });
    let head = hosts.requests().remove(0).to_lowercase();
    assert!(head.starts_with("get /a?b=c http/1.1\r\n"), "{head}");
    for line in ["accept: application/json", "host: client.example"] {
        assert!(head.contains(line), "{line} in {head}");
    }
    for absent in ["referer", "cookie", "authorization", "accept-encoding", "if-none-match"] {
        assert!(!head.contains(absent), "{absent} in {head}");
    }
}

#[tokio::test]
async fn a_copy_is_confirmed_by_its_entity_tag_only() {
    let Some(hosts) = hosts("fetching a document again").await else { return };
    hosts.answer("/a", Reply::text("", b"").status(304).header("Cache-Control", "max-age=7"));
    let url = Url::parse("https://client.example/a").unwrap();
    let client = client(&hosts, LONG);
    let policy = &AddressPolicy::PUBLIC;
    let again = client.fetch(Fetch { url: &url, policy, limit: LIMIT, etag: Some("\"1\"") }).await;
    assert_eq!(again, Ok(Fetched::NotModified { max_age: Some(7) }));
    assert!(hosts.requests()[0].to_lowercase().contains("if-none-match: \"1\"\r\n"));
    let first = client.fetch(Fetch { url: &url, policy, limit: LIMIT, etag: None }).await;
    assert_eq!(first, Err(FetchError::Status(304)));
}

#[tokio::test]
async fn special_use_addresses_are_never_connected_to() {
    let Some(hosts) = hosts("addresses of documents").await else { return };
    let canary = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = canary.local_addr().unwrap();
    let port = at.port();
    // By name: each of these addresses would lead to the canary.
    for (name, addresses, refused) in [
        ("loopback.example", "127.0.0.1", "127.0.0.1"),
        ("private.example", "10.0.0.7", "10.0.0.7"),
        ("metadata.example", "169.254.169.254", "169.254.169.254"),
        ("mapped.example", "::ffff:127.0.0.1", "::ffff:127.0.0.1"),
        ("nat64.example", "64:ff9b::a00:7", "64:ff9b::a00:7"),
        ("tunnel.example", "2002:a00:7::1", "2002:a00:7::1"),
        ("unique-local.example", "fd00::7", "fd00::7"),
        ("both.example", &format!("{PUBLIC},192.168.1.1"), "192.168.1.1"),
        ("behind.example", &format!("192.168.1.1,{PUBLIC}"), "192.168.1.1"),
    ] {
        hosts.add_name(name, addresses);
        hosts.add_listener(refused, at);
        let refused = FetchError::Address(refused.parse().unwrap());
        assert_eq!(fetch(&hosts, &format!("https://{name}/a")).await, Err(refused), "{name}");
    }
    // By address, in every notation of URLs.
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "%31%32%37.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "0",
        "0.0.0.0",
    ] {
        let refused = fetch(&hosts, &format!("https://{host}:{port}/a")).await;
        assert!(matches!(refused, Err(FetchError::Address(_))), "{host}: {refused:?}");
    }
    for url in [&*format!("http://client.example:{port}/a"), "ftp://client.example/a", "data:,x"] {
        assert_eq!(fetch(&hosts, url).await, Err(FetchError::Url), "{url}");
    }
    assert_eq!(fetch(&hosts, "https://nobody.example/a").await, Err(FetchError::Name));
    assert!(is_untouched(&canary).await);
    assert_eq!(hosts.connections(), 0);
}

/// The name resolves to a public address when it is checked and to a private one at every later look-up (DNS
/// rebinding).
#[tokio::test]
async fn a_name_that_is_rebound_leads_to_the_address_that_was_judged() {
    let Some(hosts) = hosts("names that are rebound").await else { return };
    let canary = TcpListener::bind("127.0.0.1:0").await.unwrap();
    hosts.add_name("rebound.client.example", &format!("{PUBLIC} 10.0.0.7"));
    hosts.add_listener("10.0.0.7", canary.local_addr().unwrap());
    hosts.answer("/a", Reply::text("application/json", b"[1]"));
    let url = Url::parse("https://rebound.client.example/a").unwrap();
    let (client, policy) = (client(&hosts, LONG), AddressPolicy::PUBLIC);
    let fetch = Fetch { url: &url, policy: &policy, limit: LIMIT, etag: None };
    assert_eq!(body(client.fetch(fetch).await), b"[1]");
    let refused = FetchError::Address("10.0.0.7".parse().unwrap());
    assert_eq!(client.fetch(fetch).await, Err(refused), "the second look-up is judged as well");
    assert!(is_untouched(&canary).await);
}

#[tokio::test]
async fn an_operator_allows_a_private_network_for_one_purpose() {
    let Some(hosts) = hosts("private hosts of an operator").await else { return };
    hosts.add_name("inside.client.example", "10.1.2.3");
    hosts.add_listener("10.1.2.3", ([127, 0, 0, 1], hosts.port()).into());
    hosts.answer("/a", Reply::text("application/json", b"[1]"));
    let url = Url::parse("https://inside.client.example/a").unwrap();
    let allowed = AddressPolicy::with(vec!["10.1.0.0/16".parse().unwrap()]);
    let client = client(&hosts, LONG);
    let fetch = |policy| client.fetch(Fetch { url: &url, policy, limit: LIMIT, etag: None });
    assert_eq!(body(fetch(&allowed).await), b"[1]");
    let refused = FetchError::Address("10.1.2.3".parse().unwrap());
    assert_eq!(fetch(&AddressPolicy::PUBLIC).await, Err(refused), "the other policy is unchanged");
}

#[tokio::test]
async fn only_a_small_json_document_with_status_200_is_read() {
    let Some(hosts) = hosts("answers to a fetch").await else { return };
    let canary = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let elsewhere = format!("http://{}/a", canary.local_addr().unwrap());
    let json = |body: &[u8]| Reply::text("application/json", body);
    for (reply, refused) in [
        (json(b"{}").status(302).header("Location", &elsewhere), FetchError::Status(302)),
        (json(b"{}").status(307).header("Location", &elsewhere), FetchError::Status(307)),
        (json(b"{}").status(201), FetchError::Status(201)),
        (json(b"{}").status(203), FetchError::Status(203)),
        (json(b"{}").status(404), FetchError::Status(404)),
        (json(b"{}").status(500), FetchError::Status(500)),
        (Reply::text("text/html", b"{}"), FetchError::MediaType("text/html".to_owned())),
        (Reply::text("text/json", b"{}"), FetchError::MediaType("text/json".to_owned())),
        (Reply::text("", b"{}"), FetchError::MediaType(String::new())),
        (json(b"{}").header("Content-Encoding", "gzip"), FetchError::Encoding),
        (json(&[b' '; LIMIT + 1]), FetchError::TooLarge(LIMIT)),
    ] {
        hosts.answer("/a", reply.clone());
        assert_eq!(fetch(&hosts, "https://client.example/a").await, Err(refused), "{reply:?}");
    }
    assert!(is_untouched(&canary).await, "a redirect was followed");
    // Without a length, in chunks.
    let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", LIMIT + 1, " ".repeat(LIMIT + 1));
    hosts.answer("/a", json(chunk.as_bytes()).header("Transfer-Encoding", "chunked"));
    assert_eq!(fetch(&hosts, "https://client.example/a").await, Err(FetchError::TooLarge(LIMIT)));
    hosts.answer("/a", json(&[b' '; LIMIT]));
    assert_eq!(body(fetch(&hosts, "https://client.example/a").await).len(), LIMIT);
}

#[tokio::test]
async fn a_slow_host_is_left_after_the_deadline() {
    let Some(hosts) = hosts("slow hosts").await else { return };
    let short = Deadlines::IN_SERVICE.with_fetch(300);
    let fetch = async |url| fetch_with(&hosts, url, &AddressPolicy::PUBLIC, short).await;
    // Accepts connections and sends nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    hosts.add_name("silent.client.example", "93.184.216.35");
    hosts.add_listener("93.184.216.35", silent.local_addr().unwrap());
    assert_eq!(fetch("https://silent.client.example/a").await, Err(FetchError::Timeout));
    hosts.answer("/a", Reply::text("application/json", b"{\"a\":1}").silent_after(3));
    assert_eq!(fetch("https://client.example/a").await, Err(FetchError::Timeout));
}

#[tokio::test]
async fn a_host_proves_its_name() {
    let Some(hosts) = hosts("certificates of hosts").await else { return };
    hosts.answer("/a", Reply::text("application/json", b"{}"));
    hosts.add_name("impostor.example", PUBLIC);
    let refused = fetch(&hosts, "https://impostor.example/a").await;
    assert!(matches!(refused, Err(FetchError::Connection(_))), "{refused:?}");
    assert_eq!(hosts.requests(), [""; 0], "nothing is asked of a host that is another one");
}

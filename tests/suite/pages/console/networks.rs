//! From which networks the console can be used.

use super::{administrator, started};
use crate::support::Backend;
use crate::support::relying_party::Person;
use crate::support::server::Options;

/// With `SIGNET_CONSOLE_NETWORKS` the addresses of the console are 404 for others, signed in or not; the address is
/// that of the client behind a trusted proxy.
#[tokio::test(flavor = "multi_thread")]
async fn others_find_nothing_at_the_addresses_of_the_console() {
    let elsewhere = Options::on(Backend::Sqlite).with("SIGNET_CONSOLE_NETWORKS", "192.0.2.0/24");
    let server = elsewhere
        .with("SIGNET_TRUSTED_PROXIES", "127.0.0.1")
        .with("SIGNET_PROXY_HEADER", "x-real-ip")
        .start()
        .await;
    server.create_administrator("root").await;
    let root = Person::new(&server, "root");
    for page in super::PAGES {
        root.get(page).await.is(404);
        let request = |address: &str| {
            let request = server.request(reqwest::Method::GET, page);
            server.send(request.header("x-real-ip", address.to_owned()))
        };
        request("198.51.100.7").await.is(404);
        request("192.0.2.7").await.is(303);
    }
    root.get("/account").await.is(303);
    let here = Options::on(Backend::Sqlite).with("SIGNET_CONSOLE_NETWORKS", "127.0.0.0/8,::1");
    let server = here.start().await;
    server.create_administrator("root").await;
    administrator(&server).await.get("/admin/users").await.is(200);
    let everywhere = started(Backend::Sqlite).await;
    administrator(&everywhere).await.get("/admin").await.is(200);
}

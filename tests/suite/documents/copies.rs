//! Copies of documents: they are used while their host is down, and their number is bounded.

use serde_json::json;
use signet::base::TimeSpan;
use signet::jobs::housekeep;

use super::{ID, MCP, PATH, Place, REFUSED, app, document, stays, with};
use crate::support::document_host::Reply;
use crate::support::relying_party::Person;
use crate::support::{Backend, on_both, postgres, require};

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_down_ends_no_session_and_no_access_for_a_day() {
    on_both("documents: host down", async |backend| {
        let Some(place) = Place::on(backend).await else { return };
        place.publish(&document());
        let (server, app) = (&place.server, app(ID));
        let ada = Person::new(server, "ada");
        let asked = [("resource", MCP), ("scope", "tools offline_access")];
        let code = app.code(&ada, &asked).await;
        let tokens = app.redeem(server, &code).await.is(200).json();
        place.hosts.forget(PATH);
        let mut token = tokens["refresh_token"].as_str().unwrap().to_owned();
        for hours in [1, 22, 30] {
            server.advance(TimeSpan::from_mins(60 * hours));
            token = app.refresh(server, &token).await.is(200).string("refresh_token");
            let page = place.sent_by(ID).await;
            if hours == 30 {
                stays(&page, 400, REFUSED);
            } else {
                page.is(200);
            }
        }
        let shown =
            place.admin(reqwest::Method::GET, "/v1/admin/client-documents", json!(null)).await;
        let shown = shown.is(200).json()["data"][0].clone();
        assert_eq!(shown["client_id"], ID);
        assert_eq!(shown["failure"], "the answer has status 404, not 200", "{shown}");
        assert!(shown["failed_at"].is_string() && shown["authorized_at"].is_string(), "{shown}");
        // The document is available again.
        place.publish(&document());
        server.advance(TimeSpan::from_secs(5));
        place.sent_by(ID).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_that_no_user_let_in_are_removed_after_a_day() {
    on_both("documents: pruned", async |backend| {
        let Some(place) = Place::on(backend).await else { return };
        place.publish(&document());
        let other = "https://client.example/other.json";
        place.hosts.answer("/other.json", Reply::json(&with("client_id", json!(other))));
        let (server, app) = (&place.server, app(ID));
        let ada = Person::new(server, "ada");
        let asked = [("resource", MCP), ("scope", "tools offline_access")];
        let code = app.code(&ada, &asked).await;
        let tokens = app.redeem(server, &code).await.is(200).json();
        place.sent_by(other).await.is(200);
        assert!(server.app.client(ID).is_some() && server.app.client(other).is_some());
        server.advance(TimeSpan::from_days(1));
        housekeep(&server.app, server.now()).await.unwrap();
        server.app.reload_if_changed().await.unwrap();
        assert!(server.app.client(other).is_some(), "a day is not over");
        server.advance(TimeSpan::from_secs(1));
        housekeep(&server.app, server.now()).await.unwrap();
        server.app.reload_if_changed().await.unwrap();
        assert!(server.app.client(other).is_none() && server.app.document(other).is_none());
        app.refresh(server, tokens["refresh_token"].as_str().unwrap()).await.is(200);
        // A client without a consent for so long has no session left.
        server.advance(TimeSpan::from_days(182));
        housekeep(&server.app, server.now()).await.unwrap();
        server.app.reload_if_changed().await.unwrap();
        assert!(server.app.document(ID).is_none());
    })
    .await;
}

/// Two processes on one database share the copies.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_of_all_processes() {
    if !postgres::is_there().await {
        return require::missing("postgres", "documents of two processes");
    }
    let Some(place) = Place::on(Backend::Postgres).await else { return };
    place.publish(&document());
    let key = std::fs::read_to_string(place.server.dir.path().join("data/master.key"));
    let Some(url) = place.server.database_url.clone() else { return };
    let other = crate::support::server::Options::on(Backend::Postgres)
        .on_database(&url)
        .with("SIGNET_MASTER_KEY", key.unwrap().trim())
        .with("SIGNET_ISSUER", &place.server.base)
        .with("SIGNET_TEST_HOSTS", &place.hosts.file())
        .with("SIGNET_CLIENT_DOCUMENTS", "any")
        .start()
        .await;
    place.sent_by(ID).await.is(200);
    let url = app(ID).url(&[("resource", MCP), ("scope", "tools")]);
    other.get(&url).await.is(200);
    assert_eq!(place.fetches(), 1);
    let block = json!({"client_id": ID});
    place.admin(reqwest::Method::POST, "/v1/admin/client-documents/block", block).await.is(200);
    other.app.reload_if_changed().await.unwrap();
    stays(&other.get(&url).await, 400, super::UNKNOWN);
    assert_eq!(place.fetches(), 1);
}

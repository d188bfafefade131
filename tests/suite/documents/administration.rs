//! Administration of clients that describe themselves, and blocking them.

use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;

use super::{ID, MCP, Place, UNKNOWN, app, document, stays};
use crate::support::on_both;
use crate::support::relying_party::{Person, error_of};
use crate::support::server::Tokens;

const LIST: &str = "/v1/admin/client-documents";

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_client_gets_nothing_until_it_is_unblocked() {
    on_both("documents: blocked", async |backend| {
        let Some(place) = Place::on(backend).await else { return };
        place.publish(&document());
        let (server, app) = (&place.server, app(ID));
        let ada = Person::new(server, "ada");
        let code = app.code(&ada, &[("resource", MCP), ("scope", "tools offline_access")]).await;
        let tokens = app.redeem(server, &code).await.is(200).json();
        let refresh = tokens["refresh_token"].as_str().unwrap();
        let fetched = place.fetches();

        let named = json!({"client_id": ID});
        let blocked = place.admin(Method::POST, &format!("{LIST}/block"), named.clone()).await;
        assert_eq!(blocked.is(200).json()["blocked"], json!(true));
        place.admin(Method::POST, &format!("{LIST}/block"), named.clone()).await.is(200);
        stays(&place.sent_by(ID).await, 400, UNKNOWN);
        assert_eq!(error_of(&app.refresh(server, refresh).await, 401), "invalid_client");
        // Its tokens are revoked in the feed for services that verify offline.
        let feed = server.get("/.well-known/revocations").await.is(200).text.clone();
        let feed = Tokens { access: feed, refresh: String::new() }.claims();
        assert!(feed["cut"].to_string().contains(ID), "{feed}");
        server.advance(TimeSpan::from_days(2));
        stays(&place.sent_by(ID).await, 400, UNKNOWN);
        assert_eq!(place.fetches(), fetched, "nothing is asked about a blocked client");

        place.admin(Method::POST, &format!("{LIST}/unblock"), named.clone()).await.is(204);
        place
            .admin(Method::POST, &format!("{LIST}/unblock"), named)
            .await
            .is_problem(404, "not_found");
        place.sent_by(ID).await.is(200);
        app.refresh(server, refresh).await.is(200);
        let late = server.administrator("late").await;
        for kind in ["client.disabled", "client.enabled"] {
            let events = server.events(&late, kind).await;
            assert_eq!(events.len(), 1, "{kind}: {events:?}");
            assert!(events[0].to_string().contains(ID), "{events:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_blocked_before_it_ever_came() {
    on_both("documents: blocked beforehand", async |backend| {
        let Some(place) = Place::on(backend).await else { return };
        place.publish(&document());
        let named = json!({"client_id": ID});
        let blocked = place.admin(Method::POST, &format!("{LIST}/block"), named.clone()).await;
        let blocked = blocked.is(200).json();
        assert_eq!((&blocked["name"], &blocked["confirmed_at"]), (&json!(null), &json!(null)));
        stays(&place.sent_by(ID).await, 400, UNKNOWN);
        assert_eq!(place.hosts.connections(), 0);
        place.admin(Method::POST, &format!("{LIST}/unblock"), named).await.is(204);
        let all = place.admin(Method::GET, LIST, json!(null)).await.is(200).json();
        assert_eq!(all["data"], json!([]), "without a copy nothing is left");
        place.sent_by(ID).await.is(200);
        for bad in ["app", "http://client.example/x", "https://client.example/"] {
            let answer = place
                .admin(Method::POST, &format!("{LIST}/block"), json!({"client_id": bad}))
                .await;
            answer.is_problem(422, "validation_failed");
            assert_eq!(answer.json()["errors"][0]["field"], "client_id");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_are_listed_and_shown() {
    let Some(place) = Place::on(crate::support::Backend::Sqlite).await else { return };
    place.publish(&document());
    place.sent_by(ID).await.is(200);
    let shown = place.admin(Method::GET, LIST, json!(null)).await.is(200).json()["data"][0].clone();
    assert_eq!(shown["name"], "An app");
    assert_eq!(shown["redirect_uris"], json!([super::REDIRECT, "http://127.0.0.1/cb"]));
    assert_eq!(shown["token_endpoint_auth_method"], "none");
    assert_eq!((&shown["failure"], &shown["authorized_at"]), (&json!(null), &json!(null)));
    let one = reqwest::Url::parse_with_params("http://x/", [("client_id", ID)]).unwrap();
    let query = one.query().unwrap();
    let found = place.admin(Method::GET, &format!("{LIST}?{query}"), json!(null)).await;
    assert_eq!(found.is(200).json()["data"], json!([shown]));
    let none = format!("{LIST}?client_id=https%3A%2F%2Fa.example%2Fx");
    place.admin(Method::GET, &none, json!(null)).await.is_problem(404, "not_found");
}

/// The account of the user names the host of the client, and can revoke its access.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_finds_the_client_in_their_account() {
    let Some(place) = Place::on(crate::support::Backend::Sqlite).await else { return };
    place.publish(&document());
    let ada = Person::new(&place.server, "ada");
    app(ID).code(&ada, &[("resource", MCP), ("scope", "tools")]).await;
    let account = ada.get("/account").await.is(200).text.clone();
    assert!(account.contains("client.example (An app)"), "{account}");
}

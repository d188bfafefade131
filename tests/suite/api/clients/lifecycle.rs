//! Changing, disabling and deleting clients, and when other processes know of it.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use crate::support::server::on_both;
use crate::support::{Backend, is_untouched};

use super::credentials::ed25519;
use super::{API, CLIENTS, Place, faults, path, web};

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_is_gone_hinders_no_other_change() {
    let place = Place::on(Backend::Sqlite).await;
    let made = place.api("urn:gone").await.string("id");
    let body = web(json!({"client_id": "shop", "audiences": [API, "urn:gone"]}));
    place.create(body).await.is(201);
    let api = format!("/v1/admin/apis/{made}");
    place.call(Method::DELETE, &api, Value::Null).await.is(204);
    place.patch("shop", json!({"name": "Other"})).await.is(200);
    // Nor does sending a response back, but every other list must name registered APIs.
    place.patch("shop", json!({"audiences": [API, "urn:gone"]})).await.is(200);
    let answer = place.patch("shop", json!({"audiences": ["urn:gone", API]})).await;
    assert_eq!(faults(&answer), [("audiences".to_owned(), "unknown_api".to_owned())]);
    place.patch("shop", json!({"audiences": [API]})).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_client_cannot_authenticate_until_it_is_enabled() {
    on_both("disabled clients", async |backend| {
        let place = Place::on(backend).await;
        let secret = place.shop().await.string("client_secret");
        let post = async |verb: &str| {
            let path = format!("{}/{verb}", path("shop"));
            place.call(Method::POST, &path, Value::Null).await.is(200).json()
        };
        let disabled = post("disable").await;
        assert_eq!(disabled["disabled"], true);
        place.server.advance(TimeSpan::from_secs(10));
        assert_eq!(post("disable").await, disabled, "the second time changes nothing");
        assert!(place.server.app.client("shop").is_none());
        assert!(!place.server.app.is_client_origin("https://shop.example.com"));
        let enabled = post("enable").await;
        assert_eq!((&enabled["disabled"], &enabled["disabled_at"]), (&json!(false), &Value::Null));
        assert_eq!(post("enable").await, enabled);
        assert!(place.is_live("shop", &secret));
        assert!(place.server.app.is_client_origin("https://shop.example.com"));
        for kind in ["client.disabled", "client.enabled"] {
            let events = place.events(kind).await;
            assert_eq!((events.len(), &events[0]["detail"]), (1, &json!("shop")), "{kind}");
            assert_eq!(events[0]["actor_id"], place.root.claims()["sub"]);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_client_is_gone_and_its_name_another_ones() {
    on_both("deleted clients", async |backend| {
        let place = Place::on(backend).await;
        let first = place.shop().await;
        let gone = path("shop");
        place.call(Method::DELETE, &gone, Value::Null).await.is(204);
        assert!(place.server.app.client("shop").is_none());
        let nobodies = ["shop", "nobody", "a b", "ä", &"x".repeat(200)];
        for id in nobodies {
            let base = path(id);
            let verb = |verb: &str| format!("{base}/{verb}");
            for (method, path, body) in [
                (Method::GET, base.clone(), Value::Null),
                (Method::PATCH, base.clone(), json!({})),
                (Method::DELETE, base.clone(), Value::Null),
                (Method::POST, verb("disable"), Value::Null),
                (Method::POST, verb("enable"), Value::Null),
                (Method::POST, verb("rotate-secret"), Value::Null),
            ] {
                place.call(method, &path, body).await.is_problem(404, "not_found");
            }
        }
        place.server.advance(TimeSpan::from_secs(1));
        let second = place.shop().await;
        assert_ne!(second.json()["created_at"], first.json()["created_at"]);
        assert!(!place.is_live("shop", &first.string("client_secret")));
        assert_eq!(place.events("client.deleted").await.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_one_client_at_once_do_not_undo_each_other() {
    on_both("client changes at once", async |backend| {
        let place = Place::on(backend).await;
        place.shop().await;
        for round in 0..5 {
            let (scope, name) = (format!("s{round}"), format!("Shop {round}"));
            let (one, two, three) = tokio::join!(
                place.patch("shop", json!({"scopes": [scope]})),
                place.patch("shop", json!({"name": name})),
                place.rotate("shop", json!({"revoke_old": true})),
            );
            one.is(200);
            two.is(200);
            let secret = three.is(200).string("client_secret");
            let now = place.show("shop").await;
            assert_eq!((&now["scopes"], &now["name"]), (&json!([scope]), &json!(name)));
            assert!(place.is_live("shop", &secret));
        }
    })
    .await;
}

/// Addresses of clients are for browsers; the server calls none until a notice is due.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_fetched_from_a_clients_addresses() {
    let place = Place::on(Backend::Sqlite).await;
    let canary = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/x", canary.local_addr().unwrap());
    let mut key = ed25519("a");
    key["x5u"] = json!(url);
    let body = web(json!({"client_id": "shop", "redirect_uris": [url], "jwks": [key],
        "post_logout_redirect_uris": [url], "backchannel_logout_uri": url,
        "token_endpoint_auth_method": "private_key_jwt"}));
    place.create(body).await.is(201);
    place.patch("shop", json!({"jwks": [key], "backchannel_logout_uri": url})).await.is(200);
    place.call(Method::DELETE, &path("shop"), Value::Null).await.is(204);
    assert!(is_untouched(&canary).await, "the server fetched something");
}

/// Another process knows a client within seconds, and at once when a request names it.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_known_in_every_process() {
    let Some((one, two)) = crate::support::server::pair("clients of two processes").await else {
        return;
    };
    let root = one.administrator("root").await;
    let body = web(json!({"client_id": "shop"}));
    one.call_as(Method::POST, CLIENTS, &root.access, body).await.is(201);
    assert!(two.app.client_or_reload("shop").await.unwrap().is_some());
    assert!(two.app.client("shop").is_some());
}

//! Client ids: unique, distinct from identifiers of APIs, found and listed.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use crate::support::server::{Answer, on_both};

use super::{API, CLIENTS, Place, faults, path, web};

#[tokio::test(flavor = "multi_thread")]
async fn a_name_belongs_to_one_client_or_api() {
    on_both("client names", async |backend| {
        let place = Place::on(backend).await;
        place.shop().await;
        let base = &place.server.base;
        for (name, code) in [
            ("signet", "reserved"),
            // No new client, and no API, can have an id with a colon.
            (base, "malformed"),
            (&format!("{base}/"), "malformed"),
            (API, "malformed"),
        ] {
            let answer = place.create(web(json!({ "client_id": name }))).await;
            assert_eq!(faults(&answer), [("client_id".to_owned(), code.to_owned())]);
        }
        let taken = place.create(web(json!({ "client_id": "shop" }))).await;
        taken.is_problem(409, "conflict");
        let uri = "https://shop.example.com";
        place.old_client(uri).await;
        place.api(uri).await.is_problem(409, "conflict");
        place.api(API).await.is_problem(409, "conflict");
        assert!(place.server.app.audience(Some(uri)).is_none());
        // The id of a deleted client can be used again.
        place.call(Method::DELETE, &path(uri), Value::Null).await.is(204);
        place.api(uri).await.is(201);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_name_asked_for_by_many_is_one_clients() {
    on_both("client races", async |backend| {
        let place = Place::on(backend).await;
        for round in 0..3 {
            let id = format!("shop{round}");
            let body = web(json!({ "client_id": id }));
            let all = join_all((0..20).map(|_| place.create(body.clone()))).await;
            let won: Vec<&Answer> = all.iter().filter(|answer| answer.status == 201).collect();
            assert_eq!(won.len(), 1, "round {round}");
            for answer in all.iter().filter(|answer| answer.status != 201) {
                answer.is_problem(409, "conflict");
            }
            // The successful request has the secret that works.
            assert!(place.is_live(&id, &won[0].string("client_secret")));
        }
        assert_eq!(place.events("client.created").await.len(), 3);
    })
    .await;
}

/// Every identifier of an API contains a colon and no registrable `client_id` does.
#[tokio::test(flavor = "multi_thread")]
async fn no_name_can_be_registered_as_a_client_and_as_an_api() {
    on_both("client and API names", async |backend| {
        let place = Place::on(backend).await;
        for (round, name) in ["https://name.example.com", "urn:name", "name.example.com", "name"]
            .into_iter()
            .enumerate()
        {
            let all = join_all((0..8).map(async |number| {
                // The other kind is first every second time.
                if (number + round) % 2 == 0 {
                    place.create(web(json!({ "client_id": name }))).await
                } else {
                    place.api(name).await
                }
            }))
            .await;
            let won = all.iter().filter(|answer| answer.status == 201).count();
            assert_eq!(won, 1, "{name}");
            assert!(all.iter().all(|answer| matches!(answer.status, 201 | 409 | 422)), "{all:?}");
            let client = place.server.app.client(name).is_some();
            let api = place.server.app.audience(Some(name)).is_some();
            assert!(client != api, "{name}: client {client}, API {api}");
        }
    })
    .await;
}

/// Clients that an older version registered with a colon stay usable: they are found, changed and deleted,
/// and authenticate.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_slashes_or_colons_is_found_and_lists_come_in_pages() {
    on_both("client pages", async |backend| {
        let place = Place::on(backend).await;
        let ids = ["https://a.example/x", "a:b~c", "a/b~c", "z", "0"];
        for id in ids {
            let there = if id.contains(':') {
                place.old_client(id).await;
                path(id)
            } else {
                let made = place.create(web(json!({ "client_id": id }))).await;
                let location = made.is(201).header("location").to_owned();
                location.strip_prefix(&place.server.base).unwrap().to_owned()
            };
            let patched = place.call(Method::PATCH, &there, json!({"name": id})).await;
            assert_eq!(patched.is(200).string("client_id"), id);
            place.server.advance(TimeSpan::from_secs(1));
        }
        let mut found = Vec::new();
        let mut next = String::new();
        loop {
            let page = format!("{CLIENTS}?limit=3{next}");
            let page = place.server.get_as(&page, &place.root.access).await.is(200).json();
            for client in page["data"].as_array().unwrap() {
                found.push(client["client_id"].as_str().unwrap().to_owned());
                assert!(client.get("client_secret").is_none());
            }
            let Some(cursor) = page["next"].as_str() else { break };
            next = format!("&after={cursor}");
        }
        assert_eq!(found, ids);
        let wrong = format!("{CLIENTS}?after=x");
        let wrong = place.server.get_as(&wrong, &place.root.access).await;
        assert_eq!(faults(&wrong)[0].0, "after");
    })
    .await;
}

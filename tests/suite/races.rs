//! What may happen once happens once, however many want it at the same moment.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use signet::identity::setup;

use crate::support::server::{PASSWORD, Tokens};
use crate::support::{Server, on_both};

#[tokio::test(flavor = "multi_thread")]
async fn one_login_is_registered_once() {
    on_both("registration race", async |backend| {
        let server = Server::start(backend).await;
        for round in 0..5 {
            // The same account in three spellings.
            let typed = [format!("ada{round}"), format!("ADA{round}"), format!(" ada{round} ")];
            let all = join_all((0..24).map(|number| {
                let body = json!({"login": typed[number % 3], "password": PASSWORD});
                server.post("/v1/register", body)
            }))
            .await;
            let made = all.iter().filter(|answer| answer.status == 201).count();
            assert_eq!(made, 1);
            for answer in all.iter().filter(|answer| answer.status != 201) {
                answer.is_problem(409, "login_taken");
            }
            // Look-alikes: a Cyrillic а for the Latin one. Whoever is first keeps the other out.
            let latin = json!({"login": format!("paypal{round}"), "password": PASSWORD});
            let cyrillic = json!({"login": format!("pаypal{round}"), "password": PASSWORD});
            let all = join_all((0..12).map(|number| {
                let body = if number % 2 == 0 { latin.clone() } else { cyrillic.clone() };
                server.post("/v1/register", body)
            }))
            .await;
            assert_eq!(all.iter().filter(|answer| answer.status == 201).count(), 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_administrators_cannot_disable_each_other() {
    on_both("last administrator race", async |backend| {
        let server = Server::start(backend).await;
        let one = server.administrator("one").await;
        let two = server.administrator("two").await;
        let id = |tokens: &Tokens| tokens.claims()["sub"].as_str().unwrap().to_owned();
        let third = server.administrator("three").await;
        let path = format!("/v1/admin/users/{}", id(&third));
        server.call_as(Method::DELETE, &path, &one.access, json!(null)).await.is(204);
        let mut calls = Vec::new();
        for (by, whom) in [(&one, &two), (&two, &one)] {
            let path = format!("/v1/admin/users/{}/disable", id(whom));
            for _ in 0..8 {
                let (path, server) = (path.clone(), &server);
                calls.push(async move {
                    server.call_as(Method::POST, &path, &by.access, json!(null)).await
                });
            }
        }
        join_all(calls).await;
        let logins = [server.try_login("one", PASSWORD), server.try_login("two", PASSWORD)];
        let enabled = join_all(logins).await.iter().filter(|a| a.status == 200).count();
        assert_eq!(enabled, 1, "exactly one administrator must remain");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_password_change_of_many_wins() {
    on_both("password race", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        let tokens = server.login("ada").await;
        let all = join_all((0..8).map(|number| {
            let new = format!("new correct horse {number}");
            let body = json!({"current_password": PASSWORD, "new_password": new});
            server.call_as(Method::POST, "/v1/password", &tokens.access, body)
        }))
        .await;
        let won: Vec<usize> = (0..8).filter(|number| all[*number].status == 204).collect();
        assert_eq!(won.len(), 1);
        server.try_login("ada", &format!("new correct horse {}", won[0])).await.is(200);
        server.try_login("ada", PASSWORD).await.is(401);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn set_up_makes_one_administrator() {
    on_both("set-up race", async |backend| {
        let server = Server::start(backend).await;
        let mut paths = Vec::new();
        for _ in 0..2 {
            let (app, now) = (server.app.clone(), server.now());
            let url = server.app.run(async move { setup::make_link(&app, now).await }).await;
            let url = url.unwrap_or_else(|stop| panic!("{stop:?}"));
            paths.push(url.expose().strip_prefix(&server.base).unwrap().to_owned());
        }
        let all = join_all((0..16).map(|number| {
            let request = server.request(Method::POST, &paths[number % 2]);
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            let body = format!("login=user{number}&password={}", PASSWORD.replace(' ', "+"));
            server.send(request.body(body))
        }))
        .await;
        assert_eq!(all.iter().filter(|answer| answer.status == 200).count(), 1);
        let logins = join_all((0..16).map(|number| {
            let body = json!({"login": format!("user{number}"), "password": PASSWORD});
            server.post("/v1/login", body)
        }))
        .await;
        assert_eq!(logins.iter().filter(|answer| answer.status == 200).count(), 1);
    })
    .await;
}

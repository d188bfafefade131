//! Ending many sessions at once, including the caller's own.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::base::id::SessionId;
use signet::execute;
use uuid::Uuid;

use super::session_ends::{END, Stage};
use crate::support::relying_party::Person;
use crate::support::server::{PASSWORD, Tokens};
use crate::support::{Server, on_both};

/// An administrator, signed in once more.
async fn signed_in_again(server: &Server, login: &str) -> Tokens {
    let body = json!({"login": login, "password": PASSWORD, "scope": "signet:admin"});
    Tokens::of(&server.post("/v1/login", body).await)
}

/// The caller's own sessions in a role or a group end last: all others have ended by then, also if the caller is first
/// in the order of the users.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_in_the_role_or_the_group_is_signed_out_last() {
    on_both("end sessions: the caller is among them", async |backend| {
        let stage = Stage::on(backend).await;
        let server = &stage.server;
        for login in ["root", "bob"] {
            let found = server
                .get_as(&format!("/v1/admin/users?login={login}"), &stage.root.access)
                .await
                .json();
            let path = format!("/v1/admin/users/{}", found["data"][0]["id"].as_str().unwrap());
            let body = json!({"groups": ["night"]});
            server.call_as(Method::PATCH, &path, &stage.root.access, body).await.is(200);
        }
        let second = server.administrator("second").await;
        for (selection, others) in
            [(json!({"group": "night"}), ["bob"]), (json!({"role": "admin"}), ["second"])]
        {
            let root = signed_in_again(server, "root").await;
            let browser = Person::new(server, "root");
            stage.tokens(&stage.shop, &browser).await;
            let (mut of_others, mut of_ada) = (Vec::new(), server.login("ada").await);
            for login in others {
                of_others.push(server.login(login).await);
            }
            let call = async |body: Value| {
                server.call_as(Method::POST, END, &root.access, body).await.is(200).json()
            };
            let mut dry = selection.clone();
            dry["dry_run"] = json!(true);
            let (counted, ended) = (call(dry).await, call(selection.clone()).await);
            for member in ["sessions", "sign_ins", "next"] {
                assert_eq!(counted[member], ended[member], "{selection}: {member}");
            }
            for tokens in &mut of_others {
                assert!(!stage.lives(tokens).await, "{selection}");
            }
            assert!(stage.lives(&mut of_ada).await, "{selection}");
            server.get_as("/v1/me", &root.access).await.is_problem(401, "invalid_token");
            assert!(!stage.signed_in(&browser).await, "{selection}");
        }
        server.get_as("/v1/me", &second.access).await.is(401);
    })
    .await;
}

/// Sessions from before a time, more than one call ends: the caller's own session, the oldest of all, ends with the
/// last call, so that the same token can make all calls.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_from_before_the_time_asks_for_the_rest_with_the_same_token() {
    on_both("end sessions: the caller is the oldest", async |backend| {
        let stage = Stage::on(backend).await;
        let server = &stage.server;
        server.advance(TimeSpan::from_secs(1));
        let ada = server.login("ada").await;
        let model: SessionId = ada.claims()["sid"].as_str().unwrap().parse().unwrap();
        let mut tx = server.app.db.begin().await.unwrap();
        for number in 1..=1_100 {
            // Of the same moment.
            let id = Uuid::from_u128(model.uuid().as_u128() + number);
            execute!(
                &mut tx,
                "INSERT INTO sessions (id, user_id, client_id, audience, scope, current, answered_at, supersedes, \
                 created_at, idle_expires_at, expires_at, user_epoch, auth_time) \
                 SELECT $1, user_id, client_id, audience, scope, current, answered_at, supersedes, created_at, \
                 idle_expires_at, expires_at, user_epoch, auth_time FROM sessions WHERE id = $2",
                id,
                model
            )
            .unwrap();
        }
        tx.commit().await.unwrap();
        server.advance(TimeSpan::from_secs(100));
        let cut = server.now().rfc3339();
        let mut late = server.login("bob").await;
        let (mut body, mut ended, mut calls) = (json!({"before": cut}), 0, 0);
        loop {
            let answer = stage.end(body.clone()).await;
            ended += answer["sessions"].as_u64().unwrap();
            calls += 1;
            if answer["next"].is_null() {
                break;
            }
            body["after"] = answer["next"].clone();
        }
        assert!(calls > 1, "one call ended everything");
        assert_eq!(ended, 1_102, "ada's and the caller's own");
        server.get_as("/v1/me", &stage.root.access).await.is_problem(401, "invalid_token");
        server.get_as("/v1/me", &ada.access).await.is_problem(401, "invalid_token");
        assert!(stage.lives(&mut late).await);
    })
    .await;
}

//! Every checked password leaves an audit event, at every endpoint.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use crate::support::relying_party::{Landing, Person, field};
use crate::support::server::{PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

/// The audit events during `work`, newest first, as kind, detail and count.
async fn during(
    server: &Server,
    root: &Tokens,
    work: impl Future<Output = ()>,
) -> Vec<(String, Value, i64)> {
    let all = async || {
        let answer = server.get_as("/v1/admin/audit?limit=200", &root.access).await;
        answer.is(200).json()["data"].as_array().unwrap().clone()
    };
    let before = all().await.len();
    // Events of one moment have no order.
    server.advance(TimeSpan::from_secs(1));
    work.await;
    let after = all().await;
    let new = after.iter().take(after.len() - before);
    new.map(|event| {
        let kind = event["kind"].as_str().unwrap().to_owned();
        (kind, event["detail"].clone(), event["times"].as_i64().unwrap())
    })
    .collect()
}

fn is(kind: &str, detail: impl Into<Value>, times: i64) -> (String, Value, i64) {
    (kind.to_owned(), detail.into(), times)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_password_that_leads_to_nothing_is_recorded() {
    on_both("right and refused", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let ada = server.register("ada").await;
        let ask = async |password: &str| {
            let body = json!({"login": "ada", "password": password, "scope": "signet:admin"});
            server.post("/v1/login", body).await
        };
        let events = during(&server, &root, async {
            ask(PASSWORD).await.is_problem(400, "invalid_scope");
        });
        assert_eq!(events.await, [is("login.refused", "invalid_scope", 1)]);
        let refused = server.events(&root, "login.refused").await;
        assert_eq!(refused[0]["user_id"], ada);
        assert_eq!(refused[0]["address"], "127.0.0.1");
        let events = during(&server, &root, async {
            ask("wrong password").await.is_problem(401, "invalid_credentials");
        });
        assert_eq!(events.await, [is("login.failed", Value::Null, 1)]);
    })
    .await;
}

/// An attacker with a stolen access token, or at an unattended browser, guesses the password.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_current_password_is_recorded_at_every_place_where_it_is_asked_for() {
    on_both("wrong current", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let ada = server.register("ada").await;
        let tokens = server.login("ada").await;
        let guess = |n: u32| json!({"current_password": format!("guess {n}"), "new_password": "another fine one"});
        let events = during(&server, &root, async {
            for n in 0..5 {
                let answer =
                    server.call_as(Method::POST, "/v1/password", &tokens.access, guess(n)).await;
                answer.is_problem(401, "invalid_credentials");
                assert_eq!(answer.json()["errors"][0]["field"], "current_password");
            }
        });
        assert_eq!(events.await, [is("login.failed", "password", 5)]);
        let failed = server.events(&root, "login.failed").await;
        assert_eq!((&failed[0]["user_id"], &failed[0]["actor_id"]), (&json!(ada), &json!(ada)));

        let person = Person::new(&server, "ada");
        let account = match person.visit("/account").await {
            Landing::Page(page) => page,
            Landing::Callback(url) => panic!("{url}"),
        };
        let csrf = field(&account.is(200).text, "csrf");
        let events = during(&server, &root, async {
            for n in 0..3 {
                let current = format!("guess {n}");
                let fields = [
                    ("csrf", &*csrf),
                    ("current_password", &*current),
                    ("new_password", "another fine one"),
                ];
                person.post("/account/password", &fields).await.is(401);
            }
        });
        assert_eq!(events.await, [is("login.failed", "account", 3)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_current_password_is_recorded_with_what_came_of_it() {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let tokens = server.login("ada").await;
    let events = during(&server, &root, async {
        let body = json!({"current_password": PASSWORD, "new_password": "another fine one"});
        server.call_as(Method::POST, "/v1/password", &tokens.access, body).await.is(204);
    });
    assert_eq!(events.await, [is("password.changed", Value::Null, 1)]);
}

//! The sign-in history of an account, as its user sees it.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use crate::support::relying_party::{App, Person};
use crate::support::second_factors::{Authenticator, challenge_of, proceed};
use crate::support::server::{Options, PASSWORD, Tokens};
use crate::support::{Server, on_both};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

async fn page_of(server: &Server, tokens: &Tokens, query: &str) -> Value {
    let path = format!("/v1/me/history{query}");
    server.get_as(&path, &tokens.access).await.is(200).json()
}

async fn history(server: &Server, tokens: &Tokens) -> Vec<Value> {
    page_of(server, tokens, "?limit=200").await["data"].as_array().unwrap().clone()
}

/// Outcome, methods and count.
fn shape(row: &Value) -> (String, Value, i64) {
    let outcome = row["outcome"].as_str().unwrap().to_owned();
    (outcome, row["methods"].clone(), row["times"].as_i64().unwrap())
}

fn is(outcome: &str, methods: Value, times: i64) -> (String, Value, i64) {
    (outcome.to_owned(), methods, times)
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_and_failures_are_listed_with_what_is_known_of_them() {
    on_both("history: what is listed", async |backend| {
        let server = Server::start(backend).await;
        let second = TimeSpan::from_secs(1);
        server.register("ada").await;
        let bob = server.register("bob").await;
        let body = json!({"login": "ada", "password": PASSWORD});
        let request = server.request(Method::POST, "/v1/login").header("user-agent", FIREFOX);
        let ada = Tokens::of(&server.send(request.json(&body)).await);
        server.advance(second);
        for _ in 0..3 {
            server.try_login("ada", "wrong").await.is_problem(401, "invalid_credentials");
        }
        // Of another account, and of none.
        server.try_login("bob", "wrong").await.is(401);
        server.try_login("eve", "wrong").await.is(401);
        server.advance(second);
        let app = Authenticator::enrol(&server, &ada).await;
        let challenge = challenge_of(&server, "ada").await;
        server.advance(second);
        proceed(&server, &challenge, &app.wrong_code(&server)).await.is_problem(401, "mfa_failed");
        let code = app.new_code(&server);
        let tokens = Tokens::of(&proceed(&server, &challenge, &code).await);

        let rows = history(&server, &tokens).await;
        let shapes: Vec<_> = rows.iter().map(shape).collect();
        let expected = [
            is("succeeded", json!(["password", "totp"]), 1),
            is("failed", json!(["totp"]), 1),
            is("first_factor", json!(["password"]), 1),
            is("failed", json!(["password"]), 3),
            is("succeeded", json!(["password"]), 1),
        ];
        assert_eq!(shapes, expected);
        let first = &rows[4];
        assert_eq!(first["browser"], "Firefox · Linux");
        assert_eq!(
            (&first["address"], &first["client_id"]),
            (&json!("127.0.0.1"), &json!("signet"))
        );
        assert_eq!(first["at"], "2027-01-15T08:00:00.000Z");
        // An unrecognised user agent is not repeated.
        assert_eq!(rows[0]["browser"], Value::Null);

        let rows = history(&server, &server.login("bob").await).await;
        let shapes: Vec<_> = rows.iter().map(shape).collect();
        let one = is("failed", json!(["password"]), 1);
        assert_eq!(shapes, [is("succeeded", json!(["password"]), 1), one], "{bob}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_at_the_pages_names_the_client_that_it_is_for() {
    on_both("history: pages", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        let app = App::register(&server, &root, json!({"type": "spa"})).await;
        let person = Person::new(&server, "ada");
        app.code(&person, &[]).await;
        // A user who is signed in already makes no sign-in.
        app.code(&person, &[]).await;
        server.advance(TimeSpan::from_secs(1));
        let elsewhere = Person::new(&server, "ada");
        elsewhere.visit("/account").await;
        server.advance(TimeSpan::from_secs(1));
        let rows = history(&server, &server.login("ada").await).await;
        let clients: Vec<_> = rows.iter().map(|row| row["client_id"].clone()).collect();
        assert_eq!(clients, [json!("signet"), json!(null), json!(app.id)], "{rows:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_has_pages_and_ends_after_90_days() {
    on_both("history: pages and age", async |backend| {
        let server = Options::on(backend).with("SIGNET_AUDIT_RETENTION", "400d").start().await;
        server.register("ada").await;
        for _ in 0..3 {
            server.login("ada").await;
            server.advance(TimeSpan::from_secs(1));
        }
        let ada = server.login("ada").await;
        let (mut seen, mut query) = (Vec::new(), "?limit=1".to_owned());
        loop {
            let page = page_of(&server, &ada, &query).await;
            assert_eq!(page["data"].as_array().unwrap().len(), 1);
            seen.push(page["data"][0]["id"].as_str().unwrap().to_owned());
            let Some(next) = page["next"].as_str() else { break };
            query = format!("?limit=1&after={next}");
        }
        let all: Vec<_> = history(&server, &ada).await;
        let ids: Vec<_> = all.iter().map(|row| row["id"].as_str().unwrap()).collect();
        assert_eq!((ids.len(), seen.iter().map(String::as_str).collect::<Vec<_>>()), (4, ids));
        for (query, field) in
            [("?limit=0", "limit"), ("?limit=201", "limit"), ("?after=x", "after")]
        {
            let refused = server.get_as(&format!("/v1/me/history{query}"), &ada.access).await;
            let refused = refused.is_problem(422, "validation_failed").json();
            assert_eq!(refused["errors"][0]["field"], field);
        }
        let unknown = server.get_as("/v1/me/history?user_id=x", &ada.access).await;
        unknown.is_problem(422, "validation_failed");

        server.advance(TimeSpan::from_days(90) - TimeSpan::from_secs(1));
        let rows = history(&server, &server.login("ada").await).await;
        assert_eq!(rows.len(), 3, "two have left the 90 days: {rows:?}");
        server.advance(TimeSpan::from_days(90) + TimeSpan::from_secs(1));
        assert_eq!(history(&server, &server.login("ada").await).await.len(), 1);
    })
    .await;
}

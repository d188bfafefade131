//! Operations that must happen once happen once under concurrency, on both databases.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::domain::request_info::RequestInfo;
use signet::identity::setup;

use crate::support::server::{Answer, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// Sixteen registrations of one login in several spellings create one account.
#[tokio::test(flavor = "multi_thread")]
async fn one_login_registered_by_many_is_one_account() {
    on_both("registration races", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        for round in 0..5 {
            let all = join_all((0..16).map(|number| {
                let login = format!("ada{round}@example.com");
                let login = if number % 2 == 0 { login.to_uppercase() } else { login };
                let password = format!("{PASSWORD} {number}");
                let body = json!({"login": login, "password": password});
                server.post("/v1/register", body)
            }))
            .await;
            assert_eq!((count(&all, 201), count(&all, 409)), (1, 15));
            let winner = all.iter().position(|answer| answer.status == 201).unwrap();
            // Only the successful caller knows the password.
            for number in 0..16 {
                let login = format!("ada{round}@example.com");
                let answer = server.try_login(&login, &format!("{PASSWORD} {number}")).await;
                assert_eq!(answer.status, if number == winner { 200 } else { 401 });
            }
        }
        let users = server.get_as("/v1/admin/users?limit=200", &root.access).await.json();
        assert_eq!(users["data"].as_array().unwrap().len(), 1 + 5);
    })
    .await;
}

/// Two look-alike logins are registered concurrently for the first time: one succeeds.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_look_alikes_one_is_registered() {
    on_both("look-alike races", async |backend| {
        let server = Server::start(backend).await;
        for round in 0..5 {
            // A Cyrillic а for the Latin one.
            let latin = json!({"login": format!("paypal{round}"), "password": PASSWORD});
            let cyrillic = json!({"login": format!("pаypal{round}"), "password": PASSWORD});
            let all = join_all((0..12).map(|number| {
                let body = if number % 2 == 0 { latin.clone() } else { cyrillic.clone() };
                server.post("/v1/register", body)
            }))
            .await;
            assert_eq!((count(&all, 201), count(&all, 409)), (1, 11));
        }
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

/// Sixteen concurrent log-ins of one account are sixteen independent sessions.
#[tokio::test(flavor = "multi_thread")]
async fn many_log_ins_of_one_account_are_as_many_sessions() {
    on_both("log-in races", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        let all = join_all((0..16).map(|_| server.login("ada"))).await;
        let listed = server.get_as("/v1/sessions", &all[0].access).await.is(200).json();
        assert_eq!(listed["data"].as_array().unwrap().len(), 16);
        let body = json!({"refresh_token": all[3].refresh});
        server.post("/v1/logout", body).await.is(204);
        for (index, tokens) in all.iter().enumerate() {
            let expected = if index == 3 { 401 } else { 200 };
            assert_eq!(server.refresh(&tokens.refresh).await.status, expected, "{index}");
        }
    })
    .await;
}

/// Two administrators, each disabled, demoted and deleted thirty times concurrently: one remains.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_two_administrators_cannot_both_be_removed() {
    on_both("last administrators", async |backend| {
        for round in 0..3 {
            let server = Server::start(backend).await;
            let pair = [server.administrator("one").await, server.administrator("two").await];
            let ids =
                pair.each_ref().map(|tokens| tokens.claims()["sub"].as_str().unwrap().to_owned());
            let all = join_all((0..30).map(|number| {
                // Each is removed by the other, or by itself.
                let (victim, by) = (number % 2, (number / 2) % 2);
                let user = format!("/v1/admin/users/{}", ids[victim]);
                let (method, path, body): (Method, String, Value) = match (number / 4) % 3 {
                    0 => (Method::POST, format!("{user}/disable"), json!(null)),
                    1 => (Method::PATCH, user, json!({"role": "user"})),
                    _ => (Method::DELETE, user, json!(null)),
                };
                let access = pair[by].access.clone();
                let server = &server;
                async move { server.call_as(method, &path, &access, body).await }
            }))
            .await;
            for answer in &all {
                assert!(answer.status < 500, "{} {}", answer.status, answer.text);
            }
            let mut left = 0;
            for login in ["one", "two"] {
                let body = json!({"login": login, "password": PASSWORD, "scope": "signet:admin"});
                let answer = server.post("/v1/login", body).await;
                if answer.status == 200 {
                    let access = Tokens::of(&answer).access;
                    server.get_as("/v1/admin/users", &access).await.is(200);
                    left += 1;
                }
            }
            assert_eq!(left, 1, "round {round}: administrators left");
        }
    })
    .await;
}

/// The first administrator: eight concurrent requests with two links create one, and invalidate every link.
#[tokio::test(flavor = "multi_thread")]
async fn set_up_raced_by_many_makes_one_administrator() {
    on_both("set-up races", async |backend| {
        let server = Server::start(backend).await;
        let link = async || {
            let (app, now) = (server.app.clone(), server.now());
            let url = server
                .app
                .run_to_completion(
                    async move { setup::make_link(&app, &RequestInfo::cli(now)).await },
                )
                .await;
            let url = url.unwrap_or_else(|stop| panic!("{stop:?}"));
            format!("/setup/{}", url.expose().rsplit('/').next().unwrap())
        };
        let links = [link().await, link().await];
        let form = |path: &str, login: &str, password: &str| {
            let body = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("login", login)
                .append_pair("password", password)
                .finish();
            let request = server.request(Method::POST, path);
            request.header("content-type", "application/x-www-form-urlencoded").body(body)
        };
        // Opening a link, and trying with a password that is too weak, use nothing up.
        server.get(&links[0]).await.is(200);
        let weak = server.send(form(&links[0], "first <b>", "short")).await;
        assert_eq!(weak.status, 422, "{}", weak.text);
        let weak = server.send(form(&links[0], "first@example.com", "short")).await;
        weak.is(422);
        assert!(weak.text.contains(r#"value="first@example.com""#), "{}", weak.text);
        assert!(!weak.text.contains("short\""), "the password came back: {}", weak.text);

        let all = join_all((0..8).map(|number| {
            let request = form(&links[number % 2], &format!("user{number}"), PASSWORD);
            server.send(request)
        }))
        .await;
        assert_eq!(count(&all, 200), 1);
        for answer in &all {
            assert!([200, 404, 409].contains(&answer.status), "{} {}", answer.status, answer.text);
        }
        let winner = all.iter().position(|answer| answer.status == 200).unwrap();
        for number in 0..8 {
            let answer = server.try_login(&format!("user{number}"), PASSWORD).await;
            assert_eq!(answer.status, if number == winner { 200 } else { 401 });
        }
        for path in &links {
            server.get(path).await.is(404);
            server.send(form(path, "late", PASSWORD)).await.is(404);
        }
        // The command on the page works as printed, with its address and token.
        let page = &all[winner].text;
        let (_, rest) = page.split_once("/v1/me -H").expect("a line to copy");
        let (_, rest) = rest.split_once("Bearer ").unwrap();
        let token: String =
            rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
        assert!(page.contains(&format!("curl -s {}/v1/me", server.base)), "{page}");
        assert_eq!(server.get_as("/v1/me", &token).await.is(200).json()["role"], "admin");
    })
    .await;
}

/// The database of each `Backend` is the one that runs.
#[tokio::test(flavor = "multi_thread")]
async fn both_databases_are_really_used() {
    on_both("both databases", async |backend| {
        let server = Server::start(backend).await;
        assert_eq!(server.app.db.is_sqlite(), backend == Backend::Sqlite);
    })
    .await;
}

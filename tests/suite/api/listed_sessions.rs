//! Lists of sessions: those of clients and sign-ins at Signet's pages, and ending either by its id.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use crate::support::relying_party::{App, Person};
use crate::support::server::{PASSWORD, Tokens};
use crate::support::{Server, on_both};

/// Signs in at the pages and opens a session of a web client there. Returns the id of that session.
async fn sign_in_for(server: &Server, app: &App, login: &str, scope: &str) -> String {
    let person = Person::new(server, login);
    let code = app.code(&person, &[("scope", scope)]).await;
    let tokens = app.redeem(server, &code).await.is(200).json();
    let access = tokens["access_token"].as_str().unwrap().to_owned();
    let tokens = Tokens { access, refresh: String::new() };
    tokens.claims()["sid"].as_str().unwrap().to_owned()
}

/// Every page of a list from the beginning to the end.
async fn all_pages(server: &Server, by: &Tokens, path: &str) -> Vec<Value> {
    let (mut rows, mut after) = (Vec::new(), String::new());
    loop {
        let page = server.get_as(&format!("{path}limit=2{after}"), &by.access).await.is(200).json();
        let data = page["data"].as_array().unwrap();
        assert!(!data.is_empty() && data.len() <= 2, "{page}");
        rows.extend(data.iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return rows,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_hold_sessions_of_clients_and_sign_ins_at_the_pages_to_the_last_page() {
    on_both("both kinds of session", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let ada = server.register("ada").await;
        server.register("bob").await;
        let web = json!({"type": "web", "skip_consent": true});
        let app = App::register(&server, &root, web).await;
        let mut caller = server.login("ada").await;
        for round in 0..3 {
            server.advance(TimeSpan::from_secs(1));
            sign_in_for(&server, &app, "ada", "openid").await;
            if round == 1 {
                sign_in_for(&server, &app, "bob", "openid").await;
                caller = server.login("ada").await;
            }
        }
        let own = all_pages(&server, &caller, "/v1/sessions?").await;
        let of_ada = format!("/v1/admin/sessions?user_id={ada}&");
        let of_ada = all_pages(&server, &root, &of_ada).await;
        let everybody = all_pages(&server, &root, "/v1/admin/sessions?").await;
        // Three sign-ins with one session each, and two log-ins without a browser.
        assert_eq!((own.len(), of_ada.len(), everybody.len()), (8, 8, 11));
        for (rows, client, browser) in [(&own, 5, 3), (&of_ada, 5, 3), (&everybody, 7, 4)] {
            let of = |kind: &str| rows.iter().filter(|row| row["kind"] == kind).count();
            assert_eq!((of("client"), of("browser")), (client, browser));
            let ids: Vec<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
            assert!(ids.is_sorted_by(|one, next| one > next), "newest first, each once: {ids:?}");
        }
        let ids = |rows: &[Value]| rows.iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids(&own), ids(&of_ada));
        assert!(of_ada.iter().all(|row| row["user_id"] == *ada && row["current"].is_null()));
        let current: Vec<&Value> = own.iter().filter(|row| row["current"] == true).collect();
        assert_eq!(current.len(), 1);
        assert_eq!(current[0]["id"], caller.claims()["sid"]);
        for row in own.iter().filter(|row| row["kind"] == "browser") {
            assert!(row["client_id"].is_null() && row["audience"].is_null(), "{row}");
            assert_eq!((&row["scope"], &row["superseded"]), (&json!(""), &json!(false)));
            assert_eq!(row["user_agent"], "suite/1");
            assert_eq!(row["address"], "127.0.0.1");
            assert_eq!(row["created_at"], row["authenticated_at"], "{row}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_at_the_pages_is_ended_by_its_id_with_its_sessions_and_by_its_owner_only() {
    on_both("ending sign-ins", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        server.register("bob").await;
        let web = json!({"type": "web", "skip_consent": true});
        let app = App::register(&server, &root, web).await;
        let (ada, bob) = (server.login("ada").await, server.login("bob").await);
        let browser_of = async |by: &Tokens| {
            let rows = all_pages(&server, by, "/v1/sessions?").await;
            rows.into_iter().find(|row| row["kind"] == "browser").map(|row| row["id"].clone())
        };
        let end = async |by: &Tokens, path: &str, id: &Value| {
            let path = format!("{path}/{}", id.as_str().unwrap());
            server.call_as(Method::DELETE, &path, &by.access, json!(null)).await
        };
        let sessions = async |by: &Tokens| all_pages(&server, by, "/v1/sessions?").await.len();

        sign_in_for(&server, &app, "ada", "openid").await;
        let browser = browser_of(&ada).await.unwrap();
        end(&bob, "/v1/sessions", &browser).await.is_problem(404, "not_found");
        assert_eq!(sessions(&ada).await, 3, "another user's request ends nothing");
        end(&ada, "/v1/sessions", &browser).await.is(204);
        end(&ada, "/v1/sessions", &browser).await.is_problem(404, "not_found");
        assert_eq!(sessions(&ada).await, 1, "the session that the sign-in gave has ended with it");

        sign_in_for(&server, &app, "ada", "openid").await;
        let browser = browser_of(&ada).await.unwrap();
        end(&root, "/v1/admin/sessions", &browser).await.is(204);
        end(&root, "/v1/admin/sessions", &browser).await.is_problem(404, "not_found");
        assert_eq!(sessions(&ada).await, 1);

        // An expired one is not active, for its owner and for the administrator.
        sign_in_for(&server, &app, "ada", "openid").await;
        let browser = browser_of(&ada).await.unwrap();
        server.advance(server.app.config.browser_session_ttl);
        let admin = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
        let root = Tokens::of(&server.post("/v1/login", admin).await);
        let ada = server.login("ada").await;
        assert_eq!(browser_of(&ada).await, None);
        end(&ada, "/v1/sessions", &browser).await.is_problem(404, "not_found");
        end(&root, "/v1/admin/sessions", &browser).await.is_problem(404, "not_found");
    })
    .await;
}

/// The guarded write decides which of several requests has ended a sign-in.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_requests_that_end_one_sign_in_exactly_one_has_ended_it() {
    on_both("ending a sign-in at once", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        let person = Person::new(&server, "ada");
        let page = person.get("/login").await;
        person.log_in(&page, PASSWORD).await.is(303);
        let ada = server.login("ada").await;
        let rows = all_pages(&server, &ada, "/v1/sessions?").await;
        let browser = rows.iter().find(|row| row["kind"] == "browser").unwrap();
        let path = format!("/v1/sessions/{}", browser["id"].as_str().unwrap());
        let end = || server.call_as(Method::DELETE, &path, &ada.access, json!(null));
        let statuses = join_all((0..16).map(|_| end())).await;
        let ended = statuses.iter().filter(|answer| answer.status == 204).count();
        let refused = statuses.iter().filter(|answer| answer.status == 404).count();
        assert_eq!((ended, refused), (1, 15));
    })
    .await;
}

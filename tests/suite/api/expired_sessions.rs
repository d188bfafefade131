//! A session that expires leaves one event in the audit trail, with its user and its client: written at the
//! next request of the client, or when its rows are removed.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::jobs;

use crate::support::relying_party::{App, Person};
use crate::support::server::{Options, PASSWORD, Tokens, pair};
use crate::support::{Server, on_both};

async fn administer(server: &Server) -> Tokens {
    let body = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
    Tokens::of(&server.post("/v1/login", body).await)
}

/// The events of sessions that expired, other than those of the administrator.
async fn expired(server: &Server, user: &str) -> Vec<Value> {
    let root = administer(server).await;
    let mut events = server.events(&root, "session.expired").await;
    events.retain(|event| event["user_id"] == json!(user));
    events
}

/// Runs the job as often as in service.
async fn clean_up(server: &Server) {
    let mut removed = 1;
    while removed > 0 {
        removed = jobs::housekeep(&server.app, server.now()).await.unwrap().rows;
        removed += jobs::sweep(&server.app, server.now()).await.unwrap().rows;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_come_with_an_expired_session_it_is_one_event() {
    on_both("expired sessions: refused refreshes", async |backend| {
        let server = Server::start(backend).await;
        server.administrator("root").await;
        let ada = server.register("ada").await;
        let tokens = server.login("ada").await;
        let session = tokens.claims()["sid"].as_str().unwrap().to_owned();
        server.advance(TimeSpan::from_days(30) - TimeSpan::from_millis(1));
        assert_eq!(expired(&server, &ada).await.len(), 0);
        server.advance(TimeSpan::from_millis(1));
        let refused = join_all((0..20).map(|_| server.refresh(&tokens.refresh))).await;
        for answer in refused {
            answer.is_problem(401, "session_expired");
        }
        let events = expired(&server, &ada).await;
        assert_eq!(events.len(), 1, "{events:?}");
        let event = &events[0];
        assert_eq!((&event["session_id"], &event["detail"]), (&json!(session), &json!("signet")));
        assert_eq!((&event["times"], &event["via"]), (&json!(1), &json!("http")));
        assert!(!event["request_id"].as_str().unwrap().is_empty());
        // The rows are removed a day later, and no second event is written.
        server.advance(TimeSpan::from_days(1) + TimeSpan::from_millis(1));
        clean_up(&server).await;
        server.refresh(&tokens.refresh).await.is_problem(401, "refresh_token_invalid");
        assert_eq!(expired(&server, &ada).await.len(), 1);
        // It is kept for 30 days from its time.
        server.advance(TimeSpan::from_days(29) - TimeSpan::from_millis(1));
        clean_up(&server).await;
        assert_eq!(expired(&server, &ada).await.len(), 1);
        server.advance(TimeSpan::from_millis(1));
        clean_up(&server).await;
        assert_eq!(expired(&server, &ada).await.len(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_session_leaves_an_audit_event() {
    on_both("expired sessions: housekeeping", async |backend| {
        let server = Options::on(backend).with("SIGNET_REFRESH_MAX_TTL", "40d").start().await;
        server.administrator("root").await;
        let ada = server.register("ada").await;
        // Idle for too long; ended by its user; active until its absolute end.
        let idle = server.login("ada").await;
        let ended = server.login("ada").await;
        let mut busy = server.login("ada").await.refresh;
        server.post("/v1/logout", json!({"refresh_token": ended.refresh})).await.is(204);
        let id = |tokens: &Tokens| tokens.claims()["sid"].clone();
        for _ in 0..2 {
            server.advance(TimeSpan::from_days(16));
            busy = server.refresh(&busy).await.is(200).string("refresh_token");
            clean_up(&server).await;
        }
        let events = expired(&server, &ada).await;
        let of = |events: &[Value]| -> Vec<Value> {
            events.iter().map(|event| event["session_id"].clone()).collect()
        };
        assert_eq!(of(&events), [id(&idle)]);
        assert_eq!((&events[0]["via"], &events[0]["detail"]), (&json!("system"), &json!("signet")));
        server.advance(TimeSpan::from_days(10));
        clean_up(&server).await;
        assert_eq!(expired(&server, &ada).await.len(), 2);
        // The end of all sessions has its own event.
        let eve = server.register("eve").await;
        server.login("eve").await;
        let root = administer(&server).await;
        let path = format!("/v1/admin/users/{eve}/disable");
        server.call_as(Method::POST, &path, &root.access, Value::Null).await.is(200);
        server.advance(TimeSpan::from_days(50));
        clean_up(&server).await;
        assert_eq!(expired(&server, &eve).await.len(), 0);
    })
    .await;
}

/// Refused refreshes at two processes and the housekeeping of both, concurrently.
#[tokio::test(flavor = "multi_thread")]
async fn processes_that_notice_together_write_one_event() {
    let Some((one, two)) = pair("expired sessions: two processes").await else { return };
    one.administrator("root").await;
    let ada = one.register("ada").await;
    let mut sessions = Vec::new();
    for _ in 0..10 {
        sessions.push(one.login("ada").await);
    }
    for server in [&one, &two] {
        server.advance(TimeSpan::from_days(181));
    }
    let refused = sessions.iter().flat_map(|tokens| {
        [&one, &two].map(|server| async move {
            server.refresh(&tokens.refresh).await.is(401);
        })
    });
    let cleaning = [&one, &two].map(clean_up);
    tokio::join!(join_all(refused), join_all(cleaning));
    let events = expired(&one, &ada).await;
    assert_eq!(events.len(), sessions.len(), "{events:?}");
    assert!(events.iter().all(|event| event["times"] == json!(1)));
}

/// A browser's session has several branches: it expires with the last one.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_with_a_live_branch_has_not_expired() {
    on_both("expired sessions: branches", async |backend| {
        let options = Options::on(backend).with("SIGNET_BROWSER_SESSION_TTL", "365d");
        let server = options.start().await;
        let root = server.administrator("root").await;
        let ada = server.register("ada").await;
        let app = App::register(&server, &root, json!({"type": "web"})).await;
        let person = Person::new(&server, "ada");
        let first = app.tokens(&server, &person).await;
        server.advance(TimeSpan::from_days(29));
        let second = app.tokens(&server, &person).await;
        let sid = |tokens: &Value| {
            let id_token = tokens["id_token"].as_str().unwrap().to_owned();
            Tokens { access: id_token, refresh: String::new() }.claims()["sid"].clone()
        };
        assert_eq!(sid(&first), sid(&second), "one session");
        let refresh = async |tokens: &Value| {
            let token = tokens["refresh_token"].as_str().unwrap();
            let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
            app.call(&server, "/oauth2/token", &fields).await
        };
        server.advance(TimeSpan::from_days(1));
        refresh(&first).await.is(400);
        assert_eq!(expired(&server, &ada).await.len(), 0, "the other branch is live");
        server.advance(TimeSpan::from_days(29));
        refresh(&second).await.is(400);
        let events = expired(&server, &ada).await;
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(
            (&events[0]["session_id"], &events[0]["detail"]),
            (&sid(&first), &json!(app.id))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_the_deletion_of_its_api_ends_leaves_its_event() {
    on_both("sessions of a deleted API", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let ada = server.register("ada").await;
        let api = json!({"identifier": "https://api.example.com"});
        let made = server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await;
        let path = format!("/v1/admin/apis/{}", made.is(201).string("id"));
        let login =
            json!({"login": "ada", "password": PASSWORD, "audience": "https://api.example.com"});
        let refreshed = Tokens::of(&server.post("/v1/login", login.clone()).await);
        let forgotten = Tokens::of(&server.post("/v1/login", login).await);
        server.call_as(Method::DELETE, &path, &root.access, Value::Null).await.is(204);
        server.refresh(&refreshed.refresh).await.is_problem(401, "refresh_token_invalid");
        let ended = server.events(&root, "session.ended").await;
        let id = |tokens: &Tokens| tokens.claims()["sid"].clone();
        assert_eq!(ended.len(), 1, "{ended:?}");
        assert_eq!(
            (&ended[0]["session_id"], &ended[0]["user_id"], &ended[0]["detail"]),
            (&id(&refreshed), &json!(ada), &json!("api_deleted"))
        );
        // A session whose client makes no further request expires like any other.
        server.advance(TimeSpan::from_days(181) + TimeSpan::from_millis(1));
        clean_up(&server).await;
        let events = expired(&server, &ada).await;
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(events[0]["session_id"], id(&forgotten));
    })
    .await;
}

//! Which endings write a row of `revocations` for services that verify offline.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::{fetch_all, jobs};

use crate::support::relying_party::{App, Person};
use crate::support::server::{PASSWORD, Server, Tokens, on_both};

/// The rows, by kind and value.
async fn rows(server: &Server) -> Vec<(String, String)> {
    let mut link = server.app.db.reader().await.unwrap();
    fetch_all!(
        &mut link,
        (String, String),
        "SELECT kind, value FROM revocations ORDER BY kind, value"
    )
    .unwrap()
}

/// The session of a token.
fn sid(tokens: &Tokens) -> String {
    tokens.claims()["sid"].as_str().unwrap().to_owned()
}

fn of_sessions(mut sids: Vec<String>) -> Vec<(String, String)> {
    sids.sort();
    sids.into_iter().map(|sid| ("sid".to_owned(), sid)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_ends_sessions_is_written_for_offline_verifiers_on_both_databases() {
    on_both("revocations: paths", async |backend| {
        let password = json!({"current_password": PASSWORD, "new_password": "another good one"});
        for way in [
            "one", "others", "all", "log-out", "bearer", "password", "admin", "disable", "delete",
            "set",
        ] {
            let server = Server::start(backend).await;
            let root = server.administrator("root").await;
            let ada = server.register("ada").await;
            let (one, two) = (server.login("ada").await, server.login("ada").await);
            let all = vec![sid(&one), sid(&two)];
            let call = async |method: Method, path: &str, access: &str, body: Value| {
                let status = server.call_as(method, path, access, body).await.status;
                assert!(matches!(status, 200 | 204), "{way}: {status}");
            };
            let of_user = format!("/v1/admin/users/{ada}");
            let expected = match way {
                "one" => {
                    let path = format!("/v1/sessions/{}", sid(&one));
                    call(Method::DELETE, &path, &two.access, Value::Null).await;
                    vec![sid(&one)]
                }
                "others" => {
                    call(Method::DELETE, "/v1/sessions?scope=others", &two.access, Value::Null)
                        .await;
                    vec![sid(&one)]
                }
                "all" => {
                    call(Method::DELETE, "/v1/sessions?scope=all", &two.access, Value::Null).await;
                    all
                }
                "log-out" => {
                    server.post("/v1/logout", json!({"refresh_token": one.refresh})).await.is(204);
                    vec![sid(&one)]
                }
                "bearer" => {
                    call(Method::POST, "/v1/logout", &one.access, Value::Null).await;
                    vec![sid(&one)]
                }
                "password" => {
                    call(Method::POST, "/v1/password", &two.access, password.clone()).await;
                    vec![sid(&one)]
                }
                "admin" => {
                    let path = format!("/v1/admin/sessions?user_id={ada}");
                    call(Method::DELETE, &path, &root.access, Value::Null).await;
                    all
                }
                "disable" => {
                    let path = format!("{of_user}/disable");
                    call(Method::POST, &path, &root.access, Value::Null).await;
                    all
                }
                "delete" => {
                    call(Method::DELETE, &of_user, &root.access, Value::Null).await;
                    all
                }
                _ => {
                    let path = format!("{of_user}/password");
                    let body = json!({"password": "another good one"});
                    call(Method::POST, &path, &root.access, body).await;
                    all
                }
            };
            assert_eq!(rows(&server).await, of_sessions(expected), "{way}");
        }
    })
    .await;
}

/// A session without a response for longer than any access token is valid has none to revoke.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_without_valid_tokens_leaves_no_row() {
    on_both("revocations: old sessions", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        let old = server.login("ada").await;
        server.advance(TimeSpan::from_mins(12));
        let new = server.login("ada").await;
        server.post("/v1/logout", json!({"refresh_token": old.refresh})).await.is(204);
        assert_eq!(rows(&server).await, []);
        server
            .call_as(Method::DELETE, "/v1/sessions?scope=all", &new.access, Value::Null)
            .await
            .is(204);
        assert_eq!(rows(&server).await, of_sessions(vec![sid(&new)]));
        // And the row is removed when the last token has expired.
        server.advance(TimeSpan::from_mins(17));
        jobs::housekeep(&server.app, server.now()).await.unwrap();
        assert_eq!(rows(&server).await, []);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_apis_and_single_tokens_are_cut_on_both_databases() {
    on_both("revocations: cuts", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        let api = json!({"identifier": "https://api.example.com", "scopes": ["read"]});
        let api = server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await;
        let api = api.is(201).string("id");
        let app = App::register(&server, &root, json!({"type": "web"})).await;
        let tokens = app.tokens(&server, &Person::new(&server, "ada")).await;
        let access = tokens["access_token"].as_str().unwrap().to_owned();
        app.call(&server, "/oauth2/revoke", &[("token", &access)]).await.is(200);
        let jti = Tokens { access, refresh: String::new() }.claims()["jti"].clone();
        let mut expected = vec![("jti".to_owned(), jti.as_str().unwrap().to_owned())];
        assert_eq!(rows(&server).await, expected);
        let path = format!("/v1/admin/clients/{}/disable", app.id);
        server.call_as(Method::POST, &path, &root.access, Value::Null).await.is(200);
        expected.insert(0, ("client_id".to_owned(), app.id.clone()));
        assert_eq!(rows(&server).await, expected);
        let path = format!("/v1/admin/apis/{api}");
        server.call_as(Method::DELETE, &path, &root.access, Value::Null).await.is(204);
        expected.insert(0, ("aud".to_owned(), "https://api.example.com".to_owned()));
        assert_eq!(rows(&server).await, expected);
        let mut link = server.app.db.reader().await.unwrap();
        let cuts = fetch_all!(
            &mut link,
            (i64,),
            "SELECT cut_iat FROM revocations WHERE cut_iat IS NOT NULL"
        );
        drop(link);
        assert_eq!(cuts.unwrap(), [(server.now().secs(),), (server.now().secs(),)]);
    })
    .await;
}

//! The refresh grant of clients, and what ends their sessions.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::on_both;
use crate::support::relying_party::{Person, error_of};
use crate::support::server::PASSWORD;

use super::token::{Set, TOKEN, set};

#[tokio::test(flavor = "multi_thread")]
async fn refresh_tokens_follow_the_same_rules_as_at_v1() {
    on_both("refreshing at /oauth2", async |backend| {
        let Set { server, web, spa, .. } = set(backend).await;
        let ada = Person::new(&server, "ada");
        for app in [&web, &spa] {
            let refresh = |tokens: &Value| tokens["refresh_token"].as_str().unwrap().to_owned();
            let more = [("scope", "openid read write")];
            let code = app.code(&ada, &more).await;
            let first = app.redeem(&server, &code).await.is(200).json();
            assert_eq!(first["scope"], "openid read write");
            // Another client cannot use it, nor end the session with it; nor can /v1.
            let other = if app.id == web.id { &spa } else { &web };
            assert_eq!(
                error_of(&other.refresh(&server, &refresh(&first)).await, 400),
                "invalid_grant"
            );
            server.refresh(&refresh(&first)).await.is_problem(401, "refresh_token_invalid");
            // Fewer scopes for this token; the next one may have all again.
            let fewer = [
                ("grant_type", "refresh_token"),
                ("refresh_token", &*refresh(&first)),
                ("scope", "read"),
            ];
            let second = app.call(&server, TOKEN, &fewer).await.is(200).json();
            assert_eq!(second["scope"], "read");
            let wider = [
                ("grant_type", "refresh_token"),
                ("refresh_token", &*refresh(&second)),
                ("scope", "read profile"),
            ];
            assert_eq!(error_of(&app.call(&server, TOKEN, &wider).await, 400), "invalid_scope");
            let third = app.refresh(&server, &refresh(&second)).await.is(200).json();
            assert_eq!(third["scope"], "openid read write");
            // The same response is returned again to any number of concurrent requests.
            let lost = refresh(&second);
            let tries = (0..8).map(|_| app.refresh(&server, &lost));
            for answer in futures_util::future::join_all(tries).await {
                assert_eq!(refresh(&answer.is(200).json()), refresh(&third));
            }
            // A token that was used up long ago ends the session.
            let fourth = app.refresh(&server, &refresh(&third)).await.is(200).json();
            assert_eq!(
                error_of(&app.refresh(&server, &refresh(&first)).await, 400),
                "invalid_grant"
            );
            assert_eq!(
                error_of(&app.refresh(&server, &refresh(&fourth)).await, 400),
                "invalid_grant"
            );
            let dead = fourth["access_token"].as_str().unwrap();
            server.get_as("/oauth2/userinfo", dead).await.is(401);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_a_session_ends_it_for_its_clients() {
    on_both("endings", async |backend| {
        let Set { server, root, web, .. } = set(backend).await;
        for ending in ["log-out", "password", "disabled", "revoked", "client", "admin"] {
            let login = format!("user-{ending}");
            let id = server.register(&login).await;
            let person = Person::new(&server, &login);
            let tokens = web.tokens(&server, &person).await;
            let access = tokens["access_token"].as_str().unwrap();
            let refresh = tokens["refresh_token"].as_str().unwrap();
            server.get_as("/oauth2/userinfo", access).await.is(200);
            match ending {
                "log-out" => {
                    let account = person.get("/account").await;
                    let csrf = crate::support::relying_party::field(&account.text, "csrf");
                    person.post("/logout", &[("csrf", &csrf)]).await.is(200);
                }
                "password" => {
                    let own = server.login(&login).await;
                    let body =
                        json!({"current_password": PASSWORD, "new_password": "another good one"});
                    server.call_as(Method::POST, "/v1/password", &own.access, body).await.is(204);
                }
                "disabled" => {
                    let path = format!("/v1/admin/users/{id}/disable");
                    server.call_as(Method::POST, &path, &root.access, Value::Null).await.is(200);
                }
                "revoked" => {
                    web.call(&server, "/oauth2/revoke", &[("token", refresh)]).await.is(200);
                }
                "client" => {
                    let path = format!("/v1/admin/clients/{}/disable", web.id);
                    server.call_as(Method::POST, &path, &root.access, Value::Null).await.is(200);
                }
                _ => {
                    let path = format!("/v1/admin/sessions?user_id={id}");
                    server.call_as(Method::DELETE, &path, &root.access, Value::Null).await.is(204);
                }
            }
            server.get_as("/oauth2/userinfo", access).await.is(401);
            let refused = web.refresh(&server, refresh).await;
            if ending == "client" {
                assert_eq!(error_of(&refused, 401), "invalid_client");
                let path = format!("/v1/admin/clients/{}/enable", web.id);
                server.call_as(Method::POST, &path, &root.access, Value::Null).await.is(200);
                continue;
            }
            assert_eq!(error_of(&refused, 400), "invalid_grant", "{ending}");
            let seen = web.call(&server, "/oauth2/introspect", &[("token", access)]).await;
            assert_eq!(seen.is(200).json(), json!({"active": false}), "{ending}");
        }
        // `offline_access`: the session continues when its user logs out.
        let person = Person::new(&server, "ada");
        let code = web.code(&person, &[("scope", "openid offline_access")]).await;
        let tokens = web.redeem(&server, &code).await.is(200).json();
        let account = person.get("/account").await;
        let csrf = crate::support::relying_party::field(&account.text, "csrf");
        person.post("/logout", &[("csrf", &csrf)]).await.is(200);
        web.refresh(&server, tokens["refresh_token"].as_str().unwrap()).await.is(200);
    })
    .await;
}

//! Introspection (RFC 7662) and revocation (RFC 7009).

use reqwest::Method;
use serde_json::json;

use crate::support::relying_party::{App, Person, error_of};
use crate::support::server::{PASSWORD, Server, Tokens, on_both};

use super::{ACCESS_TOKEN, API, EXCHANGE, set};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_learns_what_concerns_it_and_nothing_else() {
    let (server, root, app) = set().await;
    let api = json!({"type": "service", "serves": [API], "grant_types": [EXCHANGE]});
    let api = App::register(&server, &root, api).await;
    let stranger = App::register(&server, &root, json!({"type": "web"})).await;
    let public = App::register(&server, &root, json!({"type": "spa"})).await;
    let ada = Person::new(&server, "ada");
    let code = app.code(&ada, &[("scope", "openid read")]).await;
    let tokens = app.redeem(&server, &code).await.is(200).json();
    let access = tokens["access_token"].as_str().unwrap();
    let look = async |app: &App, token: &str| {
        app.call(&server, "/oauth2/introspect", &[("token", token), ("token_type_hint", "x")]).await
    };
    let inactive = json!({"active": false});
    for asker in [&app, &api] {
        let seen = look(asker, access).await.is(200).json();
        assert_eq!(
            (&seen["active"], &seen["aud"], &seen["scope"]),
            (&json!(true), &json!(API), &json!("openid read"))
        );
        assert_eq!(seen["client_id"], app.id);
    }
    assert_eq!(look(&stranger, access).await.is(200).json(), inactive);
    assert_eq!(error_of(&look(&public, access).await, 401), "invalid_client");
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(look(&app, refresh).await.json()["active"], true);
    assert_eq!(look(&api, refresh).await.json(), inactive);
    for rubbish in ["x", "srt_x", &"x".repeat(20_000), tokens["id_token"].as_str().unwrap(), &code]
    {
        assert_eq!(look(&app, rubbish).await.is(200).json(), inactive);
    }
    // A token of /v1 for the API may be introspected by the API too.
    let login = json!({"login": "ada", "password": crate::support::server::PASSWORD,
        "audience": API, "scope": "read"});
    let own = Tokens::of(&server.post("/v1/login", login).await);
    assert_eq!(look(&api, &own.access).await.json()["active"], true);

    // A revocation by another client has no effect.
    stranger.call(&server, "/oauth2/revoke", &[("token", refresh)]).await.is(200);
    stranger.call(&server, "/oauth2/revoke", &[("token", access)]).await.is(200);
    app.call(&server, "/oauth2/revoke", &[("token", "rubbish")]).await.is(200);
    assert_eq!(look(&app, access).await.json()["active"], true);
    server.get("/oauth2/revoke").await.is(405);
    let nobody = App { secret: Some("x".to_owned()), ..app.clone() };
    nobody.call(&server, "/oauth2/revoke", &[("token", access)]).await.is(401);
    app.call(&server, "/oauth2/revoke", &[("token", refresh)]).await.is(200);
    for token in [access, refresh] {
        assert_eq!(look(&app, token).await.json(), inactive);
    }
    assert_eq!(error_of(&app.refresh(&server, refresh).await, 400), "invalid_grant");
}

/// A resource server holds the same access token as the client. It must not be able to end the client's
/// session with it (RFC 7009 §2.1 leaves that to the server).
#[tokio::test(flavor = "multi_thread")]
async fn revoking_an_access_token_ends_that_token_and_nothing_else_on_both_databases() {
    on_both("revocation of access tokens", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        let api = json!({"identifier": API, "scopes": ["read"]});
        server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
        let web = json!({"type": "web", "audiences": [API]});
        let spa = json!({"type": "spa", "audiences": [API]});
        let looker = json!({"type": "service", "serves": [API], "audiences": [API],
            "grant_types": [EXCHANGE]});
        let looker = App::register(&server, &root, looker).await;
        for client in [web, spa] {
            let app = App::register(&server, &root, client).await;
            let ada = Person::new(&server, "ada");
            let code = app.code(&ada, &[("scope", "openid read")]).await;
            let first = app.redeem(&server, &code).await.is(200).json();
            let (access, refresh) =
                (first["access_token"].as_str().unwrap(), first["refresh_token"].as_str().unwrap());
            let second = app.refresh(&server, refresh).await.is(200).json();
            let other = second["access_token"].as_str().unwrap();
            let fields = [
                ("grant_type", EXCHANGE),
                ("subject_token", access),
                ("subject_token_type", ACCESS_TOKEN),
            ];
            let child = looker.call(&server, "/oauth2/token", &fields).await;
            let child = child.is(200).string("access_token");
            let active = async |token: &str| {
                let answer = looker.call(&server, "/oauth2/introspect", &[("token", token)]).await;
                answer.is(200).json()["active"] == true
            };
            let userinfo =
                async |token: &str| server.get_as("/oauth2/userinfo", token).await.status;
            assert!(active(access).await && active(&child).await && active(other).await);
            // The resource server may introspect the token; it cannot revoke it.
            looker.call(&server, "/oauth2/revoke", &[("token", access)]).await.is(200);
            assert!(active(access).await);
            app.call(&server, "/oauth2/revoke", &[("token", access)]).await.is(200);
            assert!(!active(access).await && !active(&child).await && active(other).await);
            assert_eq!((userinfo(access).await, userinfo(other).await), (401, 200));
            let again = looker.call(&server, "/oauth2/token", &fields).await;
            assert_eq!(error_of(&again, 400), "invalid_grant");
            // The row is removed when the token would have expired.
            let claims = Tokens { access: access.to_owned(), refresh: String::new() }.claims();
            let mut link = server.app.db.reader().await.unwrap();
            let kept =
                signet::fetch_optional!(&mut link, (i64,), "SELECT max(expires_at) FROM spent_ids");
            drop(link);
            assert_eq!(kept.unwrap().unwrap().0, claims["exp"].as_i64().unwrap() * 1000);
            // Nor does it end the session at /v1, where it was never valid.
            let out = server.request(Method::POST, "/v1/logout").bearer_auth(access);
            server.send(out).await.is(401);
            // The session continues; revoking its refresh token ends it.
            let third = app.refresh(&server, second["refresh_token"].as_str().unwrap()).await;
            let third = third.is(200).json();
            let live = third["refresh_token"].as_str().unwrap();
            app.call(&server, "/oauth2/revoke", &[("token", live)]).await.is(200);
            assert!(!active(other).await && !active(third["access_token"].as_str().unwrap()).await);
            assert_eq!(error_of(&app.refresh(&server, live).await, 400), "invalid_grant");
        }
    })
    .await;
}

/// A token that a first-party client revoked is refused at `/v1` from then on; its session continues.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_does_not_act_for_its_user_on_both_databases() {
    on_both("revocation at /v1", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        let client = json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"],
            "first_party": true});
        let app = App::register(&server, &root, client).await;
        let body = json!({"login": "ada", "password": PASSWORD, "client_id": app.id});
        let tokens = Tokens::of(&server.post("/v1/login", body).await);
        server.get_as("/v1/me", &tokens.access).await.is(200);
        // A client to which it was not issued cannot revoke it.
        let other = App::register(&server, &root, json!({"type": "spa"})).await;
        other.call(&server, "/oauth2/revoke", &[("token", &*tokens.access)]).await.is(200);
        server.get_as("/v1/me", &tokens.access).await.is(200);
        app.call(&server, "/oauth2/revoke", &[("token", &*tokens.access)]).await.is(200);
        server.get_as("/v1/me", &tokens.access).await.is_problem(401, "invalid_token");
        let name = json!({"name": "Eve"});
        let patched = server.call_as(Method::PATCH, "/v1/me", &tokens.access, name).await;
        patched.is_problem(401, "invalid_token");
        let next = Tokens::of(&server.refresh(&tokens.refresh).await);
        server.get_as("/v1/me", &next.access).await.is(200);
    })
    .await;
}

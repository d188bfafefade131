//! Logging in: the response, and that every refusal is the same.

use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;

use crate::support::server::{Options, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

#[tokio::test(flavor = "multi_thread")]
async fn a_login_gives_tokens_as_the_contract_says() {
    on_both("log-in", async |backend| {
        let server = Server::start(backend).await;
        let id = server.register("ada@example.com").await;
        let answer = server.try_login("ada@example.com", PASSWORD).await;
        answer.is(200);
        assert_eq!(answer.header("cache-control"), "no-store");
        let body = answer.json();
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(body["expires_in"], 600);
        assert_eq!(body["refresh_expires_in"], 30 * 86_400);
        assert_eq!(body["scope"], "");
        let refresh = body["refresh_token"].as_str().unwrap();
        assert!(refresh.starts_with("srt_") && refresh.len() == 60, "{refresh}");

        let tokens = Tokens::of(&answer);
        let claims = tokens.claims();
        assert_eq!(claims["iss"], server.base);
        assert_eq!(claims["aud"], server.base);
        assert_eq!(claims["sub"], id);
        assert_eq!(claims["client_id"], "signet");
        assert_eq!(claims["scope"], "");
        assert_eq!(claims["amr"], json!(["pwd"]));
        assert_eq!(claims["iat"], server.now().secs());
        assert_eq!(claims["auth_time"], server.now().secs());
        assert_eq!(claims["exp"], server.now().secs() + 600);
        for claim in ["jti", "sid"] {
            assert!(claims[claim].as_str().is_some_and(|text| text.len() == 36), "{claim}");
        }
        assert_eq!(claims["acr"], "urn:signet:acr:single");
        assert_eq!(claims.as_object().unwrap().len(), 12);

        let me = server.get_as("/v1/me", &tokens.access).await;
        assert_eq!(me.is(200).json()["id"], id);
        server.advance(TimeSpan::from_secs(599));
        server.get_as("/v1/me", &tokens.access).await.is(200);
        server.advance(TimeSpan::from_secs(1));
        let expired = server.get_as("/v1/me", &tokens.access).await;
        expired.is_problem(401, "invalid_token");
        assert!(expired.header("www-authenticate").contains(r#"error="invalid_token""#));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_login_wrong_password_and_disabled_user_are_one_answer() {
    on_both("equal refusals", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        let bob = server.register("bob").await;
        let admin = server.administrator("root").await;
        let path = format!("/v1/admin/users/{bob}/disable");
        server.call_as(Method::POST, &path, &admin.access, json!(null)).await.is(200);

        let mut seen = Vec::new();
        for (login, password) in [
            ("ada", "wrong password"),
            ("nobody", PASSWORD),
            ("bob", PASSWORD),
            ("bob", "wrong password"),
            ("not a login", PASSWORD),
            ("ctrl\u{7}", PASSWORD),
            ("", PASSWORD),
        ] {
            let answer = server.try_login(login, password).await;
            answer.is_problem(401, "invalid_credentials");
            let request_id = answer.string("request_id");
            let mut headers: Vec<String> = answer
                .headers
                .iter()
                .filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()))
                .map(|(name, value)| format!("{name}: {value:?}"))
                .collect();
            headers.sort();
            seen.push((answer.text.replace(&request_id, "ID"), headers));
        }
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_account_whatever_its_login_is_typed_like() {
    let server = Server::start(Backend::Sqlite).await;
    let id = server.register("Alice@Ex.com").await;
    for typed in
        ["alice@ex.com", "ALICE@EX.COM", " alice@ex.com ", "ａlice@ex.com", "alice＠ex.com"]
    {
        let answer = server.try_login(typed, PASSWORD).await;
        assert_eq!(Tokens::of(&answer).claims()["sub"], id, "{typed}");
        let body = json!({"login": typed, "password": PASSWORD});
        server.post("/v1/register", body).await.is_problem(409, "login_taken");
    }
    for refused in
        ["alice@ex.com\u{200b}", "alice@ex.com\n", "a@b@c", "a@x,b@y", "alice@ex.com.", ""]
    {
        let body = json!({"login": refused, "password": PASSWORD});
        let answer = server.post("/v1/register", body).await;
        answer.is_problem(422, "validation_failed");
        assert_eq!(answer.json()["errors"][0]["field"], "login");
    }
    // Cyrillic а, е and Latin letters: a look-alike of an existing login is refused.
    let body = json!({"login": "аlicе@ex.com", "password": PASSWORD});
    server.post("/v1/register", body).await.is_problem(409, "login_taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn weak_passwords_are_refused_with_the_reason() {
    let server = Server::start(Backend::Sqlite).await;
    for (password, code) in [
        ("short", "too_short"),
        ("password123", "common_password"),
        ("carol@example.com", "same_as_login"),
        (&"x".repeat(1025), "too_long"),
    ] {
        let body = json!({"login": "carol@example.com", "password": password});
        let answer = server.post("/v1/register", body).await;
        answer.is_problem(422, "weak_password");
        assert_eq!(answer.json()["errors"][0]["field"], "password");
        assert_eq!(answer.json()["errors"][0]["code"], code);
    }
    let long = "ü".repeat(512);
    let body = json!({"login": "carol", "password": long});
    server.post("/v1/register", body).await.is(201);
    server.try_login("carol", &long).await.is(200);
    let mut other = long.clone();
    other.pop();
    other.push('u');
    server.try_login("carol", &other).await.is(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn registration_is_closed_unless_opened() {
    let options = Options::on(Backend::Sqlite).with("SIGNET_REGISTRATION", "closed");
    let server = options.start().await;
    let body = json!({"login": "ada", "password": PASSWORD});
    server.post("/v1/register", body).await.is_problem(403, "registration_closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_have_the_audience_of_the_login() {
    on_both("audiences", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        let root = server.administrator("root").await;
        let api = json!({"identifier": "https://api.example.com", "scopes": ["orders:read"]});
        let made = server.call_as(Method::POST, "/v1/admin/apis", &root.access, api.clone()).await;
        assert_eq!(made.is(201).json()["identifier"], "https://api.example.com");
        server
            .call_as(Method::POST, "/v1/admin/apis", &root.access, api)
            .await
            .is_problem(409, "conflict");

        let login = async |extra: serde_json::Value| {
            let mut body = json!({"login": "root", "password": PASSWORD});
            body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            server.post("/v1/login", body).await
        };
        let answer =
            login(json!({"audience": "https://api.example.com", "scope": "orders:read"})).await;
        assert_eq!(answer.is(200).json()["scope"], "orders:read");
        let for_api = Tokens::of(&answer);
        assert_eq!(for_api.claims()["aud"], "https://api.example.com");
        assert_eq!(for_api.claims()["scope"], "orders:read");
        for path in ["/v1/me", "/v1/sessions", "/v1/admin/users", "/v1/admin/keys"] {
            server.get_as(path, &for_api.access).await.is_problem(401, "invalid_token");
        }
        // The granted scopes stay with the session through a refresh.
        let refreshed = Tokens::of(&server.refresh(&for_api.refresh).await);
        assert_eq!(refreshed.claims()["aud"], "https://api.example.com");
        assert_eq!(refreshed.claims()["sid"], for_api.claims()["sid"]);

        let unknown = json!({"audience": "https://other.example.com"});
        login(unknown).await.is_problem(400, "invalid_target");
        login(json!({"scope": "orders:read"})).await.is_problem(400, "invalid_scope");
        login(json!({"scope": "a\"b"})).await.is_problem(400, "invalid_scope");
        login(json!({"client_id": "nobody"})).await.is_problem(400, "invalid_client");
        login(json!({"client_id": "signet"})).await.is(200);
        let both = json!({"audience": "https://api.example.com", "scope": "signet:admin"});
        login(both).await.is_problem(400, "invalid_scope");

        // An administrator's ordinary token has no administration rights; neither has a user who requests them.
        let ordinary = server.login("root").await;
        let refused = server.get_as("/v1/admin/users", &ordinary.access).await;
        refused.is_problem(403, "insufficient_scope");
        assert!(refused.header("www-authenticate").contains("signet:admin"));
        let body = json!({"login": "ada", "password": PASSWORD, "scope": "signet:admin"});
        server.post("/v1/login", body).await.is_problem(400, "invalid_scope");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_taken_away_closes_administration_at_once() {
    on_both("demotion", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let second = server.administrator("second").await;
        let id = second.claims()["sub"].as_str().unwrap().to_owned();
        server.get_as("/v1/admin/users", &second.access).await.is(200);
        let path = format!("/v1/admin/users/{id}");
        let demoted = json!({"role": "user"});
        server.call_as(Method::PATCH, &path, &root.access, demoted.clone()).await.is(200);
        let refused = server.get_as("/v1/admin/users", &second.access).await;
        assert!(refused.status == 401 || refused.status == 403, "{}", refused.text);

        let me = root.claims()["sub"].as_str().unwrap().to_owned();
        let mine = format!("/v1/admin/users/{me}");
        let admin = &root.access;
        server
            .call_as(Method::PATCH, &mine, admin, demoted)
            .await
            .is_problem(409, "last_administrator");
        server
            .call_as(Method::POST, &format!("{mine}/disable"), admin, json!(null))
            .await
            .is_problem(409, "last_administrator");
        server
            .call_as(Method::DELETE, &mine, admin, json!(null))
            .await
            .is_problem(409, "last_administrator");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_login_registered_again_is_another_user() {
    on_both("recycled login", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let old = server.register("ada").await;
        let tokens = server.login("ada").await;
        let path = format!("/v1/admin/users/{old}");
        server.call_as(Method::DELETE, &path, &root.access, json!(null)).await.is(204);
        server.try_login("ada", PASSWORD).await.is_problem(401, "invalid_credentials");
        let new = server.register("ada").await;
        assert_ne!(old, new);
        server.get_as("/v1/me", &tokens.access).await.is_problem(401, "invalid_token");
        server.refresh(&tokens.refresh).await.is_problem(401, "refresh_token_invalid");
    })
    .await;
}

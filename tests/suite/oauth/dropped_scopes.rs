//! Scopes that a client requests and may not have are left out, and no later request with the same scopes
//! fails because of them (OpenID Connect Core §3.1.2.1).

use reqwest::Method;
use serde_json::{Value, json};
use signet::execute;
use signet::metrics::ClientLabel;

use crate::support::relying_party::{App, Person, error_of, form};
use crate::support::server::{Answer, Options, Tokens};
use crate::support::{Backend, Server, on_both};

use super::{API, DEVICE};

const TOKEN: &str = "/oauth2/token";

/// A server with one API and a client with every grant for users.
async fn set(backend: Backend) -> (Server, Tokens, App) {
    let server = Options::on(backend).with("SIGNET_METRICS_CLIENTS", "on").start().await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let api = json!({"identifier": API, "scopes": ["read", "write"]});
    server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    let client = json!({"type": "web", "audiences": [API], "skip_consent": true,
        "grant_types": ["authorization_code", "refresh_token", DEVICE, "client_credentials"]});
    let app = App::register(&server, &root, client).await;
    (server, root, app)
}

/// The three ways to request a scope from a user.
#[derive(Debug, Clone, Copy)]
enum Way {
    Query,
    Pushed,
    Device,
}

const WAYS: [Way; 3] = [Way::Query, Way::Pushed, Way::Device];

async fn push(server: &Server, app: &App, scope: &str) -> Answer {
    let request = app.request(&[("client_id", ""), ("scope", scope)]);
    let fields: Vec<(&str, &str)> = request.iter().map(|(n, v)| (&**n, &**v)).collect();
    app.call(server, "/oauth2/par", &fields).await
}

async fn begin_device(server: &Server, app: &App, scope: &str) -> Answer {
    app.call(server, "/oauth2/device_authorization", &[("scope", scope)]).await
}

/// The tokens that result.
async fn tokens(server: &Server, app: &App, way: Way, scope: &str) -> Value {
    let ada = Person::new(server, "ada");
    let code = match way {
        Way::Query => app.code(&ada, &[("scope", scope)]).await,
        Way::Pushed => {
            let name = push(server, app, scope).await.is(201).string("request_uri");
            let pairs = [("client_id", &*app.id), ("request_uri", &*name)];
            ada.visit(&format!("/oauth2/authorize?{}", form(pairs))).await.said("code")
        }
        Way::Device => {
            let begun = begin_device(server, app, scope).await.is(200).json();
            let code = begun["device_code"].as_str().unwrap();
            let typed = begun["user_code"].as_str().unwrap();
            let page = ada.get(&format!("/device?user_code={typed}")).await;
            let flow = crate::support::relying_party::field(&page.is(200).text, "flow");
            let page = ada.post("/device", &[("flow", &flow), ("user_code", typed)]).await;
            ada.go_on(page).await;
            let fields = [("grant_type", DEVICE), ("device_code", code)];
            return app.call(server, TOKEN, &fields).await.is(200).json();
        }
    };
    app.redeem(server, &code).await.is(200).json()
}

async fn refresh(server: &Server, app: &App, tokens: &Value, scope: &str) -> Answer {
    let token = tokens["refresh_token"].as_str().unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
    app.call(server, TOKEN, &fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_may_repeat_the_scope_that_was_requested() {
    on_both("repeated scopes", async |backend| {
        let (server, _, app) = set(backend).await;
        let long = format!("openid {}", "x".repeat(200));
        let many: Vec<String> = (0..500).map(|n| n.to_string()).collect();
        let many = format!("{} read openid", many.join(" "));
        let longest = format!("openid {}", "y".repeat(4_089));
        for way in WAYS {
            for (scope, granted) in [
                ("openid profile address", "openid profile"),
                ("openid read nothing:like:it", "openid read"),
                ("  phone  read read openid ", "read openid"),
                (&*long, "openid"),
                (&*many, "read openid"),
                (&*longest, "openid"),
                ("openid READ", "openid"),
            ] {
                let what = format!("{way:?} {scope:.40}");
                let mut tokens = tokens(&server, &app, way, scope).await;
                assert_eq!(tokens["scope"], granted, "{what}");
                for (again, wanted) in [
                    (scope, granted),
                    (granted, granted),
                    ("openid", "openid"),
                    // All of this was requested and none of it granted: a token without a scope.
                    (
                        scope
                            .split(' ')
                            .find(|part| !part.is_empty() && !granted.contains(part))
                            .unwrap(),
                        "",
                    ),
                ] {
                    let answer = refresh(&server, &app, &tokens, again).await;
                    tokens = answer.is(200).json();
                    assert_eq!(tokens["scope"], wanted, "{what} {again:.40}");
                }
                for wider in ["openid write", "write", "signet:admin", "never:requested"] {
                    let answer = refresh(&server, &app, &tokens, wider).await;
                    assert_eq!(error_of(&answer, 400), "invalid_scope", "{what} {wider}");
                }
                // The refusal used nothing up, and without `scope` all granted scopes are returned.
                let token = tokens["refresh_token"].as_str().unwrap();
                let whole = app.refresh(&server, token).await.is(200).json();
                assert_eq!(whole["scope"], granted, "{what}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_without_the_requested_text_keeps_to_what_was_granted() {
    on_both("sessions older than the column", async |backend| {
        let (server, _, app) = set(backend).await;
        let first = tokens(&server, &app, Way::Query, "openid read phone").await;
        let mut tx = server.app.db.begin().await.unwrap();
        let rows = execute!(&mut tx, "UPDATE sessions SET asked_scope = NULL");
        assert!(rows.unwrap() > 0);
        tx.commit().await.unwrap();
        let wider = refresh(&server, &app, &first, "openid read phone").await;
        assert_eq!(error_of(&wider, 400), "invalid_scope");
        let same = refresh(&server, &app, &first, "read openid").await;
        assert_eq!(same.is(200).json()["scope"], "openid read");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_which_nothing_is_left_or_for_the_issuers_scopes_is_refused() {
    let (server, root, app) = set(Backend::Sqlite).await;
    let narrow = json!({"type": "web", "audiences": [API], "scopes": ["read"],
        "grant_types": ["authorization_code", "refresh_token", DEVICE]});
    let narrow = App::register(&server, &root, narrow).await;
    let too_long = format!("openid {}", "x".repeat(4_090));
    for (app, scope) in [
        (&app, "phone"),
        (&app, "nothing:like:it phone"),
        (&app, "signet:admin"),
        (&app, "openid read signet:admin"),
        (&app, "openid signet:nothing"),
        (&app, "openid a\"b"),
        (&app, "openid \u{fc}"),
        (&app, &*too_long),
        (&narrow, "openid write"),
    ] {
        let ada = Person::new(&server, "ada");
        let landed = ada.visit(&app.url(&[("scope", scope)])).await;
        assert_eq!(landed.said("error"), "invalid_scope", "{scope:.40}");
        assert_eq!(error_of(&push(&server, app, scope).await, 400), "invalid_scope", "{scope:.40}");
        let device = begin_device(&server, app, scope).await;
        assert_eq!(error_of(&device, 400), "invalid_scope", "{scope:.40}");
    }
    // An empty scope is not refused.
    Person::new(&server, "ada").visit(&app.url(&[("scope", "")])).await.said("code");
}

/// An unknown scope is ignored: it does not select the API of the token.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_scope_the_api_offers_the_client_makes_the_token_one_for_the_api() {
    let (server, root, app) = set(Backend::Sqlite).await;
    let limited = json!({"type": "web", "audiences": [API], "scopes": ["openid", "write"],
        "skip_consent": true});
    let limited = App::register(&server, &root, limited).await;
    for (app, scope, audience) in [
        (&app, "openid read", API),
        (&app, "openid nothing:like:it read", API),
        (&app, "openid nothing:like:it", &*server.base),
        (&app, "openid phone", &*server.base),
        (&app, "openid email", &*server.base),
        (&limited, "openid read", &*server.base),
        (&limited, "openid write", API),
    ] {
        let tokens = tokens(&server, app, Way::Query, scope).await;
        let access = Tokens {
            access: tokens["access_token"].as_str().unwrap().to_owned(),
            refresh: String::new(),
        };
        assert_eq!(access.claims()["aud"], audience, "{scope}");
    }
}

/// Descriptions of scopes are the administrator's texts, escaped; also for a scope with a name of one of Signet's own.
#[tokio::test(flavor = "multi_thread")]
async fn consent_and_account_describe_scopes_in_words() {
    on_both("described scopes", async |backend| {
        let (server, root, _) = set(backend).await;
        let path = format!("/v1/admin/apis/{}", API.replace(':', "%3A").replace('/', "%2F"));
        let describe = async |patch: Value| {
            let body = json!({"scope_descriptions": patch});
            server.call_as(Method::PATCH, &path, &root.access, body).await
        };
        let described = describe(json!({"read": "Read <your> mail", "write": "Write mail"})).await;
        let both = json!({"read": "Read <your> mail", "write": "Write mail"});
        assert_eq!(described.is(200).json()["scope_descriptions"], both);
        let fewer = describe(json!({"write": null})).await;
        let one = json!({"read": "Read <your> mail"});
        assert_eq!(fewer.is(200).json()["scope_descriptions"], one);
        for (wrong, code) in [
            (json!({"absent": "x"}), "unknown"),
            (json!({"read": ""}), "malformed"),
            (json!({"read": "x".repeat(201)}), "malformed"),
            (json!({"read": 1}), "wrong_type"),
            (json!("x"), "wrong_type"),
        ] {
            let refused = describe(wrong).await;
            let error = refused.is_problem(422, "validation_failed").json()["errors"][0].clone();
            assert_eq!(
                (&error["field"], &error["code"]),
                (&json!("scope_descriptions"), &json!(code))
            );
        }
        let app = json!({"type": "web", "audiences": [API]});
        let app = App::register(&server, &root, app).await;
        let ada = Person::new(&server, "ada");
        ada.visit(&app.url(&[("scope", "openid")])).await.said("code");
        let page = ada.get(&app.url(&[("scope", "openid read")])).await;
        let item = "<li>Read &#60;your&#62; mail<span";
        assert!(page.is(200).text.contains(item), "{}", page.text);
        let answer = ada.decide(&page, "allow").await;
        ada.go_on(answer).await.said("code");
        let account = ada.get("/account").await;
        assert!(account.text.contains("Read &#60;your&#62; mail"), "{}", account.text);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_names_granted_scopes_only() {
    let (server, root, _) = set(Backend::Sqlite).await;
    let app = json!({"type": "web", "audiences": [API],
        "grant_types": ["authorization_code", "refresh_token", DEVICE]});
    let app = App::register(&server, &root, app).await;
    let ada = Person::new(&server, "ada");
    ada.visit(&app.url(&[("scope", "openid")])).await.said("code");
    let page = ada.get(&app.url(&[("scope", "openid read nothing:like:it")])).await;
    assert!(page.is(200).text.contains(r#"action="/consent""#), "{}", page.text);
    // The hidden fields of "Start again" repeat the request; the visible text does not.
    let hidden = |tag: &&str| tag.starts_with("input type=\"hidden\"");
    let shown: Vec<&str> = page.text.split('<').filter(|tag| !hidden(tag)).collect();
    let shown = shown.join("<");
    assert!(shown.contains("read") && !shown.contains("nothing:like:it"), "{shown}");
    let answer = ada.decide(&page, "allow").await;
    let code = ada.go_on(answer).await.said("code");
    assert_eq!(app.redeem(&server, &code).await.is(200).json()["scope"], "openid read");
    let account = ada.get("/account").await;
    assert!(account.text.contains("read") && !account.text.contains("nothing:like:it"));
    // The next request with the same scopes shows no consent page, because nothing new is granted.
    let silent = [("scope", "openid read nothing:like:it"), ("prompt", "none")];
    ada.visit(&app.url(&silent)).await.said("code");
}

/// A scope that an administrator removes while the user decides is left out like an unknown one.
#[tokio::test(flavor = "multi_thread")]
async fn a_scope_withdrawn_while_the_user_decides_is_left_out() {
    let (server, root, _) = set(Backend::Sqlite).await;
    let app = App::register(&server, &root, json!({"type": "web", "audiences": [API]})).await;
    let ada = Person::new(&server, "ada");
    ada.visit(&app.url(&[("scope", "openid")])).await.said("code");
    let page = ada.get(&app.url(&[("scope", "openid read write")])).await;
    let path = format!("/v1/admin/clients/{}", app.id);
    let fewer = json!({"scopes": ["openid", "write"]});
    server.call_as(Method::PATCH, &path, &root.access, fewer).await.is(200);
    let answer = ada.decide(&page, "allow").await;
    let code = ada.go_on(answer).await.said("code");
    let tokens = app.redeem(&server, &code).await.is(200).json();
    assert_eq!(tokens["scope"], "openid write");
    let again = refresh(&server, &app, &tokens, "openid read write").await;
    assert_eq!(again.is(200).json()["scope"], "openid write");
}

#[tokio::test(flavor = "multi_thread")]
async fn client_credentials_and_v1_grant_all_scopes_or_none() {
    let (server, _, app) = set(Backend::Sqlite).await;
    for scope in ["read email", "read nothing:like:it", "read openid"] {
        let fields = [("grant_type", "client_credentials"), ("scope", scope)];
        let answer = app.call(&server, TOKEN, &fields).await;
        assert_eq!(error_of(&answer, 400), "invalid_scope", "{scope}");
        let login = json!({"login": "ada", "password": crate::support::server::PASSWORD,
            "audience": API, "scope": scope});
        server.post("/v1/login", login).await.is_problem(400, "invalid_scope");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_left_out_are_counted_by_client_once_for_each_request() {
    let (server, root, app) = set(Backend::Sqlite).await;
    let other = App::register(&server, &root, json!({"type": "spa"})).await;
    let counted = |app: &App| {
        let label = ClientLabel { client_id: app.id.clone() };
        server.app.metrics.dropped_scopes.get_or_create(&label).get()
    };
    let mut before = 0;
    for way in WAYS {
        tokens(&server, &app, way, "openid phone nothing:like:it").await;
        assert_eq!(counted(&app), before + 2, "{way:?}");
        before += 2;
        tokens(&server, &app, way, "openid read").await;
        assert_eq!(counted(&app), before, "{way:?}");
    }
    assert_eq!(counted(&other), 0);
    let shown = server.app.metrics.render(&[]);
    let line = format!("signet_dropped_scopes_total{{client_id=\"{}\"}} {before}", app.id);
    assert!(shown.contains(&line), "{shown}");
}

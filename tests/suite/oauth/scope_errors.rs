//! Descriptions of scope errors: they name the wrong scopes, in allowed characters only, and are bounded.

use reqwest::Method;
use serde_json::json;
use url::Url;

use crate::support::relying_party::{App, Person, error_of, param};
use crate::support::server::{Answer, Server, Tokens};
use crate::support::{Backend, on_both};

use super::{ACCESS_TOKEN, API, DEVICE, EXCHANGE};

const TOKEN: &str = "/oauth2/token";

async fn set(backend: Backend) -> (Server, Tokens, App) {
    let server = Server::start(backend).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let api = json!({"identifier": API, "scopes": ["read", "write"]});
    server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    let client = json!({"type": "web", "audiences": [API], "skip_consent": true,
        "scopes": ["openid", "offline_access", "read"], "grant_types":
        ["authorization_code", "refresh_token", DEVICE, EXCHANGE, "client_credentials"]});
    let app = App::register(&server, &root, client).await;
    (server, root, app)
}

/// The description of an `invalid_scope`.
#[track_caller]
fn said(answer: &Answer) -> String {
    assert_eq!(error_of(answer, 400), "invalid_scope", "{}", answer.text);
    answer.string("error_description")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scope_error_names_the_scope_on_both_databases() {
    on_both("scope errors", async |backend| {
        let (server, root, app) = set(backend).await;
        let ada = Person::new(&server, "ada");
        // A client in its own name.
        let alone = async |scope: &str| {
            let fields =
                [("grant_type", "client_credentials"), ("resource", API), ("scope", scope)];
            said(&app.call(&server, TOKEN, &fields).await)
        };
        for (scope, named) in [
            ("read orders:list", "The scope orders:list does not exist at this API."),
            ("read write", "The client may not request the scope write."),
            ("read signet:admin", "The scope signet:admin is not for clients of /oauth2"),
            ("read openid offline_access", "about a user: openid offline_access."),
        ] {
            let text = alone(scope).await;
            assert!(text.contains(named), "{scope}: {text}");
        }
        // For a user: in the redirect, the response to the pushed request, and that to the device.
        for (scope, named) in [
            ("email phone", "is allowed for this client: email phone"),
            ("openid signet:admin", "The scope signet:admin is not for clients"),
        ] {
            let landed = ada.visit(&app.url(&[("scope", scope)])).await.callback();
            assert_eq!(param(&landed, "error").as_deref(), Some("invalid_scope"));
            let text = param(&landed, "error_description").unwrap();
            assert!(text.contains(named), "{scope}: {text}");
            let fields = [("scope", scope)];
            let device = app.call(&server, "/oauth2/device_authorization", &fields).await;
            assert!(said(&device).contains(named), "{scope}");
            let request = app.request(&[("client_id", ""), ("scope", scope)]);
            let fields: Vec<_> = request.iter().map(|(n, v)| (&**n, &**v)).collect();
            assert!(said(&app.call(&server, "/oauth2/par", &fields).await).contains(named));
        }
        // A refresh and an exchange that request more.
        let code = app.code(&ada, &[("scope", "openid offline_access read"), ("resource", API)]);
        let tokens = app.redeem(&server, &code.await).await.is(200).json();
        let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
        let refresh = text("refresh_token");
        let wider = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &*refresh),
            ("scope", "openid write read"),
        ];
        let told = said(&app.call(&server, TOKEN, &wider).await);
        assert_eq!(told, "The scope exceeds that of the session: write");
        app.refresh(&server, &refresh).await.is(200);
        let access = text("access_token");
        let exchange = [
            ("grant_type", EXCHANGE),
            ("subject_token", &*access),
            ("subject_token_type", ACCESS_TOKEN),
            ("resource", API),
            ("scope", "read write"),
        ];
        let told = said(&app.call(&server, TOKEN, &exchange).await);
        assert_eq!(told, "The scope exceeds the subject token: write");
        // A scope that was removed while the user was deciding.
        let page = Person::new(&server, "ada");
        let login =
            page.get(&app.url(&[("scope", "read"), ("resource", API), ("prompt", "login")])).await;
        let path = format!("/v1/admin/clients/{}", app.id);
        let fewer = json!({"scopes": ["openid"]});
        server.call_as(Method::PATCH, &path, &root.access, fewer).await.is(200);
        let answer = page.log_in(&login, crate::support::server::PASSWORD).await;
        let landed = page.get(answer.is(303).header("location")).await;
        let landed: Url = landed.is(303).header("location").parse().unwrap();
        let text = param(&landed, "error_description").unwrap();
        assert!(text.ends_with("are no longer offered: read"), "{text}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_error_contains_no_text_that_is_not_a_scope_and_is_short() {
    let (server, _, app) = set(Backend::Sqlite).await;
    let long = "x".repeat(3_000);
    for scope in ["a\"b", "a\\b", "<\u{e9}>", "read\ttab", &*long] {
        let fields = [("grant_type", "client_credentials"), ("resource", API), ("scope", scope)];
        let text = said(&app.call(&server, TOKEN, &fields).await);
        assert!(!text.contains(scope) && text.len() < 300, "{text}");
        let fields = [("scope", scope)];
        let device = app.call(&server, "/oauth2/device_authorization", &fields).await;
        let text = said(&device);
        assert!(!text.contains(scope) && text.len() < 300, "{text}");
    }
}

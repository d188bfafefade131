//! `GET /v1/admin/clients/{client_id}/why`: scopes that were left out and refusals are explained to the
//! operator, and callers without credentials cannot make the table grow.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use crate::support::process::until;
use crate::support::relying_party::{App, Person, REDIRECT_URI, basic, error_of, form};
use crate::support::server::{Server, Tokens};
use crate::support::{Backend, on_both};

use super::{API, DEVICE};

const TOKEN: &str = "/oauth2/token";

async fn set(backend: Backend) -> (Server, Tokens, App) {
    let server = Server::start(backend).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    for (identifier, scopes) in [(API, json!(["read", "write"])), ("urn:pay", json!(["pay"]))] {
        let api = json!({"identifier": identifier, "scopes": scopes});
        server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    }
    let client = json!({"type": "web", "audiences": [API], "skip_consent": true,
        "scopes": ["openid", "profile", "read"], "grant_types": ["authorization_code", "refresh_token", DEVICE]});
    let app = App::register(&server, &root, client).await;
    (server, root, app)
}

async fn why(server: &Server, root: &Tokens, app: &App) -> Value {
    server.app.write_client_findings().await.unwrap();
    let path = format!("/v1/admin/clients/{}/why", app.id);
    server.get_as(&path, &root.access).await.is(200).json()
}

fn finding<'a>(report: &'a Value, code: &str, endpoint: &str, detail: &str) -> &'a Value {
    let all = report["findings"].as_array().unwrap();
    let found = all.iter().find(|one| {
        one["code"] == code
            && one["endpoint"] == endpoint
            && (detail.is_empty() || one["detail"] == detail)
    });
    found.unwrap_or_else(|| panic!("no {code} {endpoint} {detail}: {report:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_that_were_left_out_are_named_with_the_command_that_grants_them() {
    on_both("client why: scopes", async |backend| {
        let (server, root, app) = set(backend).await;
        let report = why(&server, &root, &app).await;
        assert_eq!((&report["good"], &report["findings"]), (&json!(true), &json!([])));
        assert_eq!(report["client"]["client_id"], json!(app.id));

        let scope = "openid read write pay nothing:like:it";
        let ada = Person::new(&server, "ada");
        app.code(&ada, &[("scope", scope)]).await;
        app.code(&ada, &[("scope", scope)]).await;
        app.call(&server, "/oauth2/device_authorization", &[("scope", scope)]).await.is(200);
        let pushed = app.request(&[("client_id", ""), ("scope", scope)]);
        let pushed: Vec<(&str, &str)> = pushed.iter().map(|(n, v)| (&**n, &**v)).collect();
        app.call(&server, "/oauth2/par", &pushed).await.is(201);

        let report = why(&server, &root, &app).await;
        assert_eq!(report["good"], false);
        let fix = |code: &str, scope: &str| {
            for endpoint in ["/oauth2/authorize", "/oauth2/device_authorization", "/oauth2/par"] {
                finding(&report, code, endpoint, scope);
            }
            let one = finding(&report, code, "/oauth2/authorize", scope);
            assert_eq!(one["times"], 2, "{one}");
            assert!(one["first_at"].as_str().unwrap() <= one["last_at"].as_str().unwrap());
            assert!(one["message"].as_str().unwrap().contains(&format!("\"{scope}\"")), "{one}");
            one["fix"].as_str().unwrap().to_owned()
        };
        let id = &app.id;
        assert_eq!(
            fix("scope_not_granted", "write"),
            format!("signet client update {id} --scope openid --scope profile --scope read --scope write")
        );
        assert!(fix("scope_not_granted", "pay").starts_with("signet client update"));
        assert!(fix("scope_unknown", "nothing:like:it").contains("signet api set"));
        assert_eq!(report["findings"].as_array().unwrap().len(), 9, "{report:#}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_counted_by_their_cause_and_what_users_do_is_none() {
    on_both("client why: refusals", async |backend| {
        let (server, root, app) = set(backend).await;
        let ada = Person::new(&server, "ada");
        let redirect = [("redirect_uri", "https://elsewhere.example/cb")];
        ada.get(&app.url(&redirect)).await.is(400);
        assert_eq!(
            ada.visit(&app.url(&[("scope", "signet:admin")])).await.said("error"),
            "invalid_scope"
        );
        ada.visit(&app.url(&[("prompt", "none")])).await.said("error");
        let grant = [("grant_type", "client_credentials")];
        assert_eq!(error_of(&app.call(&server, TOKEN, &grant).await, 400), "unauthorized_client");
        let refused = app.redeem(&server, "sac_nonsense").await;
        assert_eq!(error_of(&refused, 400), "invalid_grant");
        let device = app.call(&server, "/oauth2/device_authorization", &[]).await.is(200).json();
        let polled =
            [("grant_type", DEVICE), ("device_code", device["device_code"].as_str().unwrap())];
        assert_eq!(
            error_of(&app.call(&server, TOKEN, &polled).await, 400),
            "authorization_pending"
        );
        let wrong =
            server.request(Method::POST, TOKEN).header("authorization", basic(&app.id, "scs_x"));
        let wrong = wrong.header("content-type", "application/x-www-form-urlencoded");
        server.send(wrong.body(form(grant))).await.is(401);

        let report = why(&server, &root, &app).await;
        for (code, endpoint) in [
            ("redirect_uri_not_registered", "/oauth2/authorize"),
            ("invalid_scope", "/oauth2/authorize"),
            ("unauthorized_client", TOKEN),
            ("invalid_grant", TOKEN),
            ("wrong_secret", TOKEN),
        ] {
            let one = finding(&report, code, endpoint, "");
            assert_eq!(one["times"], 1, "{one}");
            assert!(one["message"].as_str().unwrap().ends_with('.'), "{one}");
        }
        assert_eq!(report["findings"].as_array().unwrap().len(), 5, "{report:#}");
        // The redirect URI is shown without its query, and the suggested command registers it.
        let uri = finding(&report, "redirect_uri_not_registered", "/oauth2/authorize", "");
        assert_eq!(uri["detail"], "https://elsewhere.example/cb");
        let fix = uri["fix"].as_str().unwrap();
        let command = format!("signet client update {} --redirect-uri {REDIRECT_URI} ", app.id);
        assert!(fix.starts_with(&command), "{fix}");
        assert!(fix.ends_with("--redirect-uri https://elsewhere.example/cb"), "{fix}");
        let scope = finding(&report, "invalid_scope", "/oauth2/authorize", "signet:admin");
        assert!(scope["message"].as_str().unwrap().contains("Signet's own"), "{scope}");
        let grant = finding(&report, "unauthorized_client", TOKEN, "client_credentials");
        assert!(grant["fix"].as_str().unwrap().ends_with("--grant client_credentials"), "{grant}");
        let rotate = format!("signet client rotate-secret {}", app.id);
        let fix = finding(&report, "wrong_secret", TOKEN, "")["fix"].as_str().unwrap();
        assert!(fix.contains(&rotate), "{fix}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_credentials_fill_a_bounded_number_of_rows() {
    on_both("client why: bounds", async |backend| {
        let (server, root, app) = set(backend).await;
        let stranger = Person::new(&server, "nobody");
        for round in 0..30 {
            let scopes: String = (0..40).map(|n| format!("junk:{round}:{n} ")).collect();
            let scope = format!("openid {scopes}");
            stranger.get(&app.url(&[("scope", &*scope)])).await;
        }
        // A scope that exists is recorded as well.
        stranger.get(&app.url(&[("scope", "openid write")])).await;
        let report = why(&server, &root, &app).await;
        let all = report["findings"].as_array().unwrap();
        assert_eq!(all.len(), 16 + 1 + 1, "{report:#}");
        finding(&report, "scope_not_granted", "/oauth2/authorize", "write");
        let unknown = "/v1/admin/clients/nobody/why";
        server.get_as(unknown, &root.access).await.is_problem(404, "not_found");
        let ada = server.login("ada").await;
        let path = format!("/v1/admin/clients/{}/why", app.id);
        assert_eq!(server.get_as(&path, &ada.access).await.status, 403);
    })
    .await;
}

/// The job writes the findings by itself.
#[tokio::test(flavor = "multi_thread")]
async fn findings_are_written_down_by_themselves() {
    on_both("client why: the job", async |backend| {
        let (server, root, app) = set(backend).await;
        Person::new(&server, "ada").get(&app.url(&[("scope", "openid write")])).await;
        let path = format!("/v1/admin/clients/{}/why", app.id);
        until("the finding is there", async || {
            let report = server.get_as(&path, &root.access).await.is(200).json();
            report["good"] == false
        })
        .await;
    })
    .await;
}

/// Findings from before the last change of the client are listed, and do not affect the result.
#[tokio::test(flavor = "multi_thread")]
async fn a_fixed_client_has_no_findings_until_the_next_one() {
    on_both("client why: repaired", async |backend| {
        let (server, root, app) = set(backend).await;
        let ada = Person::new(&server, "ada");
        ada.get(&app.url(&[("scope", "openid write")])).await;
        assert_eq!(why(&server, &root, &app).await["good"], false);
        server.advance(TimeSpan::from_secs(1));
        let scopes = json!({"scopes": ["openid", "profile", "read", "write"]});
        let path = format!("/v1/admin/clients/{}", app.id);
        server.call_as(Method::PATCH, &path, &root.access, scopes).await.is(200);
        let report = why(&server, &root, &app).await;
        assert_eq!(
            (&report["good"], report["findings"].as_array().unwrap().len()),
            (&json!(true), 1)
        );
        assert_eq!(report["findings"][0]["before_last_change"], true, "{report:#}");
        server.advance(TimeSpan::from_secs(1));
        ada.get(&app.url(&[("scope", "openid pay")])).await;
        let report = why(&server, &root, &app).await;
        assert_eq!(report["good"], false);
        let one = finding(&report, "scope_not_granted", "/oauth2/authorize", "pay");
        assert_eq!(one["before_last_change"], false);
    })
    .await;
}

/// A request that is refused for its scopes, or for its API, has a finding for each of them.
#[tokio::test(flavor = "multi_thread")]
async fn refused_scopes_and_apis_are_named_with_the_commands_that_grant_them() {
    on_both("client why: refused scopes", async |backend| {
        let (server, root, app) = set(backend).await;
        let ada = Person::new(&server, "ada");
        let none_left = [("scope", "write nothing:like:it")];
        assert_eq!(ada.visit(&app.url(&none_left)).await.said("error"), "invalid_scope");
        let other = [("scope", "openid pay"), ("resource", "urn:pay")];
        assert_eq!(ada.visit(&app.url(&other)).await.said("error"), "invalid_target");
        let report = why(&server, &root, &app).await;
        let fix = |code: &str, detail: &str| {
            finding(&report, code, "/oauth2/authorize", detail)["fix"].as_str().unwrap().to_owned()
        };
        let update = format!("signet client update {}", app.id);
        assert!(fix("invalid_scope", "write").ends_with("--scope read --scope write"));
        assert_eq!(
            fix("invalid_scope", "nothing:like:it"),
            format!("signet api set {API} --scope read --scope write --scope nothing:like:it")
        );
        assert_eq!(
            fix("invalid_target", "urn:pay"),
            format!("{update} --audience {API} --audience urn:pay")
        );
    })
    .await;
}

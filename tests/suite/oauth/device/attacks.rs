//! Device authorization (RFC 8628) under attack: clients without the grant, guessed codes, codes sent to a
//! victim, and endings while a device waits.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use crate::support::relying_party::{App, Person, error_of, field};
use crate::support::server::{Answer, Options, Tokens};
use crate::support::{Backend, Server, on_both};

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn set(options: Options) -> (Server, Tokens, App) {
    let server = options.start().await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let client = json!({"type": "native", "grant_types": [DEVICE, "refresh_token"]});
    let app = App::register(&server, &root, client).await;
    (server, root, app)
}

async fn begin(server: &Server, app: &App) -> (String, String) {
    let fields = [("scope", "openid")];
    let answer = app.call(server, "/oauth2/device_authorization", &fields).await;
    (answer.is(200).string("device_code"), answer.string("user_code"))
}

async fn poll(server: &Server, app: &App, code: &str) -> Answer {
    app.call(server, "/oauth2/token", &[("grant_type", DEVICE), ("device_code", code)]).await
}

/// Enters the code. Returns the page after it.
async fn enter(person: &Person<'_>, user_code: &str) -> Answer {
    let page = person.get("/device").await;
    let flow = field(&page.is(200).text, "flow");
    person.post("/device", &[("flow", &flow), ("user_code", user_code)]).await
}

/// Enters the code and signs in if necessary. Returns the consent page.
async fn asked(person: &Person<'_>, user_code: &str) -> Answer {
    let page = enter(person, user_code).await;
    if !page.text.contains(r#"action="/login""#) {
        return page;
    }
    let answer = person.log_in(&page, crate::support::server::PASSWORD).await;
    person.get(answer.is(303).header("location")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_clients_with_the_device_grant_may_begin() {
    let (server, root, app) = set(Options::on(Backend::Sqlite)).await;
    let begin_path = "/oauth2/device_authorization";
    let web = App::register(&server, &root, json!({"type": "web"})).await;
    let refused = web.call(&server, begin_path, &[("scope", "openid")]).await;
    assert_eq!(error_of(&refused, 400), "unauthorized_client");
    assert_eq!(error_of(&poll(&server, &web, "sdc_x").await, 400), "unauthorized_client");
    let nobody = App { id: "nobody".to_owned(), ..app.clone() };
    let refused = nobody.call(&server, begin_path, &[]).await;
    assert_eq!(error_of(&refused, 401), "invalid_client");
    for (more, wanted) in [
        (("scope", "nothing:like:it"), "invalid_scope"),
        (("scope", "openid signet:admin"), "invalid_scope"),
        (("scope", "signet:admin"), "invalid_scope"),
        (("resource", "https://nowhere.example"), "invalid_target"),
    ] {
        let refused = app.call(&server, begin_path, &[more]).await;
        assert_eq!(error_of(&refused, 400), wanted, "{more:?}");
    }
    server.get(begin_path).await.is(405);
    let missing = app.call(&server, "/oauth2/token", &[("grant_type", DEVICE)]).await;
    assert_eq!(error_of(&missing, 400), "invalid_request");
    // User codes: eight letters, without ambiguous ones, never twice.
    let mut seen = BTreeSet::new();
    for _ in 0..100 {
        let (device_code, user_code) = begin(&server, &app).await;
        let letters: String = user_code.chars().filter(|letter| *letter != '-').collect();
        assert_eq!(letters.len(), 8, "{user_code}");
        assert!(letters.bytes().all(|letter| b"BCDFGHJKLMNPQRSTVWXZ".contains(&letter)));
        assert!(device_code.len() > 43 && seen.insert(letters) && seen.insert(device_code));
    }
    // A device code is not accepted as a user code, nor the reverse.
    let (device_code, user_code) = begin(&server, &app).await;
    assert_eq!(error_of(&poll(&server, &app, &user_code).await, 400), "invalid_grant");
    let ada = Person::new(&server, "ada");
    enter(&ada, &device_code).await.is(422);
}

/// Eight letters could be guessed with unlimited attempts.
#[tokio::test(flavor = "multi_thread")]
async fn guessing_what_others_see_is_held_up() {
    let options = Options::on(Backend::Sqlite).with("SIGNET_RATE_LIMITS", "on");
    let (server, _, app) = set(options).await;
    let (_, user_code) = begin(&server, &app).await;
    let thief = Person::new(&server, "ada");
    let mut tries = Vec::new();
    for _ in 0..25 {
        tries.push(enter(&thief, "BBBB-BBBB").await.status);
    }
    assert_eq!(tries.iter().filter(|status| **status == 422).count(), 20, "{tries:?}");
    // Then even the right one is refused, in any browser.
    let held = enter(&Person::new(&server, "ada"), &user_code).await;
    assert_eq!(held.status, 429, "{}", held.text);
    assert!(!held.header("retry-after").is_empty());
    server.advance(TimeSpan::from_mins(5));
    assert!(enter(&thief, &user_code).await.is(200).text.contains(r#"action="/login""#));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_bound_to_one_user_and_used_once() {
    on_both("decisions about devices", async |backend| {
        let (server, _, app) = set(Options::on(backend)).await;
        server.register("bob").await;
        let (ada, bob) = (Person::new(&server, "ada"), Person::new(&server, "bob"));
        let (code, user_code) = begin(&server, &app).await;
        // Two users see the page of one device: the first decision is final.
        let (hers, his) = (asked(&ada, &user_code).await, asked(&bob, &user_code).await);
        ada.decide(&hers, "deny").await.is(200);
        bob.decide(&his, "allow").await;
        assert_eq!(error_of(&poll(&server, &app, &code).await, 400), "access_denied");
        // A decided code is no longer accepted.
        enter(&bob, &user_code).await.is(422);

        // The device gets its tokens for the requested API; naming another one uses nothing up.
        let (code, user_code) = begin(&server, &app).await;
        let page = asked(&ada, &user_code).await;
        ada.decide(&page, "allow").await.is(200);
        let fields =
            [("grant_type", DEVICE), ("device_code", &*code), ("resource", "https://x.example")];
        let wrong = app.call(&server, "/oauth2/token", &fields).await;
        assert_eq!(error_of(&wrong, 400), "invalid_target");
        poll(&server, &app, &code).await.is(200);

        // The same race with both at once: exactly one succeeds.
        for _ in 0..5 {
            let (code, user_code) = begin(&server, &app).await;
            let (hers, his) = (asked(&ada, &user_code).await, asked(&bob, &user_code).await);
            let (one, two) = tokio::join!(ada.decide(&hers, "allow"), bob.decide(&his, "allow"));
            let counted = [one.status, two.status].iter().filter(|s| **s == 200).count();
            assert_eq!(counted, 1, "{} {}", one.status, two.status);
            server.advance(TimeSpan::from_secs(30));
            poll(&server, &app, &code).await.is(200);
        }
        // Forms without their token, or with another form's, decide nothing.
        let (code, user_code) = begin(&server, &app).await;
        let page = asked(&ada, &user_code).await;
        let flow = field(&page.text, "flow");
        for wrong in [String::new(), "AAAA".to_owned(), format!("{flow}A")] {
            let fields = [("flow", &*wrong), ("decision", "allow")];
            ada.post("/consent", &fields).await.is(403);
        }
        assert_eq!(error_of(&poll(&server, &app, &code).await, 400), "authorization_pending");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_device_gets_no_tokens_after_an_ending() {
    on_both("endings of devices", async |backend| {
        let (server, root, _) = set(Options::on(backend)).await;
        for ending in ["user", "client", "password"] {
            let client = json!({"type": "native", "grant_types": [DEVICE, "refresh_token"]});
            let app = App::register(&server, &root, client).await;
            let login = format!("user-{ending}");
            let id = server.register(&login).await;
            let person = Person::new(&server, &login);
            let (code, user_code) = begin(&server, &app).await;
            let page = asked(&person, &user_code).await;
            person.decide(&page, "allow").await.is(200);
            let (path, body) = match ending {
                "user" => (format!("/v1/admin/users/{id}/disable"), Value::Null),
                "client" => (format!("/v1/admin/clients/{}/disable", app.id), Value::Null),
                _ => {
                    let body = json!({"password": "another good one"});
                    (format!("/v1/admin/users/{id}/password"), body)
                }
            };
            let done = server.call_as(Method::POST, &path, &root.access, body).await;
            assert!(done.status < 300, "{ending}: {}", done.text);
            let answer = poll(&server, &app, &code).await;
            let wanted =
                if ending == "client" { (401, "invalid_client") } else { (400, "invalid_grant") };
            assert_eq!(error_of(&answer, wanted.0), wanted.1, "{ending}");
        }
    })
    .await;
}

//! No page is a dead end: each offers a way to continue, in the language of the application, and a page that
//! is loaded again finds its request.

use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;
use signet::domain::request_info::RequestInfo;
use signet::identity::setup;

use crate::support::mailed::MailingServer;
use crate::support::relying_party::{App, FORM, Person, REDIRECT_URI, field, form, param};
use crate::support::server::{Answer, PASSWORD};
use crate::support::{Backend, Server, on_both};

const HOME: &str = "https://home.example.com/";

/// The target of the button with `label` on a page.
#[track_caller]
fn formaction(page: &Answer, label: &str) -> String {
    let (before, _) = page.text.split_once(&format!(">{label}</button>")).unwrap_or_else(|| {
        panic!("no {label}: {}", page.text);
    });
    let button = before.rsplit_once("<button").unwrap().1;
    let (_, rest) = button.split_once("formaction=\"").unwrap_or_else(|| panic!("{button}"));
    rest.split_once('"').unwrap().0.to_owned()
}

#[track_caller]
fn has_link(page: &Answer, href: &str, what: &str) {
    assert!(page.text.contains(&format!(" href=\"{href}\">")), "{what}: {}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_refused_before_its_redirect_uri_is_known_leads_back_to_the_application() {
    on_both("refused requests", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let with = json!({"type": "spa", "client_uri": HOME});
        let with = App::register(&server, &root, with).await;
        let without = App::register(&server, &root, json!({"type": "spa"})).await;
        let ada = Person::new(&server, "ada");
        let evil = "https://evil.example/";
        for redirect_uri in [evil, ""] {
            let wrong = [("redirect_uri", redirect_uri), ("ui_locales", "de")];
            let page = ada.get(&with.url(&wrong)).await;
            has_link(page.is(400), HOME, "a client with a home page");
            assert!(page.text.contains("Zurück zu App"), "{}", page.text);
            assert!(page.text.contains("<html lang=\"de\">") && !page.text.contains("evil"));
            let page = ada.get(&without.url(&wrong)).await;
            assert!(
                page.is(400).text.contains("Wenden Sie sich an ihre Betreiber"),
                "{}",
                page.text
            );
            has_link(&page, "/account", "a client without one");
        }
        // A repeated or unknown client is not linked.
        for url in [
            format!("{}&client_id={}", with.url(&[]), with.id),
            with.url(&[("client_id", "nobody")]),
            with.url(&[("client_id", "")]),
        ] {
            let page = ada.get(&url).await;
            assert!(page.is(400).text.contains("Tell its operators."), "{url}");
            assert!(!page.text.contains(HOME), "{url}");
            has_link(&page, "/account", &url);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_without_a_decision_is_asked_for_again() {
    on_both("undecided", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        let app = App::register(&server, &root, json!({"type": "spa"})).await;
        let ada = Person::new(&server, "ada");
        let login = ada.get(&app.url(&[("ui_locales", "de")])).await;
        let answer = ada.log_in(&login, PASSWORD).await;
        let mut page = ada.get(answer.is(303).header("location")).await;
        for decision in [&[][..], &[("decision", "")], &[("decision", "perhaps")]] {
            let flow = field(&page.text, "flow");
            let fields: Vec<_> = [("flow", &*flow)].iter().chain(decision).copied().collect();
            page = ada.post(&formaction(&page, "Zulassen"), &fields).await;
            assert!(page.is(422).text.contains("role=\"alert\""), "{}", page.text);
            assert!(page.text.contains("Wählen Sie eine der beiden"), "{}", page.text);
        }
        // Loaded again by its address, the page is shown again, and can be completed.
        let address = formaction(&page, "Zulassen");
        let again = ada.get(&address).await;
        let again = ada.get(again.is(303).header("location")).await;
        assert!(again.is(200).text.contains("action=\"/consent\""), "{}", again.text);
        let answer = ada.decide(&page, "allow").await;
        let callback = answer.is(303).header("location").parse().unwrap();
        app.redeem(&server, &param(&callback, "code").unwrap()).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_nothing_was_decided_about_is_asked_about_again() {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let device = json!({"type": "native", "grant_types": [grant]});
    let device = App::register(&server, &root, device).await;
    let asked = device.call(&server, "/oauth2/device_authorization", &[("scope", "openid")]).await;
    let user_code = asked.is(200).string("user_code");
    let ada = Person::new(&server, "ada");
    let page = ada.get("/device").await;
    let flow = field(&page.text, "flow");
    let login = ada.post("/device", &[("flow", &flow), ("user_code", &user_code)]).await;
    let answer = ada.log_in(&login, PASSWORD).await;
    let page = ada.get(answer.is(303).header("location")).await;
    let flow = field(&page.is(200).text, "flow");
    let page = ada.post("/consent", &[("flow", &flow)]).await;
    assert!(page.is(422).text.contains(&user_code), "{}", page.text);
    assert!(page.text.contains("Choose one of the two buttons."), "{}", page.text);
    let done = ada.decide(&page, "allow").await;
    has_link(done.is(200), "/account", "the end");
}

/// Reload, the Back button, a restored tab: each loads the address of the page.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_page_that_is_loaded_again_keeps_its_request() {
    on_both("reloaded sign-in", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        let app = App::register(&server, &root, json!({"type": "spa", "name": "Shop"})).await;
        let ada = Person::new(&server, "ada");
        let page = ada.get(&app.url(&[("state", "mine"), ("ui_locales", "de")])).await;
        let address = formaction(page.is(200), "Anmelden");
        assert!(address.starts_with("/login?flow="), "{address}");
        // After a wrong password the browser is at the address of the form.
        let flow = field(&page.text, "flow");
        let wrong = [("flow", &*flow), ("login", "ada"), ("password", "not the password")];
        let refused = ada.post(&address, &wrong).await;
        assert!(refused.is(401).text.contains("role=\"alert\""));
        assert_eq!(formaction(&refused, "Anmelden"), address);
        let again = ada.get(&address).await;
        assert!(again.is(200).text.contains("Shop"), "{}", again.text);
        assert!(again.text.contains("<html lang=\"de\">"), "{}", again.text);
        let answer = ada.log_in(&again, PASSWORD).await;
        let consent = ada.get(answer.is(303).header("location")).await;
        // The page of another user's sign-in, too.
        let address = formaction(&consent, "Nicht Sie?");
        let switched = ada.post(&address, &[("flow", &field(&consent.text, "flow"))]).await;
        assert!(switched.is(200).text.contains("action=\"/login\""), "{}", switched.text);
        let again = ada.get(&address).await;
        let callback = ada.go_on(again).await.callback();
        assert_eq!(param(&callback, "state").as_deref(), Some("mine"));
        app.redeem(&server, &param(&callback, "code").unwrap()).await.is(200);

        // The address is refused in another browser, and after its expiry: both offer to start again.
        let address = formaction(&page, "Anmelden");
        let mallory = Person::new(&server, "mallory");
        mallory.get("/login").await.is(200);
        for (what, stale) in [
            ("another browser", mallory.get(&address).await),
            ("old", {
                server.advance(TimeSpan::from_mins(61));
                ada.get(&address).await
            }),
        ] {
            assert!(stale.is(403).text.contains("class=\"again\""), "{what}: {}", stale.text);
            assert!(stale.text.contains("<html lang=\"de\">"), "{what}: {}", stale.text);
            assert!(stale.text.contains("value=\"mine\""), "{what}: {}", stale.text);
        }
        for path in ["/login/switch", "/consent"] {
            let stale = ada.get(&format!("{path}?flow={flow}")).await;
            assert!(stale.is(405).text.contains("value=\"mine\""), "{path}: {}", stale.text);
        }
        // The sign-in to the user's own account keeps its headers.
        let own = ada.get("/login").await;
        let own = ada.get(&formaction(own.is(200), "Sign in")).await;
        assert!(own.is(200).header("content-security-policy").contains("form-action"));
        assert_eq!(own.header("cross-origin-opener-policy"), "same-origin");
        // A page of a log-out is not a sign-in.
        ada.visit(&app.url(&[])).await.said("code");
        let logout = field(&ada.get("/oauth2/logout?ui_locales=de").await.text, "flow");
        let page = ada.get(&format!("/login?flow={logout}")).await;
        assert!(page.is(403).text.contains("<html lang=\"de\">"), "{}", page.text);
        let left = ada.post("/oauth2/logout", &[("flow", &logout), ("decision", "allow")]).await;
        assert!(left.is(200).text.contains("<html lang=\"de\">"), "{}", left.text);
        has_link(&left, "/account", "signed out");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_languages_of_the_application_hold_until_the_answer() {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let app = json!({"type": "native", "skip_consent": true, "redirect_uris": ["com.example.app:/cb", REDIRECT_URI]});
    let app = App::register(&server, &root, app).await;
    let ada = Person::new(&server, "ada");
    let login = ada.get(&app.url(&[("ui_locales", "de")])).await;
    let answer = ada.log_in(&login, PASSWORD).await;
    let page = ada.get(answer.is(303).header("location")).await;
    assert!(page.is(200).text.contains("com.example.app:/cb?code="), "{}", page.text);
    assert!(page.text.contains("<html lang=\"de\">"), "{}", page.text);
    let posted =
        [("redirect_uri", REDIRECT_URI), ("ui_locales", "de"), ("response_mode", "form_post")];
    let page = ada.get(&app.url(&posted)).await;
    assert!(page.is(200).text.contains("<html lang=\"de\">"), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_up_link_that_is_used_up_and_an_unknown_address_lead_to_the_start_page() {
    on_both("error pages", async |backend| {
        let server = Server::start(backend).await;
        let (app, now) = (server.app.clone(), server.now());
        let link = server
            .app
            .run_to_completion(async move { setup::make_link(&app, &RequestInfo::cli(now)).await });
        let link = link.await.unwrap_or_else(|stop| panic!("{stop:?}"));
        let link = format!("/setup/{}", link.expose().rsplit('/').next().unwrap());
        let create = || {
            let request = server.request(Method::POST, &link).header("content-type", FORM);
            request.body(form([("login", "root"), ("password", PASSWORD)]))
        };
        server.advance(TimeSpan::from_mins(31));
        has_link(server.get(&link).await.is(404), "/", "expired");
        has_link(server.send(create()).await.is(404), "/", "expired form");
        server.administrator("root").await;
        has_link(server.get(&link).await.is(404), "/", "used");
        for path in ["/nothing/here", "/account/nothing", "/setup"] {
            has_link(server.get(path).await.is(404), "/", path);
        }
        let wrong_method = server.send(server.request(Method::POST, "/account")).await;
        has_link(wrong_method.is(405), "/", "a method");
        server.get("/").await.is(200);
    })
    .await;
}

/// A user who has accepted the invitation follows its link once more.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_used_leads_to_the_sign_in() {
    on_both("used links", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let body = json!({"login": "ada", "email": "ada@example.org", "invite": true});
        let made = server.call_as(Method::POST, "/v1/admin/users", &root.access, body).await;
        let link = made.is(201).json()["invitation"]["link"].as_str().unwrap().to_owned();
        let ada = Person::new(&server, "ada");
        let path = ada.below_base(&link);
        let csrf = field(&ada.get(&path).await.is(200).text, "csrf");
        ada.post(&path, &[("csrf", &csrf), ("new_password", PASSWORD)]).await.is(303);
        let page = ada.get(&path).await;
        has_link(page.is(404), "/login", "a used link");
        assert!(page.text.contains("Already used this link?"), "{}", page.text);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_signs_in_again_finds_the_login_name_in_the_form() {
    on_both("sign-in again", async |backend| {
        let MailingServer { server, .. } = MailingServer::start(backend).await;
        server.register("ada").await;
        let ada = Person::new(&server, "ada");
        let login = ada.get("/login?to=security").await;
        assert_eq!(field(&login.is(200).text, "login"), "", "no user is signed in");
        ada.log_in(&login, PASSWORD).await.is(303);
        server.advance(TimeSpan::from_mins(6));
        for page in ["security", "email"] {
            let shown = ada.get(&format!("/account/{page}")).await;
            let again = format!("/login?to={page}");
            assert!(shown.is(200).text.contains(&format!("href=\"{again}\"")), "{}", shown.text);
            let login = ada.get(&again).await;
            assert_eq!(field(&login.is(200).text, "login"), "ada");
            ada.log_in(&login, PASSWORD).await.is(303);
            server.advance(TimeSpan::from_mins(6));
        }
    })
    .await;
}

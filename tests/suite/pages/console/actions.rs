//! Actions of the console: after a confirmation, with a fresh sign-in, once.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use super::{administrator, confirm, id_of, sign_in, started};
use crate::support::on_both;
use crate::support::relying_party::{Person, field, form};
use crate::support::server::{Answer, PASSWORD, pair};
use crate::support::{Backend, Server};

/// Posts a form with the headers of a browser.
async fn posted(
    person: &Person<'_>,
    server: &Server,
    path: &str,
    headers: &[(&str, &str)],
) -> Answer {
    let page = person.get(path).await;
    let csrf = field(&page.is(200).text, "csrf");
    let cookies: Vec<String> =
        person.cookies().iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = server.request(Method::POST, path).header("cookie", cookies.join("; "));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    server.send(request.body(form([("csrf", &*csrf)]))).await
}

/// Disabling, enabling, requesting a new password, unlocking, ending sessions, removing second factors and deleting:
/// each has a confirmation page, takes effect, and leads back to a page with the result.
#[tokio::test(flavor = "multi_thread")]
async fn users_are_changed_after_a_question() {
    on_both("console: users", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let id = id_of(&root, "ada").await;
        let path = |action: &str| format!("/admin/users/{id}/{action}");
        let question = root.get(&path("disable")).await;
        for text in ["signet user disable ada", "cannot sign in", "Cancel", "ada"] {
            assert!(question.is(200).text.contains(text), "{text}: {}", question.text);
        }
        let (cancel, submit) = (
            question.text.find("Cancel").unwrap(),
            question.text.rfind("type=\"submit\"").unwrap(),
        );
        assert!(cancel < submit, "Cancel comes first");
        server.try_login("ada", PASSWORD).await.is(200);

        let done = confirm(&root, &path("disable"), &[]).await;
        let to = root.below_base(done.is(303).header("location"));
        assert_eq!(to, format!("/admin/users/{id}?done=disabled"));
        assert!(root.get(&to).await.is(200).text.contains("Disabled."));
        server.try_login("ada", PASSWORD).await.is(401);
        confirm(&root, &path("enable"), &[]).await.is(303);
        let tokens = server.login("ada").await;
        confirm(&root, &path("end-sessions"), &[]).await.is(303);
        server.refresh(&tokens.refresh).await.is(401);
        for action in ["unlock", "reset-factors", "must-change"] {
            confirm(&root, &path(action), &[]).await.is(303);
        }
        server.try_login("ada", PASSWORD).await.is_problem(401, "password_change_required");

        let wrong = confirm(&root, &path("delete"), &[("typed", "bob")]).await;
        assert!(wrong.is(422).text.contains("The typed login name is not that of this user."));
        let done = confirm(&root, &path("delete"), &[("typed", "ada")]).await;
        assert!(done.is(303).header("location").ends_with("/admin/users?done=deleted"));
        root.get(&format!("/admin/users/{id}")).await.is(404);
        root.get(&path("made-up")).await.is(404);
        // Actions in the console are in the audit trail with the administrator.
        let audit = root.get("/admin/audit").await;
        assert!(audit.is(200).text.contains("user.disabled"), "{}", audit.text);
    })
    .await;
}

/// A form from another origin is refused, whatever its content; so is one without the token of the page.
#[tokio::test(flavor = "multi_thread")]
async fn forms_of_other_origins_are_refused() {
    on_both("console: origins", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let id = id_of(&root, "ada").await;
        let path = format!("/admin/users/{id}/disable");
        for headers in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null"), ("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
        ] {
            posted(&root, &server, &path, headers).await.is(403);
        }
        root.post(&path, &[("csrf", "x")]).await.is(403);
        root.post(&path, &[]).await.is(403);
        server.try_login("ada", PASSWORD).await.is(200);
        // The headers that browsers send with forms of our own pages, whose referrer policy is no-referrer.
        let own = [("origin", "null"), ("sec-fetch-site", "same-origin")];
        posted(&root, &server, &path, &own).await.is(303);
        server.try_login("ada", PASSWORD).await.is(401);
        let own = [("origin", &*server.base)];
        posted(&root, &server, &path.replace("disable", "enable"), &own).await.is(303);
        server.try_login("ada", PASSWORD).await.is(200);
    })
    .await;
}

/// If the sign-in is older than five minutes, an action requires a new one and then continues with the confirmation
/// page; until then its form has no effect.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_sign_in_is_renewed_before_an_action_goes_on() {
    on_both("console: fresh sign-in", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let id = id_of(&root, "ada").await;
        let path = format!("/admin/users/{id}/disable");
        let fresh = root.get(&path).await;
        let (csrf, form) = (field(&fresh.is(200).text, "csrf"), field(&fresh.text, "form"));
        server.advance(TimeSpan::from_mins(6));
        let late = root.post(&path, &[("csrf", &csrf), ("form", &form)]).await;
        assert_eq!(root.below_base(late.is(303).header("location")), path);
        server.try_login("ada", PASSWORD).await.is(200);
        let stale = root.get(&path).await;
        assert!(stale.is(200).text.contains("older than 5 minutes"), "{}", stale.text);
        assert!(!stale.text.contains(&format!("action=\"{path}\"")), "{}", stale.text);
        let (_, to) = stale.text.split_once("href=\"/login?to=console").unwrap();
        let to = to.split_once('"').unwrap().0.replace("&#38;", "&");
        assert_eq!(sign_in(&root, &format!("/login?to=console{to}"), "root").await, path);
        confirm(&root, &path, &[]).await.is(303);
        server.try_login("ada", PASSWORD).await.is(401);
    })
    .await;
}

/// An application is registered in two steps, and its secret is shown once. The same form sent twice, also
/// concurrently, registers one application and returns the same secret.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_sent_twice_acts_once() {
    on_both("console: twice", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let types = root.get("/admin/clients/new").await;
        for kind in ["spa", "web", "native", "service"] {
            let link = format!("/admin/clients/new?type={kind}");
            assert!(types.is(200).text.contains(&link), "{kind}: {}", types.text);
        }
        let page = root.get("/admin/clients/new?type=web").await;
        let (csrf, form) = (field(&page.is(200).text, "csrf"), field(&page.text, "form"));
        let fields = [("csrf", &*csrf), ("form", &form), ("name", "Shop")];
        let wrong = root.post("/admin/clients/new?type=web", &fields).await;
        assert!(
            wrong.is(422).text.contains("aria-invalid") || wrong.text.contains("role=\"alert\"")
        );
        let uris = [("redirect_uris", "https://shop.example.com/callback")];
        let fields: Vec<_> = fields.into_iter().chain(uris).collect();
        let (one, two) = tokio::join!(
            root.post("/admin/clients/new?type=web", &fields),
            root.post("/admin/clients/new?type=web", &fields)
        );
        assert_eq!(secret_of(&one), secret_of(&two));
        let second = server.administrator("second").await;
        let clients = server.get_as("/v1/admin/clients", &second.access).await;
        let clients = clients.is(200).json();
        assert_eq!(clients["data"].as_array().unwrap().len(), 1, "{clients}");
        let id = clients["data"][0]["client_id"].as_str().unwrap().to_owned();

        let path = format!("/admin/clients/{id}");
        let shown = root.get(&path).await;
        assert!(shown.is(200).text.contains("Shop") && !shown.text.contains(&secret_of(&one)));
        let rotated = confirm(&root, &format!("{path}/rotate-secret"), &[]).await;
        assert_ne!(secret_of(&rotated), secret_of(&one));
        confirm(&root, &format!("{path}/disable"), &[]).await.is(303);
        assert!(root.get(&path).await.is(200).text.contains("Disabled"));
        confirm(&root, &format!("{path}/enable"), &[]).await.is(303);
        confirm(&root, &format!("{path}/delete"), &[("typed", "Shop")]).await.is(422);
        confirm(&root, &format!("{path}/delete"), &[("typed", &id)]).await.is(303);
        root.get(&path).await.is(404);
    })
    .await;
}

/// A form that is sent eight times concurrently has its effect once: one secret, one event, one application.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_sent_eight_times_at_once_acts_once() {
    on_both("console: eight at once", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let page = root.get("/admin/clients/new?type=service").await;
        let (csrf, form) = (field(&page.is(200).text, "csrf"), field(&page.text, "form"));
        let fields = [("csrf", &*csrf), ("form", &form), ("name", "Bot")];
        let path = "/admin/clients/new?type=service";
        let made = join_all((0..8).map(|_| root.post(path, &fields))).await;
        let secrets: BTreeSet<String> = made.iter().map(secret_of).collect();
        assert_eq!(secrets.len(), 1);
        let second = server.administrator("second").await;
        let clients = server.get_as("/v1/admin/clients", &second.access).await.is(200).json();
        assert_eq!(clients["data"].as_array().unwrap().len(), 1, "{clients}");
        let id = clients["data"][0]["client_id"].as_str().unwrap();

        let path = format!("/admin/clients/{id}/rotate-secret");
        let page = root.get(&path).await;
        let (csrf, form) = (field(&page.is(200).text, "csrf"), field(&page.text, "form"));
        let fields = [("csrf", &*csrf), ("form", &*form)];
        let rotated = join_all((0..8).map(|_| root.post(&path, &fields))).await;
        let rotated: BTreeSet<String> = rotated.iter().map(secret_of).collect();
        assert_eq!(rotated.len(), 1);
        assert!(rotated.is_disjoint(&secrets));
        assert_eq!(server.events(&second, "client.created").await.len(), 1);
        assert_eq!(server.events(&second, "client.secret_rotated").await.len(), 1);
    })
    .await;
}

/// If two processes get the same form concurrently, the use cases decide: keys are rotated once, a user is deleted
/// once, and of two new secrets of a client both are valid.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_that_get_the_same_form_agree() {
    let Some((one, two)) = pair("console: two processes").await else { return };
    one.create_administrator("root").await;
    let ada = one.register("ada").await;
    let api = one.administrator("second").await;
    let body = json!({"client_id": "bot", "name": "Bot", "type": "service"});
    one.call_as(Method::POST, "/v1/admin/clients", &api.access, body).await.is(201);
    two.app.reload_if_changed().await.unwrap();
    let here = administrator(&one).await;
    let there = Person::new(&two, "root");
    for (name, value) in here.cookies() {
        there.set_cookie(&name, &value);
    }
    let both = async |path: &str, more: &[(&str, &str)]| {
        let page = here.get(path).await;
        let (csrf, form) = (field(&page.is(200).text, "csrf"), field(&page.text, "form"));
        let fields = [("csrf", &*csrf), ("form", &*form)];
        let fields: Vec<_> = fields.into_iter().chain(more.iter().copied()).collect();
        tokio::join!(here.post(path, &fields), there.post(path, &fields))
    };
    let (first, second) = both("/admin/keys/rotate", &[]).await;
    assert!(first.status == 303 || second.status == 303, "{} {}", first.text, second.text);
    let keys = one.get_as("/v1/admin/keys", &api.access).await.is(200).json();
    let published = |key: &&Value| key["state"] == "published";
    let waiting: Vec<_> = keys["data"].as_array().unwrap().iter().filter(published).collect();
    let algorithms: BTreeSet<_> = waiting.iter().map(|key| key["alg"].to_string()).collect();
    assert_eq!(waiting.len(), algorithms.len(), "one successor of each algorithm: {keys}");
    let (first, second) = both("/admin/clients/bot/rotate-secret", &[]).await;
    for secret in [secret_of(&first), secret_of(&second)] {
        let request = two.request(Method::POST, "/oauth2/introspect");
        let request = request.basic_auth("bot", Some(&secret));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        two.send(request.body("token=x")).await.is(200);
    }
    let (first, second) = both(&format!("/admin/users/{ada}/delete"), &[("typed", "ada")]).await;
    assert_eq!((first.status, second.status), (303, 303), "{} {}", first.text, second.text);
    assert_eq!(one.events(&api, "user.deleted").await.len(), 1);
}

/// The secret on a page.
pub(super) fn secret_of(answer: &Answer) -> String {
    let (_, rest) = answer.is(200).text.split_once("client_secret</dt><dd><code>").unwrap();
    rest.split_once('<').unwrap().0.to_owned()
}

/// A session is ended and keys are rotated in the console.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_ended_and_keys_are_rotated() {
    on_both("console: sessions and keys", async |backend| {
        let server = started(backend).await;
        let tokens = server.login("ada").await;
        let sid = tokens.claims()["sid"].as_str().unwrap().to_owned();
        let root = administrator(&server).await;
        confirm(&root, &format!("/admin/sessions/{sid}/end"), &[]).await.is(303);
        server.refresh(&tokens.refresh).await.is(401);
        let before = root.get("/admin/keys").await.is(200).text.matches("<tr>").count();
        confirm(&root, "/admin/keys/rotate", &[]).await.is(303);
        let keys = root.get("/admin/keys?done=rotated").await;
        assert!(keys.is(200).text.contains("The successor is published."), "{}", keys.text);
        assert!(keys.text.matches("<tr>").count() > before, "{}", keys.text);
    })
    .await;
}

/// Every button of a page leads to an existing confirmation page.
#[tokio::test(flavor = "multi_thread")]
async fn every_button_leads_to_a_question() {
    let server = started(Backend::Sqlite).await;
    let root = administrator(&server).await;
    let id = id_of(&root, "ada").await;
    let mut seen = 0;
    for page in
        [format!("/admin/users/{id}"), "/admin/keys".to_owned(), "/admin/sessions".to_owned()]
    {
        let text = root.get(&page).await.is(200).text.clone();
        for link in text.split("href=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0) {
            if link.starts_with("/admin") {
                root.get(&link.replace("&#38;", "&")).await.is(200);
                seen += 1;
            }
        }
    }
    assert!(seen > 30, "{seen}");
}

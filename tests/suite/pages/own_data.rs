//! History, login name, export and deletion at the pages, without JavaScript.

use serde_json::Value;
use signet::base::TimeSpan;

use crate::support::on_both;
use crate::support::relying_party::{Person, field};
use crate::support::second_factors::Authenticator;
use crate::support::server::{Answer, Options, PASSWORD};
use crate::support::{Backend, Server};

async fn sign_in(person: &Person<'_>, path: &str, login: &str) -> String {
    let page = person.get(path).await;
    let flow = field(&page.is(200).text, "flow");
    let fields = [("flow", &*flow), ("login", login), ("password", PASSWORD)];
    person.post("/login", &fields).await.is(303).header("location").to_owned()
}

async fn act(person: &Person<'_>, path: &str, fields: &[(&str, &str)]) -> Answer {
    let account = person.get("/account").await;
    let csrf = field(&account.is(200).text, "csrf");
    let all: Vec<_> = [("csrf", &*csrf)].into_iter().chain(fields.iter().copied()).collect();
    person.post(path, &all).await
}

async fn started(backend: Backend) -> Server {
    let server = Options::on(backend).with("SIGNET_LOGIN_CHANGE", "on").start().await;
    server.register("ada").await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_leads_to_history_export_deletion_and_login_name() {
    on_both("pages: own data", async |backend| {
        let server = started(backend).await;
        for _ in 0..2 {
            server.try_login("ada", "wrong").await.is(401);
        }
        server.advance(TimeSpan::from_secs(1));
        let ada = Person::new(&server, "ada");
        let to = ada.get("/account/history").await;
        assert!(to.is(303).header("location").ends_with("/login?to=history"), "{to:?}");
        assert!(sign_in(&ada, "/login?to=history", "ada").await.ends_with("/account/history"));
        let history = ada.get("/account/history").await;
        for text in ["Signed in", "Wrong password", "2 times", "127.0.0.1", "Password"] {
            assert!(history.is(200).text.contains(text), "{text}: {}", history.text);
        }
        let account = ada.get("/account").await;
        for page in ["history", "export", "delete", "login", "email", "security"] {
            let link = format!("href=\"/account/{page}\"");
            assert!(account.text.contains(&link), "{page}");
            ada.get(&format!("/account/{page}")).await.is(200);
        }

        let export = act(&ada, "/account/export", &[]).await;
        let disposition = export.is(200).header("content-disposition");
        assert_eq!(disposition, "attachment; filename=\"account.json\"");
        assert_eq!(export.json()["profile"]["login"], "ada");
        assert_eq!(export.header("cache-control"), "no-store");

        let taken = act(&ada, "/account/login", &[("login", "a b")]).await;
        assert!(taken.is(422).text.contains("cannot contain spaces"), "{}", taken.text);
        let changed = act(&ada, "/account/login", &[("login", "lovelace")]).await;
        assert!(changed.is(303).header("location").ends_with("done=login-changed"));
        let page = ada.get("/account/login?done=login-changed").await;
        assert!(page.is(200).text.contains("Your login name was changed."), "{}", page.text);
        assert!(page.text.contains("lovelace"));

        // Without the form token of this browser nothing happens.
        for path in ["/account/export", "/account/login", "/account/delete"] {
            ada.post(path, &[("login", "lovelace")]).await.is(403);
        }
        let wrong = act(&ada, "/account/delete", &[("login", "ada")]).await;
        assert!(wrong.is(422).text.contains("not the login name"), "{}", wrong.text);
        let done = act(&ada, "/account/delete", &[("login", "lovelace")]).await;
        assert!(done.is(200).text.contains("Your account was deleted"), "{}", done.text);
        assert!(
            ada.cookies().iter().all(|(name, _)| !name.contains("session")),
            "{:?}",
            ada.cookies()
        );
        assert!(ada.get("/account").await.is(303).header("location").ends_with("/login"));
        server.try_login("lovelace", PASSWORD).await.is(401);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_is_too_old_is_renewed_and_comes_back() {
    on_both("pages: own data, stale", async |backend| {
        let server = started(backend).await;
        let ada = Person::new(&server, "ada");
        sign_in(&ada, "/login", "ada").await;
        server.advance(TimeSpan::from_mins(6));
        for page in ["export", "delete", "login"] {
            let path = format!("/account/{page}");
            let stale = ada.get(&path).await;
            let again = format!("/login?to={page}");
            assert!(stale.is(200).text.contains(&again), "{}", stale.text);
            let refused = act(&ada, &path, &[("login", "ada")]).await;
            assert!(refused.status == 303 || page == "login", "{page}: {refused:?}");
            assert!(sign_in(&ada, &again, "ada").await.ends_with(&path));
            assert!(!ada.get(&path).await.is(200).text.contains(&again));
            server.advance(TimeSpan::from_mins(6));
        }
        server.try_login("ada", PASSWORD).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_is_warned_and_a_fixed_login_name_has_no_page() {
    let server = Server::start(Backend::Sqlite).await;
    server.create_administrator("root").await;
    let root = Person::new(&server, "root");
    sign_in(&root, "/login", "root").await;
    let refused = act(&root, "/account/delete", &[("login", "root")]).await;
    assert!(refused.is(409).text.contains("last administrator"), "{}", refused.text);
    root.get("/account/login").await.is(403);
    assert!(!root.get("/account").await.text.contains("/account/login"));
    let export = act(&root, "/account/export", &[]).await.is(200).json();
    assert_ne!(export["profile"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_shows_a_first_step_only_where_nothing_followed() {
    let server = started(Backend::Sqlite).await;
    let tokens = server.login("ada").await;
    let app = Authenticator::enrol(&server, &tokens).await;
    let ada = Person::new(&server, "ada");
    // Events of one millisecond have no order.
    server.advance(TimeSpan::from_secs(1));
    // Abandoned after the password.
    sign_in(&ada, "/login", "ada").await;
    server.advance(TimeSpan::from_mins(20));
    let location = sign_in(&ada, "/login?to=history", "ada").await;
    let page = ada.get(&ada.below_base(&location)).await;
    let (flow, challenge) = (field(&page.is(200).text, "flow"), field(&page.text, "challenge"));
    let code = app.new_code(&server);
    let fields = [("flow", &*flow), ("challenge", &*challenge), ("code", &*code)];
    let location = ada.post("/login/verify", &fields).await.is(303).header("location").to_owned();
    assert!(location.ends_with("/account/history"), "{location}");
    let page = ada.get("/account/history").await;
    let shown = |text: &str| page.text.matches(text).count();
    assert_eq!(shown("First step of several completed"), 1, "{}", page.text);
    assert_eq!((shown("Signed in"), shown("Password + Code from an app")), (2, 1), "{}", page.text);
}

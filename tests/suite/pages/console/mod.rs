//! The web console, without JavaScript: access, content and actions.

mod actions;
mod api_keys;
mod apis;
mod attention;
mod audit;
mod bulk;
mod charts;
mod clients;
mod commands;
mod forms;
mod keys;
mod many_users;
mod navigation;
mod networks;
mod overview_commands;
mod pictures;
mod rights;
mod sessions;
mod users;

use signet::base::TimeSpan;

use crate::support::on_both;
use crate::support::relying_party::{Person, field};
use crate::support::server::{Answer, Options, PASSWORD};
use crate::support::{Backend, Server};

/// Every page of the menu.
const PAGES: [&str; 9] = [
    "/admin",
    "/admin/users",
    "/admin/sessions",
    "/admin/clients",
    "/admin/apis",
    "/admin/keys",
    "/admin/audit",
    "/admin/health",
    "/admin/settings",
];

/// Signs in at the page to which `path` leads. Returns the address after it.
async fn sign_in(person: &Person<'_>, path: &str, login: &str) -> String {
    let page = person.get(path).await;
    let flow = field(&page.is(200).text, "flow");
    let fields = [("flow", &*flow), ("login", login), ("password", PASSWORD)];
    let to = person.post("/login", &fields).await;
    person.below_base(to.is(303).header("location"))
}

/// A server with the administrator `root`, who is signed in at the console, and the user `ada`.
async fn started(backend: Backend) -> Server {
    let server = Options::on(backend).start().await;
    server.create_administrator("root").await;
    server.register("ada").await;
    server
}

async fn administrator(server: &Server) -> Person<'_> {
    let root = Person::new(server, "root");
    let to = root.get("/admin").await.is(303).header("location").to_owned();
    assert_eq!(sign_in(&root, &root.below_base(&to), "root").await, "/admin");
    root
}

/// The id of a user, from the list of the console.
async fn id_of(root: &Person<'_>, login: &str) -> String {
    let page = root.get(&format!("/admin/users?q={login}")).await;
    let (_, after) =
        page.is(200).text.split_once("<th scope=\"row\"><a href=\"/admin/users/").unwrap();
    after.split_once('"').unwrap().0.to_owned()
}

/// Confirms the action at `path`.
async fn confirm(root: &Person<'_>, path: &str, more: &[(&str, &str)]) -> Answer {
    let page = root.get(path).await;
    let (csrf, form) = (field(&page.is(200).text, "csrf"), field(&page.text, "form"));
    let fields = [("csrf", &*csrf), ("form", &*form)];
    let fields: Vec<_> = fields.into_iter().chain(more.iter().copied()).collect();
    root.post(path, &fields).await
}

/// Administrators see every page of the menu; the sign-in returns to the requested page. Other users are refused by
/// address, and without a sign-in nothing is disclosed.
#[tokio::test(flavor = "multi_thread")]
async fn administrators_see_every_page_and_others_none() {
    on_both("console: who gets in", async |backend| {
        let server = started(backend).await;
        let root = Person::new(&server, "root");
        let to = root.get("/admin/users?q=ada").await.is(303).header("location").to_owned();
        assert!(to.contains("/login?to=console&at=%2Fadmin%2Fusers%3Fq%3Dada"), "{to}");
        let to = sign_in(&root, &root.below_base(&to), "root").await;
        assert_eq!(to, "/admin/users?q=ada");
        assert!(root.get(&to).await.is(200).text.contains("ada"));
        let ada = Person::new(&server, "ada");
        sign_in(&ada, "/login", "ada").await;
        for page in PAGES {
            let shown = root.get(page).await;
            assert!(shown.is(200).text.contains("aria-current=\"page\""), "{page}");
            assert!(!shown.text.contains("style="), "{page}");
            let policy = shown.header("content-security-policy");
            assert!(policy.contains("default-src 'none'") && !policy.contains("script-src"));
            ada.get(page).await.is(403);
            assert_eq!(Person::new(&server, "x").get(page).await.status, 303, "{page}");
        }
        // An address outside of the console is not returned to.
        for other in [
            "https%3A%2F%2Fevil.example",
            "%2F%2Fevil.example%2Fadmin",
            "%2Fadmin@evil",
            "%2Faccount",
            "%2Fadmin%2F..%2Faccount",
            "%2Fadmin%2F%252e%252e%2Faccount",
        ] {
            let person = Person::new(&server, "root");
            let path = format!("/login?to=console&at={other}");
            assert_eq!(sign_in(&person, &path, "root").await, "/admin", "{other}");
        }
    })
    .await;
}

/// The console requires a new sign-in after 30 minutes without use and after eight hours, whatever the lifetime
/// of the sign-in.
#[tokio::test(flavor = "multi_thread")]
async fn the_console_closes_when_it_is_idle_and_after_eight_hours() {
    on_both("console: idle", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        for _ in 0..16 {
            server.advance(TimeSpan::from_mins(29));
            root.get("/admin/users").await.is(200);
        }
        server.advance(TimeSpan::from_mins(17));
        let closed = root.get("/admin/users").await;
        let to = root.below_base(closed.is(303).header("location"));
        assert_eq!(sign_in(&root, &to, "root").await, "/admin/users");
        server.advance(TimeSpan::from_mins(30));
        root.get("/admin/users").await.is(303);
        // A time from another browser, or a forged one, is refused.
        let far = format!("{}.x", server.now().secs());
        root.set_cookie("signet_console", &far);
        root.get("/admin/users").await.is(303);
        root.get("/account").await.is(200);
    })
    .await;
}

/// With `SIGNET_CONSOLE=off` its addresses are 404, also for administrators.
#[tokio::test(flavor = "multi_thread")]
async fn the_console_can_be_switched_off() {
    let options = Options::on(Backend::Sqlite).with("SIGNET_CONSOLE", "off");
    let server = options.start().await;
    server.create_administrator("root").await;
    let root = Person::new(&server, "root");
    sign_in(&root, "/login", "root").await;
    for page in PAGES {
        root.get(page).await.is(404);
    }
}

/// Lists name users and link to them, to their sessions and to their events; a list of fifty has a next page, and an
/// empty one suggests what to do.
#[tokio::test(flavor = "multi_thread")]
async fn lists_lead_to_objects_and_their_events() {
    on_both("console: lists", async |backend| {
        let server = started(backend).await;
        let tokens = server.login("ada").await;
        for number in 0..50 {
            server.register(&format!("user{number:02}")).await;
        }
        let root = administrator(&server).await;
        let users = root.get("/admin/users").await;
        assert!(users.is(200).text.contains("Users, 50+"), "{}", users.text);
        let (_, next) = users.text.split_once("href=\"/admin/users?after=").unwrap();
        let next = next.split_once('"').unwrap().0;
        let later = root.get(&format!("/admin/users?after={next}")).await;
        assert!(later.is(200).text.contains("Users, 2") && later.text.contains("First page"));
        let none = root.get("/admin/users?q=nobody").await;
        assert!(none.is(200).text.contains("signet user create"), "{}", none.text);

        let id = id_of(&root, "ada").await;
        let user = root.get(&format!("/admin/users/{id}")).await;
        for text in [
            "Same as: <code>signet user show ada</code>",
            "<caption>Sessions and browsers, 1</caption>",
            "login.succeeded",
            &format!("/admin/sessions?user={id}"),
            &format!("/admin/audit?user={id}"),
        ] {
            assert!(user.is(200).text.contains(text), "{text}: {}", user.text);
        }
        let sid = tokens.claims()["sid"].as_str().unwrap().to_owned();
        let sessions = root.get(&format!("/admin/sessions?user={id}")).await;
        assert!(sessions.is(200).text.contains(&sid), "{}", sessions.text);
        let audit = root.get(&format!("/admin/audit?user={id}")).await;
        assert!(audit.is(200).text.contains("user.created") || audit.text.contains("registered"));
        root.get("/admin/users/not-an-id").await.is(404);
        let found = root.get("/admin/search?q=ada").await;
        assert!(found.is(200).text.contains(&format!("/admin/users/{id}")), "{}", found.text);
        let settings = root.get("/admin/settings").await;
        assert!(settings.is(200).text.contains("SIGNET_ISSUER"), "{}", settings.text);
        let key = std::fs::read_to_string(server.dir.path().join("data/master.key"));
        let key = key.unwrap_or_default();
        assert!(key.trim().is_empty() || !settings.text.contains(key.trim()));
    })
    .await;
}

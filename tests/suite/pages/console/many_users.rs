//! The console with many users: content and cost of a page do not grow with their number. The suite uses 3,000, more
//! than are examined for one page; `SIGNET_TEST_USERS=300000` is the full run.

use serde_json::json;
use signet::admin::user_search::{UserSearch, search};
use signet::base::TimeSpan;
use signet::base::id::UserId;
use signet::crypto::random::SystemEntropy;
use signet::domain::attributes::Attributes;
use signet::domain::login_name::LoginName;
use signet::domain::user::Role;
use signet::domain::user_filter::UserFilter;
use signet::domain::user_words::words_of_query;
use signet::store::db::counted;
use signet::store::users::{self, NewUser};

use super::administrator;
use crate::support::scripts::{Browser, browser_script, output};
use crate::support::server::{Options, PASSWORD, Server};
use crate::support::{Backend, on_both, require};

/// The issuer, as in the browser of the pictures.
const ISSUER: &str = "http://id.example.com";
/// The users of one transaction.
const STEP: u64 = 1_000;

fn how_many() -> u64 {
    require::number("SIGNET_TEST_USERS").unwrap_or(3_000)
}

/// Users called Kim, with the name Odd for odd numbers and Even for others; each created a millisecond before the next
/// one.
async fn seed(server: &Server) {
    let attributes = &Attributes::default();
    for from in (0..how_many()).step_by(STEP as usize) {
        let mut tx = server.app.db.begin().await.unwrap();
        for number in from..(from + STEP).min(how_many()) {
            let ago = TimeSpan::from_millis(i64::try_from(how_many() - number).unwrap());
            let at = server.now() - ago;
            let login = &LoginName::parse(&format!("user{number}@example.com")).unwrap();
            let name = if number % 2 == 0 { "Kim Even" } else { "Kim Odd" };
            let (id, role) = (UserId::new(at, &SystemEntropy), Role::User);
            let new =
                NewUser { id, login, name: Some(name), role, attributes, password_hash: None };
            assert!(users::insert(&mut tx, &new, at).await.unwrap());
        }
        tx.commit().await.unwrap();
    }
}

fn rows(page: &str) -> usize {
    page.split("<th scope=\"row\"><a href=\"/admin/users/").skip(1).count()
}

/// The address behind a link of this name.
fn link(page: &str, label: &str) -> Option<String> {
    let (before, _) = page.split_once(&format!("\">{label}</a>"))?;
    Some(before.rsplit_once("href=\"").unwrap().1.replace("&#38;", "&"))
}

/// A page has at most 50 users. For one that finds fewer than it examines, 2,000 users are examined in a handful of
/// statements, and the next page continues.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_costs_the_same_however_many_users_there_are() {
    on_both("console: many users", async |backend| {
        let server = Options::on(backend).start().await;
        server.create_administrator("root").await;
        seed(&server).await;
        let root = administrator(&server).await;
        for (query, count, has_next) in [
            ("", 50, true),
            ("?q=kim", 50, true),
            ("?q=odd+kim", 50, true),
            ("?q=user7%40example.com", 1, false),
            ("?q=odd+even", 0, how_many() > 4_000),
            ("?q=zzz", 0, false),
            ("?state=active", 50, true),
            ("?state=disabled", 0, false),
            ("?state=locked", 0, false),
            ("?role=support", 0, true),
            ("?q=kim&role=support", 0, true),
        ] {
            let page = root.get(&format!("/admin/users{query}")).await;
            let text = &page.is(200).text;
            assert_eq!(rows(text), count, "{query}");
            assert_eq!(link(text, "Next page").is_some(), has_next, "{query}");
            assert!(text.len() < 100_000, "{query}: {} bytes", text.len());
            assert_eq!(text.contains("the next page has more"), count == 0 && has_next);
        }
        // A filter that no user matches is followed to its end.
        let (mut path, mut pages) = (Some("/admin/users?q=kim&role=support".to_owned()), 0);
        while let Some(next) = path {
            let page = root.get(&next).await;
            (path, pages) = (link(&page.is(200).text, "Next page"), pages + 1);
        }
        assert_eq!(pages, how_many() / 2_000 + 1, "2,000 users are looked at for each");
        for (words, most) in [("kim", 2), ("odd even", 10), ("zzz", 2), ("kim nobody", 2), ("", 1)]
        {
            let filter = UserFilter { words: words_of_query(words), ..UserFilter::default() };
            let wanted = UserSearch { filter, limit: 50, after: None };
            let work = search(server.app.clone(), wanted, server.now());
            let (found, statements) = counted(work).await;
            assert!(found.unwrap().data.len() <= 50);
            assert!(statements <= most, "{words}: {statements}");
        }
    })
    .await;
}

/// The pages about users, in both colour schemes, at 1280 and 320 pixels: without a finding of axe-core, without
/// anything that the policy blocks, and not too wide.
#[tokio::test(flavor = "multi_thread")]
async fn pages_about_many_users_stand_up_to_a_browser() {
    let Some(mut command) = browser_script(Browser::Chromium, "console.mjs") else { return };
    let server = Options::on(Backend::Sqlite)
        .with("SIGNET_ISSUER", ISSUER)
        .with("SIGNET_INSECURE_HTTP", "true")
        .start()
        .await;
    server.create_administrator("root").await;
    seed(&server).await;
    let root = administrator(&server).await;
    let first = root.get("/admin/users?q=odd").await;
    let later = link(&first.is(200).text, "Next page").unwrap();
    let one = super::id_of(&root, "user7%40example.com").await;
    let mut pages = vec![
        ("users", "/admin/users".to_owned()),
        ("later", later),
        ("nobody yet", "/admin/users?q=kim&role=support".to_owned()),
    ];
    if require::number("SIGNET_TEST_USERS").is_some() {
        pages.extend([
            ("nobody", "/admin/users?q=zzz".to_owned()),
            ("active", "/admin/users?state=active".to_owned()),
            ("search", "/admin/search?q=kim".to_owned()),
            ("user", format!("/admin/users/{one}")),
            ("why", "/admin/why?login=kim".to_owned()),
            ("overview", "/admin".to_owned()),
            ("sessions", "/admin/sessions".to_owned()),
            ("audit", "/admin/audit".to_owned()),
        ]);
    }
    let pages: Vec<_> =
        pages.iter().map(|(name, path)| json!({"name": name, "path": path})).collect();
    let port = url::Url::parse(&server.url("/")).unwrap().port().unwrap().to_string();
    command.args([
        ISSUER,
        &port,
        "root",
        PASSWORD,
        &json!({"pages": pages, "forms": []}).to_string(),
    ]);
    output(command).await;
}

//! Links into the console, within it, and out of error pages.

use super::{PAGES, administrator, confirm, id_of, sign_in, started};
use crate::support::on_both;
use crate::support::relying_party::Person;
use crate::support::server::Options;

/// Administrators have a link to the console at their account and after set-up; other users have none, nor has
/// anyone if the console is off.
#[tokio::test(flavor = "multi_thread")]
async fn administrators_are_led_to_the_console() {
    on_both("console: ways in", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let way = "href=\"/admin\"";
        assert!(root.get("/account").await.is(200).text.contains(way));
        let ada = Person::new(&server, "ada");
        sign_in(&ada, "/login", "ada").await;
        assert!(!ada.get("/account").await.is(200).text.contains(way));
        let server = Options::on(backend).with("SIGNET_CONSOLE", "off").start().await;
        server.create_administrator("root").await;
        let root = Person::new(&server, "root");
        sign_in(&root, "/login", "root").await;
        assert!(!root.get("/account").await.is(200).text.contains(way));
    })
    .await;
}

/// A page that does not exist, or is not for the user, offers a signed-in user the console or their account, and to
/// sign out. Without a sign-in it links to the start page.
#[tokio::test(flavor = "multi_thread")]
async fn refused_pages_lead_on() {
    on_both("console: ways out", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let ada = Person::new(&server, "ada");
        sign_in(&ada, "/login", "ada").await;
        let id = id_of(&root, "ada").await;
        let missing = ["/admin/nothing".to_owned(), format!("/admin/users/{id}/nothing")];
        for path in &missing {
            let shown = root.get(path).await;
            for text in ["href=\"/admin\"", "action=\"/logout\""] {
                assert!(shown.is(404).text.contains(text), "{path} {text}: {}", shown.text);
            }
            let stranger = Person::new(&server, "x").get(path).await;
            assert!(!stranger.is(404).text.contains("/logout"), "{path}: {}", stranger.text);
        }
        for path in PAGES {
            let shown = ada.get(path).await;
            for text in ["href=\"/account\"", "action=\"/logout\""] {
                assert!(shown.is(403).text.contains(text), "{path} {text}: {}", shown.text);
            }
            assert!(!shown.text.contains("href=\"/admin\""), "{path}: {}", shown.text);
        }
    })
    .await;
}

/// A search for the id of a user, which tokens and services behind a gateway have, leads to the user; an unknown id
/// finds nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_for_an_id_leads_to_the_user() {
    on_both("console: search for an id", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let id = id_of(&root, "ada").await;
        let found = root.get(&format!("/admin/search?q=+{id}")).await;
        assert_eq!(root.below_base(found.is(303).header("location")), format!("/admin/users/{id}"));
        let other = "01890000-0000-7000-8000-000000000000";
        root.get(&format!("/admin/search?q={other}")).await.is(200);
    })
    .await;
}

/// A filter for an unknown user suggests the complete login name, and one for an unknown application its id; both link
/// to the search.
#[tokio::test(flavor = "multi_thread")]
async fn filters_that_name_nothing_lead_to_the_search() {
    on_both("console: filters of nothing", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        for list in ["/admin/sessions", "/admin/audit"] {
            let refused = root.get(&format!("{list}?user=ad")).await;
            let text = &refused.is(422).text;
            assert!(text.contains("Enter the whole login name"), "{list}: {text}");
            assert!(text.contains("href=\"/admin/search?q=ad\""), "{list}: {text}");
            let none = root.get(&format!("{list}?client=Shop")).await;
            let text = &none.is(200).text;
            assert!(text.contains("No application has the client ID Shop"), "{list}: {text}");
            assert!(text.contains("href=\"/admin/search?q=Shop\""), "{list}: {text}");
        }
    })
    .await;
}

/// Before the last administrator is disabled or deleted, the confirmation page warns that it will be refused; with
/// another one it does not.
#[tokio::test(flavor = "multi_thread")]
async fn the_question_warns_about_the_last_administrator() {
    on_both("console: last administrator", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let id = id_of(&root, "root").await;
        let warning = "This is the last enabled administrator.";
        for action in ["disable", "delete"] {
            let question = root.get(&format!("/admin/users/{id}/{action}")).await;
            assert!(question.is(200).text.contains(warning), "{action}: {}", question.text);
        }
        let path = format!("/admin/users/{id}/disable");
        confirm(&root, &path, &[]).await.is(409);
        server.create_administrator("second").await;
        assert!(!root.get(&path).await.is(200).text.contains(warning));
    })
    .await;
}

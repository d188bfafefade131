//! The overview: what needs attention, and whether the last day was normal.

use serde_json::json;
use signet::base::TimeSpan;
use signet::domain::user::Role;

use super::rights::with_role;
use super::{administrator, started};
use crate::support::on_both;

/// The overview says that nothing needs attention, or what does and where to go on.
#[tokio::test(flavor = "multi_thread")]
async fn the_overview_says_what_needs_attention() {
    on_both("console: attention", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let page = root.get("/admin").await;
        assert!(page.is(200).text.contains("<p>Nothing. The database,"), "{}", page.text);
        let admin = server.administrator("second").await;
        let body = json!({"client_id": "bot", "name": "Bot", "type": "service",
                          "admin_scopes": ["signet:users"]});
        server
            .call_as(reqwest::Method::POST, "/v1/admin/clients", &admin.access, body)
            .await
            .is(201);
        let days = TimeSpan::from_days(3).secs();
        let body = json!({"name": "Nightly", "scopes": ["signet:users"], "expires_in": days});
        let path = "/v1/admin/clients/bot/keys";
        server.call_as(reqwest::Method::POST, path, &admin.access, body).await.is(201);
        let page = root.get("/admin").await;
        for text in ["“Nightly” ends in", "href=\"/admin/clients/bot\""] {
            assert!(page.is(200).text.contains(text), "{text}: {}", page.text);
        }
        // Helpdesk sees the charts, and nothing about keys and the database.
        let hugo = with_role(&server, "hugo", Role::Helpdesk).await;
        let page = hugo.get("/admin").await;
        assert!(
            page.is(200).text.contains("id=\"day\"") && !page.text.contains("id=\"attention\"")
        );
    })
    .await;
}

/// The overview compares the last 24 hours with the six days before and names the numbers.
#[tokio::test(flavor = "multi_thread")]
async fn the_overview_says_whether_the_last_day_was_normal() {
    on_both("console: a normal day", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let page = root.get("/admin").await;
        assert!(page.is(200).text.contains("no numbers for the previous days"), "{}", page.text);
        for _ in 0..6 {
            server.advance(TimeSpan::from_days(1));
            for _ in 0..12 {
                server.app.count_login("ok");
            }
            server.app.write_activity().await.unwrap();
        }
        server.advance(TimeSpan::from_days(1));
        for _ in 0..14 {
            server.app.count_login("ok");
        }
        let root = administrator(&server).await;
        let page = root.get("/admin").await;
        assert!(page.is(200).text.contains("<p>Yes: everything lies between"), "{}", page.text);
        assert!(page.text.contains("12 to 12 a day"), "{}", page.text);
        for _ in 0..40 {
            server.app.count_login("failed");
        }
        for _ in 0..40 {
            server.app.count_login("ok");
        }
        let page = root.get("/admin").await;
        assert!(
            page.is(200).text.contains("<p>Unusual: Sign-ins. A value is unusual"),
            "{}",
            page.text
        );
        assert!(page.text.contains("More than usual"), "{}", page.text);
    })
    .await;
}

//! The overview: open problems, and whether the last day was normal.

use serde_json::json;
use signet::base::TimeSpan;
use signet::domain::user::Role;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use super::charts::total;
use super::rights::with_role;
use super::{administrator, started};
use crate::support::{on_both, postgres};

/// The overview lists the problems with links to their pages, or that there are none.
#[tokio::test(flavor = "multi_thread")]
async fn the_overview_says_what_needs_attention() {
    on_both("console: attention", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let page = root.get("/admin").await;
        assert!(page.is(200).text.contains("<p>No findings: the database,"), "{}", page.text);
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
        for text in ["“Nightly” expires", "href=\"/admin/clients/bot\""] {
            assert!(page.is(200).text.contains(text), "{text}: {}", page.text);
        }
        // The helpdesk sees the charts, and nothing about keys and the database.
        let hugo = with_role(&server, "hugo", Role::Helpdesk).await;
        let page = hugo.get("/admin").await;
        assert!(
            page.is(200).text.contains("id=\"day\"") && !page.text.contains("id=\"attention\"")
        );
    })
    .await;
}

/// The overview compares the last 24 hours with the six days before and shows the numbers.
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
        assert!(page.is(200).text.contains("<p>Yes. Every value is between"), "{}", page.text);
        assert!(page.text.contains("12 to 12 per day"), "{}", page.text);
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

/// Counts that cannot be written are missing in the overview, which shows the stored ones; once they can be
/// written again, nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn the_overview_is_shown_while_counts_cannot_be_written() {
    on_both("console: counts that cannot be written", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        server.try_login("ada", "wrong").await.is(401);
        let failed = async || {
            let page = root.get("/admin").await;
            total(&page.is(200).text, "logins", "Failed")
        };
        assert_eq!(failed().await, 1);
        let refuse = async |refused: bool| {
            let url = server.database_url.as_deref();
            let sql = match (url.is_some(), refused) {
                (false, false) => "DROP TRIGGER refuse",
                (true, false) => "DROP TRIGGER refuse ON activity",
                (false, true) => {
                    "CREATE TRIGGER refuse BEFORE INSERT ON activity \
                     BEGIN SELECT RAISE(ABORT, 'no'); END"
                }
                (true, true) => {
                    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
                     $$ BEGIN RAISE EXCEPTION 'no'; END $$; CREATE TRIGGER refuse BEFORE INSERT \
                     ON activity FOR EACH ROW EXECUTE FUNCTION refuse()"
                }
            };
            match url {
                Some(url) => postgres::execute(url, sql).await,
                None => {
                    let path = server.dir.path().join("data/signet.db");
                    let options = SqliteConnectOptions::new().filename(path);
                    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
                    sqlx::query(sql).execute(&mut connection).await.unwrap();
                    connection.close().await.unwrap();
                }
            }
        };
        refuse(true).await;
        server.try_login("ada", "wrong").await.is(401);
        assert_eq!(failed().await, 1, "what is stored");
        refuse(false).await;
        assert_eq!(failed().await, 2, "nothing was lost");
    })
    .await;
}

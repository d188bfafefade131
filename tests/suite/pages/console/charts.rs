//! The charts of the overview, with the counts of all processes.

use std::time::Duration;

use serde_json::{Value, json};
use signet::base::TimeSpan;

use super::{administrator, started};
use crate::support::process::{Launch, until};
use crate::support::relying_party::Person;
use crate::support::server::{Options, PASSWORD, pair};
use crate::support::{Backend, Server, on_both, postgres, require};

/// The numbers of a chart, from the table behind it: rows of the time and the counts, and the headings.
fn table(html: &str, id: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let (_, chart) = html.split_once(&format!("<h2 id=\"{id}\">")).unwrap();
    let (_, details) = chart.split_once("<details>").unwrap();
    let details = details.split_once("</details>").unwrap().0;
    let cells = |row: &str| -> Vec<String> {
        let parts = row.split("<t").skip(1).filter(|part| part.starts_with(['h', 'd']));
        let parts = parts.filter(|part| !part.starts_with("head"));
        parts
            .map(|part| {
                part.split_once('>').unwrap().1.split('<').next().unwrap().trim().to_owned()
            })
            .collect()
    };
    let mut rows = details.split("<tr>").skip(1).map(cells);
    (rows.next().unwrap_or_default(), rows.collect())
}

/// The sum of a key over a chart.
pub(super) fn total(html: &str, id: &str, key: &str) -> i64 {
    let (headings, rows) = table(html, id);
    let Some(column) = headings.iter().position(|heading| heading == key) else { return 0 };
    rows.iter().map(|row| row[column].parse::<i64>().unwrap()).sum()
}

async fn overview(root: &Person<'_>, range: &str) -> String {
    root.get(&format!("/admin?range={range}")).await.is(200).text.clone()
}

async fn events(server: &Server) {
    let tokens = server.login("ada").await;
    server.refresh(&tokens.refresh).await.is(200);
    for _ in 0..2 {
        server.try_login("ada", "wrong").await.is(401);
    }
    server.try_login("ada", PASSWORD).await.is(200);
}

/// Every sign-in, failure, refresh and token is in the charts, in the bucket of its time, for ten minutes, hours and
/// days.
#[tokio::test(flavor = "multi_thread")]
async fn charts_show_every_event_in_its_time() {
    on_both("console: charts", async |backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let before = overview(&root, "24h").await;
        let ok = total(&before, "logins", "Signed in");
        events(&server).await;
        for range in ["6h", "24h", "30d"] {
            let page = overview(&root, range).await;
            assert_eq!(total(&page, "logins", "Signed in"), ok + 2, "{range}: {page}");
            assert_eq!(total(&page, "logins", "Failed"), 2, "{range}: {page}");
            assert_eq!(total(&page, "refreshes", "Renewed"), 1, "{range}: {page}");
            assert_eq!(total(&page, "clients", "signet"), total(&page, "apis", &server.base));
            assert!(total(&page, "clients", "signet") >= 3, "{range}: {page}");
            assert_eq!(table(&page, "logins").1.len(), 1, "{range}: {page}");
        }
        server.advance(TimeSpan::from_mins(20));
        events(&server).await;
        let page = overview(&root, "6h").await;
        let (_, rows) = table(&page, "logins");
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert_eq!(total(&page, "logins", "Failed"), 4);
    })
    .await;
}

/// Counts of two processes on one database are added up.
#[tokio::test(flavor = "multi_thread")]
async fn charts_add_up_what_two_processes_counted() {
    let Some((one, two)) = pair("console: charts of two processes").await else { return };
    one.create_administrator("root").await;
    one.register("ada").await;
    let root = administrator(&one).await;
    let ok = total(&overview(&root, "24h").await, "logins", "Signed in");
    let both = async |server: &Server| {
        events(server).await;
        server.app.write_activity().await.unwrap();
    };
    tokio::join!(both(&one), both(&two));
    let page = overview(&root, "24h").await;
    assert_eq!(total(&page, "logins", "Signed in"), ok + 4, "{page}");
    assert_eq!(total(&page, "logins", "Failed"), 4, "{page}");
    assert_eq!(total(&page, "refreshes", "Renewed"), 2, "{page}");
}

/// A server stores its counts within about a minute, without a page that requests it: a command, which is another
/// process, finds them. Takes a minute, so only with `SIGNET_TEST_MINUTES`.
#[tokio::test(flavor = "multi_thread")]
async fn counts_are_stored_within_a_minute() {
    if require::variable("SIGNET_TEST_MINUTES").is_none() {
        return;
    }
    on_both("console: charts after a minute", async |backend| {
        let launch = match backend {
            Backend::Sqlite => Launch::new(),
            Backend::Postgres => {
                let url = postgres::fresh_database().await.unwrap();
                Launch::new().with("SIGNET_DATABASE_URL", &url)
            }
        };
        let server = launch.start().await;
        let account = json!({"login": "ada", "password": PASSWORD});
        server.caller().post("/v1/register", &account).await.is(201);
        server.caller().post("/v1/login", &account).await.is(200);
        let logins = async || {
            let output = launch.command().args(["overview", "-o", "json"]).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
            shown["days"][0]["last_day"].as_i64().unwrap()
        };
        assert_eq!(logins().await, 0, "stored before the job has run");
        until("the count", async || {
            tokio::time::sleep(Duration::from_secs(1)).await;
            logins().await == 1
        })
        .await;
    })
    .await;
}

/// Two processes cannot share a SQLite file; there, the counts of a process are stored when it stops, and present
/// after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn counts_survive_a_restart() {
    let server = started(Backend::Sqlite).await;
    events(&server).await;
    let (dir, base) = (std::sync::Arc::clone(&server.dir), server.base.clone());
    drop(server);
    let again = Options::on(Backend::Sqlite).with("SIGNET_ISSUER", &base).start_in(dir).await;
    let root = Person::new(&again, "root");
    let to = root.get("/admin").await.is(303).header("location").to_owned();
    super::sign_in(&root, &root.below_base(&to), "root").await;
    assert_eq!(total(&overview(&root, "24h").await, "logins", "Failed"), 2);
}

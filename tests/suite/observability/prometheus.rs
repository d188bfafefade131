//! The metrics as read by Prometheus.

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use signet::http::metrics_text;

use super::scripted;
use crate::support::process::{Launch, Process, until};
use crate::support::prometheus::{Prometheus, is_missing};
use crate::support::server::{Backend, PASSWORD, on_both};
use crate::support::{Server, postgres};

/// The same page in the text format that preceded OpenMetrics, which `promtool` reads: counters have their
/// suffix in the descriptions as well, and there are no units and no end marker.
fn older_format(page: &str) -> String {
    let counters: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let line = |line: &str| -> String {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what), Some(name), Some(rest)) if counters.contains(&name) => {
                format!("# {what} {name}_total {rest}\n")
            }
            _ => format!("{line}\n"),
        }
    };
    page.lines().filter(|at| !at.starts_with("# UNIT ") && *at != "# EOF").map(line).collect()
}

/// `promtool check metrics` has no remark about any line.
#[tokio::test(flavor = "multi_thread")]
async fn promtool_accepts_every_line() {
    if is_missing("the form of the metrics") {
        return;
    }
    on_both("promtool", async |backend| {
        let server = Server::start(backend).await;
        scripted(&server).await;
        let page = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(page.path(), older_format(&metrics_text(&server.app))).unwrap();
        let mut command = Command::new("promtool");
        command.args(["check", "metrics"]).stdin(page.reopen().unwrap());
        let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success() && said.is_empty(), "{said}");
    })
    .await;
}

/// The address of the metrics that the server printed at its start.
async fn metrics_of(server: &Process) -> String {
    server.until_logged("\"event\":\"started\"").await;
    let log = server.log();
    let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut started = events.filter(|event| event["event"] == "started");
    started.next().unwrap()["metrics"].as_str().unwrap().to_owned()
}

async fn serving(backend: Backend) -> (Launch, Process) {
    let mut launch = Launch::new().with("SIGNET_METRICS_LISTEN", "127.0.0.1:0");
    if backend == Backend::Postgres {
        launch = launch.with("SIGNET_DATABASE_URL", &postgres::fresh_database().await.unwrap());
    }
    let server = launch.start().await;
    (launch, server)
}

/// The page answers HEAD like GET, and lists its methods for any other.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_answers_head() {
    on_both("HEAD of the metrics", async |backend| {
        let (_launch, server) = serving(backend).await;
        let (client, url) = (reqwest::Client::new(), metrics_of(&server).await);
        let get = client.get(&url).send().await.unwrap();
        let head = client.head(&url).send().await.unwrap();
        assert_eq!((get.status().as_u16(), head.status().as_u16()), (200, 200));
        assert_eq!(get.headers()["content-type"], head.headers()["content-type"]);
        assert!(get.text().await.unwrap().ends_with("# EOF\n"));
        assert!(head.text().await.unwrap().is_empty());
        assert_eq!(client.post(&url).send().await.unwrap().status().as_u16(), 405);
        let elsewhere = client.head(format!("{url}/x")).send().await.unwrap();
        assert_eq!(elsewhere.status().as_u16(), 404);
    })
    .await;
}

/// A real Prometheus scrapes a real server, records an event as an increase from 0, and loads the shipped
/// alerts, none of which fires.
#[tokio::test(flavor = "multi_thread")]
async fn prometheus_scrapes_the_server_and_evaluates_the_alerts() {
    if is_missing("scraping") {
        return;
    }
    on_both("a scrape", async |backend| {
        let (_launch, server) = serving(backend).await;
        let url = metrics_of(&server).await;
        let address = url.strip_prefix("http://").unwrap().strip_suffix("/metrics").unwrap();
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let prometheus =
            Prometheus::scraping(address, &root.join("deploy/prometheus/alerts.yml")).await;
        let failed = "signet_logins_total{result=\"failed\"}";
        until("the first scrape", async || !prometheus.query(failed).await.is_empty()).await;
        assert_eq!(prometheus.query(failed).await[0].1, 0.0);
        let wrong = json!({"login": "ada", "password": PASSWORD});
        server.caller().post("/v1/login", &wrong).await.is(401);
        let increase = format!("increase({failed}[1m]) > 0");
        until("the increase", async || !prometheus.query(&increase).await.is_empty()).await;
        let targets = prometheus.get("targets").await;
        let target = &targets["activeTargets"][0];
        assert_eq!((&target["health"], &target["lastError"]), (&json!("up"), &json!("")));
        let build = prometheus.query("signet_build_info").await;
        assert_eq!(build[0].0["version"], env!("CARGO_PKG_VERSION"));
        let all = prometheus.query("count({__name__=~\"signet_.*\"})").await[0].1;
        assert!(all > 500.0, "{all}");
        let rules = async || {
            let rules = prometheus.get("rules").await;
            rules["groups"][0]["rules"].as_array().unwrap().clone()
        };
        // A rule has no health before its first evaluation.
        until("the evaluation of each rule", async || {
            let rules = rules().await;
            rules.len() > 10 && rules.iter().all(|rule| rule["health"] != "unknown")
        })
        .await;
        for rule in rules().await {
            assert_eq!(rule["health"], "ok", "{rule}");
            let alerts = rule["alerts"].as_array().unwrap();
            // An alert that is pending on a slow machine resolves by itself.
            assert!(alerts.iter().all(|alert| alert["state"] != "firing"), "{rule}");
        }
    })
    .await;
}

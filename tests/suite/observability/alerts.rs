//! The shipped alerts and the dashboard: the alerts fire in their situations, and both name existing metrics.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;

use serde_json::Value;
use signet::http::metrics_text;

use super::{metrics, scripted};
use crate::support::Server;
use crate::support::prometheus::{is_missing, promtool};
use crate::support::server::on_both;

fn shipped(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(shipped(path)).unwrap()
}

/// `promtool` accepts the rules and the configuration, and each alert fires in its test.
#[test]
fn the_alerts_pass_their_tests() {
    if is_missing("the alerts") {
        return;
    }
    let folder = shipped("prometheus");
    promtool(&folder, &["check", "rules", "--lint=all", "--lint-fatal", "alerts.yml"]);
    promtool(&folder, &["check", "config", "prometheus.yml"]);
    promtool(&folder, &["test", "rules", "alerts_test.yml"]);
}

/// The values of a key in a YAML file that has each on its own line.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let lines = text.lines().map(|line| line.trim_start().trim_start_matches("- "));
    lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix(": ")).collect()
}

/// Every alert has a test in which it fires, a severity, a text, and a row in the documentation.
#[test]
fn every_alert_is_tested_and_documented() {
    let (alerts, tests) = (read("prometheus/alerts.yml"), read("prometheus/alerts_test.yml"));
    let names = values(&alerts, "alert");
    assert!(names.len() > 10, "{names:?}");
    let fired: BTreeSet<&str> = tests
        .split("- alertname: ")
        .skip(1)
        .filter(|test| test.contains("exp_labels"))
        .filter_map(|test| test.split_whitespace().next())
        .collect();
    assert_eq!(names.iter().copied().collect::<BTreeSet<_>>(), fired);
    assert_eq!(names.len(), values(&alerts, "summary").len());
    assert_eq!(names.len(), values(&alerts, "description").len());
    let severities = values(&alerts, "labels");
    assert_eq!(names.len(), severities.len());
    for severity in severities {
        assert!(["{ severity: page }", "{ severity: ticket }"].contains(&severity), "{severity}");
    }
    let manual = include_str!("../../../docs/observability.md");
    for name in names {
        assert!(manual.contains(&format!("| `{name}` |")), "docs/observability.md: {name}");
    }
}

/// The names of metrics in a query, without the suffixes of a histogram's series.
fn metrics_in(query: &str) -> impl Iterator<Item = String> + '_ {
    let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let metric = |word: &&str| word.starts_with("signet_") || word.starts_with("process_");
    words.filter(metric).map(|word| {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end));
        base.unwrap_or(word).to_owned()
    })
}

/// Every query of the dashboard.
fn queries(dashboard: &Value) -> Vec<&str> {
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.map(|target| target["expr"].as_str().unwrap()).collect()
}

/// Every metric in the alerts and the dashboard exists after an ordinary run.
#[tokio::test(flavor = "multi_thread")]
async fn alerts_and_dashboard_ask_for_metrics_that_exist() {
    let dashboard: Value = serde_json::from_str(&read("grafana/signet.json")).unwrap();
    let alerts = read("prometheus/alerts.yml");
    // Texts contain names of metrics too: those in rules are followed by a label or an operator.
    let mut asked: BTreeSet<String> = metrics_in(&alerts).collect();
    asked.extend(queries(&dashboard).into_iter().flat_map(metrics_in));
    assert!(asked.len() > 30, "{asked:?}");
    let found = Mutex::new(BTreeSet::new());
    on_both("metrics of the dashboard", async |backend| {
        let server = Server::start(backend).await;
        scripted(&server).await;
        found.lock().unwrap().extend(metrics::types(&metrics_text(&server.app)).into_keys());
    })
    .await;
    let found = found.into_inner().unwrap();
    let missing: Vec<&String> = asked.iter().filter(|name| !found.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Every panel has a title and an id, and none overlaps another.
#[test]
fn the_panels_of_the_dashboard_are_complete() {
    let dashboard: Value = serde_json::from_str(&read("grafana/signet.json")).unwrap();
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_i64().unwrap()), "{panel}");
        assert!(!panel["title"].as_str().unwrap().is_empty());
        let at = |name: &str| panel["gridPos"][name].as_i64().unwrap();
        assert!(at("x") + at("w") <= 24, "{panel}");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(taken.insert((x, y)), "two panels at {x}, {y}");
            }
        }
        if panel["type"] != "row" {
            assert!(panel["description"].as_str().unwrap().ends_with('.'), "{panel}");
            assert_eq!(panel["datasource"]["uid"], "${datasource}");
            for target in panel["targets"].as_array().unwrap() {
                assert!(target["expr"].as_str().unwrap().contains("job=\"$job\""), "{target}");
            }
        }
    }
}

/// Prometheus can parse every query of the dashboard.
#[test]
fn the_queries_of_the_dashboard_can_be_parsed() {
    if is_missing("the queries of the dashboard") {
        return;
    }
    let dashboard: Value = serde_json::from_str(&read("grafana/signet.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let rules: String = queries(&dashboard)
        .iter()
        .enumerate()
        .map(|(number, query)| {
            let query = query.replace("$__rate_interval", "5m").replace("$job", "signet");
            format!("      - record: query_{number}\n        expr: {}\n", Value::from(query))
        })
        .collect();
    let rules = format!("groups:\n  - name: dashboard\n    rules:\n{rules}");
    std::fs::write(folder.path().join("queries.yml"), rules).unwrap();
    promtool(folder.path(), &["check", "rules", "queries.yml"]);
}

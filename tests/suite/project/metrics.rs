//! The metrics there are, and those that `docs/operating.md` lists.

use std::collections::{BTreeMap, BTreeSet};

use signet::http::metrics_text;

use crate::support::Server;
use crate::support::server::on_both;

/// The documented metrics: name, and the label values that are spelt out behind `result`.
fn documented() -> BTreeMap<String, Vec<String>> {
    let text = include_str!("../../../docs/operating.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `signet_"));
    rows.map(|row| {
        let (name, rest) = row.split_once('`').unwrap();
        let values = rest.split("`result`:").nth(1).unwrap_or_default();
        let values = values.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        (format!("signet_{name}"), values)
    })
    .collect()
}

/// The names in a page of metrics, counters with their ending.
fn names(page: &str) -> BTreeSet<String> {
    page.lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| match line.split_once(' ').unwrap() {
            (name, "counter") => format!("{name}_total"),
            (name, _) => name.to_owned(),
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_documented_and_every_documented_one_exists() {
    let documented = documented();
    let mut found = BTreeSet::new();
    let all = std::sync::Mutex::new(&mut found);
    on_both("metrics", async |backend| {
        let server = Server::start(backend).await;
        server.app.metrics.certificate_ends_at(server.now());
        // Requests are counted by the routes that were asked for.
        server.get("/health").await.is(200);
        server.app.metrics.count_dropped_scopes("a-client", 1);
        all.lock().unwrap().extend(names(&metrics_text(&server.app)));
    })
    .await;
    let listed: BTreeSet<String> = documented.keys().cloned().collect();
    assert_eq!(found, listed);
}

/// Prometheus sees no increase in a series that begins with its first event.
#[tokio::test(flavor = "multi_thread")]
async fn every_known_result_begins_at_zero() {
    on_both("metrics: zero", async |backend| {
        let server = Server::start(backend).await;
        // Nothing is counted before the server serves.
        server.get("/health").await.is(200);
        let page = metrics_text(&server.app);
        let mut checked = 0;
        for (name, values) in documented() {
            for value in values {
                let label = format!("result=\"{value}\"");
                let series = page
                    .lines()
                    .find(|line| line.starts_with(&format!("{name}{{")) && line.contains(&label));
                let series = series.unwrap_or_else(|| panic!("{name} has no {label}:\n{page}"));
                assert!(series.ends_with(" 0"), "{series}");
                checked += 1;
            }
        }
        assert!(checked > 25, "{checked}");
        for grant in signet::oauth::grants::NAMES {
            assert!(page.contains(&format!("grant=\"{grant}\"")), "{grant}:\n{page}");
        }
    })
    .await;
}

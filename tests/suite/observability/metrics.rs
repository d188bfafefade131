//! The metrics, their list in `docs/observability.md`, and the rules for their names.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::json;
use signet::http::metrics_text;
use signet::jobs;

use super::scripted;
use crate::support::Server;
use crate::support::relying_party::{App, form};
use crate::support::server::{Options, PASSWORD, on_both};

/// The documented metrics: name, and the values of each label whose values are listed.
fn documented() -> BTreeMap<String, Vec<(String, Vec<String>)>> {
    let text = include_str!("../../../docs/observability.md");
    let is_name = |cell: &str| {
        let name = cell.trim().strip_prefix('`').and_then(|cell| cell.strip_suffix('`'));
        let name = name.filter(|name| !name.contains('`')).unwrap_or_default();
        name.starts_with("signet_") || name.starts_with("process_")
    };
    let rows = text.lines().filter(|line| line.split('|').nth(1).is_some_and(is_name));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        let name = cells[1].trim().trim_matches('`').to_owned();
        let mut labels = Vec::new();
        // `label`: `value`, `value`; each list ends with the next label.
        for part in cells[3].split(';') {
            let Some((label, values)) = part.split_once("`:") else { continue };
            let label = label.rsplit('`').next().unwrap().to_owned();
            let values = values.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            labels.push((label, values));
        }
        (name, labels)
    })
    .collect()
}

/// The types in a page of metrics by name, with the suffix of counters.
pub fn types(page: &str) -> BTreeMap<String, String> {
    page.lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| match line.split_once(' ').unwrap() {
            (name, "counter") => (format!("{name}_total"), "counter".to_owned()),
            (name, kind) => (name.to_owned(), kind.to_owned()),
        })
        .collect()
}

/// The documented table of metrics is complete and has no others.
#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_documented_and_every_documented_one_exists() {
    let documented = documented();
    let mut found = BTreeSet::new();
    let all = std::sync::Mutex::new(&mut found);
    on_both("metrics", async |backend| {
        let server = Server::start(backend).await;
        scripted(&server).await;
        all.lock().unwrap().extend(types(&metrics_text(&server.app)).into_keys());
    })
    .await;
    let listed: BTreeSet<String> = documented.keys().cloned().collect();
    assert_eq!(found, listed);
}

/// Names have the counted thing and the base unit; `_total` is for counters only; a help text is one sentence
/// with a full stop.
#[tokio::test(flavor = "multi_thread")]
async fn names_and_help_texts_keep_the_rules() {
    on_both("metrics: names", async |backend| {
        let server = Server::start(backend).await;
        scripted(&server).await;
        let page = metrics_text(&server.app);
        for (name, kind) in types(&page) {
            assert!(name.starts_with("signet_") || name.starts_with("process_"), "{name}");
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            assert!(name.bytes().all(plain) && !name.contains("__"), "{name}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
            for other in ["milliseconds", "ms", "minutes", "kib", "kilobytes", "percent"] {
                assert!(!name.split('_').any(|word| word == other), "{name}: use a base unit");
            }
            if kind == "histogram" {
                assert!(name.ends_with("_seconds") || name.ends_with("_size"), "{name}");
            }
        }
        let mut helps = 0;
        for help in page.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
            let text = help.split_once(' ').unwrap().1;
            assert!(text.ends_with('.') && !text.ends_with(".."), "{help}");
            assert!(text.starts_with(|c: char| c.is_ascii_uppercase()), "{help}");
            helps += 1;
        }
        assert!(helps > 50, "{helps}");
    })
    .await;
}

/// Prometheus does not count the first event of a new series as an increase, so every known value of a label
/// of a counter exists from the start.
#[tokio::test(flavor = "multi_thread")]
async fn every_known_value_of_a_counter_begins_at_zero() {
    on_both("metrics: zero", async |backend| {
        let server = Server::start(backend).await;
        // Before the server serves, every counter is 0.
        server.get("/health").await.is(200);
        let page = metrics_text(&server.app);
        let mut checked = 0;
        for (name, labels) in documented().into_iter().filter(|(name, _)| name.ends_with("_total"))
        {
            for (label, values) in labels {
                for value in values {
                    let label = format!("{label}=\"{value}\"");
                    let mut series = page.lines().filter(|line| {
                        line.starts_with(&format!("{name}{{")) && line.contains(&label)
                    });
                    let first = series.next();
                    let first = first.unwrap_or_else(|| panic!("{name} has no {label}:\n{page}"));
                    // A job may have run.
                    assert!(first.ends_with(" 0") || name.contains("audit"), "{first}");
                    checked += 1;
                }
            }
        }
        assert!(checked > 100, "{checked}");
        for grant in signet::oauth::grants::NAMES {
            for name in ["token_requests", "tokens_issued", "token_denied"] {
                let series = format!("signet_{name}_total{{grant=\"{grant}\"");
                assert!(page.contains(&series), "{series}:\n{page}");
            }
        }
        for kind in signet::domain::audit::EventKind::ALL {
            let series = format!("signet_audit_events_total{{kind=\"{kind}\"}} 0");
            assert!(page.contains(&series), "{series}");
        }
    })
    .await;
}

/// The value of one series.
fn value(server: &Server, series: &str) -> f64 {
    let page = metrics_text(&server.app);
    let line = page.lines().find_map(|line| line.strip_prefix(series));
    line.unwrap_or_else(|| panic!("{series} is missing:\n{page}")).trim().parse().unwrap()
}

/// Each counter increases once per event of its name.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_counted_where_they_happen() {
    on_both("metrics: counted", async |backend| {
        let server = Server::start(backend).await;
        scripted(&server).await;
        for (series, expected) in [
            // The administrator's and the user's.
            ("signet_tokens_issued_total{grant=\"login\",alg=\"ES256\"}", 2.0),
            ("signet_tokens_issued_total{grant=\"refresh\",alg=\"ES256\"}", 1.0),
            ("signet_tokens_issued_total{grant=\"client_credentials\",alg=\"ES256\"}", 1.0),
            ("signet_token_denied_total{grant=\"unknown\",error=\"unsupported_grant_type\"}", 1.0),
            ("signet_jwks_requests_total{status=\"200\"}", 1.0),
            ("signet_audit_events_total{kind=\"login.failed\"}", 1.0),
            ("signet_audit_events_total{kind=\"login.succeeded\"}", 2.0),
            ("signet_http_requests_in_flight", 0.0),
            ("signet_users{state=\"enabled\"}", 2.0),
            ("signet_users{state=\"disabled\"}", 0.0),
            ("signet_sessions_active{kind=\"api\"}", 2.0),
            ("signet_sessions_active{kind=\"browser\"}", 0.0),
            ("signet_password_hashes{class=\"argon2id\"}", 2.0),
            ("signet_logout_notices_pending", 0.0),
            ("signet_ready{check=\"database\"}", 1.0),
            ("signet_ready{check=\"signing_key\"}", 1.0),
            ("signet_ready{check=\"accepting\"}", 1.0),
            ("signet_db_batch_size_count", 1.0),
        ] {
            assert_eq!(value(&server, series), expected, "{series}");
        }
        for series in [
            "signet_signing_duration_seconds_count{alg=\"ES256\"}",
            "signet_argon2_duration_seconds_count{class=\"argon2id\"}",
            "signet_db_wait_seconds_count{op=\"read\"}",
            "signet_db_wait_seconds_count{op=\"write\"}",
            "signet_db_size_bytes",
            "process_resident_memory_bytes",
            "process_open_fds",
            "process_max_fds",
            "process_start_time_seconds",
        ] {
            assert!(value(&server, series) > 0.0, "{series}");
        }
        let etag = server.get("/.well-known/jwks.json").await.header("etag").to_owned();
        let again = server.request(Method::GET, "/.well-known/jwks.json");
        server.send(again.header("if-none-match", etag)).await.is(304);
        assert_eq!(value(&server, "signet_jwks_requests_total{status=\"304\"}"), 1.0);
        server.app.drain();
        assert_eq!(value(&server, "signet_ready{check=\"accepting\"}"), 0.0);
    })
    .await;
}

/// An event of a transaction that is rolled back is not counted.
#[tokio::test(flavor = "multi_thread")]
async fn rolled_back_events_are_not_counted() {
    on_both("metrics: rolled back", async |backend| {
        let server = Server::start(backend).await;
        let db = &server.app.db;
        let (name, now) = ("signet_audit_events_total{kind=\"user.enabled\"}", server.now());
        for (commits, expected) in [(false, 0.0), (true, 1.0)] {
            let mut tx = db.begin().await.unwrap();
            let event = signet::domain::audit::Event::new("user.enabled".parse().unwrap());
            let origin = signet::domain::audit::Origin::system();
            let entropy = &*server.app.entropy;
            signet::store::audit::record(&mut tx, &event, &origin, now, entropy).await.unwrap();
            if commits {
                tx.commit().await.unwrap()
            } else {
                tx.rollback().await
            }
            assert_eq!(value(&server, name), expected);
        }
    })
    .await;
}

/// No label value comes from a request; series for registered clients require a setting.
#[tokio::test(flavor = "multi_thread")]
async fn no_label_is_chosen_by_a_caller() {
    on_both("metrics: labels", async |backend| {
        for on in [false, true] {
            let setting = if on { "on" } else { "off" };
            let options = Options::on(backend).with("SIGNET_METRICS_CLIENTS", setting);
            let server = options.start().await;
            let root = server.administrator("root").await;
            let app = App::register(&server, &root, json!({"type": "service"})).await;
            let marks = ["mark-grant", "mark-path", "mark-login", "mark-client", "mark-scope"];
            app.call(&server, "/oauth2/token", &[("grant_type", marks[0])]).await.is(400);
            server.get(&format!("/{}", marks[1])).await.is(404);
            server.try_login(marks[2], PASSWORD).await.is(401);
            let fields = [
                ("grant_type", "client_credentials"),
                ("client_id", marks[3]),
                ("client_secret", "x"),
                ("scope", marks[4]),
            ];
            let request = server.request(Method::POST, "/oauth2/token").body(form(fields));
            let kind = "application/x-www-form-urlencoded";
            server.send(request.header("content-type", kind)).await.is(401);
            server.app.metrics.count_dropped_scopes(&app.id, 1);
            jobs::sample(&server.app).await.unwrap();
            let page = metrics_text(&server.app);
            for mark in marks {
                assert!(!page.contains(mark), "{mark}:\n{page}");
            }
            assert_eq!(page.contains(&app.id), on, "{page}");
            let series = if on { app.id.as_str() } else { "" };
            let series = format!("signet_dropped_scopes_total{{client_id=\"{series}\"}}");
            assert_eq!(value(&server, &series), 1.0);
        }
    })
    .await;
}

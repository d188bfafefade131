//! Drift: changes made elsewhere, on the command line and in the metrics.

use serde_json::json;
use signet::http::metrics_text;
use signet::jobs::compare_drift;

use super::{API, Desk, SHOP, beside_a_server};
use crate::support::server::{Options, on_both};

/// Drift lists the objects that differ from what was applied, with both values, and exits with 7. A change of the file
/// alone is no drift. A change that is then made in the file is no drift any more.
#[tokio::test(flavor = "multi_thread")]
async fn drift_names_what_was_changed_elsewhere() {
    beside_a_server("drift", async |desk, _| {
        desk.run(&["apply", "shop.toml"]).ok();
        assert!(desk.run(&["drift"]).ok().err.contains("No drift."));
        desk.write("shop.toml", &SHOP.replace("name = \"Shop\"", "name = \"Store\""));
        desk.run(&["drift"]).ok();
        desk.run(&["client", "update", "shop", "--name", "Store", "--force"]).ok();
        desk.run(&["client", "rotate-secret", "worker", "--force"]).ok();
        desk.run(&["user", "update", "bob", "--role", "boss", "--force"]).ok();
        let rows = desk.run(&["drift"]).code(7).rows();
        let names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["shop", "worker", "bob"]);
        assert_eq!(
            rows[0]["fields"],
            json!([{"field": "name", "before": "Shop", "after": "Store"}])
        );
        assert_eq!((&rows[1]["secret_changed"], &rows[1]["fields"]), (&json!(true), &json!([])));
        assert_eq!(
            rows[2]["fields"],
            json!([{"field": "roles", "before": ["support"], "after": ["boss"]}])
        );
        desk.run(&["drift", "--source", "infra/prod"]).code(7);
        desk.run(&["drift", "--source", "other"]).refused(3, &["other"]);
        let ran = desk.run(&["apply", "shop.toml"]).ok();
        let names: Vec<_> = ran.changes().into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["worker", "bob"], "the shop is what the file says by now");
        desk.run(&["drift"]).ok();
    })
    .await;
}

/// A server counts drifted objects by source: 0 for a source without drift.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_counts_what_has_drifted() {
    on_both("drift: metric", async |backend| {
        let desk = Desk::on(backend).await;
        drop(desk.serve().await);
        desk.run(&["apply", "shop.toml"]).ok();
        let key = desk.read("data/master.key");
        let mut options = Options::on(backend).with("SIGNET_MASTER_KEY", key.trim());
        match desk.launch.setting("SIGNET_DATABASE_URL") {
            Some(url) => options = options.on_database(&url),
            None => {
                options = options.with(
                    "SIGNET_DATABASE_URL",
                    &format!("sqlite://{}", desk.launch.database().display()),
                )
            }
        }
        let server = options.with("SIGNET_ISSUER", "http://localhost:8484").start().await;
        compare_drift(&server.app).await.unwrap();
        let line =
            |count: usize| format!("signet_config_drift_objects{{source=\"infra/prod\"}} {count}");
        assert!(metrics_text(&server.app).contains(&line(0)));
        desk.run(&["api", "set", API, "--no-claims", "--force"]).ok();
        compare_drift(&server.app).await.unwrap();
        assert!(metrics_text(&server.app).contains(&line(1)));
        desk.run(&["apply", "shop.toml"]).ok();
        compare_drift(&server.app).await.unwrap();
        assert!(metrics_text(&server.app).contains(&line(0)));
    })
    .await;
}

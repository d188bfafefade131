//! The commands at the foot of the overview and of the health page print the same as the pages.

use serde_json::{Value, json};
use signet::jobs;

use super::administrator;
use super::charts::total;
use super::commands::{named, printed};
use crate::support::process::until;
use crate::support::server::Options;
use crate::support::{Backend, on_both};

/// The commands print the numbers of the pages: open problems, the last day, the charts and the processes.
#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_overview_and_health_show_the_same() {
    on_both("console: commands of overview and health", async |backend: Backend| {
        let server = Options::on(backend).real_clock().start().await;
        server.create_administrator("root").await;
        server.register("ada").await;
        server.login("ada").await;
        let root = administrator(&server).await;
        for _ in 0..3 {
            server.try_login("ada", "wrong").await.is(401);
        }
        let file = "[source]\nname = \"infra/prod\"\n[[api]]\nidentifier = \"urn:drifts\"\n";
        std::fs::write(server.dir.path().join("api.toml"), file).unwrap();
        printed(&server, "signet apply api.toml");
        printed(&server, "signet api set urn:drifts --claim roles --force");
        for range in ["6h", "24h", "30d"] {
            let page = root.get(&format!("/admin?range={range}")).await;
            let command = named(&page);
            assert_eq!(command, format!("signet overview --range {range}"));
            let shown: Value = serde_json::from_str(&printed(&server, &command)).unwrap();
            let drift = json!([{"finding": "drift", "source": "infra/prod", "n": 1}]);
            assert_eq!(shown["attention"], drift, "{shown:#}");
            assert!(page.text.contains("Objects of infra/prod changed outside its file: 1."));
            for (place, id, key, heading) in [
                (0, "logins", "ok", "Signed in"),
                (0, "logins", "failed", "Failed"),
                (2, "clients", "signet", "signet"),
            ] {
                let steps = shown["activity"][place]["steps"].as_array().unwrap();
                let counts = steps.iter().filter_map(|step| step["counts"][key].as_i64());
                let on_page = total(&page.text, id, heading);
                assert_eq!(counts.sum::<i64>(), on_page, "{range} {key}: {shown:#}");
                assert!(on_page > 0, "{key}");
            }
            let failures = &shown["days"][1];
            assert_eq!((&failures["what"], &failures["last_day"]), (&json!("failures"), &json!(3)));
            assert_eq!(failures["comparison"], "unknown");
        }
        // A server counts as running for a minute after its heartbeat, which may be over before a command has begun.
        until("a server in the page and in what the command prints", async || {
            jobs::beat(&server.app).await.unwrap();
            let page = root.get("/admin/health").await;
            assert_eq!(named(&page), "signet health --details");
            let shown: Value = serde_json::from_str(&printed(&server, &named(&page))).unwrap();
            let checks = ["database_read", "database_write", "signing", "clock"];
            assert!(checks.iter().all(|check| shown[check] == true), "{shown}");
            assert_eq!(shown["differing_settings"], 0);
            let processes = shown["processes"].as_array().unwrap();
            let has = |member: &str| page.text.contains(processes[0][member].as_str().unwrap());
            assert!(page.text.matches("Good").count() >= 5, "{}", page.text);
            processes.len() == 1 && ["id", "name"].into_iter().all(has)
        })
        .await;
        for (command, words) in [
            ("signet overview -o table", ["WHAT", "failures", "infra/prod", "RESULT"]),
            ("signet health --details -o table", ["RESULT", "good", "SERVER", "database"]),
        ] {
            let text = printed(&server, command);
            assert!(words.iter().all(|word| text.contains(word)), "{command}: {text}");
        }
    })
    .await;
}

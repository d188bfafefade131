//! Prometheus itself: `promtool`, and a server that scrapes the one under test.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::process::until;
use super::require;

/// Whether Prometheus is not installed; reported if so.
pub fn is_missing(what: &str) -> bool {
    let runs = |program: &str| {
        let mut command = Command::new(program);
        let command = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let missing = !(runs("prometheus") && runs("promtool"));
    if missing {
        require::missing("prometheus", what);
    }
    missing
}

/// Runs `promtool` in a directory. Returns its output.
///
/// # Panics
///
/// When it fails.
pub fn promtool(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("promtool").current_dir(directory).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
    said
}

/// A Prometheus server; killed when it is dropped.
pub struct Prometheus {
    child: Child,
    base: String,
    _dir: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes this address every second and evaluates the rules of a file.
    pub async fn scraping(address: &str, rules: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
             rule_files: [\"{}\"]\n\
             scrape_configs:\n  - job_name: signet\n    static_configs:\n      - targets: [\"{address}\"]\n",
            rules.display()
        );
        std::fs::write(dir.path().join("prometheus.yml"), config).unwrap();
        let listen = super::ports::free_address().to_string();
        let child = Command::new("prometheus")
            .current_dir(dir.path())
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address={listen}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let prometheus = Self { child, base: format!("http://{listen}"), _dir: dir };
        until("Prometheus serves", async || {
            let ready = reqwest::get(format!("{}/-/ready", prometheus.base)).await;
            ready.is_ok_and(|ready| ready.status().is_success())
        })
        .await;
        prometheus
    }

    /// The response at this path of its API.
    pub async fn get(&self, path: &str) -> Value {
        let answer = reqwest::get(format!("{}/api/v1/{path}", self.base)).await.unwrap();
        answer.json::<Value>().await.unwrap()["data"].clone()
    }

    /// The values of a query, each with its labels.
    pub async fn query(&self, query: &str) -> Vec<(Value, f64)> {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let found = self.get(&format!("query?query={query}")).await;
        let series = found["result"].as_array().unwrap().clone();
        let value = |one: &Value| one["value"][1].as_str().unwrap().parse().unwrap();
        series.into_iter().map(|one| (one["metric"].clone(), value(&one))).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! A TLS certificate that expires soon.

use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::support::ports::free_address;
use crate::support::process::{Launch, Process, until};
use crate::support::require;

/// Creates a certificate that is valid for a number of days, with the file names that the server reads.
pub(super) fn make(folder: &Path, days: u32) -> bool {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-subj", "/CN=localhost", "-keyout", "live.key", "-out", "live.pem", "-days"])
        .arg(days.to_string())
        .current_dir(folder)
        .output();
    made.is_ok_and(|output| output.status.success())
}

async fn end_of_certificate(metrics: &str) -> i64 {
    let page = reqwest::get(metrics).await.unwrap().text().await.unwrap();
    let name = "signet_tls_certificate_expiry_timestamp_seconds ";
    let line =
        page.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{page}"));
    line.parse().unwrap()
}

fn warnings(server: &Process) -> usize {
    let log = server.log();
    log.lines()
        .filter(|line| line.contains("WARN") && line.contains("expires in less than"))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_ends_soon_is_warned_of_at_the_start_and_on_reload() {
    let launch = Launch::new();
    let folder = launch.dir.path().to_owned();
    if !make(&folder, 13) {
        return require::missing("openssl", "a certificate that ends soon");
    }
    let metrics = free_address().to_string();
    let launch = launch
        .with("SIGNET_TLS_CERT", folder.join("live.pem").to_str().unwrap())
        .with("SIGNET_TLS_KEY", folder.join("live.key").to_str().unwrap())
        .with("SIGNET_METRICS_LISTEN", &metrics);
    let server = launch.start().await;
    let metrics = format!("http://{metrics}/metrics");
    until("a warning at the start", async || warnings(&server) == 1).await;
    let soon = end_of_certificate(&metrics).await;
    assert!(make(&folder, 60));
    server.signal(Signal::HUP);
    until("it is read again", async || server.log().contains("were reloaded")).await;
    until("the metric follows", async || end_of_certificate(&metrics).await > soon + 40 * 86_400)
        .await;
    assert_eq!(warnings(&server), 1, "a good certificate was warned of");
    assert!(make(&folder, 2));
    server.signal(Signal::HUP);
    until("a warning on reload", async || warnings(&server) == 2).await;
}

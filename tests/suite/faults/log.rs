//! The reader of the log stops reading. The server continues, and ends when it is stopped.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Stdio};

use serde_json::{Value, json};

use crate::support::process::{Launch, PATIENCE, until};

/// A process that is killed with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server whose log is read up to the line with its address.
fn start(launch: &Launch) -> (Running, BufReader<ChildStderr>, String) {
    let mut command = launch.command();
    let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = Running(command.spawn().unwrap());
    let mut log = BufReader::new(child.0.stderr.take().unwrap());
    loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "it ended");
        let said: Value = serde_json::from_str(&line).unwrap_or_default();
        if let Some(url) = said["listen"][0].as_str() {
            return (child, log, url.to_owned());
        }
    }
}

/// A request that is logged.
async fn requests(base: &str, count: usize) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for _ in 0..count {
        let asked = http.post(format!("{base}/v1/refresh")).json(&json!({"refresh_token": "none"}));
        let answer = tokio::time::timeout(PATIENCE, asked.send()).await;
        assert_eq!(answer.expect("an answer in time").unwrap().status(), 401);
    }
}

async fn ends(mut child: Running) {
    let pid = rustix::process::Pid::from_child(&child.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let mut status = None;
    until("the end of the process", async || {
        status = child.0.try_wait().unwrap();
        status.is_some()
    })
    .await;
    assert_eq!(status.and_then(|status| status.code()), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_log_stops_no_request_and_reports_dropped_lines() {
    let launch = Launch::new().with("SIGNET_LOG_FORMAT", "json");
    let (child, log, base) = start(&launch);
    // Far more than the pipe and the queue hold.
    requests(&base, 7_000).await;
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    let reader = std::thread::spawn(move || {
        let mut tell = Some(tell);
        let lines = log.lines().map_while(Result::ok);
        lines
            .map(|line| serde_json::from_str(&line).expect("whole lines"))
            .inspect(|line: &Value| {
                if line["lost"].is_u64() {
                    drop(tell.take());
                }
            })
            .collect::<Vec<Value>>()
    });
    // Dropped once the number of lost lines was logged.
    let _ = tokio::time::timeout(PATIENCE, told).await;
    ends(child).await;
    let lines = reader.join().unwrap();
    let of = |message: &str| lines.iter().filter(|line| line["message"] == message).count();
    let lost: u64 = lines.iter().filter_map(|line| line["lost"].as_u64()).sum();
    assert!(lost > 100, "{lost}");
    // An unrelated line may be among the lost ones.
    let sum = of("request") as u64 + lost;
    assert!((7_000..7_010).contains(&sum), "{sum}");
}

#[tokio::test(flavor = "multi_thread")]
async fn undelivered_log_lines_do_not_delay_shutdown() {
    let launch = Launch::new().with("SIGNET_LOG_FORMAT", "json");
    let (child, log, base) = start(&launch);
    requests(&base, 600).await;
    ends(child).await;
    drop(log);
}

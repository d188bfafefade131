//! Addresses, ports, signals, and how many files a server may open.

use std::net::TcpListener;
use std::process::{Command, Output};

use rustix::process::{Resource, Rlimit, Signal, getrlimit};
use serde_json::Value;
use tokio::net::TcpStream;

use super::is_refused;
use crate::support::ports::free_port;
use crate::support::process::{Launch, until};
use crate::support::require;

async fn issuer(base: &str) -> Value {
    let url = format!("{base}/.well-known/openid-configuration");
    let document: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    document["issuer"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_issuer_and_the_setup_link_follow_the_first_port() {
    let (port, other) = (free_port(), free_port());
    let launch = Launch::new().without("SIGNET_ISSUER");
    let list = format!("127.0.0.1:{port},127.0.0.1:{other}");
    let server = launch.clone().with("SIGNET_LISTEN", &list).start().await;
    assert_eq!(issuer(&server.base).await, format!("http://localhost:{port}"));
    let link = format!("http://localhost:{port}/setup/");
    until("a set-up link", async || server.log().contains(&link)).await;
    drop(server);

    let server = launch.start().await;
    let chosen = server.base.rsplit(':').next().unwrap().to_owned();
    let expected = format!("http://localhost:{chosen}");
    assert_eq!(issuer(&server.base).await, expected);
    server.until_logged("Set SIGNET_ISSUER").await;
    // The command line did not choose the port, and finds it.
    let output = launch.command().args(["admin", "setup-link"]).output().unwrap();
    let link = String::from_utf8(output.stdout).unwrap();
    assert!(link.contains(&format!("{expected}/setup/")), "{link}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_port_is_named_with_the_setting_that_chooses_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for setting in ["SIGNET_LISTEN", "SIGNET_METRICS_LISTEN"] {
        let launch = Launch::new().with(setting, &address);
        let text = is_refused(launch.try_start().await, 69, &[&format!("{setting}=127.0.0.1:")]);
        let other = ["SIGNET_METRICS_LISTEN", "SIGNET_LISTEN"];
        let other = other.into_iter().find(|name| *name != setting).unwrap();
        assert!(!text.contains(&format!("{other}=")), "{text}");
    }
}

/// A machine without IPv4, made of a network namespace that has nothing but `::1`.
#[tokio::test(flavor = "multi_thread")]
async fn the_defaults_serve_on_a_machine_that_has_ipv6_alone() {
    const ONLY_IPV6: &str = "ip link set lo up && ip address del 127.0.0.1/8 dev lo && exec \"$@\"";
    let inside = ["unshare", "--net", "sh", "-c", ONLY_IPV6, "sh"];
    let tried = Command::new(inside[0]).args(&inside[1..]).args(["ip", "-6", "address"]).output();
    let works = |output: &Output| {
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("::1")
    };
    if !tried.as_ref().is_ok_and(works) {
        return require::missing("network namespaces", &format!("{tried:?}"));
    }
    let launch = Launch::new()
        .without("SIGNET_LISTEN")
        .without("SIGNET_ISSUER")
        .without("SIGNET_METRICS_LISTEN")
        .with("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .through(&inside);
    let mut server = launch.start().await;
    assert_eq!(server.base, "http://[::1]:8484");
    let pid = server.pid().as_raw_nonzero().to_string();
    let asked = Command::new("nsenter")
        .args(["--net", "--target", &pid, env!("CARGO_BIN_EXE_signet"), "health"])
        .env_clear()
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(asked.status.success() && said.contains("[::1]:8484"), "{said}");
    assert!(!server.log().contains("no metrics"), "{}", server.log());
    assert!(server.runs());
    drop(server);
    // If there is neither, the address is named.
    let neither = ONLY_IPV6.replace("exec", "ip address del ::1/128 dev lo && exec");
    let none = ["unshare", "--net", "sh", "-c", &neither, "sh"];
    let refused = launch.through(&none).try_start().await;
    is_refused(refused, 78, &["127.0.0.1:8484", "SIGNET_LISTEN"]);
}

/// Linux lets a socket for all IPv6 addresses accept IPv4 as well, and the second one is busy then.
#[tokio::test(flavor = "multi_thread")]
async fn every_address_of_both_families_can_be_listened_on_at_one_port() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("there is no IPv6 here");
        return;
    }
    for order in ["0.0.0.0:P,[::]:P", "[::]:P,0.0.0.0:P"] {
        let port = free_port();
        let list = order.replace('P', &port.to_string());
        let server = Launch::new().with("SIGNET_LISTEN", &list).start().await;
        for host in ["127.0.0.1", "[::1]"] {
            let health = reqwest::get(format!("http://{host}:{port}/health")).await.unwrap();
            assert_eq!(health.status(), 200, "{list}: {host}");
        }
        drop(server);
    }
    // Alone it accepts both.
    let port = free_port();
    let alone = Launch::new().with("SIGNET_LISTEN", &format!("[::]:{port}")).start().await;
    for host in ["127.0.0.1", "[::1]"] {
        let health = reqwest::get(format!("http://{host}:{port}/health")).await.unwrap();
        assert_eq!(health.status(), 200, "{host}");
    }
    drop(alone);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_ends_no_server() {
    let mut server = Launch::new().start().await;
    // A signal before the server serves is handled silently.
    until("the signal is taken", async || {
        server.signal(Signal::HUP);
        server.log().contains("SIGHUP")
    })
    .await;
    server.caller().get("/health").await.is(200);
    assert!(server.runs());
    // Also before it serves.
    let waiting = Launch::new()
        .with("SIGNET_DATABASE_URL", "postgres://u@127.0.0.1:1/x")
        .with("SIGNET_DATABASE_WAIT", "1h");
    let mut waiting = waiting.spawn(&["serve"]);
    until("it waits", async || waiting.log().contains("waiting for PostgreSQL")).await;
    waiting.signal(Signal::HUP);
    waiting.signal(Signal::TERM);
    assert_eq!(waiting.ended().await, Some(0), "{}", waiting.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_open_files_are_refused_in_words() {
    let hard = getrlimit(Resource::Nofile);
    assert!(hard.maximum.is_none_or(|most| most > 512), "{:?}", Rlimit { ..hard });
    for few in [16, 24, 32, 48, 64] {
        let script = format!("ulimit -n {few}; exec \"$0\" \"$@\"");
        let launch = Launch::new().through(&["/bin/sh", "-c", &script]);
        let text = is_refused(launch.try_start().await, 78, &["may open", "ulimit -n"]);
        assert!(!text.contains("panicked"), "{few}: {text}");
    }
    let enough = Launch::new().through(&["/bin/sh", "-c", "ulimit -n 512; exec \"$0\" \"$@\""]);
    enough.start().await.caller().get("/ready").await.is(200);
}

/// A balancer needs time to notice. Until the delay is over, new connections are served.
#[tokio::test(flavor = "multi_thread")]
async fn after_sigterm_a_server_is_unready_and_serves_until_the_delay_is_over() {
    let launch = Launch::new().with("SIGNET_SHUTDOWN_DELAY", "5m");
    let mut server = launch.start().await;
    let address = server.base.strip_prefix("http://").unwrap().to_owned();
    let caller = server.caller();
    caller.get("/ready").await.is(200);
    server.signal(Signal::TERM);
    until("not ready", async || caller.get("/ready").await.status == 503).await;
    for _ in 0..20 {
        TcpStream::connect(&address).await.unwrap();
        // Connections are not kept any more: the next request goes to another process.
        let answer = server.caller().get("/.well-known/jwks.json").await;
        answer.is(200);
        assert_eq!(answer.header("connection"), "close");
        assert_eq!(caller.get("/ready/read").await.status, 503);
    }
    assert!(server.runs());
    // A second signal cuts the delay short.
    server.signal(Signal::TERM);
    assert_eq!(server.ended().await, Some(0), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_start_is_json_where_logs_are() {
    let launch = Launch::new().with("SIGNET_LOG_FORMAT", "json");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = launch.clone().with("SIGNET_LISTEN", &taken.local_addr().unwrap().to_string());
    let wrong = launch.clone().with("SIGNET_ISSUER", "nothing");
    let lost = launch.with("SIGNET_NEW_DATABASE", "never");
    for (launch, code) in [(busy, 69), (wrong, 78), (lost, 78)] {
        let text = is_refused(launch.try_start().await, code, &["\"refused\""]);
        for line in text.lines() {
            let event: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{text}"));
            assert!(event["timestamp"].is_string(), "{text}");
        }
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!((&last["event"], &last["exit_code"]), (&"refused".into(), &code.into()));
    }
}

//! `signet audit`, beside a running server.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use super::{PASSWORD, Place, text};
use crate::support::process::PATIENCE;
use crate::support::{on_both, postgres, require};

/// The command prints the kinds that the filter accepts, one per line.
#[tokio::test(flavor = "multi_thread")]
async fn the_kinds_that_are_printed_are_those_that_a_filter_takes() {
    on_both("cli: the kinds that are printed are those that a filter takes", async |backend| {
        let place = Place::served_on(backend).await;
        let kinds = place.run(&["audit", "kinds"]).ok().out;
        let kinds: Vec<&str> = kinds.lines().collect();
        assert!(kinds.len() > 50 && kinds.contains(&"login.failed"));
        let all = kinds.join(",");
        place.run(&["audit", "list", "--kind", &all]).ok();
        let rows = place.run(&["audit", "kinds", "-o", "ndjson"]).ok().rows();
        assert_eq!(rows.len(), kinds.len());
        assert_eq!(rows[0], json!({"kind": kinds[0]}));
        place.run(&["audit", "list", "--kind", "login.faild"]).refused(2, &["login.faild"]);
    })
    .await;
}

/// Every option selects its events, in each format; a named format other than a table is an export, which is an event.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_listed_by_what_they_are_about() {
    on_both("cli: events are listed by what they are about", async |backend| {
        let place = Place::on(backend).await;
        let server = place.serve();
        let ada = place.administrator("ada");
        let tokens = server.log_in("ada").await;
        assert!(tokens["access_token"].is_string());
        let (status, _) =
            server.post("/v1/login", json!({"login": "ada", "password": "wrong"})).await;
        assert_eq!(status, 401);
        let kinds = |rows: &[Value]| -> Vec<String> {
            rows.iter().map(|row| text(row, "kind").to_owned()).collect()
        };
        let list = |args: &[&str]| place.run(&[&["audit", "list"], args].concat()).ok().rows();
        assert_eq!(kinds(&list(&["--kind", "user.created"])), ["user.created"]);
        let of_ada = list(&["--user", "ada", "--kind", "login.failed,login.succeeded"]);
        assert_eq!(kinds(&of_ada), ["login.failed", "login.succeeded"]);
        assert_eq!(list(&["--user", text(&ada, "id")]), list(&["--user", "ada"]));
        let session = of_ada[1]["session_id"].as_str().unwrap();
        assert_eq!(list(&["--session", session]).len(), 1);
        assert_eq!(list(&["--request", text(&of_ada[0], "request_id")]), of_ada[..1]);
        assert_eq!(list(&["--address", "127.0.0.0/8", "--kind", "login.failed"]), of_ada[..1]);
        assert!(list(&["--address", "192.0.2.1"]).is_empty());
        assert_eq!(list(&["--reason", "wrong_password"]), of_ada[..1]);
        assert!(list(&["--reason", "disabled"]).is_empty());
        assert_eq!(list(&["--client", "signet", "--kind", "login.failed"]), of_ada[..1]);
        assert!(list(&["--client", "shop"]).is_empty());
        let body = json!({"login": "ada", "password": PASSWORD, "scope": "signet:admin"});
        let (_, admin) = server.post("/v1/login", body).await;
        let request = reqwest::Client::new().post(format!("{}/v1/admin/users", server.base));
        let request = request.bearer_auth(text(&admin, "access_token"));
        let made = request.json(&json!({"login": "eve"})).send().await.unwrap();
        assert_eq!(made.status(), 201);
        let by_ada = list(&["--actor", "ada", "--kind", "user.created"]);
        assert_eq!(by_ada.len(), 1, "{by_ada:?}");
        assert_eq!(list(&["--user", "eve", "--kind", "user.created"]), by_ada);
        assert!(list(&["--until", "1h"]).is_empty());
        let all = list(&["--since", "1h"]);
        assert_eq!(all, list(&[]));
        assert!(list(&["--kind", "audit.exported"]).is_empty(), "a list in a pipe is no export");

        let table = place.run(&["audit", "list", "--user", "ada", "-o", "table"]).ok().out;
        assert!(table.lines().nth(1).unwrap().contains("  ada  "), "{table}");
        let csv = place.run(&["audit", "list", "-o", "csv"]).ok().out;
        let header = csv.split("\r\n").next().unwrap();
        assert!(header.starts_with("id,at,kind,via,"), "{header}");
        // The export is recorded before its first row is read, and so is among them.
        assert_eq!(csv.matches("\r\n").count(), all.len() + 2);
        place.run(&["audit", "list", "-o", "ndjson"]).ok();
        let exports = list(&["--kind", "audit.exported"]);
        let details: Vec<&str> = exports.iter().map(|event| text(event, "detail")).collect();
        assert_eq!(details, ["ndjson", "csv"]);
        assert!(exports.iter().all(|event| event["via"] == "cli"));

        for (args, word) in [
            (&["--since", "yesterday"][..], "--since"),
            (&["--address", "192.0.2.1/24"], "192.0.2.1/24"),
            (&["--session", "x"], "--session"),
            (&["--reason", "forgot"], "forgot"),
            (&["-f", "--limit", "5"], "--limit"),
            (&["-f", "--until", "1h"], "--until"),
        ] {
            place.run(&[&["audit", "list"], args].concat()).refused(2, &[word]);
        }
        place.run(&["audit", "list", "--user", "nobody"]).refused(3, &["nobody"]);
        place.run(&["audit", "list", "--actor", "nobody"]).refused(3, &["nobody"]);
        place.run(&["user", "list", "-o", "csv"]).refused(2, &["csv"]);
    })
    .await;
}

/// A user agent that begins with `=` is exported as text, not as a formula.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_agent_that_is_a_formula_is_a_text_in_csv() {
    on_both("cli: a user agent that is a formula is a text in csv", async |backend| {
        let place = Place::on(backend).await;
        let server = place.serve();
        place.administrator("ada");
        let request = reqwest::Client::new().post(format!("{}/v1/login", server.base));
        let body = json!({"login": "ada", "password": PASSWORD});
        let answer = request.header("user-agent", "=1+1").json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let csv = place.run(&["session", "list", "-o", "csv"]).ok().out;
        assert!(csv.contains(",'=1+1,"), "{csv}");
        assert!(!csv.contains(",=1+1"), "{csv}");
        let rows = place.run(&["session", "list", "-o", "ndjson"]).ok().rows();
        assert_eq!(rows[0]["user_agent"], "=1+1", "JSON has what was sent");
    })
    .await;
}

/// The output of a command that follows the trail.
struct Follower {
    child: Child,
    lines: Receiver<Value>,
    /// The counts with which each event was shown.
    shown: BTreeMap<String, Vec<i64>>,
    kinds: Vec<String>,
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Follower {
    fn start(place: &Place, args: &[&str]) -> Self {
        let args = [&["audit", "list", "-f", "-o", "ndjson"], args].concat();
        let mut child =
            place.command(&args).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sent, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines() {
                let Ok(line) = line else { return };
                if sent.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, shown: BTreeMap::new(), kinds: Vec::new() }
    }

    /// Reads until an event of this kind was shown with this count.
    fn until(&mut self, kind: &str, times: i64) {
        loop {
            let event = self.lines.recv_timeout(PATIENCE).expect(kind);
            let id = text(&event, "id").to_owned();
            self.shown.entry(id).or_default().push(event["times"].as_i64().unwrap());
            self.kinds.push(text(&event, "kind").to_owned());
            if event["kind"] == kind && event["times"].as_i64().unwrap() >= times {
                return;
            }
        }
    }
}

/// Following shows each event once while the server stops and starts again, and a grouped event again when its
/// count rises.
async fn follows(place: Place) {
    let server = place.serve();
    place.administrator("ada");
    let mut follower = Follower::start(&place, &[]);
    follower.until("user.created", 1);
    server.log_in("ada").await;
    follower.until("login.succeeded", 1);
    let wrong = json!({"login": "ada", "password": "wrong"});
    server.post("/v1/login", wrong.clone()).await;
    follower.until("login.failed", 1);
    server.post("/v1/login", wrong.clone()).await;
    // Two attempts in one minute are one event of two, or two events if the minute has changed between them.
    let folded = place.run(&["audit", "list", "--kind", "login.failed"]).ok().rows();
    follower.until("login.failed", folded[0]["times"].as_i64().unwrap());
    drop(server);
    place.run(&["session", "revoke", "--user", "ada"]).ok();
    follower.until("sessions.ended", 1);
    let server = place.serve();
    server.log_in("ada").await;
    follower.until("login.succeeded", 1);
    place.run(&["user", "disable", "ada"]).code(5);
    place.run(&["session", "revoke", "--all"]).ok();
    follower.until("sessions.ended", 1);
    for (id, times) in &follower.shown {
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{id} was shown at {times:?}");
    }
    let trail = place.run(&["audit", "list"]).ok().rows();
    assert_eq!(follower.shown.len(), trail.len(), "every event was shown: {:?}", follower.kinds);
}

#[tokio::test(flavor = "multi_thread")]
async fn following_shows_each_event_once_over_a_restart_of_the_server_on_sqlite() {
    follows(Place::empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn following_shows_each_event_once_over_a_restart_of_the_server_on_postgresql() {
    let Some(url) = postgres::fresh_database().await else {
        return require::missing("postgres", "following the audit trail");
    };
    follows(Place::empty().with("SIGNET_DATABASE_URL", &url)).await;
}

/// Following can begin at a time, and shows only events of the filter.
#[tokio::test(flavor = "multi_thread")]
async fn following_shows_what_a_filter_names_only() {
    on_both("cli: following shows what a filter names only", async |backend| {
        let place = Place::on(backend).await;
        let server = place.serve();
        place.administrator("ada");
        for _ in 0..12 {
            server.log_in("ada").await;
        }
        let mut last = Follower::start(&place, &["--kind", "login.succeeded"]);
        (0..10).for_each(|_| last.until("login.succeeded", 1));
        let mut all =
            Follower::start(&place, &["--kind", "login.succeeded,user.updated", "--since", "1h"]);
        (0..12).for_each(|_| all.until("login.succeeded", 1));
        place.run(&["user", "update", "ada", "--name", "Ada"]).ok();
        all.until("user.updated", 1);
        server.log_in("ada").await;
        last.until("login.succeeded", 1);
        assert_eq!(last.kinds.len(), 11, "the last ten, then what happened");
        assert_eq!(all.kinds.len(), 13);
    })
    .await;
}

//! The command line: the binary, its output, its exit codes, beside a server and without one.

mod client;
mod first_run;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use signet::admin::users::{self, Create};
use signet::app::startup::{OpenPurpose, Startup};
use signet::base::{Clock as _, SystemClock};
use signet::config::{Config, Source};
use signet::crypto::random::SystemEntropy;
use signet::domain::attributes::Attributes;
use signet::domain::audit::Origin;
use signet::domain::user::Role;
use tempfile::TempDir;

use crate::support::postgres;

const PASSWORD: &str = "plaid sofa under rain";
const API: &str = "https://api.example.com";
/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A directory commands are run in, and the settings they get there.
pub struct Place {
    pub dir: TempDir,
    settings: Vec<(&'static str, String)>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Place {
    /// Nothing in it yet.
    pub fn empty() -> Self {
        let settings = [
            ("SIGNET_LISTEN", "127.0.0.1:0"),
            ("SIGNET_METRICS_LISTEN", "off"),
            ("SIGNET_ARGON2_MEMORY_KIB", "64"),
            ("SIGNET_ARGON2_ITERATIONS", "1"),
            ("SIGNET_RATE_LIMITS", "off"),
        ];
        let settings = settings.map(|(name, value)| (name, value.to_owned())).to_vec();
        Self { dir: tempfile::tempdir().unwrap(), settings }
    }

    /// Served once, so that there is a database.
    pub fn served() -> Self {
        let place = Self::empty();
        drop(place.serve());
        place
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.settings.push((name, value.to_owned()));
        self
    }

    pub fn database(&self) -> PathBuf {
        self.dir.path().join("data/signet.db")
    }

    pub fn command(&self, args: &[&str]) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_signet"), args)
    }

    pub fn command_of(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.dir.path()).env_clear().env("PATH", "/usr/bin:/bin");
        for (name, value) in &self.settings {
            command.env(name, value);
        }
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, b"")
    }

    /// Runs with `input` on standard input, which is a pipe: no terminal anywhere.
    pub fn run_with(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that refuses before it reads has closed the pipe; that is its right.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// An administrator with [`PASSWORD`].
    pub fn administrator(&self, login: &str) -> Value {
        let args = ["user", "create", login, "--role", "admin", "--password-file", "-"];
        self.run_with(&args, PASSWORD.as_bytes()).ok().one()
    }

    pub fn serve(&self) -> Server {
        let mut child =
            self.command(&["serve"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let base = loop {
            let line = lines.next().unwrap_or_else(|| panic!("it ended: {said}")).unwrap();
            if let Some((_, rest)) = line.split_once("Listening  ") {
                break rest.split(' ').next().unwrap().to_owned();
            }
            said.push_str(&line);
            said.push('\n');
        };
        // The pipe is emptied, or the server would wait for us in the middle of a log line.
        std::thread::spawn(move || lines.for_each(drop));
        Server { child, base }
    }
}

impl Ran {
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        self.code(0)
    }

    /// Refused: with this code, `error: ` and these words on stderr, and no data.
    #[track_caller]
    pub fn refused(self, code: i32, words: &[&str]) -> Self {
        let ran = self.code(code);
        assert!(ran.err.starts_with("error: "), "{}", ran.err);
        assert_eq!(ran.out, "", "data beside an error: {}", ran.err);
        for word in words {
            assert!(ran.err.contains(word), "{word:?} is not in: {}", ran.err);
        }
        ran
    }

    /// One JSON object a line.
    #[track_caller]
    pub fn rows(&self) -> Vec<Value> {
        assert!(self.out.is_empty() || self.out.ends_with('\n'), "{:?}", self.out);
        self.out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    #[track_caller]
    pub fn one(&self) -> Value {
        let mut rows = self.rows();
        assert_eq!(rows.len(), 1, "{}", self.out);
        rows.remove(0)
    }
}

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    pub base: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let request = reqwest::Client::new().post(format!("{}{path}", self.base)).json(&body);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
    }

    pub async fn log_in(&self, login: &str) -> Value {
        let (status, tokens) =
            self.post("/v1/login", json!({ "login": login, "password": PASSWORD })).await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    pub async fn get(&self, path: &str, token: &str) -> (u16, String) {
        let request = reqwest::Client::new().get(format!("{}{path}", self.base)).bearer_auth(token);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

pub fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}"))
}

pub fn members(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn without_a_database_every_command_says_where_it_looked_and_makes_nothing() {
    let place = Place::empty();
    let database = place.database();
    let commands: &[&[&str]] = &[
        &["user", "list"],
        &["user", "create", "ada", "--no-password"],
        &["user", "create", "ada", "--password-file", "-"],
        &["user", "show", "ada"],
        &["user", "delete", "ada", "--yes"],
        &["api", "list"],
        &["api", "create", API],
        &["api", "set", API, "--no-claims"],
        &["token", "preview", "ada"],
        &["admin", "setup-link"],
        &["session", "list"],
        &["session", "revoke", "--user", "ada"],
        &["key", "list"],
        &["key", "export"],
        &["token", "verify", "a.b.c"],
        &["token", "why", "a.b.c"],
        &["migrate", "status"],
        &["migrate", "up"],
    ];
    for args in commands {
        place.run(args).refused(78, &[database.to_str().unwrap(), "SIGNET_DATA_DIR"]);
        assert!(!place.dir.path().join("data").exists(), "{args:?} made something");
    }
    let elsewhere = place.with("SIGNET_DATA_DIR", "else/where");
    let path = elsewhere.dir.path().join("else/where/signet.db");
    elsewhere.run(&["user", "list"]).refused(78, &[path.to_str().unwrap()]);
}

#[test]
fn all_mistakes_in_the_settings_are_told_at_once() {
    let place = Place::empty().with("SIGNET_ISSUE", "http://localhost:1").with("SIGNET_LOG", "%%");
    let commands: &[&[&str]] = &[&["user", "list"], &["config", "check"], &["config", "show"]];
    for args in commands {
        let ran = place
            .run(args)
            .refused(78, &["SIGNET_ISSUE:", "SIGNET_ISSUER", "SIGNET_LOG:", "environment"]);
        assert_eq!(ran.err.matches("error: ").count(), 2, "{}", ran.err);
    }
    // What needs no settings works with bad ones.
    place.run(&["version"]).ok();
    place.run(&["config", "example"]).ok();
}

#[test]
fn what_is_mistyped_is_refused_before_anything_is_looked_at() {
    let place = Place::empty();
    let commands: &[(&[&str], &str)] = &[
        (&["frobnicate"], "frobnicate"),
        (&["user", "frobnicate"], "frobnicate"),
        (&["user", "create"], "LOGIN"),
        (&["user", "create", "ada", "--role", "ki\ng"], "--role"),
        (
            &["user", "create", "ada", "--no-password", "--role", "admin", "--role", "user"],
            "--role",
        ),
        (&["user", "create", "ada", "--group", ""], "--group"),
        (&["user", "create", "ada", "--claim", "floor=3"], "--claim"),
        (&["user", "create", "ada", "--claim", "floor=integer:x"], "whole number"),
        (&["user", "update", "ada", "--role", "a", "--no-roles"], "--no-roles"),
        (&["user", "create", "ada"], "--password-file"),
        (&["user", "create", "ada", "--password", "x"], "--password"),
        (&["user", "create", "ada", "--no-password", "--password-file", "x"], "--password-file"),
        (&["user", "set-password", "ada"], "--password-file"),
        (&["user", "delete", "ada"], "--yes"),
        (&["user", "update", "ada"], "--name"),
        (&["user", "update", "ada", "--name", "A", "--no-name"], "--no-name"),
        (&["user", "list", "--limit", "0"], "--limit"),
        (&["user", "list", "-o", "yaml"], "ndjson"),
        (&["api", "delete", API], "--yes"),
        (&["api", "create", API, "--signing-alg", "none"], "HS256"),
        (&["api", "create", API, "--token-profile", "at+jwt"], "rfc9068"),
        (&["api", "create", API, "--access-token-ttl", "5"], "unit"),
        (&["api", "create", API, "--access-token-ttl", "25h"], "too long"),
        (&["api", "set", API], "--new-secret"),
        (&["api", "set", API, "--claim", "roles", "--no-claims"], "--no-claims"),
        (&["token", "preview"], "LOGIN"),
        (&["session", "revoke"], "SESSION_ID"),
        (&["session", "revoke", "x", "--user", "ada"], "--user"),
        (&["token", "inspect", "Bearer"], "no token"),
        (&["token", "why", "Bearer"], "no token"),
        (&["token", "why", "a.b.c", "--at", "yesterday"], "seconds since 1970"),
        (&["completions", "tcsh"], "bash"),
        (&["health", "--url", "127.0.0.1:1"], "http://"),
        (&["health"], "--url"),
    ];
    for (args, word) in commands {
        place.run(args).refused(2, &[word]);
    }
    place.run(&["user"]).code(2);
}

#[test]
fn a_users_life() {
    let place = Place::served();
    let ada = place.administrator("ada");
    let id = text(&ada, "id").to_owned();

    let created = place.run(&["user", "create", "bob", "--name", "Bob B", "--no-password"]).ok();
    let bob = created.one();
    assert_eq!(created.err, format!("Created user bob ({})\n", text(&bob, "id")));
    let wire = [
        "claims",
        "created_at",
        "disabled",
        "disabled_at",
        "groups",
        "id",
        "login",
        "name",
        "role",
        "roles",
        "updated_at",
    ];
    assert_eq!(members(&bob), wire);
    assert_eq!((text(&bob, "name"), text(&bob, "role")), ("Bob B", "user"));

    // Piped: one object a line, in the order of creation. By login in any case, or by id.
    let logins: Vec<String> = place
        .run(&["user", "list"])
        .ok()
        .rows()
        .iter()
        .map(|user| text(user, "login").to_owned())
        .collect();
    assert_eq!(logins, ["ada", "bob"]);
    for name in ["ada", "ADA", id.as_str()] {
        assert_eq!(place.run(&["user", "show", name]).ok().one(), ada, "{name}");
    }

    let json = place.run(&["user", "list", "-o", "json"]).ok();
    assert!(json.out.starts_with("[\n  {\n"), "{}", json.out);
    let array: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(array.as_array().map(Vec::len), Some(2));
    let object = place.run(&["-o", "json", "user", "show", "ada"]).ok();
    assert_eq!(serde_json::from_str::<Value>(&object.out).unwrap(), ada);
    assert!(object.out.starts_with("{\n"), "{}", object.out);

    let table = place.run(&["user", "list", "--output", "table"]).ok();
    let lines: Vec<&str> = table.out.lines().collect();
    assert!(lines[0].starts_with("LOGIN  ROLE "), "{}", table.out);
    assert!(lines[1].starts_with("ada    admin  active  -"), "{}", table.out);
    assert_eq!(lines[0].find("ID"), lines[2].find(text(&bob, "id")), "{}", table.out);

    let args = ["user", "update", "bob", "--name", "Bobby", "--role", "admin"];
    let changed = place.run(&args).ok().one();
    assert_eq!((text(&changed, "name"), text(&changed, "role")), ("Bobby", "admin"));
    let changed = place.run(&["user", "update", "bob", "--no-name"]).ok().one();
    assert_eq!((&changed["name"], text(&changed, "role")), (&Value::Null, "admin"));
    assert_eq!(place.run(&["user", "disable", "bob"]).ok().one()["disabled"], true);
    assert_eq!(place.run(&["user", "disable", "bob"]).ok().one()["disabled"], true);
    assert_eq!(place.run(&["user", "enable", "bob"]).ok().one()["disabled"], false);

    place.run(&["user", "create", "BOB", "--no-password"]).refused(5, &["BOB", "exists"]);
    place.run(&["user", "create", "b b", "--no-password"]).refused(2, &["b b", "login: "]);
    place.run(&["user", "create", "eve", "--name", "\u{7}", "--no-password"]).refused(2, &["name"]);
    let gone = place.run(&["user", "delete", "bob", "--yes"]).ok();
    assert_eq!(gone.out, "");
    for verb in ["show", "disable", "enable"] {
        place.run(&["user", verb, "bob"]).refused(3, &["\"bob\"", "signet user list"]);
    }
    place.run(&["user", "delete", "bob", "--yes"]).refused(3, &["bob"]);
    let args = ["user", "set-password", "bob", "--password-file", "-"];
    place.run_with(&args, PASSWORD.as_bytes()).refused(3, &["bob"]);
    place.run(&["session", "list", "--user", "bob"]).refused(3, &["bob"]);
}

#[test]
fn the_last_administrator_stays_and_set_up_closes_for_good() {
    let place = Place::served();
    let link = place.run(&["admin", "setup-link"]).ok();
    let token = link.out.strip_prefix("http://localhost:8484/setup/").unwrap();
    assert_eq!(token.trim_end().len(), 43, "{}", link.out);
    assert_eq!(link.out.lines().count(), 1);
    let other = place.run(&["admin", "setup-link", "-o", "json"]).ok();
    let other: Value = serde_json::from_str(&other.out).unwrap();
    assert_ne!(text(&other, "setup_url"), link.out.trim_end());

    place.administrator("ada");
    place.run(&["admin", "setup-link"]).refused(5, &["closed", "signet user create"]);
    let attempts: &[&[&str]] = &[
        &["user", "disable", "ada"],
        &["user", "delete", "ada", "--yes"],
        &["user", "update", "ada", "--role", "user"],
    ];
    for args in attempts {
        place.run(args).refused(5, &["last enabled administrator", "--role admin"]);
    }
    // While there is another one, each of these is allowed.
    place.administrator("eve");
    for args in attempts {
        place.run(args).ok();
        if args[1] == "delete" {
            place.administrator("ada");
        }
        place.run(&["user", "enable", "ada"]).ok();
        place.run(&["user", "update", "ada", "--role", "admin"]).ok();
    }
    place.run(&["admin", "setup-link"]).refused(5, &["closed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_come_from_files_and_pipes_and_are_told_to_nobody() {
    let place = Place::empty();
    let server = place.serve();
    place.administrator("ada");
    let file = |name: &str, bytes: &[u8]| std::fs::write(place.dir.path().join(name), bytes);

    // One newline at the end is not meant; anything else is.
    file("one", format!("{PASSWORD}\n").as_bytes()).unwrap();
    file("two", format!("{PASSWORD}\n\n").as_bytes()).unwrap();
    for (login, from, works) in [("one", "one", 200), ("two", "two", 401)] {
        let args = ["user", "create", login, "--password-file", from];
        let ran = place.run(&args).ok();
        assert!(!ran.out.contains(PASSWORD) && !ran.err.contains(PASSWORD));
        let body = json!({ "login": login, "password": PASSWORD });
        assert_eq!(server.post("/v1/login", body).await.0, works, "{login}");
    }

    let args = ["user", "set-password", "two", "--password-file", "-"];
    let old = server
        .post("/v1/login", json!({ "login": "two", "password": format!("{PASSWORD}\n") }))
        .await;
    assert_eq!(old.0, 200, "{}", old.1);
    place.run_with(&args, format!("{PASSWORD}\r\n").as_bytes()).ok();
    let new = server.log_in("two").await;
    // Setting a password ends what was begun with the one before, in the running server at once.
    assert_eq!(server.get("/v1/me", text(&old.1, "access_token")).await.0, 401);
    assert_eq!(server.get("/v1/me", text(&new, "access_token")).await.0, 200);

    place.run_with(&args, b"short").refused(2, &["password: ", "8 bytes"]);
    place.run_with(&args, b"").refused(2, &["password: "]);
    place.run_with(&args, "x".repeat(5_000).as_bytes()).refused(2, &["1,024"]);
    place.run_with(&args, b"\xff\xfe\xff\xfe\xff\xfe\xff\xfe").refused(2, &["UTF-8"]);
    let args = ["user", "set-password", "two", "--password-file", "missing"];
    place.run(&args).refused(1, &["missing"]);
    server.log_in("two").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lists_come_whole_or_page_by_page() {
    let place = Place::served();
    // More than the largest page. Made through the library: a process for each takes a while.
    let pairs = [("SIGNET_ARGON2_MEMORY_KIB", "64"), ("SIGNET_ARGON2_ITERATIONS", "1")];
    let config = Config::from_source(&Source::from_pairs(place.dir.path(), &pairs)).unwrap().config;
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let app = Startup { config, clock, entropy, purpose: OpenPurpose::Administer }.open().await;
    let app = app.unwrap_or_else(|error| panic!("{error}")).app;
    for n in 0..205 {
        let login = format!("user{n:03}");
        let attributes = Attributes::default();
        let create = Create { login, password: None, name: None, role: Role::User, attributes };
        users::create(app.clone(), create, Origin::cli(), SystemClock.now()).await.unwrap();
    }
    app.db.close().await;

    let all = place.run(&["user", "list"]).ok();
    let ids: Vec<Value> = all.rows().iter().map(|user| user["id"].clone()).collect();
    assert_eq!((ids.len(), all.err.as_str()), (205, ""));
    let array: Value =
        serde_json::from_str(&place.run(&["user", "list", "-o", "json"]).ok().out).unwrap();
    assert_eq!(array.as_array().map(Vec::len), Some(205));
    let table = place.run(&["user", "list", "-o", "table"]).ok();
    assert_eq!(table.out.lines().count(), 206, "one header");

    let first = place.run(&["user", "list", "--limit", "203"]).ok();
    assert_eq!(first.rows().len(), 203);
    let cursor = first.err.trim_end().rsplit(' ').next().unwrap().to_owned();
    let last_id = ids[202].as_str().unwrap().to_owned();
    for after in [cursor, last_id] {
        let rest = place.run(&["user", "list", "--after", &after]).ok();
        let rest: Vec<Value> = rest.rows().iter().map(|user| user["id"].clone()).collect();
        assert_eq!(rest, ids[203..], "{after}");
    }
    place.run(&["user", "list", "--after", "x"]).refused(2, &["--after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_is_known_to_the_running_server_within_seconds() {
    let place = Place::empty();
    let server = place.serve();
    place.administrator("ada");
    let args = ["api", "create", API, "--scope", "orders:read", "--scope", "orders:write"];
    let api = place.run(&args).ok().one();
    let wire = [
        "access_token_ttl",
        "claims",
        "created_at",
        "id",
        "identifier",
        "scopes",
        "shared_secret_kid",
        "signing_alg",
        "token_profile",
    ];
    assert_eq!(members(&api), wire);
    assert_eq!(api["scopes"], json!(["orders:read", "orders:write"]));
    assert_eq!(place.run(&["api", "list"]).ok().one(), api);
    for name in [API, text(&api, "id")] {
        assert_eq!(place.run(&["api", "show", name]).ok().one(), api);
    }
    place.run(&args).refused(5, &[API, "exists"]);
    place.run(&["api", "create", "orders"]).refused(2, &["identifier: "]);
    place.run(&["api", "create", "urn:x", "--scope", "signet:admin"]).refused(2, &["scopes: "]);
    place.run(&["api", "create", "http://localhost:8484"]).refused(2, &["identifier: "]);

    let body = json!({ "login": "ada", "password": PASSWORD, "audience": API });
    let deadline = Instant::now() + Duration::from_secs(5);
    let token = loop {
        let (status, tokens) = server.post("/v1/login", body.clone()).await;
        if status == 200 {
            break text(&tokens, "access_token").to_owned();
        }
        assert_eq!(text(&tokens, "code"), "invalid_target");
        assert!(Instant::now() < deadline, "not known after 5 s");
    };
    for args in
        [vec!["token", "verify", &token], vec!["token", "verify", &token, "--audience", API]]
    {
        assert_eq!(text(&place.run(&args).ok().one(), "aud"), API);
    }

    let gone = place.run(&["api", "delete", API, "--yes"]).ok();
    assert_eq!(gone.out, "");
    place.run(&["api", "delete", API, "--yes"]).refused(3, &[API]);
    place.run(&["api", "show", API]).refused(3, &["signet api list"]);
    place.run(&["token", "verify", &token]).refused(7, &["wrong audience", API]);
    place.run(&["token", "verify", &token, "--audience", API]).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_chooses_how_its_tokens_look() {
    let place = Place::empty();
    let server = place.serve();
    place.administrator("ada");
    let args = [
        "api",
        "create",
        API,
        "--signing-alg",
        "RS256",
        "--token-profile",
        "jwt",
        "--access-token-ttl",
        "5m",
        "--claim",
        "roles",
        "--claim",
        "floor",
    ];
    let made = place.run(&args).ok();
    assert!(!made.err.contains("warning"), "{}", made.err);
    let api = made.one();
    assert_eq!((text(&api, "signing_alg"), text(&api, "token_profile")), ("RS256", "jwt"));
    assert_eq!(
        (&api["access_token_ttl"], &api["claims"]),
        (&json!(300), &json!(["roles", "floor"]))
    );
    let table = place.run(&["api", "show", API, "-o", "table"]).ok().out;
    assert!(table.contains("RS256  jwt      5m   roles floor"), "{table}");

    let body = json!({ "login": "ada", "password": PASSWORD, "audience": API });
    let deadline = Instant::now() + Duration::from_secs(5);
    let token = loop {
        let (status, tokens) = server.post("/v1/login", body.clone()).await;
        if status == 200 {
            break text(&tokens, "access_token").to_owned();
        }
        assert!(Instant::now() < deadline, "not known after 5 s");
    };
    let claims = place.run(&["token", "verify", &token]).ok().one();
    assert_eq!((text(&claims, "azp"), &claims["roles"]), ("signet", &json!(["admin"])));
    place.run(&["token", "inspect", &token]).ok();

    let hs256 = place.run(&["api", "set", API, "--signing-alg", "HS256"]).ok();
    let changed = hs256.one();
    assert_eq!(changed["claims"], json!(["roles", "floor"]), "the rest stays");
    let secret = text(&changed, "shared_secret").to_owned();
    assert_eq!(secret.len(), 43);
    assert!(!hs256.err.contains(&secret), "a secret on stderr: {}", hs256.err);
    for said in ["will not be shown again", "warning: HS256", "PyJWKClient"] {
        assert!(hs256.err.contains(said), "{said}: {}", hs256.err);
    }
    assert!(!place.run(&["api", "list"]).ok().out.contains(&secret));
    let again = place.run(&["api", "set", API, "--new-secret", "-o", "table"]).ok();
    assert!(again.out.contains("SHARED SECRET") && !again.out.contains(&secret), "{}", again.out);
    // Within seconds the server signs with the new secret, and the command line can tell.
    let kid = place.run(&["api", "show", API]).ok().one()["shared_secret_kid"].clone();
    let deadline = Instant::now() + Duration::from_secs(5);
    let token = loop {
        let (_, tokens) = server.post("/v1/login", body.clone()).await;
        let token = text(&tokens, "access_token").to_owned();
        let seen = place.run(&["token", "inspect", &token]).ok().one();
        if seen["header"] == json!({"alg": "HS256", "kid": kid, "typ": "JWT"}) {
            break token;
        }
        assert!(Instant::now() < deadline, "{seen}");
    };
    assert_eq!(text(&place.run(&["token", "verify", &token]).ok().one(), "aud"), API);
    let forged = format!("{}A", &token[..token.len() - 1]);
    // The last of 43 characters stands for four bits: these two are in order, B would not be.
    let forged = if forged == token { format!("{}E", &token[..token.len() - 1]) } else { forged };
    place.run(&["token", "verify", &forged]).refused(7, &["bad signature"]);
    place.run(&["api", "set", API, "--new-secret"]).ok();
    place.run(&["token", "verify", &token]).refused(7, &["unknown key"]);

    let reset = [
        "api",
        "set",
        API,
        "--signing-alg",
        "default",
        "--access-token-ttl",
        "default",
        "--token-profile",
        "rfc9068",
        "--no-claims",
        "--no-scopes",
    ];
    let reset = place.run(&reset).ok().one();
    for (member, value) in [
        ("signing_alg", Value::Null),
        ("access_token_ttl", Value::Null),
        ("shared_secret_kid", Value::Null),
        ("claims", json!([])),
        ("scopes", json!([])),
    ] {
        assert_eq!(reset[member], value, "{member}");
    }
    place.run(&["api", "set", API, "--new-secret"]).refused(2, &["new_secret: "]);
    place.run(&["api", "set", API, "--claim", "sub"]).refused(2, &["claims: "]);
    place.run(&["api", "set", API, "--access-token-ttl", "10s"]).refused(2, &["RETRY_WINDOW"]);
    place.run(&["api", "set", "urn:nobody", "--no-claims"]).refused(3, &["urn:nobody"]);
}

#[test]
fn users_have_roles_groups_and_claims() {
    let place = Place::served();
    let ada = place.administrator("ada");
    let args = [
        "user",
        "create",
        "bob",
        "--no-password",
        "--role",
        "support",
        "--role",
        "on call",
        "--group",
        "emea",
        "--claim",
        "department=string:sales",
        "--claim",
        "floor=integer:3",
        "--claim",
        "remote=boolean:true",
        "--claim",
        "tags=strings:a,b",
    ];
    let bob = place.run(&args).ok().one();
    assert_eq!((text(&bob, "role"), &bob["roles"]), ("user", &json!(["support", "on call"])));
    let claims = json!({"department": "sales", "floor": 3, "remote": true, "tags": ["a", "b"]});
    assert_eq!((&bob["groups"], &bob["claims"]), (&json!(["emea"]), &claims));
    let table = place.run(&["user", "show", "bob", "-o", "table"]).ok().out;
    assert!(table.contains("user,support,on call  active"), "{table}");

    let update = |args: &[&str]| place.run(&[&["user", "update", "bob"], args].concat()).ok().one();
    let changed = update(&["--claim", "floor=integer:4", "--no-claim", "tags", "--group", "x"]);
    assert_eq!(changed["claims"], json!({"department": "sales", "floor": 4, "remote": true}));
    assert_eq!((&changed["groups"], &changed["roles"]), (&json!(["x"]), &bob["roles"]));
    let both = update(&["--role", "admin", "--role", "support"]);
    assert_eq!((text(&both, "role"), &both["roles"]), ("admin", &json!(["support"])));
    let bare = update(&["--no-roles", "--no-groups"]);
    assert_eq!((text(&bare, "role"), &bare["roles"]), ("admin", &json!([])));
    assert_eq!(bare["groups"], json!([]));
    // Roles without admin are those of an ordinary user, but somebody has to administer.
    let demoted = place.run(&["user", "update", "bob", "--role", "support"]).ok();
    assert!(demoted.err.contains("No longer an administrator"), "{}", demoted.err);
    let demoted = demoted.one();
    place.run(&["user", "update", "bob", "--role", "Admin"]).refused(2, &["roles: "]);
    assert_eq!((text(&demoted, "role"), &demoted["roles"]), ("user", &json!(["support"])));
    place.run(&["user", "update", "ada", "--role", "support"]).refused(5, &["administrator"]);
    assert_eq!(place.run(&["user", "show", "ada"]).ok().one(), ada);
    place.run(&["user", "update", "bob", "--claim", "sub=string:ada"]).refused(2, &["claims: "]);
}

#[test]
fn a_token_can_be_seen_before_anybody_logs_in() {
    let place = Place::served();
    place.administrator("ada");
    let create = ["api", "create", API, "--scope", "read", "--claim", "groups"];
    place.run(&create).ok();
    place.run(&["user", "update", "ada", "--group", "emea"]).ok();
    let args = ["token", "preview", "ada", "--audience", API, "--scope", "read"];
    let preview = place.run(&args).ok().one();
    assert_eq!(members(&preview["header"]), ["alg", "kid", "typ"]);
    let claims = &preview["claims"];
    assert_eq!((text(claims, "aud"), text(claims, "scope")), (API, "read"));
    assert_eq!(claims["groups"], json!(["emea"]));
    assert!(text(claims, "jti").contains("new each time"));
    assert!(place.run(&["session", "list"]).ok().rows().is_empty(), "nothing is written");
    place.run(&["token", "preview", "ada", "--audience", "urn:x"]).refused(2, &["registered"]);
    place.run(&["token", "preview", "ada", "--scope", "x"]).refused(2, &["scope"]);
    place.run(&["token", "preview", "eve"]).refused(3, &["eve"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_seen_and_ended_beside_the_server() {
    let place = Place::empty();
    let server = place.serve();
    let ada = place.administrator("ada");
    place.administrator("eve");
    let tokens = [server.log_in("ada").await, server.log_in("ada").await];
    server.log_in("eve").await;

    assert_eq!(place.run(&["session", "list"]).ok().rows().len(), 3);
    let listed = place.run(&["session", "list", "--user", "ada"]).ok().rows();
    assert_eq!(listed.len(), 2);
    for session in &listed {
        assert_eq!(session["user_id"], ada["id"]);
        assert_eq!(text(session, "client_id"), "signet");
        assert!(text(session, "last_seen_at").ends_with('Z'), "{session}");
    }
    let table = place.run(&["session", "list", "--user", "ada", "-o", "table"]).ok();
    assert!(
        table.out.lines().skip(1).all(|line| line.contains("  ada   signet  ")),
        "{}",
        table.out
    );

    let first = text(&listed[0], "id");
    let ended = place.run(&["session", "revoke", first]).ok();
    assert_eq!(
        (ended.out.as_str(), ended.err.as_str()),
        ("", &*format!("Ended session {first}\n"))
    );
    place.run(&["session", "revoke", first]).refused(3, &[first]);
    place.run(&["session", "revoke", "x"]).refused(3, &["\"x\""]);
    let mut alive = Vec::new();
    for tokens in &tokens {
        alive.push(server.get("/v1/me", text(tokens, "access_token")).await.0);
    }
    assert_eq!(alive, [401, 200]);

    place.run(&["session", "revoke", "--user", "ada"]).ok();
    assert_eq!(server.get("/v1/me", text(&tokens[1], "access_token")).await.0, 401);
    assert!(place.run(&["session", "list", "--user", "ada"]).ok().rows().is_empty());
    assert_eq!(place.run(&["session", "list"]).ok().rows().len(), 1);
    place.run(&["session", "revoke", "--user", "nobody"]).refused(3, &["nobody"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_exported_as_they_are_published() {
    let place = Place::empty();
    let server = place.serve();
    let (_, published) = server.get("/.well-known/jwks.json", "").await;
    let jwks = place.run(&["key", "export"]).ok();
    assert_eq!(jwks.out, format!("{published}\n"));
    let published: Value = serde_json::from_str(&published).unwrap();
    let [first, second] = published["keys"].as_array().unwrap().as_slice() else { panic!("two") };

    let mut listed = place.run(&["key", "list"]).ok().rows();
    listed.sort_by_key(|key| key["default"] != true);
    let expected = ["alg", "created_at", "default", "kid", "next", "since", "state", "verifiers"];
    assert_eq!(members(&listed[0]), expected);
    let names = |key: &Value| (text(key, "kid").to_owned(), text(key, "alg").to_owned());
    assert_eq!(listed.iter().map(names).collect::<Vec<_>>(), [names(first), names(second)]);

    let pem = place.run(&["key", "export", "--format", "pem"]).ok();
    let blocks: Vec<Vec<u8>> = pem
        .out
        .split_terminator("-----END PUBLIC KEY-----\n")
        .map(|block| block.strip_prefix("-----BEGIN PUBLIC KEY-----\n").unwrap().replace('\n', ""))
        .map(|body| STANDARD.decode(body).unwrap())
        .collect();
    let bytes = |key: &Value, member: &str| URL_SAFE_NO_PAD.decode(text(key, member)).unwrap();
    let point = [bytes(first, "x"), bytes(first, "y")].concat();
    assert!(blocks[0].ends_with(&point) && blocks[0].len() == 91);
    let modulus = bytes(second, "n");
    assert!(blocks[1].windows(modulus.len()).any(|window| window == modulus));
    assert_eq!(blocks.len(), 2);
    let rsa = place.run(&["key", "export", "--format", "pem", "--alg", "RS256"]).ok();
    assert!(pem.out.ends_with(&rsa.out) && rsa.out.matches("BEGIN").count() == 1);
    let ec = place.run(&["key", "export", "--alg", "ES256"]).ok().one();
    assert_eq!(ec, json!({ "keys": [first] }));
    assert!(!pem.out.contains("PRIVATE"));
}

/// Beside a running server: by and by, at once, and what it says before it does.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_and_retired() {
    let place = Place::empty();
    let server = place.serve();
    place.administrator("ada");
    let before = place.run(&["key", "list"]).ok().rows();
    let published = place.run(&["key", "rotate", "--alg", "ES256"]).ok();
    let next = published.one();
    assert_eq!((text(&next, "alg"), text(&next, "state")), ("ES256", "published"));
    assert!(published.err.contains(text(&next, "signs_at")), "{}", published.err);
    // Asked again it says the same: there is one successor.
    assert_eq!(place.run(&["key", "rotate", "--alg", "ES256"]).ok().one(), next);
    place.run(&["key", "retire", text(&next, "kid")]).ok();
    place.run(&["key", "retire", text(&next, "kid")]).refused(5, &["retired already"]);
    place.run(&["key", "retire", "nobody"]).refused(3, &["\"nobody\"", "signet key list"]);

    let active = before.iter().find(|key| text(key, "alg") == "ES256").unwrap();
    place.run(&["key", "retire", text(active, "kid")]).refused(5, &["still good"]);
    // What cannot be taken back needs a yes, and says first whom it hurts.
    for args in
        [vec!["key", "rotate", "--now"], vec!["key", "retire", text(active, "kid"), "--now"]]
    {
        let asked = place.run(&args);
        asked.refused(2, &["--yes", "Envoy", "AWS API Gateway"]);
    }
    let rotated = place.run(&["key", "rotate", "--alg", "ES256", "--now", "--yes"]).ok().one();
    assert_eq!(text(&rotated, "state"), "active");
    place.run(&["key", "retire", text(active, "kid"), "--now", "--yes"]).ok();
    // The running server signs with it within seconds, and publishes the other no longer.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    loop {
        let (_, jwks) = server.get("/.well-known/jwks.json", "").await;
        if jwks.contains(text(&rotated, "kid")) && !jwks.contains(text(active, "kid")) {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{jwks}");
        tokio::task::yield_now().await;
    }
    let token = server.log_in("ada").await;
    let inspected = place.run(&["token", "inspect", text(&token, "access_token")]).ok().one();
    assert_eq!(inspected["header"]["kid"], rotated["kid"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_taken_apart_and_judged() {
    let place = Place::empty();
    let server = place.serve();
    let ada = place.administrator("ada");
    let tokens = server.log_in("ada").await;
    let token = text(&tokens, "access_token");

    // However it is pasted; without a database, too.
    let elsewhere = Place::empty();
    for (args, input) in [
        (["token", "inspect", token], String::new()),
        (["token", "inspect", "-"], format!("{token}\n")),
        (["token", "inspect", "-"], format!("Bearer {token}\n")),
        (["token", "inspect", "-"], tokens.to_string()),
    ] {
        let seen = elsewhere.run_with(&args, input.as_bytes()).ok().one();
        assert_eq!(members(&seen["header"]), ["alg", "kid", "typ"]);
        assert_eq!(seen["claims"]["sub"], ada["id"]);
    }
    let people = elsewhere.run(&["token", "inspect", token, "-o", "table"]).ok();
    assert!(people.err.contains("Expires ") && people.err.contains("in 9 min"), "{}", people.err);
    for opaque in [text(&tokens, "refresh_token"), "srt_x"] {
        let ran = elsewhere.run(&["token", "inspect", opaque]).ok();
        assert_eq!(ran.one(), json!({ "kind": "refresh_token", "opaque": true }));
        assert!(ran.err.contains("opaque by design"), "{}", ran.err);
    }
    for rubbish in ["abc", "a.b.c", "a.b.c.d.e"] {
        elsewhere.run(&["token", "inspect", rubbish]).refused(1, &["no signed token"]);
    }
    elsewhere.run_with(&["token", "inspect", "-"], b"{}").refused(2, &["access_token"]);
    elsewhere.run_with(&["token", "inspect", "-"], b"\n").refused(2, &["no token"]);

    let verify = |token: &str| place.run(&["token", "verify", token]);
    assert_eq!(verify(token).ok().one()["sub"], ada["id"]);
    assert_eq!(
        place.run_with(&["token", "verify", "-"], tokens.to_string().as_bytes()).code,
        Some(0)
    );
    let itself = ["token", "verify", token, "--audience", "http://localhost:8484"];
    place.run(&itself).ok();
    let other = ["token", "verify", token, "--audience", API];
    place.run(&other).refused(7, &["wrong audience", API]);

    let parts: Vec<&str> = token.split('.').collect();
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let read = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let mut header = read(parts[0]);
    header["kid"] = json!("another");
    let unknown = format!("{}.{}.{}", part(&header), parts[1], parts[2]);
    verify(&unknown).refused(7, &["unknown key", "another"]);
    let mut claims = read(parts[1]);
    claims["exp"] = json!(9_999_999_999_i64);
    let longer = format!("{}.{}.{}", parts[0], part(&claims), parts[2]);
    verify(&longer).refused(7, &["bad signature"]);
    let none = part(&json!({ "alg": "none", "typ": "at+jwt" }));
    verify(&format!("{none}.{}.", parts[1])).refused(7, &["no access token of Signet"]);
    verify(text(&tokens, "refresh_token")).refused(7, &["no access token"]);

    let renamed = ("SIGNET_ISSUER", "http://localhost:9999");
    let mut command = place.command(&["token", "verify", token]);
    let output = command.env(renamed.0, renamed.1).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("wrong issuer") && said.contains("http://localhost:8484"), "{said}");

    place.run(&["session", "revoke", "--user", "ada"]).ok();
    verify(token).refused(7, &["session ended"]);
    let tokens = server.log_in("ada").await;
    let token = text(&tokens, "access_token");
    let session = verify(token).ok().one();
    place.run(&["session", "revoke", text(&session, "sid")]).ok();
    verify(token).refused(7, &["session ended", "ended_by_admin"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_explained_check_by_check() {
    let place = Place::empty();
    let server = place.serve();
    place.administrator("ada");
    let tokens = server.log_in("ada").await;
    let token = text(&tokens, "access_token");
    let why = |args: &[&str]| place.run(&[&["token", "why"], args].concat());

    let good = why(&[token]).ok();
    assert_eq!((&good.one()["good"], good.err.as_str()), (&json!(true), ""));
    let members: Vec<String> = good.one().as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["good", "at", "code", "message", "checks"]);
    let piped = place.run_with(&["token", "why", "-"], tokens.to_string().as_bytes());
    assert_eq!(piped.ok().one()["good"], true);
    let people = why(&[token, "-o", "table"]).ok();
    assert!(people.out.starts_with("ok      form\nok      header\n"), "{}", people.out);
    assert!(people.out.contains("\n\nThe token is good as of "), "{}", people.out);

    // Not good: the same data, nothing on stderr, 7.
    let wrong = why(&[token, "--audience", API]).code(7);
    assert_eq!((text(&wrong.one(), "code"), wrong.err.as_str()), ("wrong_audience", ""));
    let people = why(&[token, "--at", "2100-01-01T00:00:00Z", "-o", "table"]).code(7);
    assert!(people.out.contains("\nFAILED  expiry     The token expired on "), "{}", people.out);
    assert!(people.out.contains("Not good (expired): "), "{}", people.out);
    assert!(people.out.contains("docs/token-codes/expired.md"), "{}", people.out);
    let early = why(&[token, "--at", "1000000000"]).code(7);
    assert_eq!(text(&early.one(), "code"), "issued_in_future");
    assert_eq!(text(&early.one(), "at"), "2001-09-09T01:46:40.000Z");

    let refresh = text(&tokens, "refresh_token");
    let opaque = why(&[refresh]).code(7);
    assert_eq!(text(&opaque.one(), "code"), "refresh_token");
    assert!(text(&opaque.one(), "message").contains("its session is alive"), "{}", opaque.out);
    let steering = why(&["\u{1b}[2J.b.c", "-o", "table"]).code(7);
    assert!(!steering.out.contains('\u{1b}'), "{:?}", steering.out);
    assert!(steering.out.contains("\n-       header\n"), "{}", steering.out);
    let large = place.run_with(&["token", "why", "-"], "a.".repeat(500_000).as_bytes()).code(7);
    assert_eq!(text(&large.one(), "code"), "too_large");
    for said in [token, refresh] {
        for ran in [&good, &wrong, &opaque, &people] {
            assert!(!ran.out.contains(said) && !ran.err.contains(said), "{ran:?}");
        }
    }

    place.run(&["session", "revoke", text(&claims_of(&place, token), "sid")]).ok();
    let ended = why(&[token]).code(7);
    assert_eq!(text(&ended.one(), "code"), "session_ended");
    assert!(text(&ended.one(), "message").contains("ended_by_admin"), "{}", ended.out);
    // It was good when it was made.
    let issued = claims_of(&place, token)["iat"].to_string();
    assert_eq!(why(&[token, "--at", &issued]).ok().one()["good"], true);
}

/// The claims of a token that need not be good.
fn claims_of(place: &Place, token: &str) -> Value {
    place.run(&["token", "inspect", token]).ok().one()["claims"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_told_apart() {
    let place = Place::empty()
        .with("SIGNET_ACCESS_TOKEN_TTL", "1s")
        .with("SIGNET_REFRESH_RETRY_WINDOW", "0s");
    let server = place.serve();
    place.administrator("ada");
    let tokens = server.log_in("ada").await;
    let args = ["token", "verify", text(&tokens, "access_token")];
    let deadline = Instant::now() + PATIENCE;
    loop {
        let ran = place.run(&args);
        if ran.code != Some(0) {
            ran.refused(7, &["expired"]);
            break;
        }
        assert!(Instant::now() < deadline, "it never expired");
    }
}

#[test]
fn the_schema_is_shown_and_brought_up_to_date() {
    let place = Place::served();
    let steps = place.run(&["migrate", "status"]).ok().rows();
    assert!(!steps.is_empty());
    for step in &steps {
        assert_eq!(members(step), ["applied", "name", "version"]);
        assert_eq!(step["applied"], true);
    }
    let nothing = place.run(&["migrate", "up"]).ok();
    assert_eq!((nothing.rows(), nothing.err.as_str()), (steps.clone(), "Nothing to apply.\n"));

    // The oldest schema there is: none.
    let bare = Place::empty();
    std::fs::create_dir(bare.dir.path().join("data")).unwrap();
    std::fs::write(bare.database(), b"").unwrap();
    let pending = bare.run(&["migrate", "status"]).ok();
    assert_eq!(pending.rows().len(), steps.len());
    assert!(pending.rows().iter().all(|step| step["applied"] == false), "{}", pending.out);
    assert!(pending.err.contains("signet migrate up"), "{}", pending.err);
    let applied = bare.run(&["migrate", "up"]).ok();
    assert_eq!(applied.rows(), steps);
    assert_eq!(applied.err.lines().count(), steps.len(), "{}", applied.err);
    assert_eq!(bare.run(&["migrate", "status"]).ok().rows(), steps);
    // A schema without keys: nobody has served it, and no key is missing.
    bare.run(&["user", "list"]).refused(78, &["never been served", "signet serve"]);

    let broken = Place::empty();
    std::fs::create_dir(broken.dir.path().join("data")).unwrap();
    std::fs::write(broken.database(), "this is no database, however long it is".repeat(100))
        .unwrap();
    let found = broken.database();
    broken.run(&["migrate", "status"]).refused(78, &[found.to_str().unwrap()]);
    broken.run(&["user", "list"]).refused(78, &[found.to_str().unwrap()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_on_postgresql_as_well() {
    let Some(url) = postgres::fresh_database().await else {
        return;
    };
    let place = Place::empty().with("SIGNET_DATABASE_URL", &url);
    place.run(&["user", "list"]).refused(78, &["signet serve"]);
    let pending = place.run(&["migrate", "status"]).ok().rows();
    assert!(pending.iter().all(|step| step["applied"] == false) && !pending.is_empty());
    let applied = place.run(&["migrate", "up"]).ok().rows();
    assert!(applied.iter().all(|step| step["applied"] == true));
    // The schema alone is not enough: there are no keys.
    place.run(&["user", "list"]).refused(78, &["never been served"]);

    let server = place.serve();
    place.administrator("ada");
    place.run(&["user", "disable", "ada"]).refused(5, &["last enabled administrator"]);
    place.run(&["admin", "setup-link"]).refused(5, &["closed"]);
    place.run(&["user", "create", "ada", "--no-password"]).refused(5, &["ada"]);
    place.run(&["api", "create", API]).ok();
    let tokens = server.log_in("ada").await;
    let token = text(&tokens, "access_token");
    place.run(&["token", "verify", token]).ok();
    assert_eq!(place.run(&["session", "list"]).ok().rows().len(), 1);
    place.run(&["session", "revoke", "--user", "ada"]).ok();
    place.run(&["token", "verify", token]).refused(7, &["session ended"]);
    place.run(&["key", "export", "--format", "pem"]).ok();
    assert_eq!(place.run(&["user", "list"]).ok().rows().len(), 1);
    drop(server);

    let gone = Place::empty().with("SIGNET_DATABASE_URL", "postgres://u:hunter2@127.0.0.1:1/x");
    let commands: &[&[&str]] = &[&["user", "list"], &["migrate", "status"]];
    for args in commands {
        let ran = gone.run(args).refused(78, &["SIGNET_DATABASE_URL"]);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    }
}

#[test]
fn health_is_an_exit_code() {
    let place = Place::empty();
    let server = place.serve();
    let base = server.base.clone();
    let alive = place.run(&["health", "--url", &base]).ok();
    assert_eq!(alive.out, "");
    let listen = base.trim_start_matches("http://").to_owned();
    let configured = Place::empty().with("SIGNET_LISTEN", &listen);
    configured.run(&["health"]).ok();
    let wrong = format!("{base}/nothing/here");
    place.run(&["health", "--url", &wrong]).refused(69, &["404"]);
    drop(server);
    configured.run(&["health"]).refused(69, &[&listen, "signet serve"]);
}

#[test]
fn what_is_generated_is_what_is_documented() {
    let place = Place::empty();
    let example = place.run(&["config", "example"]).ok();
    assert_eq!(example.out, include_str!("../../../.env.example"));
    std::fs::write(place.dir.path().join(".env"), "SIGNET_ISSUER=http://127.0.0.1:1\n").unwrap();
    let shown = place.run(&["config", "show"]).ok().rows();
    let issuer = shown.iter().find(|row| text(row, "name") == "SIGNET_ISSUER").unwrap();
    let expected =
        json!({ "name": "SIGNET_ISSUER", "value": "http://127.0.0.1:1", "origin": ".env" });
    assert_eq!(*issuer, expected);
    let good = place.run(&["config", "check"]).ok();
    assert_eq!((good.out.as_str(), good.err.as_str()), ("", "The settings are good.\n"));

    let secret = Place::empty().with("SIGNET_DATABASE_URL", "postgres://u:hunter2@127.0.0.1:1/x");
    let shown = secret.run(&["config", "show", "-o", "table"]).ok();
    assert!(!shown.out.contains("hunter2"), "{}", shown.out);
    assert!(shown.out.contains("postgres://[secret]"), "{}", shown.out);

    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(place.run(&["version"]).ok().out, format!("signet {version}\n"));
    assert_eq!(place.run(&["--version"]).ok().out, format!("signet {version}\n"));
    let json: Value =
        serde_json::from_str(&place.run(&["version", "-o", "json"]).ok().out).unwrap();
    assert_eq!(json, json!({ "version": version }));
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = place.run(&["completions", shell]).ok();
        assert!(script.out.contains("set-password"), "{shell}");
        assert_eq!(script.err, "", "{shell}");
    }
}

#[test]
fn outputs_that_are_closed_or_full_cause_no_panic() {
    let place = Place::served();
    place.administrator("ada");
    let commands: &[&[&str]] = &[
        &["user", "list"],
        &["user", "show", "ada", "-o", "json"],
        &["config", "example"],
        &["completions", "bash"],
        &["version"],
        &["--help"],
    ];
    for args in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = place.command(args).stdout(writer).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{args:?}");

        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = place.command(args).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if *args != ["--help"] {
            assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
            assert!(said.starts_with("error: the output cannot be written"), "{args:?}: {said}");
        }
    }
    // Nobody listens to errors either.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = place.command(&["user", "show", "bob"]).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(3));
}

#[test]
fn no_colour_reaches_a_pipe_and_every_help_has_an_example() {
    let place = Place::empty();
    let commands: &[&[&str]] = &[
        &["--help"],
        &["user", "create", "--help"],
        &["token", "verify", "--help"],
        &["token", "why", "--help"],
        &["migrate", "up", "--help"],
        &["serve", "--help"],
    ];
    for args in commands {
        let help = place.run(args).ok();
        assert!(!help.out.contains('\u{1b}'), "{args:?}");
        assert!(help.out.contains("Examples:\n  signet "), "{args:?}: {}", help.out);
    }
    assert!(place.run(&["--help"]).out.contains("78 bad configuration"));
    let wrong = place.run(&["usr"]).refused(2, &["usr", "user"]);
    assert!(!wrong.err.contains('\u{1b}'));
}

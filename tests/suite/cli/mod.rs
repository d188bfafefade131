//! The command line: the binary, its output, its exit codes, beside a server and without one.

mod administration;
mod api;
mod audit;
mod client;
mod client_documents;
mod client_options;
mod config;
mod db;
mod first_run;
mod key;
mod migrate;
mod output;
mod people;
mod postgres;
mod revocation_feed;
mod session;
mod snippet;
mod terminal_text;
mod token;
mod trust;
mod usage;
mod user;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::postgres::fresh_database;
use crate::support::{Backend, PATIENT};

const PASSWORD: &str = "plaid sofa under rain";
const API: &str = "https://api.example.com";

/// A directory in which commands run, and their settings.
pub struct Place {
    pub dir: TempDir,
    settings: Vec<(&'static str, String)>,
}

/// The result of a command.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Place {
    /// An empty directory.
    pub fn empty() -> Self {
        let settings = [
            ("SIGNET_LISTEN", "127.0.0.1:0"),
            ("SIGNET_ISSUER", "http://localhost:8484"),
            ("SIGNET_METRICS_LISTEN", "off"),
            ("SIGNET_ARGON2_MEMORY_KIB", "64"),
            ("SIGNET_ARGON2_ITERATIONS", "1"),
            ("SIGNET_RATE_LIMITS", "off"),
        ];
        let settings = settings.into_iter().chain(PATIENT);
        let settings = settings.map(|(name, value)| (name, value.to_owned())).collect();
        Self { dir: tempfile::tempdir().unwrap(), settings }
    }

    /// An empty directory, for a database of this kind.
    pub async fn on(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => Self::empty(),
            Backend::Postgres => {
                let url = fresh_database().await.unwrap();
                Self::empty().with("SIGNET_DATABASE_URL", &url)
            }
        }
    }

    /// A directory in which a server has run, on a database of this kind.
    pub async fn served_on(backend: Backend) -> Self {
        let place = Self::on(backend).await;
        drop(place.serve());
        place
    }

    /// A directory in which a server has run, so that there is a database.
    pub fn served() -> Self {
        let place = Self::empty();
        drop(place.serve());
        place
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.settings.push((name, value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.settings.retain(|(known, _)| *known != name);
        self
    }

    /// The value of a setting that was chosen.
    pub fn setting(&self, name: &str) -> String {
        let chosen = self.settings.iter().rev().find(|(known, _)| *known == name);
        chosen.map(|(_, value)| value.clone()).unwrap_or_default()
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

    /// Runs with `input` on standard input, which is a pipe: no stream is a terminal.
    pub fn run_with(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that refuses before it reads has closed the pipe, which is allowed.
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
        // Drains the pipe, or the server would block in the middle of a log line.
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

    /// Asserts a refusal: this exit code, `error: ` and these words on stderr, and no data.
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

    /// The lines of output, one JSON object each.
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

//! Configuration as code: files beside a running server, at its start and in the temporary demo.

mod applied;
mod drift;
mod exported;
mod files;
mod ownership;
mod plans;
mod secrets;
mod started;

use std::io::Write as _;
use std::process::Stdio;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::process::{Caller, Launch, Process};
use crate::support::relying_party::App;
pub use crate::support::server::PASSWORD;
use crate::support::server::{Answer, Backend, on_both};
use crate::support::{postgres, require};

/// An API, a client of each type that gets tokens, and two users.
pub const SHOP: &str = r#"
[source]
name = "infra/prod"

[[api]]
identifier = "https://orders.example.com"
scopes = { "orders:read" = "See your orders", "orders:write" = "" }
claims = ["roles"]

[[client]]
client_id = "shop"
name = "Shop"
type = "web"
redirect_uris = ["https://shop.example.com/cb", "https://shop.example.com/other"]
audiences = ["https://orders.example.com"]
client_secret = { env = "SHOP_SECRET" }

[[client]]
client_id = "app"
type = "spa"
redirect_uris = ["https://app.example.com/cb"]
audiences = ["https://orders.example.com"]
skip_consent = true

[[client]]
client_id = "desk"
type = "native"
redirect_uris = ["http://127.0.0.1/cb"]
audiences = ["https://orders.example.com"]
first_party = true

[[client]]
client_id = "worker"
type = "service"
audiences = ["https://orders.example.com"]
client_secret = { file = "worker.secret" }

[[user]]
login = "ada@example.com"
name = "Ada"
email = "ada@example.com"
email_verified = true
role = "admin"
password = { env = "ADA_PASSWORD" }

[[user]]
login = "bob"
roles = ["support"]
claims = { floor = 3 }
password = { env = "BOB_PASSWORD" }
"#;

pub const SHOP_SECRET: &str = "shop-secret-shop-secret-shop-secret-1";
pub const WORKER_SECRET: &str = "worker-secret-worker-secret-worker-1";
pub const API: &str = "https://orders.example.com";

/// The result of a command.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
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

    /// Asserts a refusal with this exit code and these words on stderr.
    #[track_caller]
    pub fn refused(self, code: i32, words: &[&str]) -> Self {
        let ran = self.code(code);
        for word in words {
            assert!(ran.err.contains(word), "{word:?} is not in: {}", ran.err);
        }
        assert_eq!(ran.out, "", "data beside an error: {}", ran.err);
        ran
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{} {}", self.out, self.err))
    }

    #[track_caller]
    pub fn rows(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// Action and name of each change in a plan.
    #[track_caller]
    pub fn changes(&self) -> Vec<(String, String)> {
        let plan = self.json();
        let changes = plan["changes"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        changes.iter().map(|change| (text(&change["action"]), text(&change["name"]))).collect()
    }
}

/// A directory with files, and the settings of its commands and servers.
pub struct Desk {
    pub launch: Launch,
}

impl Desk {
    pub async fn on(backend: Backend) -> Self {
        let launch = Launch::new()
            .with("SHOP_SECRET", SHOP_SECRET)
            .with("ADA_PASSWORD", PASSWORD)
            .with("BOB_PASSWORD", PASSWORD);
        let launch = match backend {
            Backend::Sqlite => launch,
            Backend::Postgres => {
                launch.with("SIGNET_DATABASE_URL", &postgres::fresh_database().await.unwrap())
            }
        };
        let desk = Self { launch };
        desk.write("worker.secret", &format!("{WORKER_SECRET}\n"));
        desk.write("shop.toml", SHOP);
        desk
    }

    pub fn with(&self, name: &str, value: &str) -> Self {
        Self { launch: self.launch.clone().with(name, value) }
    }

    pub fn without(&self, name: &str) -> Self {
        Self { launch: self.launch.clone().without(name) }
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.launch.dir.path().join(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.launch.dir.path().join(name)).unwrap()
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, "")
    }

    pub fn run_with(&self, args: &[&str], input: &str) -> Ran {
        let mut command = self.launch.command();
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that refuses before it reads has closed the pipe.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// A server in this directory.
    pub async fn serve(&self) -> Process {
        self.launch.start().await
    }

    /// Every object of a kind that files declare, as stored.
    pub fn everything(&self) -> Vec<String> {
        ["api", "client", "user"].map(|noun| self.run(&[noun, "list"]).ok().out).to_vec()
    }
}

/// Runs `test` on a desk of each database, beside a server.
pub async fn beside_a_server(name: &str, test: impl AsyncFn(Desk, Caller)) {
    on_both(name, async |backend| {
        let desk = Desk::on(backend).await;
        let server = desk.serve().await;
        test(desk, server.caller()).await;
    })
    .await;
}

/// Signs a user in for administration. Returns the access token.
pub async fn administrator(caller: &Caller, login: &str) -> String {
    let body = json!({"login": login, "password": PASSWORD, "scope": "signet:admin"});
    let answer = post(caller, "/v1/login", &body).await;
    answer.is(200);
    answer.string("access_token")
}

pub async fn post(caller: &Caller, path: &str, body: &Value) -> Answer {
    let request = caller.client.post(format!("{}{path}", caller.base)).json(body);
    caller.try_send(request).await.unwrap()
}

/// A request with a token.
pub async fn call(caller: &Caller, method: Method, path: &str, token: &str, body: Value) -> Answer {
    let mut request =
        caller.client.request(method, format!("{}{path}", caller.base)).bearer_auth(token);
    if !body.is_null() {
        request = request.json(&body);
    }
    caller.try_send(request).await.unwrap()
}

/// The audit events, newest first.
pub async fn events(caller: &Caller, token: &str) -> Vec<Value> {
    let path = "/v1/admin/audit?limit=200";
    let answer = call(caller, Method::GET, path, token, Value::Null).await;
    answer.is(200).json()["data"].as_array().unwrap().clone()
}

/// A token of a client itself, or the error.
pub async fn client_token(caller: &Caller, client_id: &str, secret: &str) -> Answer {
    let client = App {
        id: client_id.to_owned(),
        secret: Some(secret.to_owned()),
        redirect_uri: String::new(),
    };
    let fields = [("grant_type", "client_credentials"), ("resource", API)];
    client.call(caller, "/oauth2/token", &fields).await
}

/// Two desks on one PostgreSQL database: processes of their own with the same files.
pub async fn two_desks(name: &str) -> Option<(Desk, Desk)> {
    if postgres::fresh_database().await.is_none() {
        require::missing("postgres", name);
        return None;
    }
    let one = Desk::on(Backend::Postgres).await;
    drop(one.serve().await);
    let key = one.read("data/master.key");
    let url = one.launch.setting("SIGNET_DATABASE_URL").unwrap();
    let two = Desk::on(Backend::Sqlite)
        .await
        .with("SIGNET_DATABASE_URL", &url)
        .with("SIGNET_MASTER_KEY", key.trim());
    Some((one, two))
}

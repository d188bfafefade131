//! The binary itself: first run, refusals, signals, and being killed.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::server::PASSWORD;

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

fn signet(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signet"));
    command
        .current_dir(dir)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("SIGNET_LISTEN", "127.0.0.1:0")
        .env("SIGNET_METRICS_LISTEN", "off")
        .env("SIGNET_ARGON2_MEMORY_KIB", "64")
        .env("SIGNET_ARGON2_ITERATIONS", "1")
        .env("SIGNET_REGISTRATION", "open")
        .env("SIGNET_RATE_LIMITS", "off");
    command
}

/// A running server process; killed when dropped.
struct Process {
    child: Child,
    base: String,
    log: Arc<Mutex<String>>,
}

impl Process {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let base = loop {
            let line = lines.next().unwrap_or_else(|| panic!("ended: {}", log.lock().unwrap()));
            let line = line.unwrap();
            log.lock().unwrap().push_str(&format!("{line}\n"));
            let listening = line.split("Listening  ").nth(1);
            if let Some(url) = listening.and_then(|rest| rest.split(' ').next()) {
                break url.to_owned();
            }
            if let Ok(event) = serde_json::from_str::<Value>(&line)
                && event["event"] == "started"
            {
                break event["listen"][0].as_str().unwrap().to_owned();
            }
        };
        let shared = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                shared.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        Self { child, base, log }
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    fn wait(&mut self) -> i32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < deadline, "it did not end: {}", self.log());
            std::thread::yield_now();
        }
    }

    /// The set-up link, once it is printed.
    fn setup_path(&self) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            if let Some((_, rest)) = log.split_once("/setup/")
                && let Some((token, _)) = rest.split_once(['\n', '"'])
            {
                return format!("/setup/{token}");
            }
            assert!(Instant::now() < deadline, "no link: {log}");
            std::thread::yield_now();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn post(base: &str, path: &str, body: Value) -> (u16, Value) {
    let answer = reqwest::Client::new().post(format!("{base}{path}")).json(&body).send().await;
    let answer = answer.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
}

fn refused(output: &Output, code: i32, words: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_makes_everything_and_says_so_and_later_ones_are_short() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = Process::start(&mut signet(dir.path()));
    let data = dir.path().join("data");
    let path = first.setup_path();
    assert_eq!(mode(&data), 0o700);
    for name in ["master.key", "signet.db"] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
        assert!(first.log().contains(data.join(name).to_str().unwrap()), "{}", first.log());
    }
    for word in ["Issuer     ", "Discovery  ", "JWKS       ", "Back up the master key"] {
        assert!(first.log().contains(word), "{word}: {}", first.log());
    }
    // Each start prints a fresh link until there is an administrator.
    first.signal(rustix::process::Signal::TERM);
    assert_eq!(first.wait(), 0);
    let second = Process::start(&mut signet(dir.path()));
    let fresh = second.setup_path();
    assert_ne!(fresh, path);
    assert!(!second.log().contains("First start"));

    let client = reqwest::Client::new();
    let form = [("login", "ada"), ("password", PASSWORD)];
    let encoded = format!("login=ada&password={}", PASSWORD.replace(' ', "+"));
    let send = async |path: &str| {
        let request = client.post(format!("{}{path}", second.base));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(encoded.clone()).send().await.unwrap().status().as_u16()
    };
    assert_eq!(form[0].1, "ada");
    // Looking consumes nothing; both links are good until one is used.
    for _ in 0..3 {
        let page = client.get(format!("{}{fresh}", second.base)).send().await.unwrap();
        assert_eq!(page.status().as_u16(), 200);
    }
    assert_eq!(send(&fresh).await, 200);
    assert_eq!(send(&fresh).await, 404);
    assert_eq!(send(&path).await, 404);
    let login = json!({"login": "ada", "password": PASSWORD, "scope": "signet:admin"});
    assert_eq!(post(&second.base, "/v1/login", login).await.0, 200);
    drop(second);
    let third = Process::start(&mut signet(dir.path()));
    assert!(!third.log().contains("/setup/"), "{}", third.log());
    let again = signet(dir.path()).args(["admin", "setup-link"]).output().unwrap();
    refused(&again, 5, &["administrator exists"]);
}

/// Eight at once on two links: exactly one administrator.
#[tokio::test(flavor = "multi_thread")]
async fn many_who_race_for_set_up_make_one_administrator() {
    for _ in 0..5 {
        let dir = tempfile::tempdir().unwrap();
        let server = Process::start(&mut signet(dir.path()));
        let one = server.setup_path();
        let link = signet(dir.path()).args(["admin", "setup-link"]).output().unwrap();
        let link = String::from_utf8(link.stdout).unwrap();
        let two = format!("/setup/{}", link.trim().rsplit('/').next().unwrap());
        let client = reqwest::Client::new();
        let tries = (0..8).map(|number| {
            let path = if number % 2 == 0 { &one } else { &two };
            let body = format!("login=user{number}&password={}", PASSWORD.replace(' ', "+"));
            client
                .post(format!("{}{path}", server.base))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body)
                .send()
        });
        let answers = futures_util::future::join_all(tries).await;
        let made = answers.iter().filter(|a| a.as_ref().unwrap().status() == 200).count();
        assert_eq!(made, 1);
        let users = signet(dir.path()).args(["user", "list"]).output().unwrap();
        assert_eq!(String::from_utf8(users.stdout).unwrap().lines().count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_logs_are_nothing_but_json() {
    let dir = tempfile::tempdir().unwrap();
    let server = Process::start(signet(dir.path()).env("SIGNET_LOG_FORMAT", "json"));
    server.setup_path();
    post(&server.base, "/v1/login", json!({"login": "a\n{\"x\":1}", "password": "x"})).await;
    let log = server.log();
    let events: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let started = events.iter().find(|event| event["event"] == "started").unwrap();
    for field in ["listen", "issuer", "discovery", "jwks_uri", "created"] {
        assert!(!started[field].is_null(), "{field}: {started}");
    }
    assert!(events.iter().any(|event| event["event"] == "setup_required"));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_is_wrong_and_what_to_type() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let absolute = data.join("signet.db");
    let missing = signet(dir.path()).args(["user", "list"]).output().unwrap();
    refused(&missing, 78, &[absolute.to_str().unwrap(), "SIGNET_DATA_DIR"]);
    assert!(!data.exists(), "a command made a data directory");

    let unknown = signet(dir.path()).env("SIGNET_LISSEN", "x").output().unwrap();
    refused(&unknown, 78, &["SIGNET_LISSEN", "SIGNET_LISTEN"]);
    let plain = signet(dir.path()).env("SIGNET_ISSUER", "http://auth.example.com").output();
    refused(&plain.unwrap(), 78, &["http://auth.example.com", "SIGNET_INSECURE_HTTP"]);

    let server = Process::start(&mut signet(dir.path()));
    let second = signet(dir.path()).output().unwrap();
    refused(&second, 75, &[data.to_str().unwrap()]);
    let elsewhere = tempfile::tempdir().unwrap();
    let address = server.base.strip_prefix("http://").unwrap().to_owned();
    let busy = signet(elsewhere.path()).env("SIGNET_LISTEN", &address).output().unwrap();
    refused(&busy, 69, &[address.rsplit(':').next().unwrap(), "SIGNET_LISTEN"]);
    drop(server);

    // Another master key, and none: refused, and nothing is made or overwritten.
    let key = data.join("master.key");
    let right = std::fs::read_to_string(&key).unwrap();
    let wrong = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
    std::fs::write(&key, wrong).unwrap();
    refused(
        &signet(dir.path()).output().unwrap(),
        78,
        &[key.to_str().unwrap(), "SIGNET_MASTER_KEY"],
    );
    assert_eq!(std::fs::read_to_string(&key).unwrap(), wrong);
    std::fs::remove_file(&key).unwrap();
    refused(&signet(dir.path()).output().unwrap(), 78, &[key.to_str().unwrap(), "backup"]);
    assert!(!key.exists(), "a new master key was made");
    std::fs::write(&key, right).unwrap();

    let database = sqlx::sqlite::SqliteConnectOptions::new().filename(&absolute);
    let pool = sqlx::SqlitePool::connect_with(database).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'later', TRUE, x'00', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    refused(&signet(dir.path()).output().unwrap(), 78, &["newer Signet", "9999"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bootstrap_variables_work_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = signet(dir.path());
    command
        .env("SIGNET_BOOTSTRAP_ADMIN_LOGIN", "root")
        .env("SIGNET_BOOTSTRAP_ADMIN_PASSWORD", PASSWORD);
    let server = Process::start(&mut command);
    let login = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
    assert_eq!(post(&server.base, "/v1/login", login).await.0, 200);
    assert!(!server.log().contains("/setup/"));
    drop(server);
    command.env("SIGNET_BOOTSTRAP_ADMIN_LOGIN", "mallory");
    let server = Process::start(&mut command);
    let login = json!({"login": "mallory", "password": PASSWORD});
    assert_eq!(post(&server.base, "/v1/login", login).await.0, 401);
}

/// Killed at a random moment of the first start, again and again: the next start completes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_is_killed_is_completed_by_the_next() {
    for round in 0..15u64 {
        let dir = tempfile::tempdir().unwrap();
        let mut child = signet(dir.path()).stderr(Stdio::null()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(round * 13)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let server = Process::start(&mut signet(dir.path()));
        let account = json!({"login": "ada", "password": PASSWORD});
        assert_eq!(post(&server.base, "/v1/register", account.clone()).await.0, 201);
        assert_eq!(post(&server.base, "/v1/login", account).await.0, 200);
    }
}

/// Killed under load, again and again: whatever was acknowledged is still true.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_by_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut history = History::default();
    let rounds = crate::support::require::variable("SIGNET_TEST_KILLS");
    let rounds: u64 = rounds.map_or(50, |text| text.parse().unwrap());
    for round in 0..rounds {
        let mut server = Process::start(&mut signet(dir.path()));
        history.check(&server.base).await;
        let base = server.base.clone();
        let load = futures_util::future::join_all(
            (0..6).map(|client| one_client(base.clone(), format!("user-{round}-{client}"))),
        );
        let kill = async {
            tokio::time::sleep(Duration::from_millis(40 + (round * 97) % 300)).await;
            server.child.kill().unwrap();
        };
        let (load, ()) = tokio::join!(load, kill);
        for part in load {
            history.merge(part);
        }
    }
    let server = Process::start(&mut signet(dir.path()));
    history.check(&server.base).await;
    assert!(history.checked > 20, "only {} facts were checked", history.checked);
    drop(server);
    let path = dir.path().join("data/signet.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let (ok,): (String,) = sqlx::query_as("PRAGMA integrity_check").fetch_one(&pool).await.unwrap();
    assert_eq!(ok, "ok");
}

/// What clients were told.
#[derive(Default)]
struct History {
    accounts: Vec<String>,
    /// The newest refresh token a client holds, and the one before it.
    live: Vec<(String, String)>,
    dead: Vec<String>,
    checked: usize,
}

impl History {
    fn merge(&mut self, other: Self) {
        self.accounts.extend(other.accounts);
        self.live.extend(other.live);
        self.dead.extend(other.dead);
    }

    /// After a restart: accounts log in, live tokens refresh, ended sessions stay ended.
    async fn check(&mut self, base: &str) {
        for login in std::mem::take(&mut self.accounts) {
            let body = json!({"login": login, "password": PASSWORD});
            assert_eq!(post(base, "/v1/login", body).await.0, 200, "{login} is lost");
            self.checked += 1;
        }
        for (newest, _) in std::mem::take(&mut self.live) {
            let (status, body) = post(base, "/v1/refresh", json!({"refresh_token": newest})).await;
            assert_eq!(status, 200, "an acknowledged rotation is lost: {body}");
            self.checked += 1;
        }
        for token in std::mem::take(&mut self.dead) {
            let (status, _) = post(base, "/v1/refresh", json!({"refresh_token": token})).await;
            assert_eq!(status, 401, "a session that was ended lives again");
            self.checked += 1;
        }
    }
}

/// Registers, logs in, refreshes, logs out, until the server is gone.
async fn one_client(base: String, login: String) -> History {
    let client = reqwest::Client::new();
    let send = async |path: &str, body: Value| -> Option<(u16, Value)> {
        let answer = client.post(format!("{base}{path}")).json(&body).send().await.ok()?;
        let status = answer.status().as_u16();
        let text = answer.text().await.ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    };
    let mut told = History::default();
    let account = json!({"login": login, "password": PASSWORD});
    match send("/v1/register", account.clone()).await {
        Some((201, _)) => told.accounts.push(login),
        _ => return told,
    }
    while let Some((200, tokens)) = send("/v1/login", account.clone()).await {
        let mut token = tokens["refresh_token"].as_str().unwrap().to_owned();
        let mut before = token.clone();
        for _ in 0..5 {
            match send("/v1/refresh", json!({"refresh_token": token})).await {
                Some((200, tokens)) => {
                    before = token;
                    token = tokens["refresh_token"].as_str().unwrap().to_owned();
                }
                _ => {
                    // The answer is lost: what was held stays good, as the rotation is retried.
                    told.live.push((token, before));
                    return told;
                }
            }
        }
        match send("/v1/logout", json!({"refresh_token": token})).await {
            Some((204, _)) => told.dead.push(token),
            _ => return told,
        }
    }
    told
}

/// Another process holds the database: writes are refused in time, reading goes on, and nobody has
/// to help afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_locked_database_is_a_503_that_passes() {
    let dir = tempfile::tempdir().unwrap();
    let server = Process::start(&mut signet(dir.path()));
    let account = json!({"login": "ada", "password": PASSWORD});
    assert_eq!(post(&server.base, "/v1/register", account.clone()).await.0, 201);
    let (_, tokens) = post(&server.base, "/v1/login", account.clone()).await;
    let refresh = json!({"refresh_token": tokens["refresh_token"]});

    let path = dir.path().join("data/signet.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let lock = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let client = reqwest::Client::new();
    for (path, body) in [("/v1/refresh", &refresh), ("/v1/login", &account)] {
        let began = Instant::now();
        let request = client.post(format!("{}{path}", server.base)).json(body).send();
        let answer = request.await.unwrap();
        assert_eq!(answer.status().as_u16(), 503, "{path}");
        assert!(answer.headers().contains_key("retry-after"), "{path}");
        assert!(began.elapsed() < Duration::from_secs(4), "{path}: {:?}", began.elapsed());
    }
    for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration", "/health"] {
        let answer = client.get(format!("{}{path}", server.base)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}");
    }
    lock.rollback().await.unwrap();
    assert_eq!(post(&server.base, "/v1/refresh", refresh).await.0, 200);
    assert_eq!(post(&server.base, "/v1/login", account).await.0, 200);
}

/// The disk is full (here: a limit on file size): nothing is acknowledged, reading goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_may_not_grow_is_a_503_and_no_death() {
    let dir = tempfile::tempdir().unwrap();
    drop(Process::start(&mut signet(dir.path())));
    let real = signet(dir.path());
    let mut command = Command::new("/bin/sh");
    // 512-byte blocks: a little more than the database has now.
    command.arg("-c").arg("ulimit -f 700; exec \"$0\"").arg(env!("CARGO_BIN_EXE_signet"));
    command.current_dir(dir.path()).env_clear();
    command.envs(real.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let server = Process::start(&mut command);
    let mut refused = 0;
    for number in 0..400 {
        let account = json!({"login": format!("user{number}"), "password": PASSWORD});
        let (status, body) = post(&server.base, "/v1/register", account.clone()).await;
        match status {
            201 => {
                let (status, _) = post(&server.base, "/v1/login", account).await;
                assert!(status == 200 || status == 503, "{status}");
            }
            503 => refused += 1,
            other => panic!("{other}: {body}\n{}", server.log()),
        }
        if refused > 3 {
            break;
        }
    }
    assert!(refused > 0, "the limit was never reached");
    let client = reqwest::Client::new();
    for path in ["/.well-known/jwks.json", "/health"] {
        let answer = client.get(format!("{}{path}", server.base)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}");
    }
}

/// The demo works as printed and leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_works_as_printed() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Process::start(signet(dir.path()).arg("dev").env("TMPDIR", dir.path()));
    let deadline = Instant::now() + PATIENCE;
    while !server.log().contains("Press Ctrl+C") {
        assert!(Instant::now() < deadline, "{}", server.log());
        std::thread::yield_now();
    }
    let log = server.log();
    let password = log.split("password  ").nth(1).unwrap().split(' ').next().unwrap();
    let body = json!({
        "login": "alice@example.test", "password": password,
        "audience": "https://api.example.com", "scope": "orders:read",
    });
    assert_eq!(post(&server.base, "/v1/login", body).await.0, 200);
    server.signal(rustix::process::Signal::INT);
    assert_eq!(server.wait(), 0);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "something was left behind");
    let open = signet(dir.path()).arg("dev").env("SIGNET_LISTEN", "0.0.0.0:0").output().unwrap();
    refused(&open, 78, &["loopback"]);
}

/// No secret reaches a log or lies readable in the data directory; the set-up link is the one
/// exception.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_reaches_a_log_or_the_database_file() {
    for format in ["json", "pretty"] {
        let dir = tempfile::tempdir().unwrap();
        let mut command = signet(dir.path());
        command.env("SIGNET_LOG", "debug,signet=trace").env("SIGNET_LOG_FORMAT", format);
        let server = Process::start(&mut command);
        let mail = "secret-mail@example.com";
        let account = json!({"login": mail, "password": PASSWORD});
        post(&server.base, "/v1/register", account.clone()).await;
        let (_, tokens) = post(&server.base, "/v1/login", account).await;
        let wrong = json!({"login": mail, "password": "a wrong secret"});
        post(&server.base, "/v1/login", wrong).await;
        let (_, next) =
            post(&server.base, "/v1/refresh", json!({"refresh_token": tokens["refresh_token"]}))
                .await;
        let access = next["access_token"].as_str().unwrap();
        let client = reqwest::Client::new();
        client
            .get(format!("{}/v1/me?x={access}", server.base))
            .bearer_auth(access)
            .send()
            .await
            .unwrap();
        let changed = json!({"current_password": PASSWORD, "new_password": "another secret 9"});
        let request = client.post(format!("{}/v1/password", server.base)).bearer_auth(access);
        assert_eq!(request.json(&changed).send().await.unwrap().status().as_u16(), 204);
        post(&server.base, "/v1/refresh", json!({"refresh_token": "srt_nonsense-secret"})).await;
        post(&server.base, "/v1/logout", json!({"refresh_token": next["refresh_token"]})).await;
        let setup = server.setup_path();
        client.get(format!("{}{setup}", server.base)).send().await.unwrap();
        let log = server.log();
        assert!(log.contains("audit"), "{log}");
        let token = setup.strip_prefix("/setup/").unwrap();
        assert_eq!(log.matches(token).count(), 1, "the link is printed once: {log}");
        let secrets = [
            PASSWORD,
            "a wrong secret",
            "another secret 9",
            "srt_",
            access,
            tokens["access_token"].as_str().unwrap(),
        ];
        for secret in secrets.iter().chain([&mail]) {
            assert!(!log.contains(*secret), "{secret} in the log: {log}");
        }
        drop(server);
        for entry in std::fs::read_dir(dir.path().join("data")).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            for secret in secrets.iter().chain([&token]) {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{secret} in {}", path.display());
            }
        }
    }
}

//! A running server and a client for it.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use signet::app::App;
use signet::app::startup::{OpenError, OpenPurpose, Opened, Startup};
use signet::base::{Clock, SystemClock, TimeSpan, Timestamp};
use signet::config::{Config, Source};
use signet::crypto::random::SystemEntropy;
use signet::domain::attributes::Attributes;
use signet::domain::request_info::RequestInfo;
use signet::domain::user::Role;
use signet::domain::user_email::EmailChange;
use signet::store::{Db, migrate as schema};
use signet::{admin, jobs, server};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::clock::ManualClock;
use super::process::PATIENCE;
use super::{DEADLINES, LONG, PATIENT, postgres, require};

/// The database on which a test runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// Runs `test` once on each database. The absence of PostgreSQL is reported.
pub async fn on_both(name: &str, test: impl AsyncFn(Backend)) {
    test(Backend::Sqlite).await;
    if postgres::is_there().await {
        test(Backend::Postgres).await;
    } else {
        require::missing("postgres", name);
    }
}

/// The URL of an empty database with the schema, a copy of a template, because the migrations would take most of a
/// start.
async fn migrated_database() -> String {
    const TEMPLATE: &str = "migrated";
    postgres::template_database(TEMPLATE, async |url| {
        let db = Db::postgres(&url, 2, LONG).await.unwrap();
        schema::up(&db).await.unwrap();
        db.close().await;
    })
    .await;
    postgres::database_from_template(TEMPLATE).await.unwrap()
}

/// How a server is started.
pub struct Options {
    pub backend: Backend,
    pub settings: Vec<(String, String)>,
    pub real_clock: bool,
    /// By how much its clock is ahead of those of the other servers and of the database.
    pub clock_ahead: TimeSpan,
    pub database_url: Option<String>,
}

/// A server with a database of its own.
pub struct Server {
    pub base: String,
    pub app: App,
    pub dir: Arc<TempDir>,
    pub database_url: Option<String>,
    clock: Arc<ManualClock>,
    client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Two processes on one PostgreSQL database; `None`, reported, without PostgreSQL.
pub async fn pair(name: &str) -> Option<(Server, Server)> {
    let Some(url) = postgres::fresh_database().await else {
        require::missing("postgres", name);
        return None;
    };
    let one = Options::on(Backend::Postgres).on_database(&url).start().await;
    let key = std::fs::read_to_string(one.dir.path().join("data/master.key")).unwrap();
    let two = Options::on(Backend::Postgres)
        .on_database(&url)
        .with("SIGNET_MASTER_KEY", key.trim())
        .with("SIGNET_ISSUER", &one.base)
        .start()
        .await;
    Some((one, two))
}

/// A response.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|e| panic!("not JSON ({e}): {} {}", self.status, self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// The `code` of a problem.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Asserts the status and the code of a problem.
    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str) -> &Self {
        assert_eq!((self.status, &*self.code()), (status, code), "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        self
    }

    #[track_caller]
    pub fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    #[track_caller]
    pub fn string(&self, field: &str) -> String {
        let json = self.json();
        json[field].as_str().unwrap_or_else(|| panic!("no {field} in {json}")).to_owned()
    }
}

/// The tokens of a log-in.
#[derive(Debug, Clone)]
pub struct Tokens {
    pub access: String,
    pub refresh: String,
}

impl Tokens {
    pub fn of(answer: &Answer) -> Self {
        answer.is(200);
        Self { access: answer.string("access_token"), refresh: answer.string("refresh_token") }
    }

    /// The claims of the access token, unverified.
    pub fn claims(&self) -> Value {
        use base64::Engine as _;
        let part = self.access.split('.').nth(1).unwrap();
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }
}

pub const PASSWORD: &str = "correct horse battery";

impl Options {
    pub fn on(backend: Backend) -> Self {
        Self {
            backend,
            settings: Vec::new(),
            real_clock: false,
            clock_ahead: TimeSpan::ZERO,
            database_url: None,
        }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With deadlines five times as long as in service, for tests that wait until the server gives up: other
    /// operations that must succeed get the time that a busy machine needs.
    pub fn soon_gives_up(self) -> Self {
        self.with(DEADLINES, "5")
    }

    pub fn clock_ahead(mut self, span: TimeSpan) -> Self {
        self.clock_ahead = span;
        self
    }

    pub fn real_clock(mut self) -> Self {
        self.real_clock = true;
        self
    }

    pub fn on_database(mut self, url: &str) -> Self {
        self.database_url = Some(url.to_owned());
        self
    }

    pub async fn start(self) -> Server {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        self.start_in(dir).await
    }

    pub async fn start_in(self, dir: Arc<TempDir>) -> Server {
        let database_url = match (self.backend, self.database_url.clone()) {
            (_, Some(url)) => Some(url),
            (Backend::Sqlite, None) => None,
            (Backend::Postgres, None) => Some(migrated_database().await),
        };
        let mut settings: Vec<(String, String)> = [
            ("SIGNET_DATA_DIR", dir.path().join("data").to_str().unwrap()),
            ("SIGNET_LISTEN", "127.0.0.1:0"),
            ("SIGNET_METRICS_LISTEN", "off"),
            ("SIGNET_ARGON2_MEMORY_KIB", "64"),
            ("SIGNET_ARGON2_ITERATIONS", "1"),
            ("SIGNET_HASH_WORKERS", "2"),
            ("SIGNET_REGISTRATION", "open"),
            ("SIGNET_RATE_LIMITS", "off"),
        ]
        .into_iter()
        .chain(PATIENT)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        settings.extend(database_url.clone().map(|url| ("SIGNET_DATABASE_URL".to_owned(), url)));
        for (name, value) in self.settings {
            settings.retain(|(known, _)| *known != name);
            settings.push((name, value));
        }
        let config = config(dir.path(), &settings);
        // A whole second, so that ages in responses are round numbers.
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_secs(1_800_000_000)));
        clock.jump(self.clock_ahead);
        clock.database_is_ahead(TimeSpan::ZERO - self.clock_ahead);
        let time: Arc<dyn Clock> =
            if self.real_clock { Arc::new(SystemClock) } else { Arc::clone(&clock) as _ };
        let (ready, started) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || serve(config, time, ready, stopped));
        let (base, app) =
            tokio::task::spawn_blocking(move || started.recv().unwrap()).await.unwrap();
        // A connection for each request would use up the ports.
        let mut client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("suite/1");
        if let Some((_, file)) = settings.iter().find(|(name, _)| name == "SIGNET_TLS_CERT") {
            let pem = std::fs::read(file).unwrap();
            client = client.add_root_certificate(reqwest::Certificate::from_pem(&pem).unwrap());
        }
        let client = client.build().unwrap();
        Server {
            base,
            app,
            dir,
            database_url,
            clock,
            client,
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

pub fn config(dir: &Path, settings: &[(String, String)]) -> Config {
    let pairs: Vec<(&str, &str)> =
        settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    match Config::from_source(&Source::from_pairs(dir, &pairs)) {
        Ok(loaded) => loaded.config,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

/// Opens the application. The lock of a server that has ended can be held by a child that another test has
/// forked and that has not executed its program yet; then opening is repeated.
async fn open(config: &Config, clock: &Arc<dyn Clock>) -> Opened {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let startup = Startup {
            config: config.clone(),
            clock: Arc::clone(clock),
            entropy: Arc::new(SystemEntropy),
            purpose: OpenPurpose::Serve,
        };
        match startup.open().await {
            Ok(opened) => return opened,
            Err(OpenError::TryAgain(_)) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn serve(
    mut config: Config,
    clock: Arc<dyn Clock>,
    ready: mpsc::Sender<(String, App)>,
    stopped: oneshot::Receiver<()>,
) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let bound = server::bind(&config).unwrap();
    let base = bound.urls().remove(0);
    if config.issuer_is_default {
        config.issuer = base.clone();
    }
    let opened = runtime.block_on(open(&config, &clock));
    let app = opened.app.clone();
    {
        let _inside = runtime.enter();
        jobs::start(&app);
    }
    ready.send((base, app.clone())).unwrap();
    let mut stopped = Some(stopped);
    let stop = async move || match stopped.take() {
        Some(stopped) => drop(stopped.await),
        None => std::future::pending().await,
    };
    server::in_system(server::run(app.clone(), bound, stop)).unwrap();
    let _ = runtime.block_on(jobs::leave(&app));
    runtime.block_on(app.db.close());
    runtime.shutdown_timeout(Duration::from_secs(2));
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            // The panic of a server fails its test here as well.
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.unwrap();
            }
        }
    }
}

impl Server {
    pub async fn start(backend: Backend) -> Self {
        Options::on(backend).start().await
    }

    pub fn advance(&self, span: TimeSpan) {
        self.clock.advance(span);
    }

    /// Sets by how much the clock of the database is ahead of this server's.
    pub fn database_is_ahead(&self, span: TimeSpan) {
        self.clock.database_is_ahead(span);
    }

    /// Sets the wall clock wrong by a span.
    pub fn jump(&self, span: TimeSpan) {
        self.clock.jump(span);
    }

    pub fn now(&self) -> Timestamp {
        self.app.now()
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// A request to any address, with the same client.
    pub fn request_to(&self, method: Method, url: &str) -> reqwest::RequestBuilder {
        self.client.request(method, url)
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn get_as(&self, path: &str, access: &str) -> Answer {
        self.send(self.request(Method::GET, path).bearer_auth(access)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn call_as(&self, method: Method, path: &str, access: &str, body: Value) -> Answer {
        let mut request = self.request(method, path).bearer_auth(access);
        if !body.is_null() {
            request = request.json(&body);
        }
        self.send(request).await
    }

    pub async fn register(&self, login: &str) -> String {
        let answer = self.post("/v1/register", json!({"login": login, "password": PASSWORD})).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.string("id")
    }

    pub async fn try_login(&self, login: &str, password: &str) -> Answer {
        self.post("/v1/login", json!({"login": login, "password": password})).await
    }

    pub async fn login(&self, login: &str) -> Tokens {
        Tokens::of(&self.try_login(login, PASSWORD).await)
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.post("/v1/refresh", json!({ "refresh_token": token })).await
    }

    /// An administrator created on the command line, logged in for administration.
    pub async fn administrator(&self, login: &str) -> Tokens {
        self.create_administrator(login).await;
        let body = json!({"login": login, "password": PASSWORD, "scope": "signet:admin"});
        Tokens::of(&self.post("/v1/login", body).await)
    }

    /// An administrator created on the command line.
    pub async fn create_administrator(&self, login: &str) {
        let create = admin::users::Create {
            login: login.to_owned(),
            password: Some(PASSWORD.to_owned()),
            name: None,
            email: EmailChange::default(),
            role: Role::Admin,
            attributes: Attributes::default(),
            must_change_password: false,
        };
        let app = self.app.clone();
        let now = self.now();
        self.app
            .run_to_completion(admin::users::create(app, create, RequestInfo::cli(now)))
            .await
            .unwrap_or_else(|stop| panic!("{stop:?}"));
    }

    /// The events of one kind in the audit trail, at `/v1/admin/audit`.
    pub async fn events(&self, admin: &Tokens, kind: &str) -> Vec<Value> {
        let answer = self.get_as("/v1/admin/audit?limit=200", &admin.access).await;
        let data = answer.is(200).json()["data"].as_array().unwrap().clone();
        data.into_iter().filter(|event| event["kind"] == kind).collect()
    }
}

//! The real binary as a process of its own: started in a directory, called over its socket, killed, and
//! started again on the remaining data.
//!
//! Owns processes and their output. It has no knowledge of the server's features. A process that a test
//! leaves running is killed when it is dropped.

use std::io::{BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use reqwest::Method;
use rustix::process::{Pid, Signal};
use serde_json::Value;
use tempfile::TempDir;

use super::log_schema;
use super::server::Answer;
use super::{DEADLINES, PATIENT};

/// The time after which a test treats something as hung. Only an upper bound: no test depends on the duration
/// of an operation.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// How long the end of a process waits until its last lines are read.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Polls `done` until it is true.
///
/// # Panics
///
/// After [`PATIENCE`], with the text `what`.
pub async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How a process is started; reusable on the same directory.
#[derive(Clone)]
pub struct Launch {
    /// The working directory; the data directory is `data` in it unless set otherwise.
    pub dir: Arc<TempDir>,
    settings: Vec<(String, String)>,
    through: Vec<String>,
}

/// A server that did not start: its exit code, if any, and its output.
#[derive(Debug)]
pub struct Refused {
    pub code: Option<i32>,
    pub text: String,
}

impl Launch {
    /// In a new directory, with cheap hashes, open registration and no rate limits.
    pub fn new() -> Self {
        let launch = Self {
            dir: Arc::new(tempfile::tempdir().unwrap()),
            settings: Vec::new(),
            through: Vec::new(),
        };
        PATIENT
            .iter()
            .fold(launch, |launch, (name, value)| launch.with(name, value))
            .with("SIGNET_LISTEN", "127.0.0.1:0")
            // The same at every start in one directory, whichever port the system assigns.
            .with("SIGNET_ISSUER", "http://localhost:8484")
            .with("SIGNET_METRICS_LISTEN", "off")
            .with("SIGNET_ARGON2_MEMORY_KIB", "64")
            .with("SIGNET_ARGON2_ITERATIONS", "1")
            .with("SIGNET_REGISTRATION", "open")
            .with("SIGNET_RATE_LIMITS", "off")
    }

    /// Sets or replaces a setting.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the deadlines of a server in service, for tests of a deadline.
    pub fn in_service(self) -> Self {
        self.with(DEADLINES, "1")
    }

    /// With deadlines five times as long as in service, for tests that wait until the server gives up: other
    /// operations that must succeed get the time that a busy machine needs.
    pub fn soon_gives_up(self) -> Self {
        self.with(DEADLINES, "5")
    }

    /// The value of a setting that was set.
    pub fn setting(&self, name: &str) -> Option<String> {
        self.settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    /// Without a setting.
    pub fn without(mut self, name: &str) -> Self {
        self.settings.retain(|(known, _)| known != name);
        self
    }

    /// Starts it through another program, which must `exec` the server: the started process is the one that
    /// is awaited and killed.
    pub fn through(mut self, program: &[&str]) -> Self {
        self.through = program.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// The same on a copy of the data of a stopped server.
    pub fn copied(&self) -> Self {
        let copy = Self { dir: Arc::new(tempfile::tempdir().unwrap()), ..self.clone() };
        let (from, to) = (self.dir.path().join("data"), copy.dir.path().join("data"));
        std::fs::create_dir(&to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
        copy
    }

    /// The path of the database unless `SIGNET_DATA_DIR` is set.
    pub fn database(&self) -> PathBuf {
        self.dir.path().join("data/signet.db")
    }

    /// The command, with `PATH` as the only inherited variable.
    pub fn command(&self) -> Command {
        let binary = env!("CARGO_BIN_EXE_signet");
        let mut command = match self.through.split_first() {
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(binary);
                command
            }
            None => Command::new(binary),
        };
        command.current_dir(self.dir.path()).env_clear().env("PATH", "/usr/bin:/bin");
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts a server and returns when it has logged its address.
    ///
    /// # Panics
    ///
    /// When it ends instead, with its output.
    pub async fn start(&self) -> Process {
        self.start_as(&[]).await
    }

    /// The same with arguments, for other commands that serve.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub async fn start_as(&self, arguments: &[&str]) -> Process {
        match self.try_start_as(arguments).await {
            Ok(process) => process,
            Err(refused) => panic!("it ended ({:?}): {}", refused.code, refused.text),
        }
    }

    /// Starts a server, or returns why it refused to start.
    ///
    /// # Panics
    ///
    /// When it neither listens nor ends.
    pub async fn try_start(&self) -> Result<Process, Refused> {
        self.try_start_as(&[]).await
    }

    /// The same with arguments.
    ///
    /// # Panics
    ///
    /// As [`try_start`](Self::try_start).
    pub async fn try_start_as(&self, arguments: &[&str]) -> Result<Process, Refused> {
        let mut process = self.spawn(arguments);
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(base) = listening(&process.log()) {
                process.base = base;
                return Ok(process);
            }
            if let Some(status) = process.child.try_wait().unwrap() {
                return Err(Refused { code: status.code(), text: process.all_of_log() });
            }
            assert!(Instant::now() < deadline, "it does not listen: {}", process.log());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Starts a process without waiting; its address is not known yet.
    pub fn spawn(&self, arguments: &[&str]) -> Process {
        let mut command = self.command();
        let mut child =
            command.args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Log::of(child.stderr.take().unwrap());
        Process { child, log, base: String::new(), _dir: Arc::clone(&self.dir) }
    }
}

/// The first address in a complete line, in either format of the log.
fn listening(log: &str) -> Option<String> {
    let (complete, _) = log.rsplit_once('\n')?;
    complete.lines().find_map(|line| {
        if let Some((_, rest)) = line.split_once("Listening  ") {
            return rest.split_whitespace().next().map(str::to_owned);
        }
        let event: Value = serde_json::from_str(line).ok()?;
        (event["event"] == "started").then(|| event["listen"][0].as_str().unwrap().to_owned())
    })
}

/// The output of a process, collected by a thread so that a full pipe never blocks it.
struct Log {
    text: Arc<Mutex<String>>,
    /// The violations of `docs/log-schema.json` in its lines.
    remarks: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Log {
    fn of(pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let remarks: Arc<Mutex<Vec<String>>> = Arc::default();
        let (shared, wrong) = (Arc::clone(&text), Arc::clone(&remarks));
        let reader = std::thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let mut text = shared.lock().unwrap_or_else(PoisonError::into_inner);
                let printed = String::from_utf8_lossy(&line);
                text.push_str(&printed);
                drop(text);
                // A killed process may leave half a line.
                if let Some(line) = printed.strip_suffix('\n') {
                    let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
                    wrong.extend(log_schema::remarks(line));
                }
                line.clear();
            }
        });
        Self { text, remarks, reader: Some(reader) }
    }
}

/// A server process; killed when dropped.
pub struct Process {
    child: Child,
    log: Log,
    /// Its address, as `http://host:port`.
    pub base: String,
    /// The directory, which must outlive the process.
    _dir: Arc<TempDir>,
}

impl Process {
    /// Its output on stderr so far.
    pub fn log(&self) -> String {
        self.log.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has printed `text`. Log lines are written concurrently with the requests they are about,
    /// and may follow their responses.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub async fn until_logged(&self, text: &str) {
        until(&format!("{text:?} in the log"), async || self.log().contains(text)).await;
    }

    /// The complete output of a process that has ended.
    pub fn all_of_log(&mut self) -> String {
        if let Some(reader) = self.log.reader.take() {
            reader.join().unwrap();
        }
        self.log()
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).unwrap();
    }

    /// Kills it with SIGKILL, and returns when it has ended.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether it is still running.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it ends. Its exit code; `None` when a signal ended it.
    pub async fn ended(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.log());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Its resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        let pid = self.pid().as_raw_nonzero();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Its processor time, of the user and of the system, in hundredths of a second (proc(5), fields 14 and
    /// 15 of `stat`).
    pub fn cpu_ticks(&self) -> u64 {
        let stat = format!("/proc/{}/stat", self.pid().as_raw_nonzero());
        let stat = std::fs::read_to_string(stat).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// The path of the newest set-up link it printed.
    pub async fn setup_path(&self) -> String {
        until("a set-up link", async || self.log().contains("/setup/")).await;
        let log = self.log();
        let token = log.rsplit("/setup/").next().unwrap();
        let end = token.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
        format!("/setup/{}", &token[..end.unwrap_or(token.len())])
    }

    /// A client of it.
    pub fn caller(&self) -> Caller {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .build()
            .unwrap();
        Caller { base: self.base.clone(), client }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // The pipe is closed now, unless a child of the process holds it.
        let deadline = Instant::now() + LAST_LINES;
        while self.log.reader.as_ref().is_some_and(|reader| !reader.is_finished())
            && Instant::now() < deadline
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        let remarks = self.log.remarks.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::thread::panicking() {
            assert!(remarks.is_empty(), "log lines do not fit docs/log-schema.json: {remarks:#?}");
        }
    }
}

/// A client of a server that may be killed at any moment.
#[derive(Clone)]
pub struct Caller {
    /// The server's address.
    pub base: String,
    /// The HTTP client, for other requests.
    pub client: reqwest::Client,
}

impl Caller {
    /// Sends a request; `None` when no complete response was received.
    ///
    /// # Panics
    ///
    /// When the server is running but does not respond.
    pub async fn try_send(&self, request: reqwest::RequestBuilder) -> Option<Answer> {
        let answer = async {
            let response = request.send().await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Ok::<_, reqwest::Error>(Answer { status, headers, text: response.text().await? })
        };
        match answer.await {
            Ok(answer) => Some(answer),
            Err(error) => {
                assert!(!error.is_timeout(), "no answer within {PATIENCE:?}: {error}");
                None
            }
        }
    }

    /// Calls with an optional body and token; `None` when no complete response was received.
    pub async fn try_call(
        &self,
        method: Method,
        path: &str,
        access: Option<&str>,
        body: Option<&Value>,
    ) -> Option<Answer> {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(access) = access {
            request = request.bearer_auth(access);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        self.try_send(request).await
    }

    /// POSTs to a server that must be running.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.try_call(Method::POST, path, None, Some(body)).await.expect("an answer")
    }

    /// GETs from a server that must be running.
    pub async fn get(&self, path: &str) -> Answer {
        self.try_call(Method::GET, path, None, None).await.expect("an answer")
    }

    /// GETs with a token from a server that must be running.
    pub async fn get_as(&self, path: &str, access: &str) -> Answer {
        self.try_call(Method::GET, path, Some(access), None).await.expect("an answer")
    }

    /// Sends a form to a server that must be running.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields.iter().copied())
            .finish();
        let request = self
            .client
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        self.try_send(request).await.expect("an answer")
    }
}

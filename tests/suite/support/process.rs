//! The real binary as a process of its own: started in a directory, spoken to over its socket,
//! killed, and started again on what it left behind.
//!
//! Owns processes and what they print. Knows no feature of the server; the tests do. A process that
//! a test forgets is killed when it is dropped.

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

/// How long a test waits before it takes something for hung. Only a bound: no test succeeds or fails by
/// how long a thing takes.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// How long the end of a process waits for its last lines to be read.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Polls `done` until it says yes.
///
/// # Panics
///
/// After [`PATIENCE`], with `what` was waited for.
pub async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How a process is started, as often as needed on the same directory.
#[derive(Clone)]
pub struct Launch {
    /// The working directory; the data directory is `data` in it unless set otherwise.
    pub dir: Arc<TempDir>,
    settings: Vec<(String, String)>,
    through: Vec<String>,
}

/// A server that did not start: its exit code, if it has one, and all it said.
#[derive(Debug)]
pub struct Refused {
    pub code: Option<i32>,
    pub text: String,
}

impl Launch {
    /// In a directory of its own, with cheap hashes, open registration and no limits.
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
            // The same at every start of one directory, whichever port the system chooses.
            .with("SIGNET_ISSUER", "http://localhost:8484")
            .with("SIGNET_METRICS_LISTEN", "off")
            .with("SIGNET_ARGON2_MEMORY_KIB", "64")
            .with("SIGNET_ARGON2_ITERATIONS", "1")
            .with("SIGNET_REGISTRATION", "open")
            .with("SIGNET_RATE_LIMITS", "off")
    }

    /// With one more setting, or another value for one.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the deadlines of a server in service, for tests of one.
    pub fn in_service(self) -> Self {
        self.with(DEADLINES, "1")
    }

    /// With deadlines five times as long as in service, for tests that wait until the server gives up: what
    /// must succeed beside it is given the time of a busy machine.
    pub fn soon_gives_up(self) -> Self {
        self.with(DEADLINES, "5")
    }

    /// The value of a setting that was chosen.
    pub fn setting(&self, name: &str) -> Option<String> {
        self.settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    /// Without a setting.
    pub fn without(mut self, name: &str) -> Self {
        self.settings.retain(|(known, _)| known != name);
        self
    }

    /// Through another program, which must become the server: what is waited for and killed is the
    /// process that was started.
    pub fn through(mut self, program: &[&str]) -> Self {
        self.through = program.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// The same on a copy of the data; for a server that does not run.
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

    /// Where the database is while `SIGNET_DATA_DIR` is not set.
    pub fn database(&self) -> PathBuf {
        self.dir.path().join("data/signet.db")
    }

    /// The command, with nothing of this process's environment but the path.
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

    /// Starts a server and returns when it says where it listens.
    ///
    /// # Panics
    ///
    /// When it ends instead, with what it said.
    pub async fn start(&self) -> Process {
        self.start_as(&[]).await
    }

    /// The same with arguments, for what else serves.
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

    /// Starts a server, or finds out why it will not.
    ///
    /// # Panics
    ///
    /// When it does neither listen nor end.
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

    /// Starts a process and waits for nothing; it has no address yet.
    pub fn spawn(&self, arguments: &[&str]) -> Process {
        let mut command = self.command();
        let mut child =
            command.args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Log::of(child.stderr.take().unwrap());
        Process { child, log, base: String::new(), _dir: Arc::clone(&self.dir) }
    }
}

/// The first address named by a complete line, in either form of log.
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

/// What a process prints, collected by a thread so that a full pipe never holds it up.
struct Log {
    text: Arc<Mutex<String>>,
    /// What is wrong with lines of it, by `docs/log-schema.json`.
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
                // What a killed process left is half a line.
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
    /// Its directory must outlive it.
    _dir: Arc<TempDir>,
}

impl Process {
    /// What it has printed to stderr so far.
    pub fn log(&self) -> String {
        self.log.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has printed `text`. Log lines are written beside the requests that they are about, and may
    /// follow their answers.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub async fn until_logged(&self, text: &str) {
        until(&format!("{text:?} in the log"), async || self.log().contains(text)).await;
    }

    /// Everything it printed; for a process that has ended.
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

    /// Ends it as a power cut for processes would (SIGKILL) and returns when it is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for it to end by itself; its exit code, or nothing when a signal ended it.
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

    /// The processor time it has used, of the user and of the system, in hundredths of a second
    /// (proc(5), fields 14 and 15 of `stat`).
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
        // The pipe is closed now, unless a child of the process has it.
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

/// Speaks to a server that may die at any moment.
#[derive(Clone)]
pub struct Caller {
    /// The server's address.
    pub base: String,
    /// The client, for requests of another shape.
    pub client: reqwest::Client,
}

impl Caller {
    /// Sends a request; nothing when no whole answer came back.
    ///
    /// # Panics
    ///
    /// When the server is there but says nothing: silence is never right.
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

    /// Calls with a body and a token, where given; nothing when no whole answer came back.
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

    /// POSTs to a server that is expected to be there.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.try_call(Method::POST, path, None, Some(body)).await.expect("an answer")
    }

    /// GETs from a server that is expected to be there.
    pub async fn get(&self, path: &str) -> Answer {
        self.try_call(Method::GET, path, None, None).await.expect("an answer")
    }

    /// GETs with a token from a server that is expected to be there.
    pub async fn get_as(&self, path: &str, access: &str) -> Answer {
        self.try_call(Method::GET, path, Some(access), None).await.expect("an answer")
    }

    /// Sends a form to a server that is expected to be there.
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

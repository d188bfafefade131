//! Another provider, measured with the same driver on the same machine.
//!
//! Owns installing and starting it. It is configured for the same work: ES256, tokens in JWT form, one client
//! with a secret. It stores its data in memory, which makes it faster than it would be in production.

use std::error::Error;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::process::Process;

/// The credentials of the client of `benches/peers/oidc-provider`.
const CLIENT: &str = "bench:a-secret-for-measuring-that-is-long-enough";

/// The `Authorization` header of that client.
pub fn basic() -> String {
    format!("authorization: Basic {}\r\n", STANDARD.encode(CLIENT))
}

/// oidc-provider for Node.js.
///
/// # Errors
/// If Node.js or npm is missing, or the package cannot be installed.
pub fn oidc_provider() -> Result<Process, Box<dyn Error>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/oidc-provider");
    if !dir.join("node_modules").exists() {
        let mut npm = Command::new("npm");
        let npm = npm.args(["ci", "--silent", "--no-audit", "--no-fund"]).current_dir(&dir);
        if !npm.status()?.success() {
            return Err("npm ci failed in benches/peers/oidc-provider".into());
        }
    }
    let mut child = Command::new("node")
        .arg("server.mjs")
        .env("NODE_ENV", "production")
        .current_dir(&dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let out = child.stdout.take().ok_or_else(|| io::Error::other("no stdout"))?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    Process::of(child, line.trim())
}

//! A program in another language that reads one request per line and writes one response per line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::packages::{copy_of, have, npm_ci, venv};

/// The audience that the verifiers in `tests/verifiers` trust.
pub const AUDIENCE: &str = "https://api.example.com";

/// A running program; killed when dropped.
pub struct ThirdPartyVerifier {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl ThirdPartyVerifier {
    /// A script of `tests/verifiers/node`; `None`, reported, without Node.js.
    pub fn node(script: &str, issuer: &str) -> Option<Self> {
        have("npm", "node")?;
        let folder = copy_of("tests/verifiers/node");
        assert!(npm_ci(&folder), "npm ci in {}", folder.display());
        Some(Self::start("node".into(), script, &folder, issuer))
    }

    /// A script of `tests/verifiers/python`; `None`, reported, without Python.
    pub fn python(script: &str, issuer: &str) -> Option<Self> {
        have("python3", "python")?;
        let folder = copy_of("tests/verifiers/python");
        assert!(venv(&folder), "installing into {}", folder.display());
        Some(Self::start(folder.join(".venv/bin/python"), script, &folder, issuer))
    }

    fn start(program: PathBuf, script: &str, folder: &Path, issuer: &str) -> Self {
        let mut child = Command::new(program)
            .arg(script)
            .current_dir(folder)
            .env("ISSUER", issuer)
            .env("AUDIENCE", AUDIENCE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output }
    }

    /// Sends a line and reads the response.
    pub fn ask<T: DeserializeOwned>(&mut self, question: &Value) -> T {
        self.input.write_all(format!("{question}\n").as_bytes()).unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

impl Drop for ThirdPartyVerifier {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

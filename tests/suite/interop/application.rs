//! A running application: a process of another language that listens on a port of this machine.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// The client's registration, which is passed to the application.
pub struct Registration {
    pub issuer: String,
    pub client_id: String,
    pub client_secret: String,
    pub callback: String,
    pub home: String,
    pub port: u16,
    /// Whether the library is configured to send a challenge or a nonce, if its default is neither.
    pub protected: bool,
}

/// A running application; killed when dropped. Its stderr is kept for the message of a failing test.
pub struct Application {
    child: Child,
    errors: PathBuf,
    _folder: TempDir,
}

impl Application {
    /// Starts a program that prints `ready` when it listens.
    pub fn start(mut command: Command, at: &Registration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let errors = folder.path().join("errors");
        command
            .env("ISSUER", &at.issuer)
            .env("CLIENT_ID", &at.client_id)
            .env("CLIENT_SECRET", &at.client_secret)
            .env("REDIRECT_URI", &at.callback)
            .env("PORT", at.port.to_string())
            .envs(at.protected.then_some(("PROTECTED", "1")))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&errors).unwrap());
        let mut child = command.spawn().unwrap();
        let output = child.stdout.take().unwrap();
        let application = Self { child, errors, _folder: folder };
        let mut lines = BufReader::new(output).lines();
        let ready = lines.by_ref().map_while(Result::ok).any(|line| line == "ready");
        assert!(ready, "the application did not start: {}", application.errors());
        // Drains the pipe, so that the application never blocks.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        application
    }

    /// Its output on stderr.
    pub fn errors(&self) -> String {
        std::fs::read_to_string(&self.errors).unwrap_or_default()
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

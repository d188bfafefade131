//! Scripts for Node.js that tests run, some of them in a browser.

use std::path::Path;
use std::process::Command;

use super::packages::{copy_of, have, npm_ci};
use super::require;

/// An installed browser.
#[derive(Debug, Clone, Copy)]
pub enum Browser {
    Chromium,
    Firefox,
}

impl Browser {
    /// Whether it is installed; reported if not.
    pub fn is_there(self) -> bool {
        let (name, program) = match self {
            Self::Chromium => ("chromium", "/usr/bin/chromium"),
            Self::Firefox => ("firefox", "/usr/bin/firefox-esr"),
        };
        let is_there = Path::new(program).exists();
        if !is_there {
            require::missing(name, &format!("there is no {program}"));
        }
        is_there
    }
}

/// A script of `folder` with its packages; `None`, reported, if it cannot run.
pub fn script(folder: &str, name: &str) -> Option<Command> {
    let (node, _) = (have("node", "node")?, have("npm", "node")?);
    let copy = copy_of(folder);
    if !npm_ci(&copy) {
        require::missing("node", &format!("the packages of {folder} cannot be installed"));
        return None;
    }
    let mut command = Command::new(node);
    command.arg(name).current_dir(&copy);
    Some(command)
}

/// A script of `tests/browser` for a browser; `None`, reported, if it cannot run.
pub fn browser_script(browser: Browser, name: &str) -> Option<Command> {
    browser.is_there().then(|| script("tests/browser", name)).flatten()
}

/// Runs a command that must succeed. Returns its output.
pub async fn output(mut command: Command) -> String {
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let [stdout, stderr] = [&done.stdout, &done.stderr].map(|said| String::from_utf8_lossy(said));
    assert!(done.status.success(), "{stdout}{stderr}");
    stdout.into_owned()
}

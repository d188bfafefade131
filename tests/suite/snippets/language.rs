//! How a printed file is run: packages, compilers, and the folder of the file.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::packages::{copy_of, have, npm_ci, run, venv};
use crate::support::require;

const GO_PATH: &str = "/usr/share/gocode";

/// The languages of the snippets that run here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Node,
    Python,
    PythonFrameworks,
    Go,
    Ruby,
}

/// A file that can be started; it is removed when this is dropped.
pub struct Program {
    pub command: Command,
    files: Vec<PathBuf>,
}

impl Drop for Program {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
    }
}

impl Language {
    /// The language of a snippet.
    pub fn of(name: &str) -> Self {
        match name {
            "python" | "python-revocations" => Self::Python,
            "fastapi" | "flask" | "django" | "fastmcp" => Self::PythonFrameworks,
            "go" => Self::Go,
            "ruby" => Self::Ruby,
            _ => Self::Node,
        }
    }

    /// A printed file as a program; `None`, reported, if it cannot run.
    pub fn program(self, text: &str) -> Option<Program> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let stem = format!("printed-{}-{number}", std::process::id());
        let program = |command, files| Some(Program { command, files });
        let written = |folder: &Path, extension: &str, text: &str| {
            let file = folder.join(&stem).with_extension(extension);
            std::fs::write(&file, text).unwrap();
            file
        };
        match self {
            Self::Node => {
                let (node, _) = (have("node", "node")?, have("npm", "node")?);
                let folder = copy_of("examples/resource-servers/node");
                if !npm_ci(&folder) {
                    require::missing("node", "the packages of the snippets cannot be installed");
                    return None;
                }
                let file = written(&folder, "mjs", text);
                let mut command = Command::new(node);
                command.arg(&file);
                program(command, vec![file])
            }
            Self::Python | Self::PythonFrameworks => {
                have("python3", "python")?;
                let name = if self == Self::Python { "python" } else { "python-frameworks" };
                let folder = copy_of(&format!("examples/resource-servers/{name}"));
                if !venv(&folder) {
                    require::missing("python", "the packages of the snippets cannot be installed");
                    return None;
                }
                let file = written(&folder, "py", text);
                let mut command = Command::new(folder.join(".venv/bin/python"));
                command.arg(&file);
                program(command, vec![file])
            }
            Self::Go => {
                if !Path::new(GO_PATH).join("src/github.com/golang-jwt/jwt").exists() {
                    require::missing("go", "there is no golang-jwt");
                    return None;
                }
                let folder = copy_of("examples/resource-servers/go");
                // The printed file is for version 5, which Debian does not have; it uses only what both versions have.
                assert!(text.contains("golang-jwt/jwt/v5\""), "{text}");
                let source = written(&folder, "go", &text.replace("jwt/v5\"", "jwt\""));
                let binary = source.with_extension("bin");
                let mut build = go(&folder);
                build.args(["build", "-o"]).args([&binary, &source]);
                assert!(run(&mut build), "the snippet go does not compile");
                program(Command::new(&binary), vec![source, binary])
            }
            Self::Ruby => {
                let check = Command::new("ruby")
                    .args(["-e", "require 'jwt'; require 'rack/handler/webrick'"])
                    .output();
                if !check.is_ok_and(|output| output.status.success()) {
                    require::missing("ruby", "there is no Ruby with ruby-jwt");
                    return None;
                }
                let file = written(&copy_of("examples/resource-servers/ruby"), "rb", text);
                let mut command = Command::new("ruby");
                command.arg(&file);
                program(command, vec![file])
            }
        }
    }

    /// The same file without cache times and pauses: these programs have no clock but the system's.
    pub fn without_waiting(self, text: &str) -> String {
        let replaced: [(&str, &str); 2] = match self {
            Self::Node => [
                ("const KEEP = 300_000;", "const KEEP = 0;"),
                ("const PAUSE = 30_000;", "const PAUSE = 0;"),
            ],
            Self::Python | Self::PythonFrameworks | Self::Ruby => {
                [("KEEP = 300\n", "KEEP = 0\n"), ("PAUSE = 30\n", "PAUSE = 0\n")]
            }
            Self::Go => [
                ("const keep = 300 * time.Second", "const keep = 0 * time.Second"),
                ("const pause = 30 * time.Second", "const pause = 0 * time.Second"),
            ],
        };
        replaced.iter().fold(text.to_owned(), |text, (from, to)| {
            assert_eq!(text.matches(from).count(), 1, "{from}");
            text.replace(from, to)
        })
    }
}

/// Go without modules: Debian's packages are sources in one folder.
pub fn go(folder: &Path) -> Command {
    let mut command = Command::new("go");
    command.current_dir(folder).env("GOCACHE", folder.join("cache"));
    command.envs([("GO111MODULE", "off"), ("GOPATH", GO_PATH), ("GOFLAGS", "")]);
    command
}

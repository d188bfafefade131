//! The file for secrets that Signet generates.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use zeroize::Zeroizing;

use crate::admin::declarative::GeneratedSecret;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::startup_report;

/// A file with secrets. It is removed on drop, unless they have been stored.
pub struct SecretsFile(Option<PathBuf>);

impl SecretsFile {
    /// Writes secrets, one JSON object per line, if there are any. An existing file is not touched.
    pub fn write(path: &Path, secrets: &[GeneratedSecret]) -> Result<Option<Self>, CommandError> {
        if secrets.is_empty() {
            return Ok(None);
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = file.as_mut().map_err(|error| failed(path, error))?;
        let written = Self(Some(path.to_owned()));
        fill(file, secrets).map_err(|error| failed(path, &error))?;
        Ok(Some(written))
    }

    /// Keeps the file.
    pub fn keep(mut self) {
        if let Some(path) = self.0.take() {
            startup_report::say(&format!("Wrote generated secrets to {}\n", path.display()));
        }
    }
}

impl Drop for SecretsFile {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            let _ = fs::remove_file(path);
        }
    }
}

fn fill(file: &mut File, secrets: &[GeneratedSecret]) -> io::Result<()> {
    for GeneratedSecret { kind, name, key, secret } in secrets {
        let line = json!({ "kind": kind, "name": name, "key": key, "value": secret.expose() });
        let line = Zeroizing::new(format!("{line}\n"));
        file.write_all(line.as_bytes())?;
    }
    file.sync_all()
}

fn failed(path: &Path, error: &io::Error) -> CommandError {
    let advice = match error.kind() {
        io::ErrorKind::AlreadyExists => {
            "\n  It may hold secrets of an earlier run: name another file."
        }
        _ => "",
    };
    let text = format!("the secrets cannot be written to {}: {error}.{advice}", path.display());
    CommandError::new(Exit::Failed, text)
}

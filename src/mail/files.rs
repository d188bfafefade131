//! The `file:` route: one file for each mail, for development and tests.
//!
//! Owns the names and modes of the files. A file contains the complete mail with its secrets, and is readable by
//! its owner only.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::message::Message;
use super::outcome::{SendError, Stage};

/// Writes a message as `ID.eml`. A mail that is delivered again replaces its file.
pub(super) async fn write(directory: &Path, message: &Message) -> Result<(), SendError> {
    let (directory, name) = (directory.to_owned(), message.id.to_string());
    let bytes = message.bytes.clone();
    let written = tokio::task::spawn_blocking(move || replace(&directory, &name, &bytes)).await;
    let written = written.map_err(io::Error::other).and_then(|written| written);
    written.map_err(|error| SendError::local(Stage::Message, error.to_string()).needs_operator())
}

/// Written under another name first, so that a reader never finds a partial mail.
fn replace(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    if !directory.exists() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let unfinished: PathBuf = directory.join(format!(".{name}.tmp"));
    // Left behind by a process that was killed while it wrote.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Created anew, so that the mode is right and no existing link is followed.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, directory.join(format!("{name}.eml")))
}

//! Who else on the machine can read or replace the files of Signet.
//!
//! Owns the modes of the files that Signet makes: what others can do with them is taken away at the start,
//! or the start is refused. Files that settings name are not Signet's, often those of an orchestrator
//! that mounts them for every user of a container: they are warned of and nothing else.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use super::{OpenError, data_dir};
use crate::config::{Config, Database};

/// What users that are neither owner nor of the group may do.
const WORLD: u32 = 0o007;
/// What the group may do.
const GROUP: u32 = 0o070;
/// A directory that many share, such as /tmp.
const STICKY: u32 = 0o1000;
/// How the names of all files begin that Signet, SQLite or a file system makes in a data directory.
const OWN_NAMES: [&str; 4] = ["master.key", "signet.db", "serve.lock", "lost+found"];

/// What there is to say about the files.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Sentences for the operator.
    pub warnings: Vec<String>,
    /// Files that others can read or replace, and that cannot be narrowed.
    refused: Vec<String>,
}

/// Whether findings are only told, or acted upon.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Tell,
    Narrow,
}

/// What a start would say, changing nothing.
///
/// # Errors
/// What a start would be refused with.
pub fn exposure(config: &Config) -> Result<Exposure, OpenError> {
    look(config, Manner::Tell)
}

/// Takes away what others can do with the files that Signet makes.
///
/// # Errors
/// When master key or database can be read or replaced by every user, and this cannot be changed.
pub(super) fn narrow(config: &Config) -> Result<Exposure, OpenError> {
    look(config, Manner::Narrow)
}

fn look(config: &Config, manner: Manner) -> Result<Exposure, OpenError> {
    let mut found = Exposure::default();
    let (mut narrowed, mut group) = (Vec::new(), Vec::new());
    for file in own_files(config) {
        let Ok(facts) = file.path.metadata() else { continue };
        let mode = facts.mode() & 0o7777;
        let said = format!("{} (mode {mode:04o})", file.path.display());
        let owned = facts.uid() == geteuid().as_raw();
        let shared = facts.is_dir() && is_shared(&file.path, mode);
        let left = if mode & WORLD == 0 {
            mode
        } else if owned && !shared && (manner == Manner::Tell || takes(&file.path, mode & !WORLD)) {
            narrowed.push(said.clone());
            mode & !WORLD
        } else {
            mode
        };
        if left & WORLD != 0 && file.secret {
            found.refused.push(said);
        } else if left & WORLD != 0 {
            let why = if shared { "holds other files too" } else { "belongs to another user" };
            found.warnings.push(format!(
                "every user of this machine has access to {said}, which {why}: give Signet a directory \
                 of its own, with mode 0700"
            ));
        } else if left & GROUP != 0 {
            group.push(format!("{} (mode {left:04o})", file.path.display()));
        }
    }
    if !narrowed.is_empty() {
        let tense = if manner == Manner::Tell { "will be" } else { "was" };
        found.warnings.push(format!(
            "every user of this machine had access to {}: this {tense} taken away. What was read before \
             may have to be replaced: signet key rewrap",
            narrowed.join(", ")
        ));
    }
    if !group.is_empty() {
        found.warnings.push(format!(
            "the group has access to {}: chmod g-rwx unless the group needs it",
            group.join(", ")
        ));
    }
    found.warnings.extend(config.secret_files.iter().filter_map(|(name, path)| named(name, path)));
    if found.refused.is_empty() {
        return Ok(found);
    }
    Err(OpenError::Configuration(format!(
        "every user of this machine has access to {}, and this process does not own it.\n  Give it to the \
         user signet runs as, and take the access away: chown, then chmod o-rwx.",
        found.refused.join(", ")
    )))
}

/// A file that Signet makes.
struct OwnFile {
    path: PathBuf,
    /// Whether reading or replacing it gives everything away.
    secret: bool,
}

fn own_files(config: &Config) -> Vec<OwnFile> {
    let key = data_dir::master_key_path(&config.data_dir);
    let mut files = vec![
        OwnFile { path: config.data_dir.clone(), secret: false },
        // A key that lies there while a setting brings another one seals nothing.
        OwnFile { path: key, secret: config.master_key.is_none() },
    ];
    if let Database::Sqlite(path) = &config.database {
        for ending in ["", "-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            files.push(OwnFile { path: name.into(), secret: true });
        }
    }
    files
}

/// Whether a directory is not Signet's alone: taking access to it away would break something else.
fn is_shared(path: &Path, mode: u32) -> bool {
    let own = |name: &OsStr| {
        let name = name.as_encoded_bytes();
        OWN_NAMES.iter().any(|own| name.starts_with(own.as_bytes()))
    };
    let foreign =
        |entry: std::io::Result<fs::DirEntry>| entry.map_or(true, |entry| !own(&entry.file_name()));
    mode & STICKY != 0 || fs::read_dir(path).map_or(true, |mut entries| entries.any(foreign))
}

/// Gives a file another mode. False where the file system does not keep it.
fn takes(path: &Path, mode: u32) -> bool {
    let set = fs::set_permissions(path, Permissions::from_mode(mode));
    set.is_ok() && path.metadata().is_ok_and(|facts| facts.mode() & 0o7777 == mode)
}

/// What to say about a file that a setting names.
fn named(name: &str, path: &Path) -> Option<String> {
    let mode = path.metadata().ok()?.mode() & 0o7777;
    (mode & WORLD != 0).then(|| {
        format!(
            "every user of this machine has access to {} (mode {mode:04o}), which {name} names: chmod \
             o-rwx; on Kubernetes defaultMode: 0440 with fsGroup, in Compose mode: 0400 of the secret",
            path.display()
        )
    })
}

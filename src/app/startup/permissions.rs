//! The permissions of Signet's files.
//!
//! Owns the modes of the files that Signet creates: world access is removed at the start, or the start is refused.
//! Files that settings name belong to others, often to an orchestrator that mounts them for every user of a
//! container, so they only cause warnings.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use super::{OpenError, data_dir};
use crate::config::{Config, Database};

/// The permission bits of others.
const WORLD: u32 = 0o007;
/// The permission bits of the group.
const GROUP: u32 = 0o070;
/// Every user may create, rename and remove entries of a directory.
const WORLD_WRITABLE: u32 = 0o002;
/// A directory that many share, such as /tmp.
const STICKY: u32 = 0o1000;
/// The prefixes of the names that Signet, SQLite or a file system creates in a data directory.
const OWN_NAMES: [&str; 4] = ["master.key", "signet.db", "serve.lock", LOST_FOUND];
/// A directory that file systems create at their root.
const LOST_FOUND: &str = "lost+found";

/// The findings about the files.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// Warnings for the operator.
    pub warnings: Vec<String>,
    /// Files that others can read or replace and whose mode cannot be changed.
    refused: Vec<String>,
    /// Directories that Signet may not change, in which others can replace the master key or the database.
    open_directories: Vec<String>,
}

/// Whether findings are only reported, or also repaired.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Tell,
    Narrow,
}

/// The findings of a start, without changing anything.
///
/// # Errors
/// The refusal of a start.
pub fn exposure(config: &Config) -> Result<Exposure, OpenError> {
    inspect(config, Manner::Tell)
}

/// Removes world access from the files that Signet creates.
///
/// # Errors
/// When every user can read or replace the master key or the database, and this cannot be changed.
pub(super) fn narrow(config: &Config) -> Result<Exposure, OpenError> {
    inspect(config, Manner::Narrow)
}

fn inspect(config: &Config, manner: Manner) -> Result<Exposure, OpenError> {
    let mut found = Exposure::default();
    let (mut narrowed, mut group) = (Vec::new(), Vec::new());
    for file in own_files(config) {
        let Ok(facts) = file.path.metadata() else { continue };
        let mode = facts.mode() & 0o7777;
        let said = format!("{} (mode {mode:04o})", file.path.display());
        let owned = facts.uid() == geteuid().as_raw();
        let foreign = facts.is_dir() && has_foreign(&file);
        let shared = foreign || (facts.is_dir() && mode & STICKY != 0);
        let less = mode & !file.world;
        let left = if mode & file.world == 0 {
            mode
        } else if owned && !shared && (manner == Manner::Tell || takes(&file.path, less)) {
            narrowed.push(said.clone());
            less
        } else {
            mode
        };
        if left & file.world != 0 && file.secret {
            found.refused.push(said);
        } else if foreign && left & (file.world & WORLD_WRITABLE) != 0 && left & STICKY == 0 {
            found.open_directories.push(said);
        } else if left & file.world != 0 {
            let why = if shared { "holds other files too" } else { "belongs to another user" };
            found.warnings.push(format!(
                "every user of this machine has access to {said}, which {why}: give Signet a directory \
                 of its own, with mode 0700"
            ));
        } else if left & GROUP != 0 && file.world == WORLD {
            group.push(format!("{} (mode {left:04o})", file.path.display()));
        }
    }
    if !narrowed.is_empty() {
        let tense = if manner == Manner::Tell { "will be" } else { "was" };
        found.warnings.push(format!(
            "every user of this machine had access to {}: this {tense} revoked. Keys that may have been read should \
             be replaced: signet key rewrap",
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
    if !found.open_directories.is_empty() {
        return Err(OpenError::Configuration(format!(
            "every user of this machine can replace what Signet keeps in {}, which holds other files \
             too.\n  Give Signet a directory of its own with mode 0700, or take the access away: chmod \
             o-w.",
            found.open_directories.join(", ")
        )));
    }
    if found.refused.is_empty() {
        return Ok(found);
    }
    Err(OpenError::Configuration(format!(
        "every user of this machine has access to {}, and this process does not own it.\n  Give it to the \
         user signet runs as, and take the access away: chown, then chmod o-rwx.",
        found.refused.join(", ")
    )))
}

/// A file that Signet creates.
struct OwnFile {
    path: PathBuf,
    /// Whether reading or replacing it compromises everything.
    secret: bool,
    /// The bits that others must not have.
    world: u32,
    /// For a directory: the prefixes of the names of Signet's own files.
    own_names: Vec<String>,
}

impl OwnFile {
    fn directory(path: &Path, world: u32, own_names: &[&str]) -> Self {
        let own_names = own_names.iter().map(|name| (*name).to_owned()).collect();
        Self { path: path.to_owned(), secret: false, world, own_names }
    }

    fn file(path: PathBuf, secret: bool) -> Self {
        Self { path, secret, world: WORLD, own_names: Vec::new() }
    }
}

fn own_files(config: &Config) -> Vec<OwnFile> {
    let key = data_dir::master_key_path(&config.data_dir);
    let mut files = vec![
        OwnFile::directory(&config.data_dir, WORLD, &OWN_NAMES),
        // The file is unused if a setting provides another key.
        OwnFile::file(key, config.master_key.is_none()),
    ];
    if let Database::Sqlite(path) = &config.database {
        // A directory that a setting names may be readable by others. But if others can write in it, they can
        // replace the file.
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let name = path.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
        if parent != config.data_dir {
            files.push(OwnFile::directory(parent, WORLD_WRITABLE, &[&name, LOST_FOUND]));
        }
        for ending in ["", "-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            files.push(OwnFile::file(name.into(), true));
        }
    }
    files
}

/// Whether a directory contains foreign files: removing access to it would break something else.
fn has_foreign(directory: &OwnFile) -> bool {
    let own = |name: &OsStr| {
        let name = name.as_encoded_bytes();
        directory.own_names.iter().any(|own| name.starts_with(own.as_bytes()))
    };
    let foreign =
        |entry: std::io::Result<fs::DirEntry>| entry.map_or(true, |entry| !own(&entry.file_name()));
    fs::read_dir(&directory.path).map_or(true, |mut entries| entries.any(foreign))
}

/// Sets the mode of a file; `false` if the file system does not keep it.
fn takes(path: &Path, mode: u32) -> bool {
    let set = fs::set_permissions(path, Permissions::from_mode(mode));
    set.is_ok() && path.metadata().is_ok_and(|facts| facts.mode() & 0o7777 == mode)
}

/// The warning about a file that a setting names.
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

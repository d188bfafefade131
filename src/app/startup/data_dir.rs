//! The data directory: its files, their modes, and the lock that keeps a second server out.
//!
//! Owns everything that is created on disk besides the database.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::OpenError;
use crate::base::Entropy;
use crate::base::Secret;
use crate::base::entropy::random;
use crate::config::Config;

/// The name of the master key's file.
const MASTER_KEY: &str = "master.key";
/// The name of the lock file.
const LOCK: &str = "serve.lock";

/// Creates the directory (0700) if it is missing. True when it was created.
pub fn create(path: &Path) -> io::Result<bool> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::DirBuilder::new().mode(0o700).recursive(true).create(path)?;
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

/// Creates an empty database file (0600). SQLite gives the files beside it the same mode. True when it was created.
pub fn create_database(path: &Path) -> io::Result<bool> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            file.sync_all()?;
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// The path of the master key.
pub fn master_key_path(data_dir: &Path) -> PathBuf {
    data_dir.join(MASTER_KEY)
}

/// Reads the master key's file. None when there is none.
pub fn read_master_key(data_dir: &Path) -> io::Result<Option<Secret<[u8; 32]>>> {
    let text = match fs::read_to_string(master_key_path(data_dir)) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text.trim_end()).unwrap_or_default());
    match <[u8; 32]>::try_from(bytes.as_slice()) {
        Ok(key) => Ok(Some(Secret::new(key))),
        Err(_) => {
            let why = "it does not hold 32 bytes in base64url";
            Err(io::Error::new(io::ErrorKind::InvalidData, why))
        }
    }
}

/// Creates a master key (0600). It is durable before anything is sealed with it: written to a temporary file,
/// synced and linked into place, so that a crash leaves either no file or a complete one.
pub fn create_master_key(data_dir: &Path, entropy: &dyn Entropy) -> io::Result<Secret<[u8; 32]>> {
    let key: [u8; 32] = random(entropy);
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(key) + "\n");
    let aside = data_dir.join("master.key.new");
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // A hard link fails if the file exists; a rename would replace it.
    fs::hard_link(&aside, master_key_path(data_dir))?;
    fs::remove_file(&aside)?;
    File::open(data_dir)?.sync_all()?;
    Ok(Secret::new(key))
}

/// Why the data directory cannot be locked.
pub enum LockError {
    /// Another server has locked it.
    Held,
    /// The lock file cannot be created.
    Io(io::Error),
}

/// Locks the data directory for a command, with `why` for the error message.
///
/// # Errors
/// When a server uses it, or the lock cannot be created.
pub fn lock_out(config: &Config, why: &str) -> Result<File, OpenError> {
    let dir = &config.data_dir;
    lock(dir).map_err(|error| match error {
        LockError::Held => OpenError::TryAgain(format!(
            "a signet is serving {}.\n  Stop it first: {why}.",
            dir.display()
        )),
        LockError::Io(error) if error.kind() == io::ErrorKind::NotFound => OpenError::of_file(
            &format!("there is no data directory {}", dir.display()),
            &error,
            "Set SIGNET_DATA_DIR to the data directory of your server.",
        ),
        LockError::Io(error) => OpenError::of_file(
            &format!("the data directory {} cannot be written", dir.display()),
            &error,
            "Run this as the user signet runs as.",
        ),
    })
}

/// Takes the lock that lets one server at a time work on this directory. The system releases it
/// when the process ends, however it ends.
pub fn lock(data_dir: &Path) -> Result<File, LockError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(data_dir.join(LOCK))
        .map_err(LockError::Io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LockError::Held),
        Err(TryLockError::Error(error)) => Err(LockError::Io(error)),
    }
}

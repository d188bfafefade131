//! Packages of other ecosystems that tests install, below `target/` so that the source tree stays clean.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use super::require;

/// One installation at a time: several tests use the same folder concurrently, and a half-written file or
/// packages that are being reinstalled would fail the others.
static TURN: Mutex<()> = Mutex::new(());

/// Copies the files of a folder to `target/`. Existing files are kept.
pub fn copy_of(folder: &str) -> PathBuf {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    std::fs::create_dir_all(&copy).unwrap();
    for entry in std::fs::read_dir(source).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            let (bytes, to) = (std::fs::read(entry.path()).unwrap(), copy.join(entry.file_name()));
            if std::fs::read(&to).ok().as_ref() != Some(&bytes) {
                std::fs::write(to, bytes).unwrap();
            }
        }
    }
    copy
}

/// Runs `install` unless exactly the packages of `lock` are installed.
pub fn once(folder: &Path, lock: &str, install: impl FnOnce() -> bool) -> bool {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = std::fs::read(folder.join(lock)).unwrap();
    let stamp = folder.join(".installed");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return true;
    }
    let done = install();
    if done {
        std::fs::write(stamp, wanted).unwrap();
    }
    done
}

/// `npm ci` in a copied folder.
pub fn npm_ci(folder: &Path) -> bool {
    once(folder, "package-lock.json", || {
        run(Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(folder))
    })
}

/// A virtual environment in a copied folder, with the packages of its `requirements.txt`.
pub fn venv(folder: &Path) -> bool {
    once(folder, "requirements.txt", || {
        run(Command::new("python3").arg("-m").arg("venv").arg(folder.join(".venv")))
            && run(Command::new(folder.join(".venv/bin/pip"))
                .args(["install", "--quiet", "--requirement", "requirements.txt"])
                .current_dir(folder))
    })
}

pub fn run(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}

/// The path of the program; `None` after a report of what is not tested without it.
pub fn have(program: &str, what: &str) -> Option<PathBuf> {
    if Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success()) {
        return Some(program.into());
    }
    require::missing(what, &format!("{program} is not on the path"));
    None
}

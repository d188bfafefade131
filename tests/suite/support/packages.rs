//! Packages of other ecosystems that tests bring along, installed under `target/` so that the
//! sources stay clean.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use super::require;

/// One at a time: several tests want the same folder at the same moment, and a file that is half written, or
/// packages that are installed anew, would fail the others.
static TURN: Mutex<()> = Mutex::new(());

/// A copy of a folder's files under `target/`. A file that is there already is not touched.
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

/// Installs packages unless exactly these were installed before.
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

/// A virtual environment in a copied folder, with what its `requirements.txt` names.
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

/// The program, or a loud word about what is not tested without it.
pub fn have(program: &str, what: &str) -> Option<PathBuf> {
    if Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success()) {
        return Some(program.into());
    }
    require::missing(what, &format!("{program} is not on the path"));
    None
}

//! The user as whom the server runs, and the directories that this user can access.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The user as whom the server runs: the current one, or another if it is root, as which PostgreSQL refuses to run.
pub(super) struct Runner {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) other: bool,
}

impl Runner {
    pub(super) fn find() -> Result<Self, String> {
        let uid = rustix::process::geteuid();
        if !uid.is_root() {
            let gid = rustix::process::getegid().as_raw();
            return Ok(Self { uid: uid.as_raw(), gid, other: false });
        }
        // An existing user, because initdb looks its own name up.
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| user(&users, name))
            .map(|(uid, gid)| Self { uid, gid, other: true })
            .ok_or_else(|| {
                "PostgreSQL refuses to run as root, and there is neither a user postgres nor a \
                 user nobody to run it as"
                    .to_owned()
            })
    }

    /// Makes `command` run as this user, without environment variables that would configure PostgreSQL or
    /// translate its messages.
    pub(super) fn dress(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            let name_bytes = name.as_encoded_bytes();
            if name_bytes.starts_with(b"PG") || name_bytes.starts_with(b"LC_") {
                command.env_remove(&name);
            }
        }
        let mut path = std::env::var_os("PATH").unwrap_or_default();
        path.push(":/usr/bin:/bin");
        command.env("PATH", path).env("LC_ALL", "C");
        if self.other {
            command.gid(self.gid).uid(self.uid);
        }
    }

    /// The directory of the cluster: in memory if there is enough and `TMPDIR` is not set, since each
    /// database is 7 MB of small files and a slow disk makes each copy ten times as slow (15 ms against 200).
    /// The usual 64 MB of a container are not enough.
    pub(super) fn data_directory(&self) -> Result<PathBuf, String> {
        let memory = PathBuf::from("/dev/shm");
        let free = rustix::fs::statvfs(&memory).map_or(0, |fs| fs.f_bavail * fs.f_frsize);
        let wanted = std::env::var_os("TMPDIR").is_none() && self.may(&memory, 0o3);
        if wanted && free >= 4 * GIB && memory_left() >= 8 * GIB {
            return Ok(memory);
        }
        self.common_directory()
    }

    /// A directory in which both the current user and this one can create files.
    pub(super) fn common_directory(&self) -> Result<PathBuf, String> {
        let usual = std::env::temp_dir();
        let choices = [usual.clone(), PathBuf::from("/tmp"), PathBuf::from("/var/tmp")];
        let found = choices.into_iter().find(|path| {
            self.may(path, 0o3) && path.ancestors().skip(1).all(|above| self.may(above, 0o1))
        });
        found.ok_or_else(|| {
            format!("uid {} may not write to {} or /tmp; set TMPDIR", self.uid, usual.display())
        })
    }

    /// Whether this user can reach the file `path` and execute it.
    pub(super) fn reaches(&self, path: &Path) -> bool {
        fs::canonicalize(path).is_ok_and(|real| real.ancestors().all(|step| self.may(step, 0o1)))
    }

    /// Whether the permission bits give this user all of `wanted` (1 search or execute, 2 write). For the
    /// current user the first attempt decides, because its groups are not examined here.
    fn may(&self, path: &Path, wanted: u32) -> bool {
        let Ok(meta) = fs::metadata(path) else { return false };
        let shift = match () {
            () if !self.other => return true,
            () if meta.uid() == self.uid => 6,
            () if meta.gid() == self.gid => 3,
            () => 0,
        };
        (meta.mode() >> shift) & wanted == wanted
    }
}

const GIB: u64 = 1 << 30;

/// The available memory of the machine in bytes, or the limit of the control group if that is lower.
fn memory_left() -> u64 {
    let facts = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = facts.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    // If absent or "max", there is no limit.
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let limit = limit.and_then(|text| text.trim().parse().ok()).unwrap_or(u64::MAX);
    (kib.unwrap_or(0) * 1024).min(limit)
}

/// The uid and gid of `name` in the text of a passwd file.
pub(super) fn user(users: &str, name: &str) -> Option<(u32, u32)> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}

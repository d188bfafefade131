//! The cores and the memory that this machine or container provides.
//!
//! Owns reading control-group limits, and the default number of hash workers that follows from them.

use std::path::Path;

/// The divisor of the memory limit for password hashing: one quarter.
const SHARE: u64 = 4;
/// The memory that the server needs besides password hashing, in bytes. An idle server uses 4 MiB, and 18 MiB of
/// program and database files that the system can reclaim.
const OWN: u64 = 16 << 20;

/// The files with limits of control groups of version 1.
const V1: &[(&str, &str)] = &[("/sys/fs/cgroup/memory", "memory.limit_in_bytes")];
/// The same for version 2, even if both are mounted. Above `high` a group is throttled until it is unusable, so it
/// is treated as a limit.
const V2: &[(&str, &str)] = &[
    ("/sys/fs/cgroup", "memory.max"),
    ("/sys/fs/cgroup", "memory.high"),
    ("/sys/fs/cgroup/unified", "memory.max"),
    ("/sys/fs/cgroup/unified", "memory.high"),
];

/// The resources from which defaults are derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// The cores that this process may use, given its CPU quota and affinity.
    pub cores: usize,
    /// The memory that this process may use, in bytes; `None` if unknown.
    pub memory: Option<u64>,
}

impl Machine {
    /// The machine this process runs on.
    #[must_use]
    pub fn measure() -> Self {
        Self {
            // Reads the affinity (and with it a cpuset) and the CPU quotas of control groups of both
            // versions, up to the root, and rounds half a core down to none but never below one.
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: memory_under(Path::new("/")),
        }
    }

    /// How many hashes of `memory_kib` KiB may run at once: one per core, within a quarter of
    /// the memory, and at least one so that users can log in.
    #[must_use]
    pub fn hash_workers(self, memory_kib: u32) -> usize {
        let fit = self.memory.map_or(u64::MAX, |memory| memory / SHARE / bytes(memory_kib));
        usize::try_from(fit).unwrap_or(usize::MAX).min(self.cores).max(1)
    }

    /// The least memory, in bytes, with which `workers` hashes of `memory_kib` KiB fit beside the
    /// rest of the server.
    #[must_use]
    pub fn least_memory(memory_kib: u32, workers: usize) -> u64 {
        let workers = u64::try_from(workers).unwrap_or(u64::MAX);
        bytes(memory_kib).saturating_mul(workers).saturating_add(OWN)
    }
}

fn bytes(memory_kib: u32) -> u64 {
    u64::from(memory_kib).max(1) * 1024
}

/// The tightest memory limit in the files below `root`, which is `/` except in tests.
pub(super) fn memory_under(root: &Path) -> Option<u64> {
    // An unreadable file is treated as missing: it may belong to another group, and refusing to start would not help.
    let read = |path: &str| std::fs::read_to_string(root.join(path.trim_start_matches('/'))).ok();
    memory_limit(&read)
}

/// The tightest of all limits that apply, in bytes. `read` returns the text of a file.
///
/// A control group is also limited by its ancestors. Inside a container, the path in `/proc/self/cgroup` may be the
/// host's while the mount shows only a part of the tree. So every level up to the root is read, and missing levels
/// are ignored.
pub(super) fn memory_limit(read: &dyn Fn(&str) -> Option<String>) -> Option<u64> {
    let number = |text: String| text.trim().parse::<u64>().ok();
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let mut tightest = read("/proc/meminfo").as_deref().and_then(mem_total);
    for line in groups.lines().chain(["0::/", "0:memory:/"]) {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else { continue };
        let places: &[(&str, &str)] = if controllers.is_empty() { V2 } else { V1 };
        if !controllers.is_empty() && !controllers.split(',').any(|name| name == "memory") {
            continue;
        }
        for level in Path::new(group).ancestors() {
            let level = level.to_string_lossy();
            let level = level.trim_end_matches('/');
            for (root, file) in places {
                // "max" is not a number, and version 1 writes "no limit" as a huge one.
                let limit = read(&format!("{root}{level}/{file}")).and_then(number);
                tightest = [tightest, limit].into_iter().flatten().min();
            }
        }
    }
    tightest
}

/// `MemTotal` of `/proc/meminfo`, in bytes.
fn mem_total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
#[path = "host_limits_tests.rs"]
mod tests;

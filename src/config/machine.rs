//! What this machine, or the container on it, lets us use: cores and memory.
//!
//! Owns reading control-group limits and the default number of hash workers that follows from
//! them. Changes nothing and measures only when asked.

use std::path::Path;

/// The share of the memory limit that password hashing may take: one quarter.
const SHARE: u64 = 4;

/// The resources defaults are derived from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// Cores this process may use, CPU quota and affinity considered.
    pub cores: usize,
    /// Memory this process may use, in bytes; `None` where the system does not say.
    pub memory: Option<u64>,
}

impl Machine {
    /// The machine this process runs on.
    #[must_use]
    pub fn measure() -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: memory_limit(&|path| std::fs::read_to_string(path).ok()),
        }
    }

    /// How many hashes of `memory_kib` KiB may run at once: one per core, within a quarter of
    /// the memory, and at least one so that somebody can log in.
    #[must_use]
    pub fn hash_workers(self, memory_kib: u32) -> usize {
        let each = u64::from(memory_kib).max(1) * 1024;
        let fit = self.memory.map_or(u64::MAX, |memory| memory / SHARE / each);
        usize::try_from(fit).unwrap_or(usize::MAX).min(self.cores).max(1)
    }
}

/// The tightest of all limits that apply, in bytes. `read` gives the text of a file.
///
/// A control group is bound by its ancestors too, and inside a container the path in
/// `/proc/self/cgroup` may be the host's while the mount shows only our part of the tree. So
/// every level from our group to the root is asked, and levels that are not there do not count.
pub(super) fn memory_limit(read: &dyn Fn(&str) -> Option<String>) -> Option<u64> {
    let number = |text: String| text.trim().parse::<u64>().ok();
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let mut tightest = read("/proc/meminfo").as_deref().and_then(mem_total);
    for line in groups.lines().chain(["0::/", "0:memory:/"]) {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else { continue };
        let (root, file) = if controllers.is_empty() {
            ("/sys/fs/cgroup", "memory.max")
        } else if controllers.split(',').any(|name| name == "memory") {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            continue;
        };
        for level in Path::new(group).ancestors() {
            let level = level.to_string_lossy();
            let level = level.trim_end_matches('/');
            // "max" is not a number, and version 1 spells "no limit" as a huge one.
            let limit = read(&format!("{root}{level}/{file}")).and_then(number);
            tightest = [tightest, limit].into_iter().flatten().min();
        }
    }
    tightest
}

/// `MemTotal` of `/proc/meminfo`, in bytes.
fn mem_total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

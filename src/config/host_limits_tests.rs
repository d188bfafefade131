//! Tests of limits in files of both versions of control groups, and of the defaults derived from them.

use super::*;
use crate::config::{Config, Source};

/// The limit of a simulated file system.
fn limit_of(files: &[(&str, &str)]) -> Option<u64> {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    memory_under(root.path())
}

const TOTAL: (&str, &str) = ("proc/meminfo", "MemTotal:        4000 kB\nMemFree: 10 kB\n");

#[test]
fn the_tightest_memory_limit_of_version_2_counts() {
    assert_eq!(limit_of(&[]), None);
    assert_eq!(limit_of(&[TOTAL]), Some(4_096_000));
    let groups = ("proc/self/cgroup", "0::/a/b\n");
    let (parent, own) = ("sys/fs/cgroup/a/memory.max", "sys/fs/cgroup/a/b/memory.max");
    assert_eq!(limit_of(&[TOTAL, groups, (own, "max\n")]), Some(4_096_000));
    assert_eq!(limit_of(&[groups, (own, "max\n")]), None);
    assert_eq!(limit_of(&[TOTAL, groups, (own, "max\n"), (parent, "5000\n")]), Some(5000));
    assert_eq!(limit_of(&[TOTAL, groups, (own, "3000\n"), (parent, "5000\n")]), Some(3000));
    let high = "sys/fs/cgroup/a/memory.high";
    assert_eq!(limit_of(&[TOTAL, groups, (own, "3000\n"), (high, "2000\n")]), Some(2000));
    // A container with its own namespace, and one that sees the host's path but not its tree.
    let root = ("sys/fs/cgroup/memory.max", "7000\n");
    assert_eq!(limit_of(&[TOTAL, ("proc/self/cgroup", "0::/\n"), root]), Some(7000));
    assert_eq!(limit_of(&[TOTAL, ("proc/self/cgroup", "0::/../x\n"), root]), Some(7000));
    assert_eq!(limit_of(&[TOTAL, groups, root]), Some(7000));
    // Both versions at once, memory in the second.
    let groups = ("proc/self/cgroup", "4:cpuset:/\n0::/a\n");
    let unified = ("sys/fs/cgroup/unified/a/memory.max", "6000\n");
    assert_eq!(limit_of(&[TOTAL, groups, unified]), Some(6000));
}

#[test]
fn the_tightest_memory_limit_of_version_1_counts() {
    // Seen from inside a container: the path is the host's, the mount is the container's.
    let groups = ("proc/self/cgroup", "5:cpu,memory:/docker/x:y\n4:cpuset:/\n");
    let root = "sys/fs/cgroup/memory/memory.limit_in_bytes";
    assert_eq!(limit_of(&[TOTAL, groups, (root, "9223372036854771712\n")]), Some(4_096_000));
    assert_eq!(limit_of(&[TOTAL, groups, (root, "7000\n")]), Some(7000));
    let parent = ("sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "6500\n");
    assert_eq!(limit_of(&[TOTAL, groups, (root, "7000\n"), parent]), Some(6500));
    let own = ("sys/fs/cgroup/memory/docker/x:y/memory.limit_in_bytes", "6000\n");
    assert_eq!(limit_of(&[TOTAL, groups, parent, own]), Some(6000));
    // A limit above the total memory has no effect.
    assert_eq!(limit_of(&[TOTAL, groups, (root, "-1\n")]), Some(4_096_000));
}

#[test]
fn limits_that_cannot_be_read_are_none() {
    let groups = ("proc/self/cgroup", "0::/a\n");
    let parent = ("sys/fs/cgroup/memory.max", "5000\n");
    for text in ["", "\n", "many\n", "-3\n", "18446744073709551616\n"] {
        let own = ("sys/fs/cgroup/a/memory.max", text);
        assert_eq!(limit_of(&[TOTAL, groups, own, parent]), Some(5000), "{text:?}");
    }
    // Not a file: the error of reading it as one is not shown.
    let inside = ("sys/fs/cgroup/a/memory.max/not-a-file", "1");
    assert_eq!(limit_of(&[TOTAL, groups, inside, parent]), Some(5000));
    for lines in ["", "garbage", "0:", "::", "0::", "1:memory\n\n:::\n"] {
        assert_eq!(limit_of(&[TOTAL, ("proc/self/cgroup", lines)]), Some(4_096_000), "{lines:?}");
    }
    let odd = ("proc/meminfo", "MemTotal: lots kB\n");
    assert_eq!(limit_of(&[odd]), None);
    assert!(Machine::measure().cores >= 1);
}

#[test]
fn memory_that_does_not_hold_the_hashes_is_refused() {
    let on = |mib: u64, pairs: &[(&str, &str)]| {
        let machine = Machine { cores: 4, memory: Some(mib << 20) };
        Config::from_source(&Source::from_pairs("/srv", pairs).on(machine))
    };
    // 19 MiB for one hash and 16 for the rest.
    assert_eq!(on(35, &[]).unwrap().config.hash_workers, 1);
    let text = on(34, &[]).unwrap_err().to_string();
    for part in [
        "SIGNET_ARGON2_MEMORY_KIB=19456 (default), SIGNET_HASH_WORKERS=1 (default)",
        "this process may use 34 MiB of memory",
        "need 35 MiB",
        "Raise the memory limit of the container or service to 35 MiB or more",
    ] {
        assert!(text.contains(part), "{part:?} is missing in {text}");
    }
    let text = on(64, &[("SIGNET_HASH_WORKERS", "3")]).unwrap_err().to_string();
    assert!(text.contains("need 73 MiB") && text.contains("Lower SIGNET_HASH_WORKERS"), "{text}");
    assert_eq!(on(73, &[("SIGNET_HASH_WORKERS", "3")]).unwrap().config.hash_workers, 3);
}

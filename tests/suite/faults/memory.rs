//! Little memory: hundreds of concurrent log-ins in 128 MiB, and the kernel kills nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures_util::future::join_all;
use serde_json::json;

use crate::support::process::{Launch, until};
use crate::support::require;
use crate::support::server::PASSWORD;

const LIMIT: u64 = 128 * 1024 * 1024;
const CROWD: usize = 300;

/// A memory control group, in either version; removed when dropped.
struct Group {
    path: PathBuf,
    /// The file that counts kills by the kernel.
    kills: &'static str,
}

impl Group {
    fn make() -> Result<Self, String> {
        let root = Path::new("/sys/fs/cgroup");
        let name = format!("signet-test-{}", std::process::id());
        let (path, limits, kills) = if root.join("memory").is_dir() {
            let limits = ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"];
            (root.join("memory").join(name), limits, "memory.oom_control")
        } else {
            (root.join(name), ["memory.max", "memory.swap.max"], "memory.events")
        };
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        std::fs::create_dir(&path).map_err(failed)?;
        let group = Self { path: path.clone(), kills };
        let set = std::fs::write(path.join(limits[0]), LIMIT.to_string());
        set.map_err(|error| format!("{}: {error}", path.join(limits[0]).display()))?;
        // Swap is not accounted everywhere.
        let swap = if limits[1] == "memory.swap.max" { 0 } else { LIMIT };
        let _ = std::fs::write(path.join(limits[1]), swap.to_string());
        Ok(group)
    }

    fn killed(&self) -> u64 {
        let text = std::fs::read_to_string(self.path.join(self.kills)).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill ")).unwrap();
        line.parse().unwrap()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.path);
    }
}

/// With hashes of the default cost. Clients that cannot be served get 503.
#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_log_ins_fit_into_a_small_memory() {
    let group = match Group::make() {
        Ok(group) => group,
        Err(why) => return require::missing("cgroup", &why),
    };
    let enter = format!("echo $$ > {}/cgroup.procs && exec \"$0\" \"$@\"", group.path.display());
    let launch = Launch::new()
        .without("SIGNET_ARGON2_MEMORY_KIB")
        .without("SIGNET_ARGON2_ITERATIONS")
        .with("SIGNET_HASH_MAX_WAIT", "5s")
        .through(&["sh", "-c", &enter]);
    let mut server = launch.start().await;
    let members = std::fs::read_to_string(group.path.join("cgroup.procs")).unwrap();
    assert!(members.contains(&server.pid().as_raw_nonzero().to_string()), "{members}");
    let caller = server.caller();
    caller.post("/v1/register", &json!({"login": "ada", "password": PASSWORD})).await.is(201);
    let mut seen: BTreeMap<u16, usize> = BTreeMap::new();
    let calls = (0..CROWD).map(|number| {
        let caller = &caller;
        async move {
            let login = if number % 3 == 0 { format!("nobody{number}") } else { "ada".to_owned() };
            caller.post("/v1/login", &json!({"login": login, "password": PASSWORD})).await
        }
    });
    for answer in join_all(calls).await {
        assert!([200, 401, 429, 503].contains(&answer.status), "{} {}", answer.status, answer.text);
        if answer.status == 503 {
            assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
        }
        *seen.entry(answer.status).or_default() += 1;
    }
    eprintln!("{seen:?}, {} KiB resident", server.resident_kib());
    assert_eq!(group.killed(), 0);
    assert!(server.runs(), "{}", server.log());
    until("somebody is served", async || {
        let answer = caller.post("/v1/login", &json!({"login": "ada", "password": PASSWORD})).await;
        assert!([200, 503].contains(&answer.status), "{}", answer.text);
        answer.status == 200
    })
    .await;
    server.kill();
}

//! The n-th write or sync fails, once or from then on (injected by strace).
//!
//! The sweep is over n, so that every step of every transaction fails once. strace counts per thread; the
//! writer of the database is one.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use reqwest::Method;
use serde_json::json;

use super::history::{Account, Dice, administered, bystander, is_sound, keys, prepare};
use crate::support::process::{Caller, Launch, Process, Refused, until};
use crate::support::require;

/// The failing call, and its error. SQLite syncs with either call, depending on its build.
const FAULTS: [(&str, &str); 4] = [
    ("fsync,fdatasync", "EIO"),
    ("pwrite64", "ENOSPC"),
    ("pwrite64", "EIO"),
    ("ftruncate,linkat,unlink", "EIO"),
];

/// The master key is written like every other file and pipe, so its name is needed.
const KEY_FILE: (&str, &str) = ("write,fsync", "ENOSPC");

/// Every n up to `SIGNET_TEST_SWEEP`; a handful by default.
fn sweep(few: &[u64]) -> Vec<u64> {
    require::number("SIGNET_TEST_SWEEP").map_or_else(|| few.to_vec(), |last| (1..=last).collect())
}

/// Why errors cannot be injected, if so.
fn cannot_trace() -> Option<String> {
    let tried = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

/// The same launch with the error from the `when`-th call on: `3` is once, `3+` permanent. The tracer is
/// detached (`-D`), so that the process is the server.
fn failing(launch: &Launch, calls: &str, error: &str, when: &str) -> Launch {
    let trace = format!("trace={calls}");
    let inject = format!("inject={calls}:error={error}:when={when}");
    let mut strace =
        vec!["strace", "-D", "-f", "--seccomp-bpf", "-q", "-o", "/dev/null", "-e", &trace];
    strace.extend(["-e", &inject]);
    let key = launch.dir.path().join("data/master.key.new");
    if (calls, error) == KEY_FILE {
        strace.extend(["-P", key.to_str().unwrap()]);
    }
    launch.clone().through(&strace)
}

/// A refused start has one message, and an exit code for the supervisor.
#[track_caller]
pub fn is_clear(refused: &Refused) {
    let Refused { code, text } = refused;
    assert!(code.is_some_and(|code| code > 0), "{code:?}: {text}");
    let errors = text.lines().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(errors, 1, "{text}");
    assert!(!text.contains("panicked"), "{text}");
}

/// Some twenty requests for six accounts, with any result.
async fn story(caller: &Caller, admin: &str, name: &str, dice: &mut Dice) -> Vec<Account> {
    let mut told = Vec::new();
    for number in 0..6 {
        let login = format!("{name}-{number}");
        told.push(Account::work(caller, admin, login, dice, 4).await);
    }
    told
}

/// A data directory with an administrator and an application, and a token for administration.
async fn prepared() -> (Launch, String) {
    let launch = administered();
    let mut server = launch.start().await;
    let admin = prepare(&server.caller()).await;
    server.kill();
    (launch, admin)
}

/// A first start with a failing call is refused clearly or succeeds, and the next one needs no repair.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_fails_anywhere_is_completed_by_the_next() {
    if let Some(why) = cannot_trace() {
        return require::missing("strace", &why);
    }
    let mut refused = 0;
    for (calls, error) in FAULTS.into_iter().chain([KEY_FILE]) {
        for n in sweep(&[1, 3, 8]) {
            for when in [format!("{n}"), format!("{n}+")] {
                let launch = administered();
                let mut before = None;
                match failing(&launch, calls, error, &when).try_start().await {
                    Ok(mut server) => {
                        before = Some(keys(&server.caller()).await);
                        server.kill();
                    }
                    Err(why) => {
                        is_clear(&why);
                        eprintln!("{calls} {error} {when}: {}", why.text.trim());
                        refused += 1;
                    }
                }
                let server = launch.start().await;
                let caller = server.caller();
                let after = keys(&caller).await;
                assert!(before.is_none_or(|before| before == after), "{calls} {error} {when}");
                prepare(&caller).await;
                is_sound(&launch).await;
            }
        }
    }
    assert!(refused > 3, "only {refused} starts were refused");
}

/// With failing calls under load: no acknowledged change is lost, and no refused one happens later.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_costs_nothing_that_was_acknowledged() {
    if let Some(why) = cannot_trace() {
        return require::missing("strace", &why);
    }
    let (prepared, admin) = prepared().await;
    let (mut cut, mut facts) = (0, 0);
    for (calls, error) in FAULTS {
        for n in sweep(&[2, 9, 23, 60]) {
            for when in [format!("{n}"), format!("{n}+")] {
                eprintln!("{calls} {error} {when}");
                let launch = prepared.copied();
                let mut told = Vec::new();
                match failing(&launch, calls, error, &when).try_start().await {
                    Ok(mut server) => {
                        told = story(&server.caller(), &admin, "user", &mut Dice(n)).await;
                        server.kill();
                    }
                    Err(why) => is_clear(&why),
                }
                cut += told.iter().filter(|account| account.is_cut_off()).count();
                let server = launch.start().await;
                let caller = server.caller();
                let public = keys(&caller).await;
                for account in &mut told {
                    facts += account.check(&caller, &public).await;
                }
                is_sound(&launch).await;
            }
        }
    }
    eprintln!("{cut} requests were refused or lost, {facts} facts hold");
    assert!(cut > 3 && facts > 100, "{cut} {facts}");
}

/// strace attached to a running server; detached, with its errors, when dropped.
struct Tracer(Child);

impl Tracer {
    fn attach(server: &Process, calls: &str, error: &str) -> Self {
        let pid = server.pid().as_raw_nonzero().to_string();
        let inject = format!("inject={calls}:error={error}");
        let mut child = Command::new("strace")
            .args(["-f", "-o", "/dev/null", "-p", &pid, "-e", &format!("trace={calls}")])
            .args(["-e", &inject])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("attached"), "{line}");
        Self(child)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // On SIGINT it detaches from the server; on SIGKILL it would too, but not always in time.
        let pid = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        let _ = self.0.wait();
    }
}

/// A disk that fails, is full, or becomes read-only under a running server, and recovers: reads continue, the
/// same process works again, and its acknowledgements hold then and after the next start.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_for_a_while_needs_no_restart() {
    if let Some(why) = cannot_trace() {
        return require::missing("strace", &why);
    }
    let launch = administered();
    let mut server = launch.start().await;
    let caller = server.caller();
    let public = keys(&caller).await;
    let admin = prepare(&caller).await;
    let (account, access) = bystander(&caller).await;
    let mut told = Vec::new();
    let mut dice = Dice(7);
    for (calls, error) in [
        ("fsync,fdatasync", "EIO"),
        ("pwrite64", "EIO"),
        ("pwrite64,ftruncate", "ENOSPC"),
        ("pwrite64,ftruncate,openat,unlink", "EROFS"),
    ] {
        let tracer = Tracer::attach(&server, calls, error);
        let began = told.len();
        told.extend(story(&caller, &admin, &format!("{error}-{began}"), &mut dice).await);
        assert!(told[began..].iter().all(Account::is_cut_off), "{calls} {error}: not noticed");
        for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration", "/health"] {
            caller.get(path).await.is(200);
        }
        caller.get_as("/v1/me", &access).await.is(200);
        drop(tracer);
        until("writing works again", async || {
            let answer = caller.post("/v1/login", &account).await;
            assert!([200, 503].contains(&answer.status), "{}", answer.text);
            answer.status == 200
        })
        .await;
        told.extend(story(&caller, &admin, &format!("{error}-well-{began}"), &mut dice).await);
        assert!(told.iter().rev().take(6).all(|account| !account.is_cut_off()), "{calls} {error}");
        for account in &mut told {
            account.check(&caller, &public).await;
        }
    }
    assert!(server.runs() && !server.log().contains("panicked"), "{}", server.log());
    let name = json!({"name": "Ada"});
    let named = caller.try_call(Method::PATCH, "/v1/me", Some(&access), Some(&name)).await;
    named.unwrap().is(200);
    server.kill();
    let server = launch.start().await;
    let caller = server.caller();
    assert_eq!(keys(&caller).await, public);
    for account in &mut told {
        account.check(&caller, &public).await;
    }
    is_sound(&launch).await;
}

/// A response in several pieces does not wait for the client: each connection has TCP_NODELAY, without which the
/// last piece is sent when the client has acknowledged the earlier ones.
#[tokio::test(flavor = "multi_thread")]
async fn answers_do_not_wait_for_acknowledgements() {
    if let Some(why) = cannot_trace() {
        return require::missing("strace", &why);
    }
    let launch = Launch::new();
    let trace = launch.dir.path().join("trace");
    let mut strace = vec!["strace", "-D", "-f", "--seccomp-bpf", "-q", "-o"];
    strace.extend([trace.to_str().unwrap(), "-e", "trace=setsockopt"]);
    let server = launch.clone().through(&strace).start().await;
    let caller = server.caller();
    let request = caller.client.get(format!("{}/health", caller.base));
    caller.try_send(request).await.unwrap().is(200);
    let traced = || std::fs::read_to_string(&trace).unwrap_or_default();
    until("the option of a connection", async || traced().contains("TCP_NODELAY, [1]")).await;
}

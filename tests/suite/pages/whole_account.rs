//! The life of an account in Chromium, from the sign-up to the deletion.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use signet::base::TimeSpan;
use tokio::sync::mpsc;

use crate::support::mailed::MailingServer;
use crate::support::ports::free_port;
use crate::support::scripts::{Browser, browser_script};
use crate::support::second_factors::{code_of, secret_of};
use crate::support::{Backend, postgres, require};

const EMAIL: &str = "ada@example.org";

/// The response to a request of the script.
async fn answer(mailing: &MailingServer, question: &str) -> Value {
    let (what, about) = question.split_once(' ').unwrap_or((question, ""));
    match what {
        "wait" => {
            mailing.server.advance(TimeSpan::from_secs(about.parse().unwrap()));
            Value::Null
        }
        "code" => json!(code_of(&mailing.server, &secret_of(about), 0)),
        "mailed" => json!(mailing.newest().await.code),
        _ => panic!("the script asks for {question}"),
    }
}

/// Runs a script that must succeed, and answers its requests.
async fn converse(mut command: Command, mailing: &MailingServer) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut script = command.spawn().unwrap();
    let (mut stdin, mut stderr) = (script.stdin.take().unwrap(), script.stderr.take().unwrap());
    let errors = std::thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    });
    let lines = BufReader::new(script.stdout.take().unwrap()).lines();
    let (tell, mut told) = mpsc::unbounded_channel();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
    while let Some(line) = told.recv().await {
        if let Some(question) = line.strip_prefix("? ") {
            let answer = format!("{}\n", answer(mailing, question).await);
            stdin.write_all(answer.as_bytes()).unwrap();
        }
    }
    let status = script.wait().unwrap();
    assert!(status.success(), "{}", errors.join().unwrap());
}

async fn lives(backend: Backend, mode: &str, language: &str, width: &str) {
    let Some(mut command) = browser_script(Browser::Chromium, "account.mjs") else { return };
    // The RP ID of passkeys must be a domain name.
    let port = free_port();
    let issuer = format!("http://localhost:{port}");
    let mailing = MailingServer::with(
        backend,
        &[
            ("SIGNET_LISTEN", &format!("127.0.0.1:{port}")),
            ("SIGNET_ISSUER", &issuer),
            ("SIGNET_REGISTRATION", "verified"),
        ],
    )
    .await;
    command.args([&*issuer, EMAIL, mode, language, width]);
    if let Some(screenshots) = require::variable("SIGNET_TEST_SCREENSHOTS") {
        command.arg(screenshots);
    }
    converse(command, &mailing).await;
    let users = mailing.server.get_as("/v1/admin/users", &mailing.root.access).await;
    assert!(!users.is(200).text.contains(EMAIL), "{}", users.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_made_used_recovered_and_deleted_with_scripts() {
    lives(Backend::Sqlite, "script", "en", "1280").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_made_used_recovered_and_deleted_in_german() {
    if postgres::fresh_database().await.is_none() {
        return require::missing("postgres", "the life of an account");
    }
    lives(Backend::Postgres, "script", "de", "390").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_made_used_recovered_and_deleted_without_scripts() {
    lives(Backend::Sqlite, "plain", "de", "320").await;
}

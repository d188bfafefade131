//! A snippet that runs as it was printed.

use std::fs::File;
use std::process::{Child, Stdio};

use signet::view::snippet::Snippet;
use tokio::net::TcpStream;

use super::language::{Language, Program};
use crate::cli::Place;
use crate::hostile::runner::AUDIENCE;
use crate::support::ports::free_port;
use crate::support::process::until;

/// How a snippet is printed and started.
#[derive(Debug, Clone, Copy)]
pub struct Edition<'a> {
    pub name: &'a str,
    pub issuer: &'a str,
    /// Its behaviour without a recent feed, if it reads one.
    pub when_stale: &'a str,
    /// Whether it caches keys and pauses between fetches, as printed.
    pub waits: bool,
}

impl<'a> Edition<'a> {
    /// As printed, with a feed that must be recent.
    pub const fn of(name: &'a str, issuer: &'a str) -> Self {
        Self { name, issuer, when_stale: "closed", waits: true }
    }

    /// The output of `signet snippet` without a database.
    fn text(self) -> String {
        let mut arguments = vec![
            "snippet",
            self.name,
            "--audience",
            AUDIENCE,
            "--scope",
            "orders:read",
            "--issuer",
            self.issuer,
        ];
        if Snippet::named(self.name).unwrap().has_feed() {
            arguments.extend(["--when-stale", self.when_stale]);
        }
        Place::empty().run(&arguments).ok().out
    }

    /// Starts it; `None`, reported, if it cannot run.
    pub async fn start(self) -> Option<Running> {
        let language = Language::of(self.name);
        let text = self.text();
        let text = if self.waits { text } else { language.without_waiting(&text) };
        Running::start(language, text).await
    }
}

/// A resource server that runs until it is dropped.
pub struct Running {
    child: Child,
    pub base: String,
    _program: Program,
}

impl Running {
    /// Starts a printed file.
    pub async fn start(language: Language, text: String) -> Option<Self> {
        // Installing and compiling block.
        let made = tokio::task::spawn_blocking(move || language.program(&text)).await.unwrap();
        let mut program = made?;
        let port = free_port();
        let said = tempfile::NamedTempFile::new().unwrap();
        let child = program
            .command
            .env("PORT", port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::from(File::create(said.path()).unwrap()))
            .spawn()
            .unwrap();
        let mut running =
            Self { child, base: format!("http://127.0.0.1:{port}"), _program: program };
        until("the snippet listens", async || {
            let ended = running.child.try_wait().unwrap();
            let text = || std::fs::read_to_string(said.path()).unwrap();
            assert!(ended.is_none(), "the snippet has ended: {}", text());
            TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        Some(running)
    }

    /// Status, challenge and `Retry-After` of the response to a request, with an optional token.
    pub async fn ask(&self, token: Option<&str>) -> (u16, String, String) {
        let request = reqwest::Client::new().get(format!("{}/orders", self.base));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await.unwrap();
        let header = |name: &str| {
            let value = answer.headers().get(name).map(|value| value.to_str().unwrap());
            value.unwrap_or_default().to_owned()
        };
        (answer.status().as_u16(), header("www-authenticate"), header("retry-after"))
    }

    /// The status alone.
    pub async fn status(&self, token: &str) -> u16 {
        self.ask(Some(token)).await.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

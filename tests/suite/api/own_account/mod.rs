//! Users managing their own accounts: sign-in history, export, deletion, login name, language.

mod deletion;
mod deletion_races;
mod export;
mod history;
mod language;
mod login_change;
mod login_races;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Server;
use crate::support::mailed::MailingServer;
use crate::support::server::{Answer, Tokens};

const ADA: &str = "ada@example.org";

async fn delete_as(server: &Server, tokens: &Tokens, typed: &str) -> Answer {
    let body = json!({ "login": typed });
    server.call_as(Method::DELETE, "/v1/me", &tokens.access, body).await
}

async fn patch_as(server: &Server, tokens: &Tokens, body: Value) -> Answer {
    server.call_as(Method::PATCH, "/v1/me", &tokens.access, body).await
}

async fn me(server: &Server, tokens: &Tokens) -> Value {
    server.get_as("/v1/me", &tokens.access).await.is(200).json()
}

impl MailingServer {
    /// Language and subject of the mails to an address, oldest first.
    async fn sent_to(&self, to: &str) -> Vec<(String, String)> {
        self.delivered().await;
        let to = format!("<{to}>");
        let received = self.sink.received().into_iter().filter(|mail| mail.to == to);
        received.map(|mail| (mail.header("content-language"), mail.header("subject"))).collect()
    }
}

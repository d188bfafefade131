//! Mail: the outbox, the dialogue with mail servers, the messages and the command.

mod alarms;
mod command;
mod exim;
mod messages;
mod notifications;
mod outbox;
mod processes;
mod secrets;

use reqwest::Method;
use serde_json::json;
use signet::admin;
use signet::app::App;
use signet::domain::email_address::EmailAddress;
use signet::domain::request_info::RequestInfo;
use signet::i18n::Locale;
use signet::store::mails;

use crate::support::Backend;
use crate::support::process::until;
use crate::support::server::{Options, PASSWORD, Server, Tokens};
use crate::support::smtp_sink::Sink;

const FROM: &str = "Example <signet@example.com>";
const ADA: &str = "ada@example.org";

/// Options of a server whose mail goes to `sink`.
fn options(backend: Backend, sink: &Sink) -> Options {
    Options::on(backend).with("SIGNET_SMTP_URL", &sink.url()).with("SIGNET_MAIL_FROM", FROM)
}

/// Writes a test message into the outbox.
async fn queue(server: &Server, to: &str) {
    queue_in(&server.app, to, "en").await.unwrap();
}

/// The same in a language. Returns the code of a refusal.
async fn queue_in(app: &App, to: &str, language: &str) -> Result<(), String> {
    let to = EmailAddress::parse(to).unwrap();
    let locale = Locale::choose(Some(language), None, None);
    let work = admin::mail::queue_test(app.clone(), to, locale, RequestInfo::cli(app.now()));
    app.run_to_completion(work).await.map_err(|failure| format!("{failure:?}"))
}

/// A user with a verified address.
async fn verified_user(server: &Server, root: &Tokens, login: &str, email: &str) -> String {
    let body =
        json!({"login": login, "password": PASSWORD, "email": email, "email_verified": true});
    let created = server.call_as(Method::POST, "/v1/admin/users", &root.access, body).await;
    created.is(201).string("id")
}

/// The subjects of the mails that `to` received, once the outbox is empty.
async fn subjects(server: &Server, sink: &Sink, to: &str) -> Vec<String> {
    all_delivered(server).await;
    let to = format!("<{to}>");
    let received = sink.received().into_iter().filter(|mail| mail.to == to);
    received.map(|mail| mail.header("subject")).collect()
}

/// The last mail as its reader sees it.
async fn last_mail(server: &Server, sink: &Sink) -> String {
    all_delivered(server).await;
    sink.received().pop().unwrap().data.replace("=\r\n", "")
}

/// The number of waiting mails.
async fn waiting(server: &Server) -> i64 {
    mails::waiting(&mut server.app.db.reader().await.unwrap(), 100_000).await.unwrap()
}

/// Waits until the outbox is empty.
async fn all_delivered(server: &Server) {
    until("the outbox is empty", async || waiting(server).await == 0).await;
}

/// A counter of mails.
fn counted(server: &Server, result: &str) -> u64 {
    let page = signet::http::metrics_text(&server.app);
    let name = format!("signet_mails_total{{kind=\"test\",result=\"{result}\"}} ");
    page.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
}

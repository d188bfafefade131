//! A server that mails codes and links, and the mails it has sent.

use reqwest::Method;
use serde_json::{Value, json};
use signet::store::mails;

use super::process::until;
use super::second_factors::Authenticator;
use super::server::{Answer, Backend, Options, PASSWORD, Server, Tokens};
use super::smtp_sink::{Received, Sink};

/// A server with an administrator and a mail server.
pub struct MailingServer {
    pub sink: Sink,
    pub server: Server,
    pub root: Tokens,
}

/// The code and the link in a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailed {
    pub to: String,
    /// The token of the link; empty if there is only a code.
    pub link: String,
    /// The digits of the code; empty if there is only a link.
    pub code: String,
}

impl Mailed {
    /// The code and the link of a message, if it has one of them.
    pub fn of(received: &Received) -> Option<Self> {
        let text = received.data.replace("=\r\n", "").replace("=3D", "=");
        let link = text.split_once("/link/").map(|(_, rest)| rest.chars().take(43).collect());
        let code = text.lines().map(str::trim).find(|line| {
            let shape: String =
                line.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
            shape == "9999 9999"
        });
        let to = received.to.trim_matches(['<', '>']).to_owned();
        if link.is_none() && code.is_none() {
            return None;
        }
        let code = code.unwrap_or_default().replace(' ', "");
        Some(Self { to, link: link.unwrap_or_default(), code })
    }

    /// A wrong code.
    pub fn wrong_code(&self) -> String {
        let last = if self.code.ends_with('0') { '1' } else { '0' };
        format!("{}{last}", &self.code[..7])
    }

    /// The path of the page of the link.
    pub fn path(&self) -> String {
        format!("/link/{}", self.link)
    }
}

/// Options of a server whose mail goes to `sink`.
pub fn options(backend: Backend, sink: &Sink) -> Options {
    Options::on(backend)
        .with("SIGNET_SMTP_URL", &sink.url())
        .with("SIGNET_MAIL_FROM", "Example <signet@example.com>")
}

impl MailingServer {
    pub async fn start(backend: Backend) -> Self {
        Self::with(backend, &[]).await
    }

    pub async fn with(backend: Backend, settings: &[(&str, &str)]) -> Self {
        let sink = Sink::start().await;
        let mut options = options(backend, &sink);
        for (name, value) in settings {
            options = options.with(name, value);
        }
        let server = options.start().await;
        let root = server.administrator("root").await;
        Self { sink, server, root }
    }

    /// A server that requires a second factor of every user; its administrator has one.
    pub async fn requiring_factors(backend: Backend, settings: &[(&str, &str)]) -> Self {
        let sink = Sink::start().await;
        let mut options = options(backend, &sink).with("SIGNET_SECOND_FACTOR", "required");
        for (name, value) in settings {
            options = options.with(name, value);
        }
        let server = options.start().await;
        server.create_administrator("root").await;
        let body = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
        let asked = server.post("/v1/login", body).await;
        let challenge = asked.is_problem(401, "enrolment_required").string("challenge");
        let root = Tokens::of(&Authenticator::enrol_at_login(&server, &challenge).await.1);
        Self { sink, server, root }
    }

    /// A user with a password and a verified address; the id.
    pub async fn user(&self, login: &str, email: &str) -> String {
        let body =
            json!({"login": login, "password": PASSWORD, "email": email, "email_verified": true});
        self.admin(Method::POST, "/v1/admin/users", body).await.is(201).string("id")
    }

    pub async fn admin(&self, method: Method, path: &str, body: Value) -> Answer {
        self.server.call_as(method, path, &self.root.access, body).await
    }

    /// Requests a new password at `/v1`. Returns the challenge.
    pub async fn recover(&self, email: &str) -> String {
        let answer = self.server.post("/v1/recovery", json!({ "email": email })).await;
        answer.is(202).string("challenge")
    }

    /// Sends the next step of a recovery.
    pub async fn proceed(&self, challenge: &str, more: Value) -> Answer {
        let mut body = json!({ "challenge": challenge });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.server.post("/v1/login/continue", body).await
    }

    /// Waits until the outbox is empty.
    pub async fn delivered(&self) {
        until("the outbox is empty", async || {
            mails::waiting(&mut self.server.app.db.reader().await.unwrap(), 10).await.unwrap() == 0
        })
        .await;
    }

    /// The number of hashed passwords, and of mails of a kind that left the outbox with any result: the cost of a
    /// request, whose time an attacker could measure.
    pub async fn work(&self, kind: &str) -> (u64, u64) {
        self.delivered().await;
        let metrics = signet::http::metrics_text(&self.server.app);
        let sum = |prefix: &str| {
            let lines = metrics.lines().filter(|line| line.starts_with(prefix));
            let values = lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
            values.sum::<u64>()
        };
        let mails = sum(&format!("signet_mails_total{{kind=\"{kind}\""));
        (sum("signet_argon2_hashes_total{"), mails)
    }

    /// Every mail with a link or a code so far.
    pub async fn all(&self) -> Vec<Mailed> {
        self.delivered().await;
        self.sink.received().iter().filter_map(Mailed::of).collect()
    }

    /// The newest mail with a link or a code.
    pub async fn newest(&self) -> Mailed {
        self.all().await.pop().unwrap()
    }

    /// Redeems a link at `/v1`.
    pub async fn redeem(&self, link: &str, password: &str) -> Answer {
        let body = json!({ "token": link, "new_password": password });
        self.server.post("/v1/link", body).await
    }
}

//! Users verify and change their own address: mails, effect, and undo.

mod change;
mod codes;
mod limits;
mod races;
mod second_factors;
mod undo;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::mailed::{Mailed, MailingServer};
use crate::support::server::{Answer, PASSWORD, Tokens};

const ADA: &str = "ada@example.org";
const NEW: &str = "lovelace@example.net";

const REQUESTED: &str = "A change of your e-mail address was requested";
const CONFIRM: &str = "Confirm your e-mail address";
const CHANGED: &str = "Your e-mail address was changed";

impl MailingServer {
    /// A user without a verified address, logged in.
    async fn unverified(&self, login: &str, email: Option<&str>) -> (String, Tokens) {
        let body = json!({"login": login, "password": PASSWORD, "email": email});
        let id = self.admin(Method::POST, "/v1/admin/users", body).await.is(201).string("id");
        (id, self.server.login(login).await)
    }

    async fn ask(&self, tokens: &Tokens, email: &str) -> Answer {
        let body = json!({ "email": email });
        self.server.call_as(Method::PUT, "/v1/email", &tokens.access, body).await
    }

    async fn confirm(&self, tokens: &Tokens, code: &str) -> Answer {
        let body = json!({ "code": code });
        self.server.call_as(Method::POST, "/v1/email/verify", &tokens.access, body).await
    }

    /// Changes the address with the code. Returns the mail to the previous address, if any.
    async fn change(&self, tokens: &Tokens, email: &str) -> Vec<Mailed> {
        self.ask(tokens, email).await.is(202);
        let code = self.newest().await;
        assert_eq!(code.to, email);
        self.confirm(tokens, &code.code).await.is(204);
        self.all().await
    }

    async fn cancel(&self, tokens: &Tokens) -> Answer {
        let path = "/v1/email/pending";
        self.server.call_as(Method::DELETE, path, &tokens.access, Value::Null).await
    }

    async fn me(&self, tokens: &Tokens) -> Value {
        self.server.get_as("/v1/me", &tokens.access).await.is(200).json()
    }

    /// Address, state and pending change, as the user sees them.
    async fn email_of(&self, tokens: &Tokens) -> Value {
        let me = self.me(tokens).await;
        json!([me["email"], me["email_verified"], me["pending_email"]])
    }

    /// The subjects of the mails to an address.
    async fn subjects(&self, to: &str) -> Vec<String> {
        self.delivered().await;
        let to = format!("<{to}>");
        let received = self.sink.received().into_iter().filter(|mail| mail.to == to);
        received.map(|mail| mail.header("subject")).collect()
    }

    /// Redeems a link without further members.
    async fn open(&self, link: &str) -> Answer {
        self.server.post("/v1/link", json!({ "token": link })).await
    }
}

//! Signing up: the settings, the requests, and the redemption of codes and links.

mod accounts;
mod closed;
mod codes;
mod limits;
mod requests;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::mailed::MailingServer;
use crate::support::server::{Answer, Backend, PASSWORD};

const ADA: &str = "ada@example.org";
const NEW: &str = "new@example.org";

/// A server where users sign up with a mailed code.
async fn verified(backend: Backend, settings: &[(&str, &str)]) -> MailingServer {
    let all: Vec<_> =
        [("SIGNET_REGISTRATION", "verified")].into_iter().chain(settings.iter().copied()).collect();
    MailingServer::with(backend, &all).await
}

async fn ask(place: &MailingServer, email: &str) -> Answer {
    place.server.post("/v1/register", json!({ "email": email })).await
}

/// Requests a code. Returns the challenge.
async fn begin(place: &MailingServer, email: &str) -> String {
    ask(place, email).await.is(202).string("challenge")
}

/// The last step, with a default password if `more` has none.
async fn complete(place: &MailingServer, more: Value) -> Answer {
    let mut body = json!({ "password": PASSWORD });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    place.server.post("/v1/register/complete", body).await
}

/// The number of users besides the administrator.
async fn users(place: &MailingServer) -> usize {
    let answer = place.admin(Method::GET, "/v1/admin/users?limit=200", Value::Null).await;
    answer.is(200).json()["data"].as_array().unwrap().len() - 1
}

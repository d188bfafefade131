//! Clients as output.

use serde_json::Value;

use crate::admin::clients::{self, Changed};
use crate::base::Timestamp;
use crate::cli::error::CommandError;
use crate::cli::output::{self, Format, Output, Row};
use crate::cli::relative_time::ago;
use crate::cli::startup_report;
use crate::cli::table::Table;
use crate::domain::client::{AuthMethod, Client, ClientType};
use crate::store::clients::StoredClient;
use crate::view;

const KEEP_IT: &str = "Copy the secret now: it cannot be shown again.\n";

impl Row for StoredClient {
    const HEAD: &'static [&'static str] =
        &["client_id", "name", "type", "authenticates", "status", "created"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let client = &self.client;
        let status = match client.disabled_at {
            Some(at) => format!("disabled {}", ago(at, now)),
            None => "active".to_owned(),
        };
        vec![
            client.client_id.clone(),
            client.metadata.name.clone(),
            client.metadata.client_type.to_string(),
            client.metadata.auth_method.to_string(),
            status,
            ago(client.created_at, now),
        ]
    }

    fn json(&self) -> Value {
        view::client(self)
    }
}

/// A client with a secret that is shown only once.
struct WithSecret<'a>(&'a Changed);

impl Row for WithSecret<'_> {
    const HEAD: &'static [&'static str] = &["client_id", "client_secret"];

    fn cells(&self, _: Timestamp) -> Vec<String> {
        let secret = self.0.client_secret.as_ref().map(|secret| secret.expose().clone());
        vec![self.0.stored.client.client_id.clone(), secret.unwrap_or_default()]
    }

    fn json(&self) -> Value {
        view::changed_client(self.0)
    }
}

/// Writes all settings of a client, one per line on a terminal. Warnings about its keys go to stderr.
pub fn show(stored: &StoredClient, output: Output) -> Result<(), CommandError> {
    warn(&clients::key_warnings(&stored.client));
    if output.format() != Format::Table {
        return Ok(output.one(stored)?);
    }
    let shape = view::client(stored);
    let settings = shape.as_object().into_iter().flatten();
    let rows: Vec<Vec<String>> =
        settings.map(|(name, value)| vec![name.clone(), setting(name, value)]).collect();
    Ok(output::write(&Table::new(&["setting", "value"]).lines(&rows))?)
}

/// The value of a setting in readable form. An absent list means everything and an empty one nothing; both are
/// spelled out.
pub(super) fn setting(name: &str, value: &Value) -> String {
    match (name, value) {
        ("scopes", Value::Null) => "(all that its APIs offer)".to_owned(),
        ("access_token_ttl" | "refresh_idle_ttl" | "refresh_max_ttl", Value::Null) => {
            "(the server's)".to_owned()
        }
        (_, Value::Null) => "(none)".to_owned(),
        (_, Value::Array(items)) if items.is_empty() => "(none)".to_owned(),
        (_, value) => cell(value),
    }
}

/// A present value.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(" "),
        Value::Object(members) if members.len() == 1 => members.values().map(cell).collect(),
        other => other.to_string(),
    }
}

/// Writes a changed client, with its secret if a new one was created.
pub fn changed(changed: &Changed, output: Output) -> Result<(), CommandError> {
    warn(&changed.warnings);
    if changed.client_secret.is_none() {
        return Ok(output.one(&changed.stored)?);
    }
    startup_report::say(KEEP_IT);
    Ok(output.one(&WithSecret(changed))?)
}

/// Writes a new client and the next steps.
pub fn registered(changed: &Changed, issuer: &str, output: Output) -> Result<(), CommandError> {
    let client = &changed.stored.client;
    startup_report::say(&format!(
        "Registered client {} ({})\n",
        client.metadata.name, client.client_id
    ));
    warn(&changed.warnings);
    if changed.client_secret.is_some() {
        startup_report::say(KEEP_IT);
    }
    if output.format() != Format::Table {
        return Ok(output.one(&WithSecret(changed))?);
    }
    output::write(&sheet(changed, issuer))?;
    startup_report::say(&format!("\n{}", next_step(client, issuer)));
    Ok(())
}

fn warn(warnings: &[String]) {
    for warning in warnings {
        startup_report::say(&format!("warning: {warning}\n"));
    }
}

/// The values for the application's configuration.
fn sheet(changed: &Changed, issuer: &str) -> String {
    let mut sheet = format!("client_id      {}\n", changed.stored.client.client_id);
    if let Some(secret) = &changed.client_secret {
        sheet.push_str(&format!("client_secret  {}\n", secret.expose()));
    }
    sheet.push_str(&format!("discovery      {issuer}/.well-known/openid-configuration\n"));
    sheet
}

fn next_step(client: &Client, issuer: &str) -> String {
    let pinned = client.metadata.pins_auth_method();
    let proof = match client.metadata.auth_method {
        AuthMethod::None => "Public client: no secret, PKCE with S256.",
        AuthMethod::Basic | AuthMethod::Post if !pinned => {
            "It sends client_id and client_secret in the Authorization header or in the body."
        }
        AuthMethod::Basic => "It sends client_id and client_secret in the Authorization header.",
        AuthMethod::Post => "It sends client_id and client_secret in the body.",
        AuthMethod::PrivateKeyJwt => "It signs its assertions with the private half of its key.",
    };
    let id = &client.client_id;
    let mut text = match (client.metadata.client_type, client.metadata.auth_method) {
        (ClientType::Service, AuthMethod::Basic) => format!(
            "Next: let it request a token\n  curl -u {id}:CLIENT_SECRET {issuer}/oauth2/token \
             -d grant_type=client_credentials\n"
        ),
        (ClientType::Service, _) => {
            format!("Next: let it request a token at {issuer}/oauth2/token\n  {proof}\n")
        }
        _ => format!(
            "Next: configure the OpenID Connect library of the application with this.\n  {proof}\n"
        ),
    };
    if client.metadata.audiences.is_empty() && client.metadata.client_type != ClientType::Service {
        text.push_str(&format!(
            "It gets no tokens for APIs yet:  signet client update {id} --audience IDENTIFIER\n"
        ));
    }
    text
}

//! The output of a start.
//!
//! Owns the texts and events of a start and its refusals. Everything goes to stderr. The set-up link is the only
//! secret that is ever printed.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::app::startup::{Created, Opened};
use crate::base::{Clock as _, Secret, SystemClock};
use crate::config::{Config, Database};
use crate::domain::terminal_text::{escaped_json, escaped_lines};
use crate::server::Bound;
use crate::telemetry::Voice;

/// Reports that the server listens, and the next steps.
pub(super) fn started(
    voice: Voice,
    opened: &Opened,
    bound: &Bound,
    setup_url: Option<&Secret<String>>,
) {
    if voice != Voice::Machines {
        let text = if opened.created.is_nothing() {
            later_start(opened, bound)
        } else {
            first_start(opened, bound)
        };
        say(&text);
        if let Some(url) = setup_url {
            say(&setup_block(url));
        }
    }
    if voice != Voice::People {
        let issuer = opened.app.issuer();
        event(
            "started",
            &json!({
                "listen": bound.urls(),
                "issuer": issuer,
                "discovery": discovery(issuer),
                "jwks_uri": jwks(issuer),
                "console": console(&opened.app.config),
                "metrics": bound.metrics_url(),
                "hashing": hashing_facts(&opened.app.config),
                "created": created_facts(&opened.created),
            }),
        );
        if let Some(url) = setup_url {
            event("setup_required", &json!({ "setup_url": url.expose(), "expires_in": 1800 }));
        }
    }
}

fn discovery(issuer: &str) -> String {
    format!("{issuer}/.well-known/openid-configuration")
}

fn jwks(issuer: &str) -> String {
    format!("{issuer}/.well-known/jwks.json")
}

/// The address of the web console, if it is enabled.
fn console(config: &Config) -> Option<String> {
    config.console.then(|| format!("{}/admin", config.issuer))
}

fn first_start(opened: &Opened, bound: &Bound) -> String {
    let Opened { app, created, .. } = opened;
    let mut text = format!("Signet {}\n\nFirst start. Created\n", env!("CARGO_PKG_VERSION"));
    let mut line = |name: &str, value: String| text.push_str(&format!("  {name:<17}{value}\n"));
    if let Some(path) = &created.data_dir {
        line("data directory", path.display().to_string());
    }
    if let Some(path) = &created.database {
        line("database", path.display().to_string());
    } else if matches!(app.config.database, Database::Postgres(_)) {
        line("tables", "in the PostgreSQL database".to_owned());
    }
    if let Some(path) = &created.master_key {
        line("master key", path.display().to_string());
    }
    for (alg, kid) in &created.signing_keys {
        line("signing key", format!("{alg} {kid}"));
    }
    text.push('\n');
    for url in bound.urls() {
        text.push_str(&format!("Listening  {url}\n"));
    }
    let issuer = app.issuer();
    text.push_str(&format!("Issuer     {issuer}\n"));
    text.push_str(&format!("Discovery  {}\n", discovery(issuer)));
    text.push_str(&format!("JWKS       {}\n", jwks(issuer)));
    if let Some(url) = console(&app.config) {
        text.push_str(&format!("Console    {url}\n"));
    }
    if let Some(url) = bound.metrics_url() {
        text.push_str(&format!("Metrics    {url}\n"));
    }
    if created.master_key.is_some() {
        text.push_str(
            "\nBack up the master key, separately from the database: without it nothing sealed in the database\ncan \
             be read again, and an attacker who gets both can read everything.\n",
        );
    }
    text
}

fn later_start(opened: &Opened, bound: &Bound) -> String {
    let console = console(&opened.app.config);
    let console = console.map_or_else(String::new, |url| format!("  Console  {url}"));
    format!(
        "Signet {}  Listening  {}  Issuer  {}{console}\n",
        env!("CARGO_PKG_VERSION"),
        bound.urls().join("  "),
        opened.app.issuer()
    )
}

fn setup_block(url: &Secret<String>) -> String {
    format!(
        "\nOpen this link to create the administrator (works once, for 30 minutes):\n\n  {}\n\n\
         On a server without a browser:  signet user create YOUR-LOGIN --role admin\n",
        url.expose()
    )
}

impl Created {
    fn is_nothing(&self) -> bool {
        self.data_dir.is_none()
            && self.database.is_none()
            && self.master_key.is_none()
            && self.signing_keys.is_empty()
    }
}

/// The resources of password hashing: those of the machine, and the configured ones.
fn hashing_facts(config: &Config) -> Value {
    json!({
        "workers": config.hash_workers,
        "memory_kib": config.argon2.memory_kib,
        "cores": config.machine.cores,
        "memory_limit": config.machine.memory,
    })
}

fn created_facts(created: &Created) -> Value {
    let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|p| p.display().to_string());
    let keys: Vec<Value> =
        created.signing_keys.iter().map(|(alg, kid)| json!({ "alg": alg, "kid": kid })).collect();
    json!({
        "data_dir": path(&created.data_dir),
        "database": path(&created.database),
        "master_key": path(&created.master_key),
        "signing_keys": keys,
    })
}

/// Reports why the server did not start; as an event if the log format is JSON.
pub(super) fn refusal(text: &str, code: u8, json: bool) {
    if json {
        line("ERROR", "refused", &json!({ "message": text, "exit_code": code }));
    } else {
        say(&format!("error: {text}  (exit {code})\n"));
    }
}

/// Writes to stderr, with terminal control characters escaped. A closed stderr is ignored.
pub(super) fn say(text: &str) {
    let _ = std::io::stderr().lock().write_all(escaped_lines(text).as_bytes());
}

/// Writes one event in the form of the JSON log lines.
fn event(name: &str, facts: &Value) {
    line("INFO", name, facts);
}

fn line(level: &str, name: &str, facts: &Value) {
    let mut line = json!({
        "timestamp": SystemClock.now().rfc3339(),
        "level": level,
        "event": name,
        "message": name,
        "target": "signet::start",
        "version": env!("CARGO_PKG_VERSION"),
    });
    if let (Some(line), Some(facts)) = (line.as_object_mut(), facts.as_object()) {
        line.extend(facts.clone());
    }
    say(&escaped_json(&format!("{line}\n")));
}

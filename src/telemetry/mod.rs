//! Log output.
//!
//! Owns the format; `log_writer` writes lines. Secrets (passwords, tokens, login names, query strings) are
//! excluded at their source; a test exercises every path at debug level and searches the log.

mod log_writer;

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use crate::config::LogFormat;
use crate::domain::terminal_text::{escaped_json, escaped_log};

pub use log_writer::LogWriter;
use log_writer::{Lines, Stderr};

static LINES: Lines = Lines::new();

/// Libraries that log too much below warnings; the operator's directives override these. actix reports every
/// malformed request as an error of the server, so any caller could fill the log.
const QUIET: &str = "actix_http=info,actix_http::h1::dispatcher=off,actix_server=warn,\
                     actix_web=info,sqlx=warn,rustls=warn,mio=warn";

/// The form of messages about the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// Lines for people.
    People,
    /// JSON events.
    Machines,
    /// Both: the format is not set, and the output is a pipe whose reader is unknown.
    Both,
}

/// Starts a separate thread that writes the log until the returned value is dropped. Used while requests are
/// served. A panic is logged like any other line, because Rust's own message would wait for a stalled reader.
#[must_use]
pub fn start_log_writer() -> LogWriter {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(tracing::field::display);
        let what = panic.payload_as_str().unwrap_or("no text");
        tracing::error!(at, what, "a thread panicked");
    }));
    LogWriter::start(&LINES, std::io::stderr())
}

/// Starts logging to stderr. Returns the matching form of messages.
///
/// # Errors
/// When the filter is invalid, with the reason.
pub fn init(filter: &str, format: LogFormat) -> Result<Voice, String> {
    let filter = EnvFilter::try_new(format!("{QUIET},{filter}"))
        .map_err(|error| format!("SIGNET_LOG is not a log filter: {error}"))?;
    let terminal = std::io::stderr().is_terminal();
    let pretty = match format {
        LogFormat::Pretty => true,
        LogFormat::Json => false,
        LogFormat::Auto => terminal,
    };
    let registry = tracing_subscriber::registry().with(filter);
    // A second start in one process (in tests) keeps the first output.
    let _ = if pretty {
        let layer = fmt::layer().with_writer(|| Stderr(&LINES, escaped_log)).with_ansi(terminal);
        registry.with(layer).try_init()
    } else {
        let layer =
            fmt::layer().json().flatten_event(true).with_writer(|| Stderr(&LINES, escaped_json));
        registry.with(layer).try_init()
    };
    Ok(match format {
        LogFormat::Json => Voice::Machines,
        LogFormat::Auto if !terminal => Voice::Both,
        _ => Voice::People,
    })
}

//! Log output.
//!
//! Owns the format; how lines get out is `log_writer`. What is never logged (passwords, tokens, logins, query
//! strings) is kept out where it would arise; a test drives everything at debug level and looks.

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

/// Libraries that are chatty below warnings; a directive of the operator's own wins over these.
/// actix reports every request it cannot parse as an error of ours: a caller that sends rubbish would
/// fill the log.
const QUIET: &str = "actix_http=info,actix_http::h1::dispatcher=off,actix_server=warn,\
                     actix_web=info,sqlx=warn,rustls=warn,mio=warn";

/// How facts about the start are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// Lines for people.
    People,
    /// JSON events.
    Machines,
    /// Both: the format is not set, and the output is a pipe that either may be reading.
    Both,
}

/// Has a thread of its own write the log until what is returned is dropped. For the time in which
/// requests are served: what is said before and after may be read between lines that are not of the log.
/// A panic is a line like any other: what Rust prints by itself would wait for a reader that stopped.
#[must_use]
pub fn start_log_writer() -> LogWriter {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(tracing::field::display);
        let what = panic.payload_as_str().unwrap_or("no text");
        tracing::error!(at, what, "a thread panicked");
    }));
    LogWriter::start(&LINES, std::io::stderr())
}

/// Starts logging to stderr. Returns the voice that fits it.
///
/// # Errors
/// When the filter cannot be read; the text says why.
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
    // A second start in one process (tests) keeps the first one's output.
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

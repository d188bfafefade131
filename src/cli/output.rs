//! Standard output: readable tables, and JSON for programs.
//!
//! Owns the choice of the format and its framing. JSON has the shapes of the HTTP API. Only data is written here.

use std::io::{self, IsTerminal as _, Write as _};
use std::marker::PhantomData;

use clap::ValueEnum;
use serde_json::Value;

use crate::base::{Clock as _, SystemClock, Timestamp};
use crate::domain::terminal_text::{escaped_json, escaped_lines};
use crate::view::csv;

use super::table::Table;

/// How data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns, times relative to now
    Table,
    /// One indented array or object
    Json,
    /// One object per line
    Ndjson,
    /// Comma-separated values with a header, for events and sessions
    Csv,
}

/// A listed or shown object.
pub trait Row {
    /// The column names.
    const HEAD: &'static [&'static str];
    /// The cells, one per column; times relative to `now`.
    fn cells(&self, now: Timestamp) -> Vec<String>;
    /// The complete object.
    fn json(&self) -> Value;
}

/// Standard output in a format.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    chosen: Option<Format>,
}

impl Output {
    /// The chosen format; by default a table on a terminal, otherwise one JSON object per line.
    pub const fn new(chosen: Option<Format>) -> Self {
        Self { chosen }
    }

    /// The format in force.
    pub fn format(self) -> Format {
        self.chosen.unwrap_or_else(|| {
            if io::stdout().is_terminal() { Format::Table } else { Format::Ndjson }
        })
    }

    /// The requested format, if any.
    pub const fn chosen(self) -> Option<Format> {
        self.chosen
    }

    /// The reference for relative times. It is read for each output, so that the effects of the command do not lie
    /// in the future.
    pub fn now(self) -> Timestamp {
        SystemClock.now()
    }

    /// Writes one row.
    pub fn one<R: Row>(self, row: &R) -> io::Result<()> {
        match self.format() {
            Format::Table => write(&Table::new(R::HEAD).lines(&[row.cells(self.now())])),
            _ => self.object(&row.json()),
        }
    }

    /// Writes one object, indented unless it must be a single line.
    pub fn object(self, value: &Value) -> io::Result<()> {
        match self.format() {
            Format::Ndjson => write(&escaped_json(&format!("{value}\n"))),
            _ => write(&escaped_json(&format!("{value:#}\n"))),
        }
    }

    /// Writes `text`, or `value` if JSON was explicitly requested. For results that are plain text even in a pipe,
    /// such as a link.
    pub fn text_or(self, text: &str, value: &Value) -> io::Result<()> {
        match self.chosen {
            Some(Format::Json | Format::Ndjson) => self.object(value),
            _ => write(text),
        }
    }

    /// Begins a list.
    pub fn list<R: Row>(self) -> List<R> {
        List {
            output: self,
            table: Table::new(R::HEAD),
            columns: Vec::new(),
            begun: false,
            row: PhantomData,
        }
    }
}

/// A list that is written row by row.
pub struct List<R> {
    output: Output,
    table: Table,
    /// The columns of CSV: the members of the first row.
    columns: Vec<String>,
    begun: bool,
    row: PhantomData<R>,
}

impl<R: Row> List<R> {
    /// Writes some rows.
    pub fn rows(&mut self, rows: &[R]) -> io::Result<()> {
        let text = match self.output.format() {
            Format::Table => {
                let now = self.output.now();
                let cells: Vec<_> = rows.iter().map(|row| row.cells(now)).collect();
                self.table.lines(&cells)
            }
            Format::Ndjson => {
                let lines: String = rows.iter().map(|row| format!("{}\n", row.json())).collect();
                escaped_json(&lines).into_owned()
            }
            Format::Csv => return self.csv_rows(rows),
            Format::Json => {
                let text = rows.iter().enumerate().fold(String::new(), |mut text, (index, row)| {
                    text.push_str(if index == 0 && !self.begun { "[\n" } else { ",\n" });
                    text.push_str("  ");
                    text.push_str(&format!("{:#}", row.json()).replace('\n', "\n  "));
                    text
                });
                escaped_json(&text).into_owned()
            }
        };
        self.begun |= !rows.is_empty();
        write(&text)
    }

    /// The cells are for another program, so nothing is escaped for a terminal.
    fn csv_rows(&mut self, rows: &[R]) -> io::Result<()> {
        let rows: Vec<Value> = rows.iter().map(Row::json).collect();
        let mut text = String::new();
        if let (false, Some(members)) = (self.begun, rows.first().and_then(Value::as_object)) {
            self.columns = members.keys().cloned().collect();
            text.push_str(&csv::header(&self.columns()));
            self.begun = true;
        }
        rows.iter().for_each(|row| text.push_str(&csv::row(row, &self.columns())));
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    fn columns(&self) -> Vec<&str> {
        self.columns.iter().map(String::as_str).collect()
    }

    /// Ends the list.
    pub fn end(self) -> io::Result<()> {
        match (self.output.format(), self.begun) {
            (Format::Json, true) => write("\n]\n"),
            (Format::Json, false) => write("[]\n"),
            _ => Ok(()),
        }
    }
}

/// Writes text other than JSON to standard output, with terminal control characters escaped. `print!` would panic
/// on a closed pipe.
pub fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(escaped_lines(text).as_bytes())?;
    stdout.flush()
}

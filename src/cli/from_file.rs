//! `--from FILE`: the same work for each line of a file, with a report per line.
//!
//! Owns reading the lines, the report and the exit code. A failing line does not stop the others.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::error::CommandError;
use super::exit::Exit;
use super::startup_report;

/// The longest line, in bytes. A longer line is truncated, and the work refuses it.
const MAX_LINE: u64 = 4_096;

/// Calls `work` for each trimmed line of `path` (`-`: standard input). Empty lines and lines that begin with `#`
/// are skipped; a duplicate is skipped with a message. `done` formats the summary, such as "Ended 11 sessions".
///
/// # Errors
/// When the file cannot be read; exit code 6 when a line failed.
pub async fn each_line(
    path: &Path,
    done: impl Fn(u64) -> String,
    mut work: impl AsyncFnMut(&str) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let mut lines = open(path)?;
    let mut seen: HashMap<String, u64> = HashMap::new();
    let (mut number, mut succeeded, mut failed) = (0_u64, 0_u64, 0_u64);
    while let Some(line) = next_line(&mut lines, path)? {
        number += 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(first) = seen.get(line) {
            startup_report::say(&format!("line {number}: the same as line {first}; skipped\n"));
            continue;
        }
        seen.insert(line.to_owned(), number);
        match work(line).await {
            Ok(()) => succeeded += 1,
            Err(error) => {
                failed += 1;
                startup_report::say(&format!("line {number}: {}\n", error.text()));
            }
        }
    }
    startup_report::say(&format!("{}\n", done(succeeded)));
    if failed == 0 {
        return Ok(());
    }
    let lines = if failed == 1 { "1 line".to_owned() } else { format!("{failed} lines") };
    Err(CommandError::new(
        Exit::SomeFailed,
        format!("{lines} failed; see the messages above. The other lines are not affected."),
    ))
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, CommandError> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    Ok(Box::new(BufReader::new(file)))
}

/// The next line, truncated at [`MAX_LINE`]; `None` at the end.
fn next_line(lines: &mut dyn BufRead, path: &Path) -> Result<Option<String>, CommandError> {
    let mut line = Vec::new();
    let read = lines.take(MAX_LINE).read_until(b'\n', &mut line);
    if read.map_err(|error| unreadable(path, &error))? == 0 {
        return Ok(None);
    }
    if !line.ends_with(b"\n") {
        lines.skip_until(b'\n').map_err(|error| unreadable(path, &error))?;
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

fn unreadable(path: &Path, error: &io::Error) -> CommandError {
    let name: PathBuf = path.to_owned();
    CommandError::usage(format!("{:?} cannot be read: {error}.", name.display().to_string()))
}

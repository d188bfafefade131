//! The `.env` file: whether it is trusted, and its values.
//!
//! Owns the refusal of files that another user could have written, and the line numbers in mistakes. Never changes
//! the process environment.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::errors::Mistake;
use crate::base::Secret;

/// The largest `.env`, in bytes: far beyond any real one.
const LONGEST: u64 = 1024 * 1024;

/// The values of a `.env`. Empty when there is none or when it is refused.
#[derive(Debug, Default)]
pub(super) struct DotEnv {
    pub(super) values: BTreeMap<String, Secret<String>>,
    pub(super) mistakes: Vec<Mistake>,
}

/// Reads the file at `path` (absolute), which may be missing.
///
/// The file is opened once, and both its owner and its text are read from that handle. If the path were
/// passed to the parser after the check, the file could be exchanged in between.
pub(super) fn read(path: &Path) -> DotEnv {
    let mut result = DotEnv::default();
    match text_of(path) {
        Ok(Some(text)) => parse(path, text.expose(), &mut result),
        Ok(None) => {}
        Err(mistake) => result.mistakes.push(mistake),
    }
    result
}

fn text_of(path: &Path) -> Result<Option<Secret<String>>, Mistake> {
    let mistake = |found: String, advice: &str| Mistake {
        subject: path.display().to_string(),
        found,
        advice: advice.to_owned(),
    };
    let unreadable = |error: io::Error| {
        mistake(
            format!("it cannot be read ({error})"),
            "Make it readable for the user Signet runs as, or start in another directory",
        )
    };
    // Non-blocking, because opening a pipe of that name would block the start.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(handle) => File::from(handle),
        Err(errno) => {
            let error = io::Error::from(errno);
            return match error.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(None),
                // An unreadable directory is treated as one without a file: otherwise every command run through
                // `sudo -u` from root's home would fail.
                ErrorKind::PermissionDenied if std::fs::symlink_metadata(path).is_err() => Ok(None),
                _ => Err(unreadable(error)),
            };
        }
    };
    let facts = file.metadata().map_err(unreadable)?;
    if !facts.is_file() {
        return Err(mistake("it is not a regular file".to_owned(), "Replace it by a text file"));
    }
    let me = rustix::process::geteuid().as_raw();
    if let Some((found, advice)) = distrust(facts.uid(), facts.mode(), me, path) {
        return Err(mistake(found, &advice));
    }
    let mut text = String::new();
    let read = file.take(LONGEST + 1).read_to_string(&mut text);
    let text = Secret::new(text);
    match read {
        Ok(_) if text.expose().len() as u64 > LONGEST => {
            Err(mistake("it is longer than 1 MiB".to_owned(), "Keep only settings in it"))
        }
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err(mistake("it is not UTF-8 text".to_owned(), "Save it as UTF-8"))
        }
        Err(error) => Err(unreadable(error)),
    }
}

/// Why a file of `owner` with `mode` must not configure a process of user `me`, and the remedy.
pub(super) fn distrust(owner: u32, mode: u32, me: u32, path: &Path) -> Option<(String, String)> {
    let path = path.display();
    if owner != me && owner != 0 {
        return Some((
            format!("it belongs to user {owner}, and Signet runs as user {me}"),
            format!("If you trust its content, type: chown {me} '{path}'"),
        ));
    }
    (mode & 0o022 != 0).then(|| {
        (
            format!("its mode is {:04o}, so group or others can write it", mode & 0o7777),
            format!("If you trust its content, type: chmod 600 '{path}'"),
        )
    })
}

fn parse(path: &Path, text: &str, result: &mut DotEnv) {
    // Some editors add a byte order mark, which the parser would treat as part of a name.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // With a final newline, blanks at the end of the file are not a syntax error.
    let ended = Secret::new(format!("{text}\n"));
    for (number, line) in text.lines().enumerate() {
        let Some((name, value)) = line.split_once('=') else { continue };
        // The parser reads everything after `#` as a comment, so an unquoted colour would be empty.
        if name.trim().starts_with("SIGNET_") && value.starts_with('#') {
            result.mistakes.push(Mistake {
                subject: format!("{}, line {} ({})", path.display(), number + 1, name.trim()),
                found: "the value begins with #, the start of a comment".to_owned(),
                advice: "Quote the value ('#...'), or put a space before the comment".to_owned(),
            });
        }
    }
    for item in dotenvy::from_read_iter(ended.expose().as_bytes()) {
        match item {
            Ok((name, value)) => {
                // Other programs may share the file, and their duplicates are not checked.
                if name.starts_with("SIGNET_") && result.values.contains_key(&name) {
                    result.mistakes.push(Mistake {
                        subject: name.clone(),
                        found: format!("it is set more than once in {}", path.display()),
                        advice: "Keep one of the lines".to_owned(),
                    });
                }
                result.values.insert(name, Secret::new(value));
            }
            Err(dotenvy::Error::LineParse(line, _)) => {
                let line = Secret::new(line);
                result.mistakes.push(Mistake {
                    subject: place(path, ended.expose(), line.expose()),
                    found: "the line is not NAME=value".to_owned(),
                    advice:
                        "Put values with blanks, double quotes, #, $ or \\ into 'single quotes', \
                             and values with an apostrophe into \"double quotes\""
                            .to_owned(),
                });
            }
            // Neither the error's text nor its line is quoted, because both may contain a secret.
            Err(_) => result.mistakes.push(Mistake {
                subject: path.display().to_string(),
                found: "a line cannot be read".to_owned(),
                advice: "Write one NAME=value a line".to_owned(),
            }),
        }
    }
}

/// `<path>, line 7 (NAME)`: the place of a syntax error, found by the text in the parser's error.
fn place(path: &Path, text: &str, stumbled: &str) -> String {
    let start_of_line = |at: usize| text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let found = text
        .match_indices(stumbled)
        .map(|(at, _)| start_of_line(at))
        .find(|start| !text[*start..].trim_start().starts_with('#'));
    let Some(start) = found else { return path.display().to_string() };
    let number = text[..start].matches('\n').count() + 1;
    let name = text[start..].split_once('=').map_or("", |(name, _)| name.trim());
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_name {
        format!("{}, line {number} ({name})", path.display())
    } else {
        format!("{}, line {number}", path.display())
    }
}

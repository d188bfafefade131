//! Prompts for passwords and confirmations.
//!
//! Owns every way for a password to reach a command: a prompt, a file, a pipe. Never an argument or a variable:
//! other users of the machine can read those, and shells store them.

use std::fs::File;
use std::io::{self, BufRead as _, IsTerminal as _, Read};
use std::path::PathBuf;

use clap::Args;
use zeroize::{Zeroize as _, Zeroizing};

use crate::domain::password::MAX_BYTES;
use crate::domain::terminal_text::escaped;

use super::error::CommandError;
use super::exit::Exit;
use super::startup_report;

/// The source of a password.
#[derive(Debug, Args)]
pub struct PasswordArgs {
    /// Read the password from this file, or from stdin if it is -; one newline at its end is
    /// dropped (default: ask at the terminal)
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// An available source of a password.
#[derive(Debug)]
pub enum PasswordSource {
    /// Typed twice.
    Terminal,
    /// Piped in.
    Stdin,
    /// Stored in a file.
    File(PathBuf),
}

impl PasswordArgs {
    /// Chooses the source before anything else is done, so that a script fails early.
    pub fn source(&self) -> Result<PasswordSource, CommandError> {
        match &self.password_file {
            Some(path) if path.as_os_str() == "-" => Ok(PasswordSource::Stdin),
            Some(path) => Ok(PasswordSource::File(path.clone())),
            None if io::stdin().is_terminal() => Ok(PasswordSource::Terminal),
            None => Err(CommandError::usage(
                "there is no terminal to enter the password.\n  Give it in a file, or in a \
                 pipe:  --password-file FILE   --password-file -",
            )),
        }
    }
}

impl PasswordSource {
    /// Reads a new password for `whom`.
    pub fn read(&self, whom: &str) -> Result<String, CommandError> {
        match self {
            Self::Terminal => ask_twice(whom),
            Self::Stdin => read(io::stdin().lock(), "standard input"),
            Self::File(path) => {
                let name = path.display().to_string();
                let file = File::open(path).map_err(|error| unreadable(&name, &error))?;
                read(file, &name)
            }
        }
    }
}

fn ask_twice(whom: &str) -> Result<String, CommandError> {
    let ask = |prompt: String| {
        rpassword::prompt_password(prompt).map_err(|error| unreadable("the terminal", &error))
    };
    let mut password = ask(format!("New password for {}: ", escaped(whom)))?;
    let mut again = ask("The same again: ".to_owned())?;
    let same = password == again;
    again.zeroize();
    if same {
        return Ok(password);
    }
    password.zeroize();
    Err(CommandError::new(
        Exit::Failed,
        "the two passwords differ.\n  Nothing was changed; try again.",
    ))
}

/// Reads a password and drops one final newline, which files and `echo` add. Any other white space belongs to the
/// password.
fn read(from: impl Read, name: &str) -> Result<String, CommandError> {
    // The full capacity at once, because a growing buffer would leave copies that are not wiped. A longer text is
    // truncated here, and the rules refuse it as too long.
    let most = MAX_BYTES + 16;
    let mut bytes = Zeroizing::new(Vec::with_capacity(most + 1));
    from.take(u64::try_from(most).unwrap_or(u64::MAX))
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(name, &error))?;
    let text = match bytes.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => &bytes[..],
    };
    match std::str::from_utf8(text) {
        Ok(text) => Ok(text.to_owned()),
        // The limit may have split a character. The text is too long, not malformed.
        Err(error) if bytes.len() == most => {
            Ok(String::from_utf8_lossy(&text[..error.valid_up_to()]).into_owned())
        }
        Err(_) => Err(CommandError::usage(format!("the password in {name} is not UTF-8 text."))),
    }
}

fn unreadable(name: &str, error: &io::Error) -> CommandError {
    CommandError::new(Exit::Failed, format!("the password cannot be read from {name}: {error}."))
}

/// Asks for confirmation of `what`, unless `yes` is given.
pub fn confirm(what: &str, yes: bool) -> Result<(), CommandError> {
    if yes {
        return Ok(());
    }
    startup_report::say(&format!("{what} [y/N] "));
    let mut answer = String::new();
    let mut input = io::stdin().lock().take(64);
    input
        .read_line(&mut answer)
        .map_err(|error| CommandError::new(Exit::Failed, format!("no answer: {error}.")))?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CommandError::new(Exit::Failed, "not confirmed.\n  Nothing was changed.")),
    }
}

/// Refuses a command that needs a confirmation if there is no terminal.
pub fn needs_terminal_or_yes(yes: bool) -> Result<(), CommandError> {
    if yes || io::stdin().is_terminal() {
        return Ok(());
    }
    Err(CommandError::usage("there is no terminal to confirm this.\n  Confirm it with:  --yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_newline_at_the_end_is_dropped_and_nothing_else() {
        for (stored, password) in [
            ("pass word", "pass word"),
            ("pass word\n", "pass word"),
            ("pass word\r\n", "pass word"),
            (" pass word \n\n", " pass word \n"),
            ("pass word\r", "pass word\r"),
            ("", ""),
        ] {
            assert_eq!(read(stored.as_bytes(), "here").unwrap(), password, "{stored:?}");
        }
    }

    #[test]
    fn a_text_that_is_too_long_stays_too_long() {
        let long = "é".repeat(4_000);
        assert!(read(long.as_bytes(), "here").unwrap().len() > MAX_BYTES);
        let odd = format!("a{long}");
        assert!(read(odd.as_bytes(), "here").unwrap().len() > MAX_BYTES);
    }

    #[test]
    fn invalid_utf8_is_refused() {
        assert!(read(&b"\xff\xfe"[..], "here").is_err());
    }
}

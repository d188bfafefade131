//! A failed command: its exit code and its message.
//!
//! Owns the text of refusals, faults and invalid settings on a terminal: the problem, the value found, the remedy.
//! Everything goes to stderr and begins with `error: `.

use std::io;
use std::process::ExitCode;

use crate::app::startup::OpenError;
use crate::config::ConfigErrors;
use crate::domain::outcome::{Code, Failure, Fault, FaultKind, Refusal};

use super::exit::Exit;
use super::startup_report;

/// Why a command failed.
#[derive(Debug)]
pub struct CommandError {
    exit: Exit,
    /// One text per problem; empty if everything has been reported, or the pipe is closed.
    texts: Vec<String>,
}

impl CommandError {
    /// A failure with its exit code and its text (the problem, then indented lines of advice).
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, texts: vec![text.into()] }
    }

    /// An invalid command line.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(Exit::Usage, text)
    }

    /// A failure that the output of the command already reports.
    pub const fn told(exit: Exit) -> Self {
        Self { exit, texts: Vec::new() }
    }

    /// Adds lines of advice.
    #[must_use]
    pub fn and(mut self, advice: &str) -> Self {
        if let Some(text) = self.texts.last_mut() {
            let lines = advice.lines().map(|line| format!("\n  {line}"));
            text.extend(lines);
        }
        self
    }

    /// All texts in one.
    pub fn text(&self) -> String {
        self.texts.join("; ")
    }

    /// Prints the texts and returns the exit code.
    pub fn say(self) -> ExitCode {
        let texts: Vec<String> = self.texts.iter().map(|text| format!("error: {text}\n")).collect();
        startup_report::say(&texts.join("\n"));
        self.exit.into()
    }

    /// The failure of a use case on an object that was named on the command line.
    fn about(stop: Failure, subject: Option<(&str, &str)>) -> Self {
        let refusal = match stop {
            Failure::Refused(refusal) => refusal,
            Failure::Failed(fault) => return fault.into(),
        };
        let message = match refusal.code {
            // Its message refers to the body of an HTTP request.
            Code::ValidationFailed => "The input is not valid.",
            _ => &*refusal.message,
        };
        // Quoted with escapes: an argument must not control the terminal.
        let mut text = match subject {
            Some((noun, name)) => format!("{noun} {name:?}: {message}"),
            None => message.to_owned(),
        };
        for field in refusal.fields.iter().filter(|field| field.message != message) {
            text.push_str(&format!("\n  {}: {}", field.field, field.message));
        }
        for error in &refusal.names {
            text.push_str(&format!("\n  {}", error.message));
        }
        if let Some(advice) = advice(&refusal, subject.map(|(noun, _)| noun)) {
            text.push_str(&format!("\n  {advice}"));
        }
        Self::new(Exit::of(refusal.code), text)
    }
}

/// Adds the object, such as `("user", "ada")`, to the failure of a use case.
pub fn about<'a>(noun: &'a str, name: &'a str) -> impl FnOnce(Failure) -> CommandError + use<'a> {
    move |stop| CommandError::about(stop, Some((noun, name)))
}

/// The command to run next, if there is one.
fn advice(refusal: &Refusal, noun: Option<&str>) -> Option<String> {
    let fixed = match refusal.code {
        Code::Conflict if refusal.advises => return None,
        Code::NotFound if noun == Some("actor") => return None,
        Code::NotFound if noun == Some("administration key") => {
            "See the keys of the client:  signet client key list CLIENT_ID"
        }
        Code::NotFound if noun == Some("API key") => {
            "See the keys of the user:  signet user key list LOGIN"
        }
        Code::NotFound | Code::Conflict => {
            let command = noun.map(|noun| if noun == "trusted issuer" { "trust" } else { noun });
            return command.map(|command| format!("List them:  signet {command} list"));
        }
        Code::LoginTaken => "Choose another login, or list the users:  signet user list",
        Code::EmailTaken => "See its user:  signet user show ADDRESS",
        Code::LastAdministrator => {
            "Create another one:  signet user create LOGIN --role admin\n  \
             or promote one:    signet user update LOGIN --role admin"
        }
        Code::SetupClosed => {
            "Add an administrator:          signet user create LOGIN --role admin\n  \
             replace a forgotten password:  signet user set-password LOGIN"
        }
        Code::TooManyAttempts | Code::Unavailable => "Try again in a moment.",
        _ => return None,
    };
    Some(fixed.to_owned())
}

impl From<Failure> for CommandError {
    fn from(stop: Failure) -> Self {
        Self::about(stop, None)
    }
}

impl From<Fault> for CommandError {
    fn from(fault: Fault) -> Self {
        match fault.kind {
            FaultKind::Unavailable => {
                Self::new(Exit::TryAgain, format!("{fault}.\n  Try again in a moment."))
            }
            FaultKind::Internal => Self::new(Exit::Failed, fault.to_string()),
        }
    }
}

impl From<OpenError> for CommandError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Configuration(text) => Self::new(Exit::Configuration, text),
            OpenError::TryAgain(text) => Self::new(Exit::TryAgain, text),
            OpenError::Conflict(text) => Self::new(Exit::Conflict, text),
            OpenError::Failed(fault) => fault.into(),
        }
    }
}

impl From<ConfigErrors> for CommandError {
    fn from(mistakes: ConfigErrors) -> Self {
        let texts = mistakes.iter().map(ToString::to_string).collect();
        Self { exit: Exit::Configuration, texts }
    }
}

impl From<io::Error> for CommandError {
    /// An output that cannot be written. A closed pipe (`| head`) is not a failure.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { exit: Exit::Ok, texts: Vec::new() };
        }
        Self::new(Exit::Failed, format!("the output cannot be written: {error}."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_names_are_quoted_and_escaped() {
        let refusal = Refusal::new(Code::NotFound, "There is no such user.");
        let failure = about("user", "a\u{1b}[2J")(refusal.into());
        assert_eq!(failure.exit, Exit::NotFound);
        assert_eq!(
            failure.texts,
            ["user \"a\\u{1b}[2J\": There is no such user.\n  List them:  signet user list"]
        );
    }

    #[test]
    fn general_advice_follows_only_where_the_message_has_none() {
        let text = |refusal: Refusal| about("key", "k")(refusal.into()).text();
        let refusal = Refusal::new(Code::Conflict, "This needs signet key retire --now.");
        assert!(text(refusal.clone()).ends_with("List them:  signet key list"));
        assert_eq!(text(refusal.advising()), "key \"k\": This needs signet key retire --now.");
    }

    #[test]
    fn every_field_at_fault_is_listed() {
        let refusal = Refusal::field("login", "empty", "A login is not empty.");
        let failure = CommandError::from(Failure::from(refusal));
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.texts[0].ends_with("\n  login: A login is not empty."));
    }

    #[test]
    fn a_closed_output_is_no_failure() {
        let failure = CommandError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((failure.exit, failure.texts.len()), (Exit::Ok, 0));
        assert_eq!(CommandError::from(io::Error::other("full")).exit, Exit::Failed);
    }

    #[test]
    fn temporary_failures_exit_with_75() {
        assert_eq!(CommandError::from(Fault::unavailable("waiting")).exit, Exit::TryAgain);
        assert_eq!(CommandError::from(Fault::internal("thinking")).exit, Exit::Failed);
    }
}

//! `signet mail`: testing whether mail can be delivered.
//!
//! Owns the names of the stages of a delivery. The delivery itself is in `mail`, the outbox in `admin::mail`.

use clap::Subcommand;

use crate::admin;
use crate::base::id::MailId;
use crate::base::{Clock as _, SystemClock};
use crate::config::Config;
use crate::crypto::random::SystemEntropy;
use crate::domain::email_address::EmailAddress;
use crate::domain::mail::MailContent;
use crate::domain::request_info::RequestInfo;
use crate::domain::terminal_text::escaped;
use crate::i18n::Locale;
use crate::mail::{Draft, Mailer, SendError, Stage};

use super::error::CommandError;
use super::exit::Exit;
use super::startup_report::say;
use super::with_app::{runtime, with_app};

/// The subcommands for mail.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send a test message and show each stage; exit 0 if it was accepted, 75 for a temporary failure, 78 if
    /// something must be repaired
    ///
    /// Sends with the settings of this shell, without a server and its database. An accepted message may still not
    /// arrive: check the mailbox.
    #[command(after_help = "Examples:
  signet mail test ada@example.com
  signet mail test ada@example.com --language de
  signet mail test ada@example.com --queue")]
    Test {
        /// The address to send it to
        address: String,
        /// The language of the message
        #[arg(long, value_name = "LANGUAGE", default_value = "en", value_parser = language)]
        language: Locale,
        /// Write it into the outbox instead, for a running server to deliver
        #[arg(long)]
        queue: bool,
    },
}

fn language(tag: &str) -> Result<Locale, String> {
    Locale::all().find(|locale| locale.lang() == tag).ok_or_else(|| {
        let all: Vec<&str> = Locale::all().map(Locale::lang).collect();
        format!("this language is not supported; choose {}", all.join(" or "))
    })
}

/// Runs a command.
pub fn run(command: &Command) -> Result<(), CommandError> {
    let Command::Test { address, language, queue } = command;
    let to = EmailAddress::parse(address).map_err(|error| {
        CommandError::usage(format!("address {address:?}: {}", error.message()))
    })?;
    let config = Config::load()?.config;
    let Some(mailer) = Mailer::new(&config) else {
        return Err(CommandError::new(Exit::Configuration, "mail is off.").and(
            "Set SIGNET_SMTP_URL, such as smtps://USER@smtp.example.com, SIGNET_SMTP_PASSWORD\n\
             and SIGNET_MAIL_FROM; docs/mail.md has the forms.",
        ));
    };
    if *queue { queue_test(to, *language) } else { send_test(&config, &mailer, &to, *language) }
}

fn queue_test(to: EmailAddress, locale: Locale) -> Result<(), CommandError> {
    with_app(async move |app| {
        let info = RequestInfo::cli(app.now());
        app.run_to_completion(admin::mail::queue_test(app.clone(), to, locale, info)).await?;
        say("The message is in the outbox; a running server delivers it.\n");
        Ok(())
    })
}

fn send_test(
    config: &Config,
    mailer: &Mailer,
    to: &EmailAddress,
    locale: Locale,
) -> Result<(), CommandError> {
    if let Some(mail) = &config.mail {
        say(&format!("Mail goes to {}, from {}.\n", mail.route, mail.from));
    }
    let now = SystemClock.now();
    let draft =
        Draft { id: MailId::new(now, &SystemEntropy), to, locale, content: &MailContent::Test };
    let message = mailer.compose(&draft, now)?;
    let report = |stage| say(&format!("  ok  {}\n", done(stage)));
    runtime()?.block_on(mailer.send(&message, &report)).map_err(|error| explain(&error))
}

/// A completed stage.
const fn done(stage: Stage) -> &'static str {
    match stage {
        Stage::Resolve => "the name of the mail server was resolved",
        Stage::Connect => "the mail server accepted the connection",
        Stage::Greeting => "the mail server greeted",
        Stage::Tls => "the connection is encrypted, and the certificate is valid",
        Stage::Authenticate => "the mail server accepted the user and the password",
        Stage::Sender => "the mail server accepted the sender",
        Stage::Recipient => "the mail server accepted the recipient",
        Stage::Message => "the message was accepted",
    }
}

/// A failure, and what to check.
fn failed(error: &SendError) -> (&'static str, &'static str) {
    let passes = error.code.is_some_and(|code| (400..500).contains(&code));
    match error.stage {
        // RFC 4954 §6; some servers require encryption with the same code.
        Stage::Sender | Stage::Recipient | Stage::Message if error.code == Some(530) => (
            "the mail server accepts mail only after authentication or encryption",
            "Set the user in SIGNET_SMTP_URL and SIGNET_SMTP_PASSWORD, and leave tls=none out.",
        ),
        Stage::Authenticate if error.code.is_none() => (
            "the mail server did not answer the authentication",
            "The connection works. See the log of the mail server, then try again.",
        ),
        Stage::Authenticate if passes => (
            "the mail server cannot check the user and the password now",
            "Try again; if it fails again, see the log of the mail server.",
        ),
        Stage::Sender if passes => (
            "the mail server does not accept the sender now",
            "Try again later: the reply announces a temporary failure.",
        ),
        Stage::Recipient if passes => (
            "the mail server does not accept the recipient now",
            "Try again later: the reply announces a temporary failure, such as greylisting.",
        ),
        Stage::Message if passes => (
            "the mail server does not accept the message now",
            "Try again later: the reply announces a temporary failure.",
        ),
        Stage::Resolve => {
            ("the name of the mail server cannot be resolved", "Check the host in SIGNET_SMTP_URL.")
        }
        Stage::Connect => (
            "the mail server cannot be reached",
            "Check host and port in SIGNET_SMTP_URL, and whether a firewall blocks the port.",
        ),
        Stage::Greeting => (
            "the mail server did not greet",
            "Check scheme and port in SIGNET_SMTP_URL: smtps:// for port 465, smtp:// for port 587.",
        ),
        Stage::Tls => (
            "the connection cannot be encrypted",
            "Check scheme and port in SIGNET_SMTP_URL: smtps:// for port 465, smtp:// for port 587.\n\
             The certificate must be valid for the host, under a root that this system trusts.",
        ),
        Stage::Authenticate => (
            "the mail server refused the user or the password",
            "Check the user in SIGNET_SMTP_URL and SIGNET_SMTP_PASSWORD.",
        ),
        Stage::Sender => (
            "the mail server refused the sender",
            "Check SIGNET_MAIL_FROM, and whether the user may send as it.",
        ),
        Stage::Recipient => (
            "the mail server refused the recipient",
            "Check the address, or test with another one.",
        ),
        Stage::Message => (
            "the message was not accepted",
            "See the reply of the mail server, or the error of the directory.",
        ),
    }
}

fn explain(error: &SendError) -> CommandError {
    let (what, advice) = failed(error);
    // A temporary failure may pass; anything else must be repaired.
    let exit = if error.needs_operator { Exit::Configuration } else { Exit::TryAgain };
    CommandError::new(exit, format!("{what}: {}.", escaped(&error.to_string()))).and(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(stage: Stage, code: Option<u16>) -> &'static str {
        let (enhanced, needs_operator) = (None, false);
        failed(&SendError { stage, code, enhanced, text: "x".to_owned(), needs_operator }).0
    }

    #[test]
    fn a_refusal_a_temporary_failure_and_a_timeout_are_distinguished() {
        for (stage, code, words) in [
            (Stage::Authenticate, Some(535), "refused the user or the password"),
            (Stage::Authenticate, Some(454), "cannot check the user and the password now"),
            (Stage::Authenticate, None, "did not answer the authentication"),
            (Stage::Sender, Some(530), "only after authentication or encryption"),
            (Stage::Recipient, Some(530), "only after authentication or encryption"),
            (Stage::Sender, Some(451), "does not accept the sender now"),
            (Stage::Recipient, Some(451), "does not accept the recipient now"),
            (Stage::Message, Some(451), "does not accept the message now"),
            (Stage::Sender, Some(550), "refused the sender"),
            (Stage::Message, None, "was not accepted"),
        ] {
            assert!(said(stage, code).contains(words), "{stage} {code:?}: {}", said(stage, code));
        }
    }
}

//! `signet config`: the settings, which come from the environment.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::app::startup;
use crate::base::Timestamp;
use crate::config::{self, CHANGED_SINCE, Config, Registration, Shown};
use crate::domain::authn::{SecondFactor, ServerPolicy};
use crate::domain::base_path::BasePath;
use crate::server;

use super::error::CommandError;
use super::exit::Exit;
use super::output::{self, Output, Row};
use super::startup_report;
use super::with_app::runtime;

/// The subcommands for settings.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the settings in force, with secrets masked, and the source of each
    #[command(after_help = "Examples:
  signet config show
  signet config show -o ndjson | jq -r 'select(.origin != \"default\") | .name'")]
    Show,
    /// Check the settings; exit 0 if they are valid, else 78 with every mistake
    ///
    /// Checks the settings, the modes of files and the TLS certificate. It does not open the master key. On
    /// PostgreSQL it connects to compare the settings of the running servers. Lists the settings that this version
    /// reads differently from the previous one, and those in which the running servers differ.
    #[command(after_help = "Examples:
  signet config check && systemctl restart signet")]
    Check,
    /// Print a commented .env with every setting
    #[command(after_help = "Examples:
  (umask 077; signet config example > .env)")]
    Example,
}

impl Row for Shown {
    const HEAD: &'static [&'static str] = &["name", "value", "origin"];

    fn cells(&self, _: Timestamp) -> Vec<String> {
        vec![self.name.to_owned(), self.value.clone(), self.origin.to_string()]
    }

    fn json(&self) -> Value {
        let value = (!self.value.is_empty()).then_some(&self.value);
        json!({ "name": self.name, "value": value, "origin": self.origin.to_string() })
    }
}

/// Warns about settings in which the servers on the database differ.
fn compare(config: &Config) -> Result<(), CommandError> {
    match runtime()?.block_on(startup::differing_settings(config)) {
        Ok(found) => {
            for difference in found {
                startup_report::say(&format!(
                    "warning: the servers on this database have different settings: {difference}.\n"
                ));
            }
        }
        Err(error) => startup_report::say(&format!(
            "note: the settings of the running servers were not compared: {error}\n"
        )),
    }
    Ok(())
}

/// Runs a command. Changes nothing: `check` reads the modes of files and, from PostgreSQL, the running servers.
pub fn run(command: &Command, output: Output) -> Result<(), CommandError> {
    match command {
        Command::Show => {
            let mut list = output.list();
            list.rows(&Config::load()?.shown)?;
            Ok(list.end()?)
        }
        Command::Check => {
            let loaded = Config::load()?;
            for warning in startup::exposure(&loaded.config)?.warnings {
                startup_report::say(&format!("warning: {warning}.\n"));
            }
            check_tls(&loaded.config)?;
            // A new installation has no previous version.
            if !startup::is_new_installation(&loaded.config) {
                for (setting, now) in loaded.read_differently() {
                    startup_report::say(&format!(
                        "note: {setting} is read differently since {CHANGED_SINCE}, which matters where that \
                         version ran: {now}.\n"
                    ));
                }
            }
            say_path(&loaded.config);
            say_mail(&loaded.config);
            say_registration(&loaded.config);
            say_second_factor(&loaded.config);
            compare(&loaded.config)?;
            startup_report::say("The settings are good.\n");
            Ok(())
        }
        Command::Example => Ok(output::write(&config::example())?),
    }
}

/// Checks the certificate and the key.
fn check_tls(config: &Config) -> Result<(), CommandError> {
    server::check_tls(config).map_err(|text| {
        let text = format!("{text}.\n  Check SIGNET_TLS_CERT and SIGNET_TLS_KEY.");
        CommandError::new(Exit::Configuration, text)
    })
}

/// Prints the mail server, without the user and the password.
fn say_mail(config: &Config) {
    startup_report::say(&match &config.mail {
        Some(mail) => format!("Mail goes to {}, from {}.\n", mail.route, mail.from),
        None => "Mail is off: SIGNET_SMTP_URL and SIGNET_MAIL_FROM are not set.\n".to_owned(),
    });
}

/// Prints who may create accounts.
fn say_registration(config: &Config) {
    let domains = &config.registration_domains;
    let of_domains = match domains.is_empty() {
        true => String::new(),
        false => format!(" of {domains}"),
    };
    let who = match config.registration {
        Registration::Closed => "Administrators create the accounts.".to_owned(),
        Registration::Invite => "Administrators create accounts and invite their users.".to_owned(),
        Registration::Open if domains.is_empty() => "Anyone can sign up.".to_owned(),
        Registration::Open => {
            format!("Anyone can sign up with an address{of_domains}; none is verified.")
        }
        Registration::Verified => {
            format!("Anyone who receives mail at an address{of_domains} can sign up.")
        }
    };
    startup_report::say(&format!("{who}\n"));
    if !config.registration.takes_anyone() && !domains.is_empty() {
        let registration = config.registration;
        startup_report::say(&format!(
            "note: SIGNET_REGISTRATION_DOMAINS has no effect with SIGNET_REGISTRATION={registration}.\n"
        ));
    }
}

/// Prints which users need a second factor, and what an administrator who has lost theirs can do.
fn say_second_factor(config: &Config) {
    let ServerPolicy { second_factor, from } = config.second_factor;
    if from.is_some() && matches!(second_factor, SecondFactor::Off | SecondFactor::Optional) {
        startup_report::say(&format!(
            "note: SIGNET_SECOND_FACTOR_FROM has no effect with SIGNET_SECOND_FACTOR={second_factor}.\n"
        ));
    }
    let who = match second_factor {
        SecondFactor::Off => {
            startup_report::say(
                "Users cannot enrol second factors; those who have one still need it.\n",
            );
            return;
        }
        SecondFactor::Optional => {
            startup_report::say("Second factors are optional for users.\n");
            return;
        }
        SecondFactor::Admins => "Administrators need",
        SecondFactor::Required => "All users need",
    };
    let from = match from {
        Some(from) => format!("may postpone it until {from}"),
        None => "enrol one at the next sign-in".to_owned(),
    };
    startup_report::say(&format!(
        "{who} a second factor; those without one {from}. Existing sessions continue: signet session revoke --below \
         mfa ends them. The command line needs no second factor: signet user reset-factors helps an administrator \
         who has lost theirs.\n"
    ));
}

/// Prints which paths the server answers if its issuer has a path.
fn say_path(config: &Config) {
    let base = BasePath::of(&config.issuer, config.proxy_strips_path);
    if base.is_root() {
        return;
    }
    startup_report::say(&format!(
        "SIGNET_ISSUER has the path {}: with SIGNET_PROXY_STRIPS_PATH={} the server answers {}.\n",
        base.as_str(),
        config.proxy_strips_path,
        if config.proxy_strips_path { "without it only" } else { "below it only" }
    ));
}

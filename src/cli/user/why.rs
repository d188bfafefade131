//! `signet user why`: why a user cannot sign in, one cause per paragraph.

use clap::Args;

use crate::admin::user_why::{self, AccountReport, UserReport};
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::output::{self, Format, Output};
use crate::cli::relative_time::ago;
use crate::cli::with_app::with_app;
use crate::domain::request_info::RequestInfo;
use crate::domain::shell_word::{command, option};
use crate::domain::sign_in_diagnosis::{CountedFrom, Guarded, Lock, StoredPassword};
use crate::store::audit::StoredEvent;
use crate::view;

/// `signet user why`.
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// The login or e-mail address as the user types it, or the user's id
    #[arg(value_name = "LOGIN|EMAIL|ID")]
    login: String,
}

/// Prints why a user cannot sign in with a login name.
pub fn run(args: &WhyArgs, output: Output) -> Result<(), CommandError> {
    with_app(async |app| {
        let now = app.now();
        let report = match args.login.parse::<UserId>() {
            Ok(id) => app.run_to_completion(user_why::why(app.clone(), id, now)).await,
            Err(_) => {
                let info = RequestInfo::cli(now);
                let work = user_why::why_login(app.clone(), args.login.clone(), info);
                app.run_to_completion(work).await
            }
        };
        let report = report.map_err(crate::cli::error::about("user", &args.login))?;
        match output.format() {
            Format::Table => output::write(&text(&report, now))?,
            _ => output.object(&view::user_report(&report))?,
        }
        match (&report.account, report.is_good()) {
            (None, _) => Err(CommandError::told(Exit::NotFound)),
            (Some(_), false) => Err(CommandError::told(Exit::CheckFailed)),
            (Some(_), true) => Ok(()),
        }
    })
}

fn text(report: &UserReport, now: Timestamp) -> String {
    let mut text = match &report.account {
        Some(account) => account_lines(account, now),
        None => format!("Login {}\n", report.login),
    };
    for finding in &report.findings {
        text.push_str(&format!("\n{}\n", finding.message));
        if let Some(fix) = &finding.fix {
            text.push_str(&format!("  {fix}\n"));
        }
    }
    if report.is_good() {
        text.push_str("\nNo cause was found: nothing prevents this user from signing in.\n");
    }
    if report.account.is_some() && !report.limited.is_empty() {
        let addresses: Vec<String> = report.limited.iter().map(ToString::to_string).collect();
        text.push_str(&format!(
            "\nRefused for a minute or two, for every account, because of failures: {}\n\
             If the user is among them:\n  {}\n",
            addresses.join(", "),
            command("signet user unlock", &report.login, &option("--network", &addresses[0]))
        ));
    }
    if !report.locks.is_empty() {
        text.push_str("\nCounters of failed attempts:\n");
        report.locks.iter().for_each(|lock| text.push_str(&lock_line(lock, now)));
    }
    if !report.failures.is_empty() {
        text.push_str("\nLast failures:\n");
        report.failures.iter().for_each(|event| text.push_str(&failure_line(event, now)));
    }
    text
}

fn account_lines(account: &AccountReport, now: Timestamp) -> String {
    let AccountReport { user, password, factors, last_success } = account;
    let mut text = format!("User {} ({})\n", user.login, user.id);
    let state = match user.disabled_at {
        Some(at) => format!("disabled {}", ago(at, now)),
        None => "enabled".to_owned(),
    };
    let password = match password {
        StoredPassword::None => "none",
        StoredPassword::Unreadable => "unreadable hash",
        StoredPassword::Hash(class) => class,
    };
    let must = if user.must_change_password { ", must be changed" } else { "" };
    let names: Vec<String> =
        factors.factors.iter().map(|factor| format!("{} ({})", factor.name, factor.kind)).collect();
    let last = last_success.as_ref().map_or_else(
        || "none in 90 days".to_owned(),
        |event| match &event.address {
            Some(address) => format!("{} from {address}", ago(event.at, now)),
            None => ago(event.at, now),
        },
    );
    text.push_str(&format!("  state: {state}\n  password: {password}{must}\n"));
    text.push_str(&format!(
        "  second factors: {}; {} recovery codes left\n  last sign-in: {last}\n",
        if names.is_empty() { "none".to_owned() } else { names.join(", ") },
        factors.recovery_codes
    ));
    text
}

fn lock_line(lock: &Lock, now: Timestamp) -> String {
    let guarded = match lock.guarded {
        Guarded::Password => "password",
        Guarded::SecondFactor => "second factor",
    };
    let from = match lock.from {
        CountedFrom::Network(Some(network)) => network.to_string(),
        CountedFrom::Network(None) => "one network".to_owned(),
        CountedFrom::Strangers => "networks that this account has not used".to_owned(),
    };
    let state = if lock.is_closed() { "LOCKED" } else { "open" };
    format!(
        "  {state}  {guarded} from {from}: {} of {} tries, until {} ({})\n",
        lock.tries,
        lock.limit,
        lock.until.rfc3339(),
        ago(lock.until, now)
    )
}

fn failure_line(event: &StoredEvent, now: Timestamp) -> String {
    let reason =
        event.reason.as_deref().or(event.detail.as_deref()).unwrap_or("no reason recorded");
    let mut line =
        format!("  {}  {}  {reason}", ago(event.last_at.unwrap_or(event.at), now), event.kind);
    if event.times > 1 {
        line.push_str(&format!(" x{}", event.times));
    }
    if let Some(address) = &event.address {
        line.push_str(&format!("  from {address}"));
    }
    if let Some(client) = &event.client_id {
        line.push_str(&format!("  client {client}"));
    }
    format!("{line}  request {}\n", event.request_id)
}

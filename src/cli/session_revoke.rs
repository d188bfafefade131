//! `signet session revoke`: ends sessions and sign-ins.

use std::path::PathBuf;

use clap::Args;

use crate::admin::session_ends::{self, Bound, Call, Count, Selection};
use crate::admin::sessions;
use crate::app::App;
use crate::base::id::SessionId;
use crate::domain::authn::AssuranceLevel;
use crate::domain::outcome::{Code, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::view;

use super::client::level;
use super::error::{CommandError, about};
use super::from_file::each_line;
use super::output::{Format, Output};
use super::startup_report;
use super::user;
use super::value_parsers::time;
use super::with_app::with_app;

/// `signet session revoke`.
#[derive(Debug, Args)]
pub struct RevokeArgs {
    #[command(flatten)]
    which: Which,
    /// Count them, and end nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The session's id (sid in its tokens), or that of a sign-in at Signet's pages
    #[arg(value_name = "SESSION_ID")]
    id: Option<String>,
    /// All sessions and sign-ins of this user
    #[arg(long, value_name = "LOGIN|EMAIL|ID")]
    user: Option<String>,
    /// All sessions of this client
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Those that began before this time (2026-03-01T12:00:00Z), or longer ago than this (2h, 30d)
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
    /// Those of the users who have this role
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Those of the users who are in this group
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Those whose ids are in this file, one per line; - is standard input
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// All sessions and sign-ins of every user
    #[arg(long)]
    all: bool,
    /// Sessions and sign-ins of every user below this level: mfa (without a second factor) or phr (without a
    /// passkey)
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    below: Option<AssuranceLevel>,
}

/// Runs the command.
pub fn revoke(args: &RevokeArgs, output: Output) -> Result<(), CommandError> {
    let RevokeArgs { which, dry_run } = args;
    with_app(async |app| {
        if let Some(level) = which.below {
            let info = RequestInfo::cli(app.now());
            let work = sessions::revoke_below(app.clone(), level, *dry_run, info);
            let ended = app.run_to_completion(work).await?;
            startup_report::say(&match dry_run {
                // The sessions of a sign-in end with it and are counted separately.
                true => format!(
                    "Would end {ended} sessions and sign-ins below {level}; nothing has ended\n"
                ),
                false => format!("Ended {ended} sessions and sign-ins below {level}\n"),
            });
        } else if let Some(path) = &which.from {
            let done = |count| match dry_run {
                true => format!("Would end {count} sessions and sign-ins; nothing has ended"),
                false => format!("Ended {count} sessions and sign-ins"),
            };
            each_line(path, done, async |id| one(&app, id, *dry_run).await).await?;
        } else if let Some(id) = &which.id {
            one(&app, id, *dry_run).await?;
            let (ended, after) =
                if *dry_run { ("Would end", "; not ended (dry run)") } else { ("Ended", "") };
            startup_report::say(&format!("{ended} session {id}{after}\n"));
        } else {
            many(&app, which, *dry_run, output).await?;
        }
        Ok(())
    })
}

/// Ends one session, or checks whether it could be ended.
async fn one(app: &App, name: &str, dry_run: bool) -> Result<(), CommandError> {
    // A text that is not an id matches no session.
    let none = || Refusal::new(Code::NotFound, "There is no such active session.");
    let id = name.parse::<SessionId>().map_err(|_| about("session", name)(none().into()))?;
    let info = RequestInfo::cli(app.now());
    let done = match dry_run {
        true => {
            app.run_to_completion(sessions::user_of_live(app.clone(), id, info.now)).await.map(drop)
        }
        false => app.run_to_completion(sessions::revoke(app.clone(), id, info)).await,
    };
    done.map_err(about("session", name))
}

async fn many(app: &App, which: &Which, dry_run: bool, output: Output) -> Result<(), CommandError> {
    let (selection, of) = selection(app, which).await?;
    let (noun, name) = match (&which.client, &which.user) {
        (Some(client), _) => ("client", client.as_str()),
        (_, Some(user)) => ("user", user.as_str()),
        _ => ("session", ""),
    };
    let call = Call { which: selection, after: None, bound: Bound::None };
    // Not as a unit of work, whose deadline is a few seconds.
    if dry_run {
        let outcome = session_ends::count(app.clone(), call, app.now()).await;
        let outcome = outcome.map_err(about(noun, name))?;
        let told = outcome.count.as_ref().map(told).unwrap_or_default();
        startup_report::say(&format!("Would end {told}{of}; nothing has ended\n"));
        if output.format() != Format::Table {
            output.object(&view::ended_sessions(&outcome, true))?;
        }
        return Ok(());
    }
    let outcome = session_ends::end(app.clone(), call, RequestInfo::cli(app.now())).await;
    let text = match outcome.map_err(about(noun, name))?.count {
        None => format!("Ended every session{of}\n"),
        Some(count) => format!("Ended {}{of}\n", told(&count)),
    };
    startup_report::say(&text);
    Ok(())
}

/// The selection, and its description to follow the word "sessions".
async fn selection(app: &App, which: &Which) -> Result<(Selection, String), CommandError> {
    if let Some(name) = &which.user {
        let user = user::find(app, name).await?;
        return Ok((Selection::User(user.id), format!(" of user {} ({})", user.login, user.id)));
    }
    if let Some(client_id) = &which.client {
        return Ok((Selection::Client(client_id.clone()), format!(" of client {client_id:?}")));
    }
    if let Some(text) = &which.before {
        let before = time("--before", text, app.now())?;
        return Ok((Selection::Before(before), format!(" that began before {before}")));
    }
    if let Some(role) = &which.role {
        return Ok((Selection::Role(role.clone()), format!(" of users with the role {role:?}")));
    }
    if let Some(group) = &which.group {
        return Ok((Selection::Group(group.clone()), format!(" of users in the group {group:?}")));
    }
    Ok((Selection::Everyone, " of every user".to_owned()))
}

fn told(count: &Count) -> String {
    let number = |n: u64, one: &str| match n {
        1 => format!("1 {one}"),
        _ => format!("{n} {one}s"),
    };
    format!("{} and {}", number(count.sessions, "session"), number(count.sign_ins, "sign-in"))
}

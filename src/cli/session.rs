//! `signet session`: who is logged in where.

use std::collections::HashMap;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::admin::{sessions, users};
use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::domain::authn::AssuranceLevel;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::request_info::RequestInfo;
use crate::domain::user_agent::Device;
use crate::identity::{self, sessions::LoggedIn};
use crate::view;

use super::client::level;
use super::error::{CommandError, about};
use super::output::{Format, Output, Row};
use super::paging::Paging;
use super::relative_time::ago;
use super::startup_report;
use super::user;
use super::with_app::with_app;

/// What to do with sessions.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List live sessions and sign-ins at Signet's pages, newest first
    #[command(after_help = "Examples:
  signet session list
  signet session list --user ada@example.com
  signet session list -o ndjson | jq -r 'select(.superseded) | .id'
  signet session list -o ndjson | jq -r 'select(.kind == \"browser\") | .address'

A sign-in at Signet's pages is one browser in which a user is logged in; its client is \"(browser)\".")]
    List(ListArgs),
    /// End one session or sign-in, all of one user, all of every user, or those of a weak sign-in
    #[command(after_help = "Examples:
  signet session revoke 0190f5a2-7c1e-7b7c-9d0e-2f6a8c1b3d4e
  signet session revoke --user ada@example.com
  signet session revoke --all                  after a restore: everyone signs in again
  signet session revoke --below mfa            after a second factor became required

Signet refuses the session's tokens at the next request. An API that verifies tokens offline accepts
an access token until it expires.")]
    Revoke(RevokeArgs),
}

/// `signet session list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only this user's
    #[arg(long, value_name = "LOGIN|EMAIL|ID")]
    user: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

/// `signet session revoke`.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct RevokeArgs {
    /// The session's id (sid in its tokens), or that of a sign-in at Signet's pages
    #[arg(value_name = "SESSION_ID")]
    id: Option<String>,
    /// All sessions of this user
    #[arg(long, value_name = "LOGIN|EMAIL|ID")]
    user: Option<String>,
    /// All sessions of every user
    #[arg(long)]
    all: bool,
    /// Sessions and sign-ins of every user below this level: mfa (without a second factor) or phr (without a
    /// passkey)
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    below: Option<AssuranceLevel>,
}

/// A session or a sign-in, and the login of its user where people will read it.
struct Shown {
    row: LoggedIn,
    login: Option<String>,
}

impl Row for Shown {
    const HEAD: &'static [&'static str] =
        &["id", "user", "client", "audience", "address", "opened", "last seen", "expires"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let login = self.login.clone().unwrap_or_else(|| user_of(&self.row).to_string());
        let address = |device: &Device| device.address.map(|address| address.to_string());
        match &self.row {
            LoggedIn::Client(listed) => {
                let session = &listed.session;
                vec![
                    session.id.to_string(),
                    login,
                    session.client_id.clone(),
                    session.audience.clone().unwrap_or_default(),
                    address(&listed.device).unwrap_or_default(),
                    ago(session.created_at, now),
                    ago(session.chain.answered_at, now),
                    ago(session.idle_expires_at.min(session.expires_at), now),
                ]
            }
            LoggedIn::Browser(browser, device) => vec![
                browser.id.to_string(),
                login,
                "(browser)".to_owned(),
                String::new(),
                address(device).unwrap_or_default(),
                ago(browser.auth_time, now),
                ago(browser.auth_time, now),
                ago(browser.expires_at, now),
            ],
        }
    }

    fn json(&self) -> Value {
        view::logged_in_of_any_user(&self.row)
    }
}

fn user_of(row: &LoggedIn) -> UserId {
    match row {
        LoggedIn::Client(listed) => listed.session.user_id,
        LoggedIn::Browser(browser, _) => browser.user_id,
    }
}

/// Carries out a command.
pub fn run(command: &Command, output: Output) -> Result<(), CommandError> {
    match command {
        Command::List(args) => list(args, output),
        Command::Revoke(args) => revoke(args),
    }
}

fn list(args: &ListArgs, output: Output) -> Result<(), CommandError> {
    with_app(async |app| {
        let user = match &args.user {
            Some(name) => Some(user::find(&app, name).await?.id),
            None => None,
        };
        // JSON is the wire's and has the id only; looking logins up would be for nothing.
        let mut logins = (output.format() == Format::Table).then(HashMap::new);
        args.paging
            .write(output.list(), async |request| page(&app, user, request, &mut logins).await)
            .await
    })
}

async fn page(
    app: &App,
    user: Option<UserId>,
    request: PageRequest,
    logins: &mut Option<HashMap<UserId, String>>,
) -> Result<Page<Shown>, CommandError> {
    let work = identity::sessions::list(app.clone(), user, request, app.now());
    let page = app.run_to_completion(work).await?;
    let mut data = Vec::with_capacity(page.data.len());
    for row in page.data {
        let login = match logins {
            Some(known) => login_of(app, user_of(&row), known).await?,
            None => None,
        };
        data.push(Shown { row, login });
    }
    Ok(Page { data, next: page.next })
}

async fn login_of(
    app: &App,
    id: UserId,
    known: &mut HashMap<UserId, String>,
) -> Result<Option<String>, CommandError> {
    if let Some(login) = known.get(&id) {
        return Ok(Some(login.clone()));
    }
    match app.run_to_completion(users::show(app.clone(), id)).await {
        Ok(user) => {
            known.insert(id, user.login.clone());
            Ok(Some(user.login))
        }
        // Deleted since the page was read.
        Err(Failure::Refused(_)) => Ok(None),
        Err(stop) => Err(stop.into()),
    }
}

fn revoke(args: &RevokeArgs) -> Result<(), CommandError> {
    with_app(async |app| {
        if args.all {
            let info = RequestInfo::cli(app.now());
            let work = sessions::revoke_all_of_everyone(app.clone(), info);
            let users = app.run_to_completion(work).await?;
            startup_report::say(&format!("Ended every session of {users} users\n"));
        } else if let Some(level) = args.below {
            let work = sessions::revoke_below(app.clone(), level, RequestInfo::cli(app.now()));
            let ended = app.run_to_completion(work).await?;
            startup_report::say(&format!("Ended {ended} sessions and sign-ins below {level}\n"));
        } else if let Some(name) = &args.user {
            let user = user::find(&app, name).await?;
            let work = sessions::revoke_all(app.clone(), user.id, RequestInfo::cli(app.now()));
            app.run_to_completion(work).await.map_err(about("user", name))?;
            startup_report::say(&format!(
                "Ended every session of user {} ({})\n",
                user.login, user.id
            ));
        } else if let Some(name) = &args.id {
            // What is no id is the id of no session.
            let none = || Refusal::new(Code::NotFound, "There is no such live session.");
            let id =
                name.parse::<SessionId>().map_err(|_| about("session", name)(none().into()))?;
            let work = sessions::revoke(app.clone(), id, RequestInfo::cli(app.now()));
            app.run_to_completion(work).await.map_err(about("session", name))?;
            startup_report::say(&format!("Ended session {id}\n"));
        }
        Ok(())
    })
}

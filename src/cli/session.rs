//! `signet session`: who is logged in where.

use std::collections::HashMap;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::admin::{sessions, users};
use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::request_info::RequestInfo;
use crate::domain::session::Listed;
use crate::view;

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
    /// List live sessions, newest first
    #[command(after_help = "Examples:
  signet session list
  signet session list --user ada@example.com
  signet session list -o ndjson | jq -r 'select(.superseded) | .id'")]
    List(ListArgs),
    /// End one session, or all of one user
    #[command(after_help = "Examples:
  signet session revoke 0190f5a2-7c1e-7b7c-9d0e-2f6a8c1b3d4e
  signet session revoke --user ada@example.com

Signet refuses the session's tokens at the next request. An API that verifies tokens offline accepts
an access token until it expires.")]
    Revoke(RevokeArgs),
}

/// `signet session list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only this user's
    #[arg(long, value_name = "LOGIN|ID")]
    user: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

/// `signet session revoke`.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct RevokeArgs {
    /// The session's id: sid in its tokens
    #[arg(value_name = "SESSION_ID")]
    id: Option<String>,
    /// All sessions of this user
    #[arg(long, value_name = "LOGIN|ID")]
    user: Option<String>,
}

/// A session, and the login of whom it belongs to where people will read it.
struct Shown {
    listed: Listed,
    login: Option<String>,
}

impl Row for Shown {
    const HEAD: &'static [&'static str] =
        &["id", "user", "client", "audience", "address", "opened", "last seen", "expires"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let session = &self.listed.session;
        vec![
            session.id.to_string(),
            self.login.clone().unwrap_or_else(|| session.user_id.to_string()),
            session.client_id.clone(),
            session.audience.clone().unwrap_or_default(),
            self.listed.device.address.map(|address| address.to_string()).unwrap_or_default(),
            ago(session.created_at, now),
            ago(session.chain.answered_at, now),
            ago(session.idle_expires_at.min(session.expires_at), now),
        ]
    }

    fn json(&self) -> Value {
        view::session_of_anybody(&self.listed)
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
    let page = app.run_to_completion(sessions::list(app.clone(), user, request, app.now())).await?;
    let mut data = Vec::with_capacity(page.data.len());
    for listed in page.data {
        let login = match logins {
            Some(known) => login_of(app, listed.session.user_id, known).await?,
            None => None,
        };
        data.push(Shown { listed, login });
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
        if let Some(name) = &args.user {
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

//! `signet session`: live sessions and sign-ins.

use std::collections::HashMap;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::admin::users;
use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::outcome::Failure;
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::session::SessionFilter;
use crate::domain::user_agent::Device;
use crate::identity::{self, sessions::LoggedIn};
use crate::view;

use super::error::CommandError;
use super::output::{Format, Output, Row};
use super::paging::Paging;
use super::relative_time::ago;
use super::session_revoke::{RevokeArgs, revoke};
use super::user;
use super::value_parsers::time;
use super::with_app::with_app;

/// The subcommands for sessions.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List live sessions and sign-ins at Signet's pages, newest first
    #[command(after_help = "Examples:
  signet session list
  signet session list --user ada@example.com
  signet session list --client shop --since 2h
  signet session list -o ndjson | jq -r 'select(.superseded) | .id'
  signet session list -o ndjson | jq -r 'select(.kind == \"browser\") | .address'

A sign-in at Signet's pages is one browser in which a user is logged in; its client is \"(browser)\".
It belongs to no client: --client lists only sessions of the client, no sign-ins.")]
    List(ListArgs),
    /// End sessions and sign-ins: one, or all that match an option
    #[command(after_help = "Examples:
  signet session revoke 0190f5a2-7c1e-7b7c-9d0e-2f6a8c1b3d4e
  signet session revoke --user ada@example.com
  signet session revoke --client shop
  signet session revoke --before 2026-03-01T12:00:00Z
  signet session revoke --role support --dry-run
  signet session revoke --from ids.txt         one session id per line
  signet session revoke --all                  after a restore: all users sign in again
  signet session revoke --below mfa            after a second factor became required

--client ends sessions of the client but no sign-ins at Signet's pages. The others end both.
Signet refuses the tokens at the next request. An API that verifies tokens offline accepts an access
token until it expires.")]
    Revoke(RevokeArgs),
}

/// `signet session list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those of this user
    #[arg(long, value_name = "LOGIN|EMAIL|ID")]
    user: Option<String>,
    /// Only sessions of this client
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Only those that began since this time (2026-03-01T12:00:00Z), or this long ago (2h, 30d)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

/// A session or a sign-in, with the login name of its user in tables.
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

/// Runs a command.
pub fn run(command: &Command, output: Output) -> Result<(), CommandError> {
    match command {
        Command::List(args) => list(args, output),
        Command::Revoke(args) => revoke(args, output),
    }
}

fn list(args: &ListArgs, output: Output) -> Result<(), CommandError> {
    with_app(async |app| {
        let filter = SessionFilter {
            user: match &args.user {
                Some(name) => Some(user::find(&app, name).await?.id),
                None => None,
            },
            client_id: args.client.clone(),
            since: args
                .since
                .as_deref()
                .map(|text| time("--since", text, app.now()))
                .transpose()?,
        };
        // JSON has ids only, so logins are looked up only for tables.
        let mut logins = (output.format() == Format::Table).then(HashMap::new);
        args.paging
            .write(output.list(), async |request| page(&app, &filter, request, &mut logins).await)
            .await
    })
}

async fn page(
    app: &App,
    filter: &SessionFilter,
    request: PageRequest,
    logins: &mut Option<HashMap<UserId, String>>,
) -> Result<Page<Shown>, CommandError> {
    let (of, filter, now) = (app.clone(), filter.clone(), app.now());
    let work = async move { identity::sessions::list(of, &filter, request, now).await };
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

/// The login of a user, looked up once; `None` if the user is deleted.
pub(super) async fn login_of(
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

//! `signet audit`: the audit trail.

mod follow;

use std::collections::HashMap;

use clap::{Args, Subcommand};
use ipnet::IpNet;
use serde_json::{Value, json};

use crate::admin::audit::{self, ExportFormat, actor_named, user_named};
use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::domain::audit::EventKind;
use crate::domain::audit_filter::{AuditFilter, network};
use crate::domain::failure_reason::FailureReason;
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::request_info::RequestInfo;
use crate::store::audit::StoredEvent;
use crate::view;

use super::error::{CommandError, about};
use super::output::{Format, Output, Row};
use super::paging::Paging;
use super::session::login_of;
use super::value_parsers::{time, words};
use super::with_app::with_app;

/// The subcommands for the audit trail.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List events, newest first, or follow them
    #[command(after_help = "Examples:
  signet audit list --since 2h
  signet audit list --user ada@example.com --kind login.failed,login.throttled
  signet audit list --address 192.0.2.0/24 --reason wrong_password
  signet audit list --actor deploy --since 1d
  signet audit list --since 2026-03-01T10:40:00Z --until 2026-03-01T10:45:00Z
  signet audit list -f --kind session.ended,sessions.ended
  signet audit list --since 30d -o csv >audit.csv

Several options are combined with AND. -f shows the last ten events and then each new one
as it happens, the newest last; an event that stands for several is shown again when there are more.
The formats csv, json and ndjson, when named, are exports: each is an event itself.")]
    List(Box<ListArgs>),
    /// Print the kinds of events
    #[command(after_help = "Examples:
  signet audit kinds
  signet audit kinds | grep ^login")]
    Kinds,
}

/// `signet audit list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Events that concern this user
    #[arg(long, value_name = "LOGIN|EMAIL|ID")]
    user: Option<String>,
    /// Events of these kinds, separated by commas; signet audit kinds lists them
    #[arg(long, value_name = "KIND", value_delimiter = ',', hide_possible_values = true,
          value_parser = words(EventKind::ALL, EventKind::as_str))]
    kind: Vec<EventKind>,
    /// Failures for this reason
    #[arg(long, value_name = "REASON", value_parser = words(FailureReason::ALL, FailureReason::as_str))]
    reason: Option<FailureReason>,
    /// Events since this time (2026-03-01T12:00:00Z), or this long ago (2h, 30d)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Events before this time, or longer ago than this
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Events from this address, or from one of this network (192.0.2.0/24)
    #[arg(long, value_name = "ADDRESS", value_parser = of_network)]
    address: Option<IpNet>,
    /// Events that name this client
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Events that this user, client or administration key caused
    #[arg(long, value_name = "LOGIN|EMAIL|CLIENT_ID|ID")]
    actor: Option<String>,
    /// Events that concern this session
    #[arg(long, value_name = "SESSION_ID", value_parser = of_session)]
    session: Option<SessionId>,
    /// Events of the request with this id
    #[arg(long, value_name = "REQUEST_ID")]
    request: Option<String>,
    /// Show the last events, then new ones as they occur
    #[arg(short, long, conflicts_with_all = ["until", "limit", "after"])]
    follow: bool,
    #[command(flatten)]
    paging: Paging,
}

fn of_session(text: &str) -> Result<SessionId, String> {
    text.parse().map_err(|_| {
        "this is not the id of a session: a UUID, as signet session list shows it and tokens have it in \
         sid".to_owned()
    })
}

fn of_network(text: &str) -> Result<IpNet, String> {
    network(text).ok_or_else(|| {
        "this is neither an IP address nor a network such as 192.0.2.0/24 or 2001:db8::/32"
            .to_owned()
    })
}

/// An event, with the login names of its users in tables.
struct Shown {
    event: StoredEvent,
    user: Option<String>,
    actor: Option<String>,
}

impl Row for Shown {
    const HEAD: &'static [&'static str] =
        &["time", "kind", "reason", "user", "client", "address", "actor", "via", "detail", "times"];

    fn cells(&self, _: Timestamp) -> Vec<String> {
        let event = &self.event;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let name = |login: &Option<String>, id: Option<UserId>| {
            login.clone().or_else(|| id.map(|id| id.to_string())).unwrap_or_default()
        };
        vec![
            event.last_at.unwrap_or(event.at).rfc3339(),
            event.kind.clone(),
            text(&event.reason),
            name(&self.user, event.user_id),
            text(&event.client_id),
            text(&event.address),
            self.actor(),
            event.via.clone(),
            text(&event.detail),
            if event.times == 1 { String::new() } else { event.times.to_string() },
        ]
    }

    fn json(&self) -> Value {
        view::audit::event(&self.event)
    }
}

impl Shown {
    /// The user who caused it, or the client with the key that it used.
    fn actor(&self) -> String {
        let event = &self.event;
        match (&event.actor_client_id, event.actor_key_id) {
            (Some(client), Some(key)) => format!("{client} (key {key})"),
            (Some(client), None) => client.clone(),
            (None, _) => {
                let id = || event.actor_id.map(|id| id.to_string());
                self.actor.clone().or_else(id).unwrap_or_default()
            }
        }
    }
}

struct Kind(EventKind);

impl Row for Kind {
    const HEAD: &'static [&'static str] = &["kind"];

    fn cells(&self, _: Timestamp) -> Vec<String> {
        vec![self.0.to_string()]
    }

    fn json(&self) -> Value {
        json!({ "kind": self.0 })
    }
}

/// Runs a command.
pub fn run(command: &Command, output: Output) -> Result<(), CommandError> {
    match command {
        Command::List(args) => list(args, output),
        Command::Kinds => kinds(output),
    }
}

/// One kind per line, also in a pipe, so that they can be searched; JSON if requested.
fn kinds(output: Output) -> Result<(), CommandError> {
    let rows: Vec<Kind> = EventKind::ALL.iter().copied().map(Kind).collect();
    if output.chosen().is_none() {
        let lines: String = EventKind::ALL.iter().map(|kind| format!("{kind}\n")).collect();
        return Ok(super::output::write(&lines)?);
    }
    let mut list = output.list();
    list.rows(&rows)?;
    Ok(list.end()?)
}

fn list(args: &ListArgs, output: Output) -> Result<(), CommandError> {
    with_app(async |app| {
        let filter = filter(&app, args).await?;
        // JSON has ids only, so logins are looked up only for tables.
        let mut logins = (output.format() == Format::Table).then(HashMap::new);
        if args.follow {
            return follow::follow(&app, filter, output, &mut logins).await;
        }
        let export = match output.chosen() {
            Some(Format::Csv) => Some(ExportFormat::Csv),
            Some(Format::Json | Format::Ndjson) => Some(ExportFormat::Ndjson),
            Some(Format::Table) | None => None,
        };
        if let Some(format) = export {
            let work = audit::begin_export(app.clone(), format, RequestInfo::cli(app.now()));
            app.run_to_completion(work).await?;
        }
        args.paging
            .write(output.list(), async |request| page(&app, &filter, request, &mut logins).await)
            .await
    })
}

async fn filter(app: &App, args: &ListArgs) -> Result<AuditFilter, CommandError> {
    let now = app.now();
    let user = async |name: &Option<String>| match name {
        Some(name) => user_named(app, name).await.map(Some).map_err(about("user", name)),
        None => Ok(None),
    };
    let at = |option: &str, text: &Option<String>| {
        text.as_deref().map(|text| time(option, text, now)).transpose()
    };
    Ok(AuditFilter {
        user: user(&args.user).await?,
        kinds: args.kind.clone(),
        reason: args.reason,
        since: at("--since", &args.since)?,
        until: at("--until", &args.until)?,
        address: args.address,
        client_id: args.client.clone(),
        actor: match &args.actor {
            Some(name) => Some(actor_named(app, name).await.map_err(about("actor", name))?),
            None => None,
        },
        session: args.session,
        request_id: args.request.clone(),
    })
}

type Logins = Option<HashMap<UserId, String>>;

async fn page(
    app: &App,
    filter: &AuditFilter,
    request: PageRequest,
    logins: &mut Logins,
) -> Result<Page<Shown>, CommandError> {
    let work = audit::list(app.clone(), filter.clone(), request);
    let Page { data, next } = app.run_to_completion(work).await?.page;
    Ok(Page { data: named(app, data, logins).await?, next })
}

/// Adds the logins of the users of events.
async fn named(
    app: &App,
    events: Vec<StoredEvent>,
    logins: &mut Logins,
) -> Result<Vec<Shown>, CommandError> {
    let mut shown = Vec::with_capacity(events.len());
    for event in events {
        let (mut user, mut actor) = (None, None);
        if let Some(known) = logins {
            if let Some(id) = event.user_id {
                user = login_of(app, id, known).await?;
            }
            if let Some(id) = event.actor_id {
                actor = login_of(app, id, known).await?;
            }
        }
        shown.push(Shown { event, user, actor });
    }
    Ok(shown)
}

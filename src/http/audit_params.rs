//! The parameters that select audit events, at `/v1` and in the console.

use crate::admin::audit::{actor_named, user_named};
use crate::app::App;
use crate::base::nearest_name::nearest_name;
use crate::base::{Timestamp, id::UserId};
use crate::domain::audit::EventKind;
use crate::domain::audit_filter::{AuditFilter, network};
use crate::domain::outcome::{NameError, Refusal, quotable};
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::Params;

use super::api::{admin_sessions, time_param};

const SINCE: (&str, &str) =
    ("since", "since must be a time (RFC 3339), or how long ago, such as 2h or 30d.");
const UNTIL: (&str, &str) =
    ("until", "until must be a time (RFC 3339), or how long ago, such as 2h or 30d.");

/// The filter from the parameters.
///
/// # Errors
/// `validation_failed`, naming the parameter; `not_found` for an unknown login.
pub async fn filter(context: &Context, params: &Params) -> Result<AuditFilter, Problem> {
    let now = context.now();
    let mut filter = context.check(without_users(params, now))?;
    filter.user = match context.check(admin_sessions::user_param(params))? {
        Some(user) => Some(user),
        None => user(context, params).await?,
    };
    if let Some(name) = params.get("actor") {
        let (app, name): (App, String) = (context.app.clone(), name.to_owned());
        let work = async move { actor_named(&app, &name).await };
        filter.actor = Some(context.run(work).await?);
    }
    Ok(filter)
}

/// The user that is named by a login name or an id.
///
/// # Errors
/// `not_found` if no user has the login name.
pub async fn user(context: &Context, params: &Params) -> Result<Option<UserId>, Problem> {
    let Some(named) = params.get("user") else { return Ok(None) };
    let (app, named): (App, String) = (context.app.clone(), named.to_owned());
    let work = async move { user_named(&app, &named).await };
    context.run(work).await.map(Some)
}

fn without_users(params: &Params, now: Timestamp) -> Result<AuditFilter, Refusal> {
    let session = "session must be the id of a session.";
    let address = "address must be an IP address, or a network such as 192.0.2.0/24.";
    let parsed = |name: &'static str, message| {
        move |text: &str| text.parse().map_err(|_| Refusal::field(name, "not_an_id", message))
    };
    let network = |text: &str| {
        network(text).ok_or_else(|| Refusal::field("address", "not_a_network", address))
    };
    Ok(AuditFilter {
        kinds: params.get("kind").map_or(Ok(Vec::new()), kinds)?,
        reason: params
            .get("reason")
            .map(|text| text.parse().map_err(|_| unknown_reason(text)))
            .transpose()?,
        since: time_param(params, SINCE, now)?,
        until: time_param(params, UNTIL, now)?,
        address: params.get("address").map(network).transpose()?,
        client_id: params.get("client").map(str::to_owned),
        session: params.get("session").map(parsed("session", session)).transpose()?,
        request_id: params.get("request").map(str::to_owned),
        ..AuditFilter::default()
    })
}

fn unknown_reason(_: &str) -> Refusal {
    Refusal::field(
        "reason",
        "unknown",
        "There is no such reason. docs/audit.md lists the reasons of failed attempts.",
    )
}

/// Kinds with commas between them.
fn kinds(text: &str) -> Result<Vec<EventKind>, Refusal> {
    text.split(',').map(|kind| kind.parse().map_err(|_| unknown_kind(kind))).collect()
}

fn unknown_kind(kind: &str) -> Refusal {
    let nearest = nearest_name(&quotable(kind), EventKind::ALL.iter().map(|kind| kind.as_str()));
    let message = match nearest {
        Some((nearest, _)) => {
            format!("Unknown kind of event \"{}\". Did you mean \"{nearest}\"?", quotable(kind))
        }
        None => format!("Unknown kind of event \"{}\".", quotable(kind)),
    };
    let error = NameError { name: "kind".to_owned(), code: "unknown", message };
    Refusal::fields_and_names(Vec::new(), vec![error])
}

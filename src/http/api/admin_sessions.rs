//! `/v1/admin/sessions`.

use actix_web::HttpResponse;
use actix_web::web::Path;

use crate::admin::session_ends::{self, Bound, Call, Position, Selection};
use crate::admin::sessions;
use crate::admin::time_bound::point_in_time;
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::outcome::{Code, Refusal};
use crate::domain::session::SessionFilter;
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::{JsonFields, Params};
use crate::identity::{self, administrator::Administrator};

use crate::view;

type Admin = Authenticated<Administrator>;

/// The user a parameter names.
///
/// # Errors
/// `validation_failed`.
pub fn user_param(params: &Params) -> Result<Option<UserId>, Refusal> {
    let message = "user_id must be the id of a user.";
    params
        .get("user_id")
        .map(|text| text.parse().map_err(|_| Refusal::field("user_id", "not_an_id", message)))
        .transpose()
}

/// A page of the active sessions and browser sign-ins that match the parameters.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn list(admin: Admin, params: Params) -> Result<HttpResponse, Problem> {
    let context = admin.context;
    let request = context.check(super::page_request(&params))?;
    let now = context.now();
    let filter = SessionFilter {
        user: context.check(user_param(&params))?,
        client_id: params.get("client_id").map(str::to_owned),
        since: context.check(super::time_param(&params, SINCE, now))?,
    };
    let app = context.app.clone();
    let work = async move { identity::sessions::list(app, &filter, request, now).await };
    let page = context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::page(&page, view::logged_in_of_any_user)))
}

/// Ends or counts the sessions that one member of the body selects.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn end(admin: Admin, mut body: JsonFields) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let now = context.now();
    let dry_run = body.flag("dry_run");
    let which = selection(&mut body, now);
    let after = body.optional_string("after").and_then(|text| match Position::parse(&text) {
        Some(position) => Some(position),
        None => body.note(
            "after",
            "not_a_cursor",
            "after must be the value of next in the previous response.",
        ),
    });
    context.check(body.finish())?;
    let missing = "Select sessions with one of all, user_id, client_id, before, role and group.";
    let which = context.check(which.ok_or_else(|| Refusal::field("all", "missing", missing)))?;
    let (app, call) = (context.app.clone(), Call { which, after, bound: Bound::Request });
    let outcome = match dry_run {
        true => context.run(session_ends::count(app, call, now)).await?,
        false => {
            let info = context.administration(&caller);
            context.run(session_ends::end(app, call, info)).await?
        }
    };
    Ok(HttpResponse::Ok().json(view::ended_sessions(&outcome, dry_run)))
}

/// The only selection in a body. `None` if there is none; errors are recorded.
fn selection(body: &mut JsonFields, now: Timestamp) -> Option<Selection> {
    let user = body.optional_string("user_id").and_then(|text| match text.parse() {
        Ok(user) => Some(Selection::User(user)),
        Err(_) => body.note("user_id", "not_an_id", "user_id must be the id of a user."),
    });
    let before = body.optional_string("before").and_then(|text| match point_in_time(&text, now) {
        Some(at) => Some(Selection::Before(at)),
        None => body.note("before", "not_a_time", BEFORE),
    });
    let named = [
        body.flag("all").then_some(Selection::Everyone),
        user,
        body.optional_string("client_id").map(Selection::Client),
        before,
        body.optional_string("role").map(Selection::Role),
        body.optional_string("group").map(Selection::Group),
    ];
    let mut named = named.into_iter().flatten();
    let first = named.next();
    if named.next().is_some() {
        let message = "Send only one of all, user_id, client_id, before, role and group.";
        return body.note("all", "ambiguous", message);
    }
    first
}

/// The error of a time that cannot be parsed.
const SINCE: (&str, &str) =
    ("since", "since must be a time (RFC 3339), or how long ago, such as 2h or 30d.");
const BEFORE: &str = "before must be a time (RFC 3339), or how long ago, such as 2h or 30d.";

/// Ends one session.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn delete(admin: Admin, id: Path<String>) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let none = |_| Refusal::new(Code::NotFound, "There is no such active session.");
    let id = context.check(id.parse().map_err(none))?;
    let info = context.administration(&caller);
    context.run(sessions::revoke(context.app.clone(), id, info)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends every session of the user named by `user_id`.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn delete_of_user(admin: Admin, params: Params) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let user = context.check(user_param(&params))?;
    let missing = || Refusal::field("user_id", "missing", "Select the sessions to end.");
    let user = context.check(user.ok_or_else(missing))?;
    let info = context.administration(&caller);
    let work = session_ends::end_all_of_user(context.app.clone(), user, info);
    context.run(work).await?;
    Ok(HttpResponse::NoContent().finish())
}

//! `/v1/sessions`.

use actix_web::HttpResponse;
use actix_web::web::Path;

use crate::domain::outcome::{Code, Refusal};
use crate::domain::session::SessionFilter;
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::identity::bearer::Caller;
use crate::identity::sessions::{self, Which};

use crate::view;

/// A page of the caller's live sessions and sign-ins at the pages, newest first.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn list(
    Authenticated { context, caller }: Authenticated<Caller>,
    params: Params,
) -> Result<HttpResponse, Problem> {
    let current = caller.session.id;
    let request = context.check(super::page_request(&params))?;
    let (app, now) = (context.app.clone(), context.now());
    let filter = SessionFilter::of_user(caller.user.id);
    let work = async move { sessions::list(app, &filter, request, now).await };
    let page = context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::page(&page, |row| view::logged_in(row, current))))
}

/// Ends one of the caller's sessions.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn delete_one(
    Authenticated { context, caller }: Authenticated<Caller>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let none = |_| Refusal::new(Code::NotFound, "There is no such session.");
    let id = context.check(id.parse().map_err(none))?;
    let info = context.request_info_of(&caller);
    let work = sessions::end_one(context.app.clone(), caller, id, info);
    context.run(work).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends all of the caller's sessions, or all others.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn delete_many(
    Authenticated { context, caller }: Authenticated<Caller>,
    params: Params,
) -> Result<HttpResponse, Problem> {
    let which = match params.get("scope") {
        Some("others") => Ok(Which::Others),
        Some("all") => Ok(Which::All),
        // Without an explicit scope nothing is ended.
        None => Err(Refusal::field("scope", "missing", "Send scope=others or scope=all.")),
        Some(_) => Err(Refusal::field("scope", "unknown", "Send scope=others or scope=all.")),
    };
    let which = context.check(which)?;
    let info = context.request_info_of(&caller);
    let work = sessions::end_many(context.app.clone(), caller, which, info);
    context.run(work).await?;
    Ok(HttpResponse::NoContent().finish())
}

//! `/v1/admin/sessions`.

use actix_web::HttpResponse;
use actix_web::web::Path;

use crate::admin::sessions;
use crate::base::id::UserId;
use crate::domain::outcome::{Code, Refusal};
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::identity::{self, administrator::Administrator};

use crate::view;

type Admin = Authenticated<Administrator>;

/// The user a parameter names.
///
/// # Errors
/// `validation_failed`.
pub fn user_param(params: &Params) -> Result<Option<UserId>, Refusal> {
    let message = "user_id is the id of a user.";
    params
        .get("user_id")
        .map(|text| text.parse().map_err(|_| Refusal::field("user_id", "not_an_id", message)))
        .transpose()
}

/// A page of live sessions and sign-ins at the pages, of one user if named.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn list(admin: Admin, params: Params) -> Result<HttpResponse, Problem> {
    let context = admin.context;
    let request = context.check(super::page_request(&params))?;
    let user = context.check(user_param(&params))?;
    let work = identity::sessions::list(context.app.clone(), user, request, context.now());
    let page = context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::page(&page, view::logged_in_of_any_user)))
}

/// Ends one session.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn delete(admin: Admin, id: Path<String>) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let none = |_| Refusal::new(Code::NotFound, "There is no such live session.");
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
    let missing = || Refusal::field("user_id", "missing", "Say whose sessions to end.");
    let user = context.check(user.ok_or_else(missing))?;
    let info = context.administration(&caller);
    let work = sessions::revoke_all(context.app.clone(), user, info);
    context.run(work).await?;
    Ok(HttpResponse::NoContent().finish())
}

//! `/v1/admin/users/{id}/why` and `/v1/admin/users/why`.

use actix_web::HttpResponse;
use actix_web::web::Path;

use crate::admin::user_why;
use crate::domain::login_name::MAX_LOGIN_BYTES;
use crate::domain::outcome::Refusal;
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::identity::administrator::Administrator;
use crate::view;

use super::admin_users::user_id;

/// Why a user cannot sign in.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn get(
    admin: Authenticated<Administrator>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let context = admin.context;
    let id = context.check(user_id(&id))?;
    let report = context.run(user_why::why(context.app.clone(), id, context.now())).await?;
    Ok(HttpResponse::Ok().json(view::user_report(&report)))
}

/// Why a user cannot sign in with a login name, with or without an account.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn of_login(
    admin: Authenticated<Administrator>,
    params: Params,
) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let missing = || Refusal::field("login", "missing", "Send the login: ?login=ada.");
    let login = params.get("login").map(str::to_owned).ok_or_else(missing);
    let login = context.check(login)?;
    let too_long = || Refusal::field("login", "too_long", "A login has at most 254 bytes.");
    context.check((login.len() <= MAX_LOGIN_BYTES).then_some(()).ok_or_else(too_long))?;
    let info = context.administration(&caller);
    let work = user_why::why_login(context.app.clone(), login, info);
    let report = context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::user_report(&report)))
}

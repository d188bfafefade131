//! `POST /v1/password`.

use actix_web::HttpResponse;

use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::JsonFields;
use crate::identity::bearer::Caller;
use crate::identity::password::{self, Keep, PasswordChange};

use super::login;

/// Changes the caller's password and ends every other session.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn post(
    Authenticated { context, caller }: Authenticated<Caller>,
    mut body: JsonFields,
) -> Result<HttpResponse, Problem> {
    let current = body.string("current_password");
    let new = body.string("new_password");
    context.check(body.finish())?;
    let current = context.check(login::password("current_password", &current))?;
    let info = context.request_info_of(&caller);
    let keep = Keep::Session(caller.session.id);
    let change = PasswordChange { current, new, keep, cookie: None };
    let work = password::change(context.app.clone(), caller.user, change, info);
    context.run(work).await?;
    Ok(HttpResponse::NoContent().finish())
}

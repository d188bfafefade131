//! `/v1/email`: verifying and changing the caller's e-mail address.

use actix_web::HttpResponse;

use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::JsonFields;
use crate::identity::bearer::Caller;
use crate::identity::email_change;

use crate::view;

/// Sends a code to an address, which becomes the caller's address when the code is confirmed.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn put(
    Authenticated { context, caller }: Authenticated<Caller>,
    mut body: JsonFields,
) -> Result<HttpResponse, Problem> {
    let email = body.string("email");
    context.check(body.finish())?;
    let info = context.request_info_of(&caller);
    let work = email_change::request(context.app.clone(), caller.into(), email, info);
    Ok(HttpResponse::Accepted().json(view::email_requested(&context.run(work).await?)))
}

/// Checks the code.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn verify(
    Authenticated { context, caller }: Authenticated<Caller>,
    mut body: JsonFields,
) -> Result<HttpResponse, Problem> {
    let code = body.string("code");
    context.check(body.finish())?;
    let info = context.request_info_of(&caller);
    let work = email_change::confirm(context.app.clone(), caller.into(), code, info);
    context.run(work).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Cancels the pending change.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn cancel(
    Authenticated { context, caller }: Authenticated<Caller>,
) -> Result<HttpResponse, Problem> {
    let info = context.request_info_of(&caller);
    let work = email_change::cancel(context.app.clone(), caller.user.id, info);
    context.run(work).await?;
    Ok(HttpResponse::NoContent().finish())
}

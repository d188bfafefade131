//! `/v1/me`.

use actix_web::HttpResponse;

use crate::http::context::{Authenticated, Context};
use crate::http::error::Problem;
use crate::http::extract::JsonFields;
use crate::identity::bearer::Caller;
use crate::identity::email_change;
use crate::identity::profile;

use crate::view;

/// The caller.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn get(
    Authenticated { context, caller }: Authenticated<Caller>,
) -> Result<HttpResponse, Problem> {
    let pending = pending(&context, &caller).await?;
    Ok(HttpResponse::Ok().json(view::myself(&caller.user, pending.as_deref())))
}

/// The address that waits for its confirmation.
async fn pending(context: &Context, caller: &Caller) -> Result<Option<String>, Problem> {
    let (app, user, now) = (context.app.clone(), caller.user.id, context.now());
    context.run(async move { Ok(email_change::pending(&app, user, now).await?) }).await
}

/// Changes the caller's own profile (JSON merge patch, RFC 7396).
///
/// # Errors
/// See `docs/errors.md`.
pub async fn patch(
    Authenticated { context, caller }: Authenticated<Caller>,
    mut body: JsonFields,
) -> Result<HttpResponse, Problem> {
    let name = body.patch_string("name");
    let read_only = context.check(body.finish_patch())?;
    let pending = pending(&context, &caller).await?;
    let shown = view::myself(&caller.user, pending.as_deref());
    context.check(read_only.compare(&shown))?;
    let Some(name) = name else { return Ok(HttpResponse::Ok().json(shown)) };
    let info = context.request_info_of(&caller);
    let work = profile::update(context.app.clone(), caller.user.id, name, info);
    let user = context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::myself(&user, pending.as_deref())))
}

//! `/v1/me`.

use actix_web::HttpResponse;

use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::JsonFields;
use crate::identity::bearer::Caller;
use crate::identity::profile;

use crate::view;

/// The caller.
pub async fn get(Authenticated { caller, .. }: Authenticated<Caller>) -> HttpResponse {
    HttpResponse::Ok().json(view::myself(&caller.user))
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
    context.check(read_only.compare(&view::myself(&caller.user)))?;
    let Some(name) = name else {
        return Ok(HttpResponse::Ok().json(view::myself(&caller.user)));
    };
    let info = context.request_info_of(&caller);
    let work = profile::update(context.app.clone(), caller.user.id, name, info);
    let user = context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::myself(&user)))
}

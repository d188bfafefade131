//! `POST /v1/register`.

use actix_web::HttpResponse;

use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::JsonFields;
use crate::identity::register;

use crate::view;

/// Makes an account, where registration is open.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn post(context: Context, mut body: JsonFields) -> Result<HttpResponse, Problem> {
    let login = body.string("login");
    let password = body.string("password");
    context.check(body.finish())?;
    let work = register::register(context.app.clone(), login, password, context.request_info());
    let user = context.run(work).await?;
    Ok(HttpResponse::Created().json(view::myself(&user, None, None)))
}

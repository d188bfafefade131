//! `POST /v1/refresh`.

use actix_web::HttpResponse;

use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::JsonFields;
use crate::identity::refresh;

/// Exchanges a refresh token for new tokens.
///
/// The only writing use case that is awaited on the HTTP thread: the transaction belongs to the group commit and
/// continues if the caller disconnects, and signing on this thread saves a switch to another.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn post(context: Context, mut body: JsonFields) -> Result<HttpResponse, Problem> {
    let token = body.string("refresh_token");
    context.check(body.finish())?;
    let refreshed = refresh::refresh(&context.app, &token, context.origin(), context.now()).await;
    let tokens = refreshed.map_err(|stop| context.problem(stop))?;
    Ok(HttpResponse::Ok().json(tokens))
}

//! `POST /v1/logout`.

use actix_web::{HttpRequest, HttpResponse};

use crate::http::context::{Context, bearer_token};
use crate::http::error::Problem;
use crate::http::extract::OptionalJson;
use crate::identity::logout::{self, Evidence};

/// Ends the session of a refresh token or an access token.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn post(
    context: Context,
    request: HttpRequest,
    OptionalJson(body): OptionalJson,
) -> Result<HttpResponse, Problem> {
    let mut refresh_token = None;
    if let Some(mut body) = body {
        refresh_token = body.has("refresh_token").then(|| body.string("refresh_token"));
        context.check(body.finish())?;
    }
    let evidence = match refresh_token {
        Some(token) => Evidence::RefreshToken(token),
        None => match context.check(bearer_token(&request))? {
            Some(token) => Evidence::AccessToken(token),
            None => return Err(Problem::no_token(&context.facts.request_id)),
        },
    };
    let work = logout::logout(context.app.clone(), evidence, context.request_info());
    context.run(work).await?;
    Ok(HttpResponse::NoContent().finish())
}

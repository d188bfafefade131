//! `POST /v1/link`: redeeming a mailed link, for applications that open links themselves.

use actix_web::HttpResponse;

use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::JsonFields;
use crate::identity::links::{self, LinkEntry};
use crate::identity::second_factor::TypedCode;

/// Redeems a link.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn post(context: Context, mut body: JsonFields) -> Result<HttpResponse, Problem> {
    let token = body.string("token");
    let entry = LinkEntry {
        new_password: body.optional_string("new_password"),
        code: body.optional_string("code").map(TypedCode::guess),
        // An account is created at /v1/register/complete.
        account: None,
    };
    context.check(body.finish())?;
    let work = links::redeem(context.app.clone(), token, entry, context.request_info());
    context.run(work).await?;
    Ok(HttpResponse::NoContent().finish())
}

//! `/v1/admin/tokens/why`.
//!
//! The token is sent in the body, which is not logged, and is not returned.

use actix_web::HttpResponse;

use crate::admin::token_diagnosis;
use crate::base::Timestamp;
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::JsonFields;
use crate::identity::administrator::Administrator;

use crate::view;

/// Tells whether a token is valid, and if not, why. The status is 200 in both cases.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn post(
    admin: Authenticated<Administrator>,
    mut body: JsonFields,
) -> Result<HttpResponse, Problem> {
    let context = admin.context;
    let token = body.string("token");
    let audience = body.optional_string("audience");
    let at = at(&mut body).unwrap_or_else(|| context.now());
    context.check(body.finish())?;
    let report =
        context.run(token_diagnosis::why(context.app.clone(), token, audience, at)).await?;
    Ok(HttpResponse::Ok().json(view::token_report(&report)))
}

fn at(body: &mut JsonFields) -> Option<Timestamp> {
    let text = body.optional_string("at")?;
    match Timestamp::parse(&text) {
        Some(at) => Some(at),
        None => body.note(
            "at",
            "not_a_time",
            "at must be a string: a time (RFC 3339), or seconds since 1970 as digits.",
        ),
    }
}

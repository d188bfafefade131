//! `/v1/admin/keys`.

use actix_web::HttpResponse;
use actix_web::web::Path;
use serde_json::json;

use crate::admin::{key_rotation, keys};
use crate::domain::signing_key::SigningAlg;
use crate::domain::verifier_compat::caching;
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::{JsonFields, OptionalJson};
use crate::identity::administrator::Administrator;

/// Every signing key, without private members.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn list(admin: Authenticated<Administrator>) -> Result<HttpResponse, Problem> {
    let keys =
        admin.context.run(keys::list(admin.context.app.clone(), admin.context.now())).await?;
    Ok(HttpResponse::Ok().json(json!({ "data": keys, "next": null })))
}

/// Publishes successors of the signing keys, or of the key of one algorithm; with `now` they sign at once.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn rotate(
    admin: Authenticated<Administrator>,
    body: OptionalJson,
) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let (mut alg, mut at_once) = (None, false);
    if let Some(mut body) = body.0 {
        alg = algorithm(&mut body);
        at_once = body.optional_bool("now").unwrap_or(false);
        context.check(body.finish())?;
    }
    let info = context.administration(&caller);
    let work = key_rotation::rotate(context.app.clone(), alg, at_once, info);
    let keys = context.run(work).await?;
    let warnings = if at_once { caching::of_a_sudden_key() } else { Vec::new() };
    Ok(HttpResponse::Ok().json(json!({ "data": keys, "warnings": warnings })))
}

/// Removes a key from the published set; with `now` even if tokens that it signed are still valid.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn retire(
    admin: Authenticated<Administrator>,
    kid: Path<String>,
    body: OptionalJson,
) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let mut at_once = false;
    if let Some(mut body) = body.0 {
        at_once = body.optional_bool("now").unwrap_or(false);
        context.check(body.finish())?;
    }
    let (kid, info) = (kid.into_inner(), context.administration(&caller));
    let work = key_rotation::retire(context.app.clone(), kid, at_once, info);
    context.run(work).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn algorithm(body: &mut JsonFields) -> Option<SigningAlg> {
    let text = body.optional_string("alg")?;
    match text.parse() {
        Ok(alg) => Some(alg),
        Err(_) => body.note("alg", "unknown", "alg must be the name of a signature algorithm."),
    }
}

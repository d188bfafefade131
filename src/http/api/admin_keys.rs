//! `/v1/admin/keys`.

use actix_web::HttpResponse;
use serde_json::json;

use crate::admin::keys;
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::identity::bearer::Administrator;

/// Every signing key, without private members.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn list(admin: Authenticated<Administrator>) -> Result<HttpResponse, Problem> {
    let keys = admin.context.run(keys::list(admin.context.app.clone())).await?;
    Ok(HttpResponse::Ok().json(json!({ "data": keys, "next": null })))
}

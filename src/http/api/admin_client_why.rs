//! `/v1/admin/clients/{client_id}/why`.

use actix_web::HttpResponse;
use actix_web::web::Path;

use crate::admin::client_why;
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::identity::administrator::Administrator;

use crate::view;

/// Why requests of a client were recently refused or narrowed.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn get(
    admin: Authenticated<Administrator>,
    client_id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let context = admin.context;
    let (app, now) = (context.app.clone(), context.now());
    let report = context.run(client_why::why(app, client_id.into_inner(), now)).await?;
    Ok(HttpResponse::Ok().json(view::client_report(&report)))
}

//! `/v1/admin/users/{id}/invite`, `/recovery` and `/unlock`.

use actix_web::HttpResponse;
use actix_web::web::Path;

use crate::admin::{invitations, unlocking};
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::OptionalJson;
use crate::identity::administrator::Administrator;
use crate::view;

use super::admin_users::user_id;

type Admin = Authenticated<Administrator>;

/// Invites a user to choose the first password.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn invite(admin: Admin, id: Path<String>) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let id = context.check(user_id(&id))?;
    let info = context.administration(&caller);
    let sent = context.run(invitations::invite(context.app.clone(), id, info)).await?;
    Ok(HttpResponse::Ok().json(view::sent_link(&sent, context.now())))
}

/// Sends a user a link to choose a new password.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn recover(admin: Admin, id: Path<String>) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let id = context.check(user_id(&id))?;
    let info = context.administration(&caller);
    let sent = context.run(invitations::recover(context.app.clone(), id, info)).await?;
    Ok(HttpResponse::Ok().json(view::sent_link(&sent, context.now())))
}

/// Clears the counters of failed attempts of a user, of one network or of all.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn unlock(
    admin: Admin,
    id: Path<String>,
    body: OptionalJson,
) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let id = context.check(user_id(&id))?;
    let mut network = None;
    if let Some(mut body) = body.0 {
        network = body.optional_string("network");
        context.check(body.finish())?;
    }
    let network = network.as_deref().map(unlocking::parse_network).transpose();
    let network = context.check(network)?;
    let info = context.administration(&caller);
    context.run(unlocking::unlock(context.app.clone(), id, network, info)).await?;
    Ok(HttpResponse::NoContent().finish())
}

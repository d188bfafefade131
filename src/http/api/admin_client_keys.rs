//! `/v1/admin/clients/{client_id}/keys`: administration keys of a service client.

use actix_web::HttpResponse;
use actix_web::web::Path;

use crate::admin::admin_keys;
use crate::base::TimeSpan;
use crate::base::id::AdminKeyId;
use crate::domain::admin_key::NewAdminKey;
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::{JsonFields, Params};
use crate::identity::administrator::Administrator;
use crate::view;

type Admin = Authenticated<Administrator>;

/// A page of the keys of a client.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn list(admin: Admin, id: Path<String>, params: Params) -> Result<HttpResponse, Problem> {
    let request = admin.context.check(super::page_request(&params))?;
    let work = admin_keys::list(admin.context.app.clone(), id.into_inner(), request);
    let page = admin.context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::page(&page, view::admin_key)))
}

/// Creates a key. Only this response contains its secret.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn create(
    admin: Admin,
    id: Path<String>,
    mut body: JsonFields,
) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let name = body.string("name");
    let scopes = body.strings("scopes");
    let life = body.patch_integer("expires_in").flatten();
    if life.is_none() {
        body.note::<()>(
            "expires_in",
            "missing",
            "Send the lifetime of the key in seconds: at most 31536000 (365 days).",
        );
    }
    let networks = body.strings("networks");
    context.check(body.finish())?;
    let life = TimeSpan::from_secs(life.unwrap_or_default().clamp(0, MAX_SECONDS));
    let new = NewAdminKey { name, scopes, life, networks };
    let info = context.administration(&caller);
    let work = admin_keys::create(context.app.clone(), id.into_inner(), new, info);
    let created = context.run(work).await?;
    Ok(HttpResponse::Created().json(view::created_admin_key(&created)))
}

/// Above every allowed lifetime, and small enough that no sum overflows.
const MAX_SECONDS: i64 = 1 << 40;

/// Revokes a key.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn revoke(admin: Admin, path: Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let (client_id, key) = path.into_inner();
    let key: AdminKeyId = context.check(key.parse().map_err(|_| admin_keys::no_key()))?;
    let info = context.administration(&caller);
    context.run(admin_keys::revoke(context.app.clone(), client_id, key, info)).await?;
    Ok(HttpResponse::NoContent().finish())
}

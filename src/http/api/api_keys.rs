//! `/v1/api-keys`: the caller's API keys, and those of a user for administrators.

use actix_web::HttpResponse;
use actix_web::web::Path;

use crate::admin::api_keys as of_users;
use crate::base::TimeSpan;
use crate::base::id::ApiKeyId;
use crate::domain::api_key::NewApiKey;
use crate::domain::outcome::Refusal;
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::JsonFields;
use crate::identity::administrator::Administrator;
use crate::identity::api_keys;
use crate::identity::bearer::Caller;
use crate::view;

use super::admin_users::user_id;

type Admin = Authenticated<Administrator>;

/// Above every allowed lifetime, and small enough that no sum overflows.
const MAX_SECONDS: i64 = 1 << 40;

/// The key id in a path. A text that is not an id is answered like an unknown key.
///
/// # Errors
/// `not_found`.
pub fn key_id(text: &str) -> Result<ApiKeyId, Refusal> {
    text.parse().map_err(|_| api_keys::no_key())
}

/// The caller's keys.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn list(
    Authenticated { context, caller }: Authenticated<Caller>,
) -> Result<HttpResponse, Problem> {
    let work = api_keys::list(context.app.clone(), caller.user.id, context.now());
    Ok(HttpResponse::Ok().json(view::api_keys(&context.run(work).await?)))
}

/// Creates a key. Only this response contains its secret.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn create(
    Authenticated { context, caller }: Authenticated<Caller>,
    mut body: JsonFields,
) -> Result<HttpResponse, Problem> {
    let (name, audience) = (body.string("name"), body.string("audience"));
    let (scopes, networks) = (body.strings("scopes"), body.strings("networks"));
    let life = body.patch_integer("expires_in").flatten();
    context.check(body.finish())?;
    let life = life.map(|secs| TimeSpan::from_secs(secs.clamp(0, MAX_SECONDS)));
    let new = NewApiKey { name, audience, scopes, life, networks };
    let info = context.request_info_of(&caller);
    let work = api_keys::create(context.app.clone(), caller.into(), new, info);
    Ok(HttpResponse::Created().json(view::created_api_key(&context.run(work).await?)))
}

/// Revokes a key.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn revoke(
    Authenticated { context, caller }: Authenticated<Caller>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = context.check(key_id(&id))?;
    let info = context.request_info_of(&caller);
    context.run(api_keys::revoke_own(context.app.clone(), caller.user.id, id, info)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The keys of a user.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn list_of_user(admin: Admin, id: Path<String>) -> Result<HttpResponse, Problem> {
    let id = admin.context.check(user_id(&id))?;
    let work = of_users::list(admin.context.app.clone(), id, admin.context.now());
    Ok(HttpResponse::Ok().json(view::api_keys(&admin.context.run(work).await?)))
}

/// Revokes a key of a user.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn revoke_of_user(
    admin: Admin,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let (user, key) = path.into_inner();
    let (user, key) = (context.check(user_id(&user))?, context.check(key_id(&key))?);
    let info = context.administration(&caller);
    context.run(of_users::revoke(context.app.clone(), user, key, info)).await?;
    Ok(HttpResponse::NoContent().finish())
}

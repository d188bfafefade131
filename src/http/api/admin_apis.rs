//! `/v1/admin/apis`.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Path;
use serde_json::{Value, json};

use crate::admin::apis::{self, Change, Changed};
use crate::base::TimeSpan;
use crate::domain::token_rules::TokenRules;
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::{JsonFields, Params};
use crate::identity::administrator::Administrator;

use crate::view;

type Admin = Authenticated<Administrator>;

/// A page of APIs.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn list(admin: Admin, params: Params) -> Result<HttpResponse, Problem> {
    let request = admin.context.check(super::page_request(&params))?;
    let page = admin.context.run(apis::list(admin.context.app.clone(), request)).await?;
    Ok(HttpResponse::Ok().json(view::page(&page, view::api)))
}

/// Registers an API.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn create(admin: Admin, mut body: JsonFields) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let identifier = body.string("identifier");
    let change = change(&mut body);
    context.check(body.finish())?;
    let info = context.administration(&caller);
    let work = apis::create(context.app.clone(), identifier, change, info);
    let changed = context.run(work).await?;
    let location = format!("{}/v1/admin/apis/{}", context.app.issuer(), changed.stored.id);
    Ok(HttpResponse::Created().insert_header((header::LOCATION, location)).json(shape(&changed)))
}

/// Changes an API, by its id or its percent-encoded identifier (JSON merge patch, RFC 7396).
///
/// # Errors
/// See `docs/errors.md`.
pub async fn update(
    admin: Admin,
    id: Path<String>,
    mut body: JsonFields,
) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let new_secret = body.flag("new_secret");
    let change = Change { new_secret, ..change(&mut body) };
    let read_only = context.check(body.finish_patch())?;
    let (app, id) = (context.app.clone(), id.into_inner());
    let show = apis::show(app.clone(), id.clone());
    read_only.check(&context, async move { Ok(view::api(&show.await?)) }).await?;
    let info = context.administration(&caller);
    let changed = context.run(apis::update(app, id, change, info)).await?;
    Ok(HttpResponse::Ok().json(shape(&changed)))
}

/// The members that registering and changing an API share; null resets a setting.
fn change(body: &mut JsonFields) -> Change {
    let algs =
        "An algorithm is ES256, ES384, RS256, PS256, EdDSA or HS256, or null for the server's.";
    let profile = body.patch_word("token_profile", "A token profile is rfc9068 or jwt.");
    Change {
        scopes: body.patch_strings("scopes"),
        scope_descriptions: scope_descriptions(body),
        key_scopes: body.patch_strings("key_scopes"),
        signing_alg: body.patch_word("signing_alg", algs),
        token_profile: profile.map(|chosen| chosen.unwrap_or(TokenRules::DEFAULT.profile)),
        access_token_ttl: body
            .patch_integer("access_token_ttl")
            .map(|chosen| chosen.map(TimeSpan::from_secs)),
        claims: body.patch_strings("claims"),
        documents: super::admin_clients::patch_flag(body, "documents"),
        new_secret: false,
    }
}

/// The members of the merge patch: a text, or null to remove one.
fn scope_descriptions(body: &mut JsonFields) -> BTreeMap<String, Option<String>> {
    let given = body.patch_object("scope_descriptions").flatten().unwrap_or_default();
    let read = given.into_iter().map(|(scope, value)| match value {
        Value::Null => Some((scope, None)),
        Value::String(text) => Some((scope, Some(text))),
        _ => None,
    });
    read.collect::<Option<_>>().unwrap_or_else(|| {
        body.note(
            "scope_descriptions",
            "wrong_type",
            "Each description of a scope is a text or null.",
        )
    })
}

fn shape(changed: &Changed) -> Value {
    let mut value = view::changed_api(changed);
    value["warnings"] = json!(changed.warnings);
    value
}

/// One API, by its id or its percent-encoded identifier.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn show(admin: Admin, id: Path<String>) -> Result<HttpResponse, Problem> {
    let work = apis::show(admin.context.app.clone(), id.into_inner());
    let stored = admin.context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::api(&stored)))
}

/// Removes an API, by its id or its percent-encoded identifier.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn delete(admin: Admin, id: Path<String>) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let info = context.administration(&caller);
    let work = apis::delete(context.app.clone(), id.into_inner(), info);
    context.run(work).await?;
    Ok(HttpResponse::NoContent().finish())
}

//! `/v1/me`: the caller's own account.

use actix_web::HttpResponse;
use serde_json::Value;

use crate::domain::outcome::Refusal;
use crate::domain::user::User;
use crate::http::context::{Authenticated, Context};
use crate::http::error::Problem;
use crate::http::extract::{JsonFields, Params};
use crate::i18n::Locale;
use crate::identity::bearer::Caller;
use crate::identity::profile::{self, ProfileChange};
use crate::identity::{deletion, email_change, export, history, login_change};

use crate::view;

/// The caller.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn get(
    Authenticated { context, caller }: Authenticated<Caller>,
) -> Result<HttpResponse, Problem> {
    shown(&context, &caller.user).await.map(|shown| HttpResponse::Ok().json(shown))
}

/// The user, with the pending address and the language of mail.
async fn shown(context: &Context, user: &User) -> Result<Value, Problem> {
    let (app, id, now) = (context.app.clone(), user.id, context.now());
    let work = async move {
        let pending = email_change::pending(&app, id, now).await?;
        Ok((pending, profile::language(&app, id).await?))
    };
    let (pending, language) = context.run(work).await?;
    Ok(view::myself(user, pending.as_deref(), language.as_deref()))
}

/// Changes the caller's own account (JSON merge patch, RFC 7396).
///
/// # Errors
/// See `docs/errors.md`.
pub async fn patch(
    Authenticated { context, caller }: Authenticated<Caller>,
    mut body: JsonFields,
) -> Result<HttpResponse, Problem> {
    let name = body.patch_string("name");
    let language = body.patch_string("language");
    let login = match body.patch_value("login") {
        None => None,
        Some(Value::String(login)) => Some(login),
        // If users may not change it, it is read-only, whatever its type.
        Some(_) => {
            context.check(login_change::require_allowed(&context.app))?;
            body.note("login", "wrong_type", "A login name is a string. Every account has one.")
        }
    };
    let read_only = context.check(body.finish_patch())?;
    context.check(read_only.compare(&shown(&context, &caller.user).await?))?;
    let language = language.map(|tag| tag.map(|tag| locale(&tag)).transpose());
    let change = ProfileChange { name, language: context.check(language.transpose())? };
    let (app, info) = (context.app.clone(), context.request_info_of(&caller));
    let user = match login.filter(|login| *login != caller.user.login) {
        Some(login) => {
            context.run(login_change::change(app, caller.into(), login, change, info)).await?
        }
        None if change.is_empty() => caller.user,
        None => context.run(profile::update(app, caller.user.id, change, info)).await?,
    };
    Ok(HttpResponse::Ok().json(shown(&context, &user).await?))
}

/// The language with this tag.
fn locale(tag: &str) -> Result<Locale, Refusal> {
    let message = "The pages and mails do not exist in this language. ui_locales_supported in the discovery \
                   document lists the languages.";
    Locale::of_tag(tag).ok_or_else(|| Refusal::field("language", "unknown", message))
}

/// Deletes the caller's account.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn delete(
    Authenticated { context, caller }: Authenticated<Caller>,
    mut body: JsonFields,
) -> Result<HttpResponse, Problem> {
    let login = body.string("login");
    context.check(body.finish())?;
    let info = context.request_info_of(&caller);
    let work = deletion::delete_own(context.app.clone(), caller.into(), login, info);
    context.run(work).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A page of the sign-ins to the caller's account, newest first.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn list_history(
    Authenticated { context, caller }: Authenticated<Caller>,
    params: Params,
) -> Result<HttpResponse, Problem> {
    let request = context.check(super::page_request(&params))?;
    let work = history::page(context.app.clone(), caller.user.id, request, context.now());
    let page = context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::page(&page, view::sign_in)))
}

/// All data that is stored about the caller.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn export(
    Authenticated { context, caller }: Authenticated<Caller>,
) -> Result<HttpResponse, Problem> {
    let info = context.request_info_of(&caller);
    let export = context.run(export::export(context.app.clone(), caller.into(), info)).await?;
    Ok(HttpResponse::Ok().json(view::export(&export)))
}

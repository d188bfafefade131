//! `/v1/factors`: the second factors of the caller.

use actix_web::HttpResponse;
use actix_web::web::Path;

use crate::base::id::FactorId;
use crate::crypto::webauthn::RegistrationResponse;
use crate::domain::outcome::{Code, Refusal};
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::JsonFields;
use crate::identity::bearer::Caller;
use crate::identity::factors;
use crate::identity::passkey_enrolment::{self, AddedPasskey, PasskeySetup};
use crate::identity::totp_enrolment::{self, Confirmation};

use crate::view;

/// The factor id in a path. A text that is not an id is answered like an unknown factor.
///
/// # Errors
/// `not_found`.
pub fn factor_id(text: &str) -> Result<FactorId, Refusal> {
    text.parse().map_err(|_| Refusal::new(Code::NotFound, "There is no such factor."))
}

/// The caller's factors, and the number of unused recovery codes.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn list(
    Authenticated { context, caller }: Authenticated<Caller>,
) -> Result<HttpResponse, Problem> {
    let overview = context.run(factors::overview(context.app.clone(), caller.user.id)).await?;
    Ok(HttpResponse::Ok().json(view::factors(&overview)))
}

/// Begins to enrol a TOTP secret.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn begin_totp(
    Authenticated { context, caller }: Authenticated<Caller>,
) -> Result<HttpResponse, Problem> {
    let work = totp_enrolment::begin_totp(context.app.clone(), caller.into(), context.now());
    Ok(HttpResponse::Ok().json(view::totp_setup(&context.run(work).await?)))
}

/// Enrols a TOTP secret.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn confirm_totp(
    Authenticated { context, caller }: Authenticated<Caller>,
    mut body: JsonFields,
) -> Result<HttpResponse, Problem> {
    let confirmation = Confirmation {
        setup: body.string("setup"),
        code: body.string("code"),
        name: body.optional_string("name"),
    };
    context.check(body.finish())?;
    let info = context.request_info_of(&caller);
    let work = totp_enrolment::confirm_totp(context.app.clone(), caller.into(), confirmation, info);
    Ok(HttpResponse::Created().json(view::enrolled(&context.run(work).await?)))
}

/// Begins to add a passkey.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn begin_passkey(
    Authenticated { context, caller }: Authenticated<Caller>,
) -> Result<HttpResponse, Problem> {
    let work = passkey_enrolment::begin_passkey(context.app.clone(), caller.into(), context.now());
    let PasskeySetup { challenge, expires_in, public_key } = context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::passkey_challenge(&challenge, expires_in, &public_key)))
}

/// Adds a passkey.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn add_passkey(
    Authenticated { context, caller }: Authenticated<Caller>,
    mut body: JsonFields,
) -> Result<HttpResponse, Problem> {
    let challenge = body.string("challenge");
    let credential = body.patch_value("credential").unwrap_or_default();
    let response = RegistrationResponse::read(&credential);
    if response.is_none() {
        body.note::<()>("credential", "invalid", NOT_A_REGISTRATION);
    }
    let name = body.optional_string("name");
    let asks_second = body.flag("second_factor");
    context.check(body.finish())?;
    let response = response.unwrap_or_default();
    let added = AddedPasskey { challenge, response, name, asks_second };
    let info = context.request_info_of(&caller);
    let work = passkey_enrolment::add_passkey(context.app.clone(), caller.into(), added, info);
    Ok(HttpResponse::Created().json(view::enrolled(&context.run(work).await?)))
}

/// The error of a malformed credential.
const NOT_A_REGISTRATION: &str =
    "This is not the JSON of a registration (WebAuthn, RegistrationResponseJSON).";

/// Renames a factor (JSON merge patch, RFC 7396).
///
/// # Errors
/// See `docs/errors.md`.
pub async fn rename(
    Authenticated { context, caller }: Authenticated<Caller>,
    id: Path<String>,
    mut body: JsonFields,
) -> Result<HttpResponse, Problem> {
    let id = context.check(factor_id(&id))?;
    let name = match body.patch_string("name") {
        Some(None) => body.note("name", "missing", "A factor has a name."),
        name => name.flatten(),
    };
    let read_only = context.check(body.finish_patch())?;
    let (app, user) = (context.app.clone(), caller.user.id);
    let shown = async move { Ok(view::factor(&factors::show(app, user, id).await?)) };
    read_only.check(&context, shown).await?;
    let info = context.request_info_of(&caller);
    let work = factors::rename(context.app.clone(), caller.into(), id, name, info);
    Ok(HttpResponse::Ok().json(view::factor(&context.run(work).await?)))
}

/// Removes a factor.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn remove(
    Authenticated { context, caller }: Authenticated<Caller>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = context.check(factor_id(&id))?;
    let info = context.request_info_of(&caller);
    context.run(factors::remove(context.app.clone(), caller.into(), id, info)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Replaces the recovery codes.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn renew_recovery_codes(
    Authenticated { context, caller }: Authenticated<Caller>,
) -> Result<HttpResponse, Problem> {
    let info = context.request_info_of(&caller);
    let work = factors::renew_recovery_codes(context.app.clone(), caller.into(), info);
    Ok(HttpResponse::Created().json(view::recovery_codes(&context.run(work).await?)))
}

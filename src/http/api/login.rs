//! `POST /v1/login`.

use actix_web::HttpResponse;

use crate::domain::outcome::Refusal;
use crate::domain::password::Password;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::JsonFields;
use crate::identity::login::{self, LoginRequest, RequestedAccess};

/// Login and password for tokens.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn post(context: Context, body: JsonFields) -> Result<HttpResponse, Problem> {
    let attempt = context.check(attempt(body))?;
    let app = context.app.clone();
    let work = login::login(app, attempt, context.request_info());
    let tokens = context.run(work).await?;
    Ok(HttpResponse::Ok().json(tokens))
}

fn attempt(mut body: JsonFields) -> Result<LoginRequest, Refusal> {
    let login = body.string("login");
    let raw = body.string("password");
    let asked = RequestedAccess {
        audience: body.optional_string("audience"),
        scope: body.optional_string("scope"),
        client_id: body.optional_string("client_id"),
    };
    body.finish()?;
    Ok(LoginRequest { login, password: password("password", &raw)?, asked })
}

/// A password to compare: only its size can be wrong, and that is said before anything is hashed.
///
/// # Errors
/// `validation_failed`, naming the field.
pub fn password(field: &'static str, raw: &str) -> Result<Password, Refusal> {
    Password::for_verification(raw)
        .map_err(|error| Refusal::field(field, error.code(), error.message()))
}

//! `POST /v1/login` and `POST /v1/login/continue`.

use actix_web::HttpResponse;

use crate::base::Secret;
use crate::domain::authn::Method;
use crate::domain::mailed_code::MailedCode;
use crate::domain::outcome::Refusal;
use crate::domain::password::Password;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::JsonFields;
use crate::identity::authentication::{Channel, Entry};
use crate::identity::login::{self, LoginOutcome, LoginRequest, RequestedAccess};
use crate::identity::recovery;
use crate::identity::second_factor::{CodeMethod, TypedCode};

/// Login and password for tokens.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn post(context: Context, body: JsonFields) -> Result<HttpResponse, Problem> {
    let attempt = context.check(attempt(body))?;
    let app = context.app.clone();
    let work = login::login(app, attempt, context.request_info());
    let outcome = context.run(work).await?;
    answered(&context, outcome)
}

/// The next step of a log-in.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn continue_(context: Context, mut body: JsonFields) -> Result<HttpResponse, Problem> {
    let challenge = body.string("challenge");
    let is_recovery = recovery::is_challenge(&context.app, &challenge, Channel::Api);
    let entry = entry(&mut body, is_recovery);
    context.check(body.finish())?;
    if is_recovery {
        return super::recovery::advance(&context, challenge, entry).await;
    }
    let app = context.app.clone();
    let work = login::continue_login(app, challenge, entry, context.request_info());
    let outcome = context.run(work).await?;
    answered(&context, outcome)
}

/// What the user entered: a code, by its method or by its form, or a new password. Eight digits are a mailed code
/// where one can be asked for.
fn entry(body: &mut JsonFields, is_recovery: bool) -> Entry {
    let method = body.optional_string("method");
    let code = body.optional_string("code");
    let new_password = body.optional_string("new_password");
    match (code, new_password) {
        (Some(code), None) if method.as_deref() == Some(Method::MailedCode.as_str()) => {
            Entry::MailedCode(Secret::new(code))
        }
        (Some(code), None)
            if is_recovery && method.is_none() && MailedCode::parse(&code).is_some() =>
        {
            Entry::MailedCode(Secret::new(code))
        }
        (Some(code), None) => Entry::Code(match method.as_deref() {
            None => TypedCode::guess(code),
            Some("totp") => TypedCode::new(CodeMethod::Totp, code),
            Some("recovery_code") => TypedCode::new(CodeMethod::RecoveryCode, code),
            Some(_) => {
                body.note::<()>(
                    "method",
                    "unknown",
                    "A method is totp, recovery_code or mailed_code.",
                );
                TypedCode::guess(code)
            }
        }),
        (None, Some(new_password)) => {
            if method.is_some() {
                body.note::<()>("method", "unexpected", "A method belongs to a code.");
            }
            Entry::NewPassword(new_password)
        }
        (Some(_), Some(_)) => {
            body.note::<()>("new_password", "unexpected", "Send a code or a new password.");
            Entry::NewPassword(String::new())
        }
        (None, None) => {
            body.note::<()>("code", "missing", "Send a code, or a new_password.");
            Entry::NewPassword(String::new())
        }
    }
}

fn answered(context: &Context, outcome: LoginOutcome) -> Result<HttpResponse, Problem> {
    match outcome {
        LoginOutcome::Tokens(tokens) => Ok(HttpResponse::Ok().json(tokens)),
        LoginOutcome::Pending(challenge) => {
            Err(Problem::pending(challenge, &context.facts.request_id))
        }
        LoginOutcome::WrongCode(challenge, refusal) => {
            Err(context.problem(refusal.into()).continued_with(challenge))
        }
    }
}

fn attempt(mut body: JsonFields) -> Result<LoginRequest, Refusal> {
    let login = body.string("login");
    let raw = body.string("password");
    let code = body.optional_string("code").map(TypedCode::guess);
    let asked = RequestedAccess {
        audience: body.optional_string("audience"),
        scope: body.optional_string("scope"),
        client_id: body.optional_string("client_id"),
    };
    body.finish()?;
    Ok(LoginRequest { login, password: password("password", &raw)?, code, asked })
}

/// A password to compare: only its size can be wrong, and that is said before anything is hashed.
///
/// # Errors
/// `validation_failed`, naming the field.
pub fn password(field: &'static str, raw: &str) -> Result<Password, Refusal> {
    Password::for_verification(raw)
        .map_err(|error| Refusal::field(field, error.code(), error.message()))
}

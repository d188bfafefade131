//! `POST /v1/login` and `POST /v1/login/continue`.

use actix_web::HttpResponse;
use serde_json::Value;

use crate::crypto::webauthn::AssertionResponse;
use crate::domain::outcome::Refusal;
use crate::domain::password::Password;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::JsonFields;
use crate::identity::authentication::{Entry, PasskeyChallenge};
use crate::identity::login::{self, LoginOutcome, LoginRequest, RequestedAccess};
use crate::identity::passkey_login;
use crate::identity::second_factor::{CodeMethod, TypedCode};
use crate::view;

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
    let entry = entry(&mut body);
    context.check(body.finish())?;
    let app = context.app.clone();
    let work = login::continue_login(app, challenge, entry, context.request_info());
    let outcome = context.run(work).await?;
    answered(&context, outcome)
}

/// The options for a passkey: of any user, or of one whose log-in waits for it.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn passkey(context: Context, mut body: JsonFields) -> Result<HttpResponse, Problem> {
    let challenge = body.optional_string("challenge");
    let asked = asked(&mut body);
    context.check(body.finish())?;
    let (app, now) = (context.app.clone(), context.now());
    let issued = match challenge {
        Some(challenge) => context.run(passkey_login::passkey_options(app, challenge, now)).await?,
        None => context.run(passkey_login::begin_with_passkey(app, asked, now)).await?,
    };
    let PasskeyChallenge { challenge, expires_in, public_key } = issued;
    Ok(HttpResponse::Ok().json(view::passkey_challenge(&challenge, expires_in, &public_key)))
}

/// What the user entered: a code, by its method or by its form, what a passkey has signed, or a new password.
fn entry(body: &mut JsonFields) -> Entry {
    if let Some(credential) = body.patch_value("credential").filter(|value| !value.is_null()) {
        return with_passkey(body, &credential);
    }
    let method = body.optional_string("method");
    let code = body.optional_string("code");
    let new_password = body.optional_string("new_password");
    match (code, new_password) {
        (Some(code), None) => Entry::Code(match method.as_deref() {
            None => TypedCode::guess(code),
            Some("totp") => TypedCode::new(CodeMethod::Totp, code),
            Some("recovery_code") => TypedCode::new(CodeMethod::RecoveryCode, code),
            Some(_) => {
                body.note::<()>("method", "unknown", METHODS);
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
            body.note::<()>("code", "missing", "Send a code, a credential or a new_password.");
            Entry::NewPassword(String::new())
        }
    }
}

const METHODS: &str =
    "A method is totp or recovery_code with a code, and passkey with a credential.";

fn with_passkey(body: &mut JsonFields, credential: &Value) -> Entry {
    if body.optional_string("method").is_some_and(|method| method != "passkey") {
        body.note::<()>("method", "unknown", METHODS);
    }
    for other in ["code", "new_password"] {
        if body.optional_string(other).is_some() {
            body.note::<()>(other, "unexpected", "Send a credential, a code or a new password.");
        }
    }
    let Some(response) = AssertionResponse::read(credential) else {
        body.note::<()>("credential", "invalid", NOT_AN_ASSERTION);
        return Entry::NewPassword(String::new());
    };
    Entry::Passkey(response)
}

/// What is said about a credential that is not one.
const NOT_AN_ASSERTION: &str =
    "This is not the JSON of an assertion (WebAuthn, AuthenticationResponseJSON).";

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
    let asked = asked(&mut body);
    body.finish()?;
    Ok(LoginRequest { login, password: password("password", &raw)?, code, asked })
}

fn asked(body: &mut JsonFields) -> RequestedAccess {
    RequestedAccess {
        audience: body.optional_string("audience"),
        scope: body.optional_string("scope"),
        client_id: body.optional_string("client_id"),
    }
}

/// A password to compare: only its size can be wrong, and that is said before anything is hashed.
///
/// # Errors
/// `validation_failed`, naming the field.
pub fn password(field: &'static str, raw: &str) -> Result<Password, Refusal> {
    Password::for_verification(raw)
        .map_err(|error| Refusal::field(field, error.code(), error.message()))
}

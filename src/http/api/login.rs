//! `POST /v1/login` and `POST /v1/login/continue`.

use actix_web::HttpResponse;
use serde_json::Value;

use crate::base::{Secret, TimeSpan};
use crate::crypto::webauthn::AssertionResponse;
use crate::domain::authn::{AssuranceLevel, Method};
use crate::domain::mailed_code::MailedCode;
use crate::domain::outcome::Refusal;
use crate::domain::password::Password;
use crate::http::context::{Authenticated, Context};
use crate::http::error::Problem;
use crate::http::extract::JsonFields;
use crate::identity::authentication::{Channel, Entry, PasskeyChallenge};
use crate::identity::bearer::Caller;
use crate::identity::continue_login;
use crate::identity::fresh_authentication::MAX_AGE;
use crate::identity::login::{self, LoginOutcome, LoginRequest, RequestedAccess};
use crate::identity::passkey_login;
use crate::identity::recovery;
use crate::identity::second_factor::{CodeMethod, TypedCode};
use crate::identity::step_up::{self, StepUpRequest};
use crate::identity::totp_enrolment::Confirmation;
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
    let is_recovery = recovery::is_challenge(&context.app, &challenge, Channel::Api);
    let entry = entry(&mut body, is_recovery);
    context.check(body.finish())?;
    if is_recovery {
        return super::recovery::advance(&context, challenge, entry).await;
    }
    let app = context.app.clone();
    let work = continue_login::continue_login(app, challenge, entry, context.request_info());
    let outcome = context.run(work).await?;
    answered(&context, outcome)
}

/// The options for a passkey: of any user, or of the user whose log-in has reached that step.
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

/// The entry of the user: a code, recognised by its method or its form; the assertion of a passkey; the password; a
/// new password; a secret to enrol, with its first code; or nothing, to postpone the enrolment. Eight digits are a
/// mailed code where mailed codes are possible.
fn entry(body: &mut JsonFields, is_recovery: bool) -> Entry {
    if let Some(credential) = body.patch_value("credential").filter(|value| !value.is_null()) {
        return with_passkey(body, &credential);
    }
    let method = body.optional_string("method");
    let code = body.optional_string("code");
    let new_password = body.optional_string("new_password");
    let typed = body.optional_string("password");
    let setup = body.optional_string("setup");
    let name = body.optional_string("name");
    if body.optional_bool("skip") == Some(true) {
        let given = [
            ("method", method.is_some()),
            ("code", code.is_some()),
            ("new_password", new_password.is_some()),
            ("password", typed.is_some()),
            ("setup", setup.is_some()),
            ("name", name.is_some()),
        ];
        for (field, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
            body.note::<()>(field, "unexpected", "skip comes alone.");
        }
        return Entry::PutOff;
    }
    if let Some(setup) = setup {
        if code.is_none() {
            body.note::<()>("code", "missing", "Send the first code of the secret.");
        }
        return Entry::Totp(Confirmation { setup, code: code.unwrap_or_default(), name });
    }
    if name.is_some() {
        body.note::<()>("name", "unexpected", "name is only allowed together with setup.");
    }
    if let Some(typed) = typed {
        match Password::for_verification(&typed) {
            Ok(password) => return Entry::Password(password),
            Err(error) => body.note::<()>("password", error.code(), error.message()),
        }
        return Entry::PutOff;
    }
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
                body.note::<()>("method", "unknown", METHODS);
                TypedCode::guess(code)
            }
        }),
        (None, Some(new_password)) => {
            if method.is_some() {
                body.note::<()>(
                    "method",
                    "unexpected",
                    "method is only allowed together with code or credential.",
                );
            }
            Entry::NewPassword(new_password)
        }
        (Some(_), Some(_)) => {
            body.note::<()>("new_password", "unexpected", "Send a code or a new password.");
            Entry::NewPassword(String::new())
        }
        (None, None) => {
            let message = "Send what the challenge expects: a code, a credential, a password, a new_password \
                           or a setup.";
            body.note::<()>("code", "missing", message);
            Entry::NewPassword(String::new())
        }
    }
}

/// A TOTP secret for the enrolment that a log-in requires.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn enrol(context: Context, mut body: JsonFields) -> Result<HttpResponse, Problem> {
    let challenge = body.string("challenge");
    context.check(body.finish())?;
    let work =
        continue_login::begin_enrolment(context.app.clone(), challenge, context.request_info());
    Ok(HttpResponse::Ok().json(view::totp_setup(&context.run(work).await?)))
}

/// Raises a session to a higher level, or authenticates its user again.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn step_up(
    Authenticated { context, caller }: Authenticated<Caller>,
    mut body: JsonFields,
) -> Result<HttpResponse, Problem> {
    let level = body.optional_string("acr_values").and_then(|values| {
        let known = values.split(' ').filter_map(|value| value.parse::<AssuranceLevel>().ok());
        let least = known.min();
        least.or_else(|| {
            let message = "None of these values is supported: see acr_values_supported in the discovery document.";
            body.note("acr_values", "unknown", message)
        })
    });
    let max_age = match body.patch_integer("max_age").flatten() {
        Some(age) if !(0..=MAX_SECONDS).contains(&age) => {
            body.note("max_age", "out_of_range", "max_age must be a number of seconds, 0 or more.")
        }
        age => age.map(TimeSpan::from_secs),
    };
    context.check(body.finish())?;
    // Without either, the default is the maximum age that changes of the account require.
    let max_age = if level.is_none() { max_age.or(Some(MAX_AGE)) } else { max_age };
    let info = context.request_info_of(&caller);
    let request = StepUpRequest { level, max_age };
    let outcome = step_up::step_up(context.app.clone(), caller, request, info);
    let outcome = context.run(outcome).await?;
    answered(&context, outcome)
}

/// The longest `max_age`, in seconds.
const MAX_SECONDS: i64 = u32::MAX as i64;

const METHODS: &str =
    "A method is totp, recovery_code or mailed_code with a code, and passkey with a credential.";

fn with_passkey(body: &mut JsonFields, credential: &Value) -> Entry {
    if body.optional_string("method").is_some_and(|method| method != "passkey") {
        body.note::<()>("method", "unknown", METHODS);
    }
    for other in ["code", "password", "new_password", "setup", "name"] {
        if body.optional_string(other).is_some() {
            body.note::<()>(other, "unexpected", "credential must be sent alone.");
        }
    }
    if body.optional_bool("skip") == Some(true) {
        body.note::<()>("skip", "unexpected", "credential must be sent alone.");
    }
    let Some(response) = AssertionResponse::read(credential) else {
        body.note::<()>("credential", "invalid", NOT_AN_ASSERTION);
        return Entry::NewPassword(String::new());
    };
    Entry::Passkey(response)
}

/// The error of a malformed assertion.
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

/// A password to compare: only its size can be invalid, which is refused before anything is hashed.
///
/// # Errors
/// `validation_failed`, naming the field.
pub fn password(field: &'static str, raw: &str) -> Result<Password, Refusal> {
    Password::for_verification(raw)
        .map_err(|error| Refusal::field(field, error.code(), error.message()))
}

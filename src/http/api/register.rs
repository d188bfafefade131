//! `POST /v1/register` and `POST /v1/register/complete`: users sign up.
//!
//! Owns which members are read: with `SIGNET_REGISTRATION=verified` the address comes first, and the account is
//! created with the mailed code or link.

use actix_web::HttpResponse;
use serde_json::json;

use crate::base::Secret;
use crate::config::Registration;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::JsonFields;
use crate::identity::authentication::{Channel, IssuedChallenge};
use crate::identity::sign_up::{self, AccountForm, SignUpOutcome, SignUpRequest, Terms};
use crate::identity::{links, register};
use crate::view;

/// Creates an account, or sends a code to the address.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn post(context: Context, body: JsonFields) -> Result<HttpResponse, Problem> {
    match context.app.config.registration {
        Registration::Verified => begin(context, body).await,
        Registration::Open => at_once(context, body).await,
        // Whatever the body contains.
        Registration::Closed | Registration::Invite => {
            context.check(sign_up::require(&context.app, Registration::Open))?;
            at_once(context, body).await
        }
    }
}

async fn at_once(context: Context, mut body: JsonFields) -> Result<HttpResponse, Problem> {
    let form = AccountForm {
        login: Some(body.string("login")),
        password: body.string("password"),
        name: None,
        // The application may have obtained the consent itself.
        terms: body.optional_bool("terms_accepted").map_or(Terms::NotAsked, Terms::of),
    };
    if body.optional_string("email").is_some() {
        let message = "This server does not mail codes at sign-up. Send only login and password.";
        body.note::<()>("email", "unexpected", message);
    }
    context.check(body.finish())?;
    let work = register::register(context.app.clone(), form, context.request_info());
    let user = context.run(work).await?;
    Ok(HttpResponse::Created().json(view::myself(&user, None, None)))
}

async fn begin(context: Context, mut body: JsonFields) -> Result<HttpResponse, Problem> {
    let email = body.string("email");
    let given = [
        ("login", body.optional_string("login").is_some()),
        ("password", body.optional_string("password").is_some()),
        ("terms_accepted", body.optional_bool("terms_accepted").is_some()),
    ];
    for (field, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
        let message =
            "Send only the email first, then this with the mailed code to /v1/register/complete.";
        body.note::<()>(field, "unexpected", message);
    }
    context.check(body.finish())?;
    let request = SignUpRequest { email, is_automated: false };
    let work = sign_up::request(context.app.clone(), request, Channel::Api, context.request_info());
    let IssuedChallenge { challenge, expires_in, .. } = context.run(work).await?;
    let answer = json!({ "challenge": challenge, "expires_in": expires_in });
    Ok(HttpResponse::Accepted().json(answer))
}

/// Creates the account of a verified address.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn complete(context: Context, mut body: JsonFields) -> Result<HttpResponse, Problem> {
    let (challenge, token) = (body.optional_string("challenge"), body.optional_string("token"));
    let code = body.optional_string("code").map(Secret::new);
    let form = AccountForm {
        login: body.optional_string("login"),
        password: body.string("password"),
        name: body.optional_string("name"),
        terms: Terms::of(body.flag("terms_accepted")),
    };
    match (&challenge, &token) {
        (Some(_), Some(_)) => {
            body.note::<()>("token", "unexpected", "Send a challenge or the token of a link.");
        }
        (None, None) => {
            body.note::<()>("challenge", "missing", "Send the challenge, or the token of a link.");
        }
        _ => {}
    }
    context.check(body.finish())?;
    let (app, info) = (context.app.clone(), context.request_info());
    let user = match (challenge, token) {
        (Some(challenge), _) => {
            let work = sign_up::complete(app, (challenge, code), form, Channel::Api, info);
            match context.run(work).await? {
                SignUpOutcome::Done(user) => *user,
                SignUpOutcome::Refused(refusal, next) => {
                    return Err(context.problem(refusal.into()).continued_with(next));
                }
            }
        }
        (None, token) => {
            let token = token.unwrap_or_default();
            context.run(links::sign_up(app, token, form, info)).await?
        }
    };
    Ok(HttpResponse::Created().json(view::myself(&user, None, None)))
}

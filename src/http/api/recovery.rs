//! `POST /v1/recovery`: begins a password reset. The following steps are at `/v1/login/continue`.

use actix_web::HttpResponse;
use serde_json::json;

use crate::domain::outcome::{Code, Refusal};
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::JsonFields;
use crate::identity::authentication::{Channel, Entry, IssuedChallenge};
use crate::identity::recovery::{self, RecoveryOutcome};

/// Begins a recovery. The response does not depend on whether the address is known.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn post(context: Context, mut body: JsonFields) -> Result<HttpResponse, Problem> {
    let email = body.string("email");
    context.check(body.finish())?;
    let app = context.app.clone();
    let work = recovery::request(app, email, Channel::Api, context.request_info());
    let IssuedChallenge { challenge, expires_in, .. } = context.run(work).await?;
    let answer = json!({ "challenge": challenge, "expires_in": expires_in });
    Ok(HttpResponse::Accepted().json(answer))
}

/// Performs the next step of a recovery. The response to the last one contains no token.
pub(super) async fn advance(
    context: &Context,
    challenge: String,
    entry: Entry,
) -> Result<HttpResponse, Problem> {
    let app = context.app.clone();
    let step = (challenge, entry);
    let work = recovery::advance(app, step, Channel::Api, context.request_info());
    match context.run(work).await? {
        RecoveryOutcome::Done => Ok(HttpResponse::NoContent().finish()),
        RecoveryOutcome::Pending(challenge) => {
            let (code, message) = if challenge.step.methods().is_empty() {
                (Code::PasswordChangeRequired, "The recovery expects the new password.")
            } else {
                (Code::MfaRequired, "The recovery expects a code of one of the methods.")
            };
            Err(context.problem(Refusal::new(code, message).into()).continued_with(challenge))
        }
    }
}

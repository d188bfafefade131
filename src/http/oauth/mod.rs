//! `/oauth2`: the endpoints that clients call (RFC 6749, OpenID Connect Core).
//!
//! Owns the parsing of forms and headers, and the OAuth form of responses. The endpoints that users see are among
//! the pages, in `ui`.

mod body;
mod error;
mod userinfo;

use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use serde_json::json;

use crate::domain::authorization::PUSHED_REQUEST_LIFE;
use crate::domain::oauth_error::OAuthError;
use crate::oauth::authorize_challenge::{self, Challenge, ChallengeAnswer};
use crate::oauth::token::token_endpoint;
use crate::oauth::{device, introspect, par, revoke};

pub use body::EndpointRequest;
pub use error::{OAuthProblem, render};
pub use userinfo::userinfo;

/// RFC 6749 §5.1 requires both headers; old caches only support `Pragma`.
fn answer(mut head: HttpResponseBuilder, body: &impl Serialize) -> HttpResponse {
    head.insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
        .json(body)
}

/// Issues tokens (RFC 6749 §3.2).
///
/// # Errors
/// RFC 6749 §5.2.
pub async fn token(
    EndpointRequest { context, request }: EndpointRequest,
) -> Result<HttpResponse, OAuthProblem> {
    let work = token_endpoint(context.app.clone(), request, context.now());
    let tokens =
        context.app.run_to_completion(work).await.map_err(|stop| render(&context, stop))?;
    Ok(answer(HttpResponse::Ok(), &tokens))
}

/// Token introspection (RFC 7662). Awaited on the HTTP thread: it only reads, and may be cancelled.
///
/// # Errors
/// RFC 6749 §5.2.
pub async fn introspect(
    EndpointRequest { context, request }: EndpointRequest,
) -> Result<HttpResponse, OAuthProblem> {
    let work = introspect::introspect(context.app.clone(), request, context.now());
    let said = work.await.map_err(|stop| render(&context, stop))?;
    Ok(answer(HttpResponse::Ok(), &said))
}

/// Revokes a token (RFC 7009).
///
/// # Errors
/// RFC 7009 §2.2.1.
pub async fn revoke(
    EndpointRequest { context, request }: EndpointRequest,
) -> Result<HttpResponse, OAuthProblem> {
    let work = revoke::revoke(context.app.clone(), request, context.now());
    context.app.run_to_completion(work).await.map_err(|stop| render(&context, stop))?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).finish())
}

/// Stores an authorization request (RFC 9126).
///
/// # Errors
/// RFC 9126 §2.3.
pub async fn par(
    EndpointRequest { context, request }: EndpointRequest,
) -> Result<HttpResponse, OAuthProblem> {
    let work = par::push(context.app.clone(), request, context.now());
    let name = context.app.run_to_completion(work).await.map_err(|stop| render(&context, stop))?;
    let body = json!({ "request_uri": name, "expires_in": PUSHED_REQUEST_LIFE.secs() });
    Ok(answer(HttpResponse::Created(), &body))
}

/// Issues a code for the user of a first-party application (OAuth 2.0 for First-Party Applications).
///
/// # Errors
/// RFC 6749 §5.2, and `invalid_session`.
pub async fn authorize_challenge(
    EndpointRequest { context, request }: EndpointRequest,
) -> Result<HttpResponse, OAuthProblem> {
    let work =
        authorize_challenge::authorize_challenge(context.app.clone(), request, context.now());
    let said = context.app.run_to_completion(work).await.map_err(|stop| render(&context, stop))?;
    Ok(match said {
        ChallengeAnswer::Code(code) => {
            answer(HttpResponse::Ok(), &json!({ "authorization_code": code }))
        }
        ChallengeAnswer::Insufficient(challenge) => {
            let message = "The user has to authenticate with one of the methods.";
            challenged(OAuthError::InsufficientAuthorization, message, &challenge)
        }
        ChallengeAnswer::Denied(challenge, refusal) => {
            challenged(OAuthError::AccessDenied, &refusal.message, &challenge)
        }
        ChallengeAnswer::RedirectToWeb(request_uri) => {
            let mut body = json!({
                "error": OAuthError::RedirectToWeb,
                "error_description": "The user has to continue at the authorization endpoint.",
            });
            if let Some(request_uri) = request_uri {
                body["request_uri"] = request_uri.into();
                body["expires_in"] = PUSHED_REQUEST_LIFE.secs().into();
            }
            answer(HttpResponse::BadRequest(), &body)
        }
    })
}

fn challenged(error: OAuthError, message: &str, challenge: &Challenge) -> HttpResponse {
    let mut body = json!({
        "error": error,
        "error_description": message,
        "auth_session": challenge.auth_session,
        "expires_in": challenge.expires_in,
        "methods": challenge.methods,
    });
    if let Some(public_key) = &challenge.public_key {
        body["public_key"] = public_key.clone();
    }
    answer(HttpResponse::BadRequest(), &body)
}

/// Issues a code for a device (RFC 8628 §3.1).
///
/// # Errors
/// RFC 8628 §3.2.
pub async fn device_authorization(
    EndpointRequest { context, request }: EndpointRequest,
) -> Result<HttpResponse, OAuthProblem> {
    let work = device::authorize(context.app.clone(), request, context.now());
    let said = context.app.run_to_completion(work).await.map_err(|stop| render(&context, stop))?;
    Ok(answer(HttpResponse::Ok(), &said))
}

//! `/oauth2`: what clients call (RFC 6749, OpenID Connect Core).
//!
//! Owns the reading of forms and headers, and the answers in the words of OAuth. The endpoints that
//! people see are among the pages, in `ui`.

mod body;
mod error;
mod userinfo;

use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use serde_json::json;

use crate::oauth::token::token_endpoint;
use crate::oauth::{device, introspect, par, revoke};

pub use body::EndpointRequest;
pub use error::{OAuthProblem, render};
pub use userinfo::userinfo;

/// RFC 6749 §5.1 wants both, for caches that know only the older one.
fn answer(mut head: HttpResponseBuilder, body: &impl Serialize) -> HttpResponse {
    head.insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
        .json(body)
}

/// Tokens (RFC 6749 §3.2).
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

/// What is known of a token (RFC 7662). Awaited on the HTTP thread: it only reads, and may be cut off.
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

/// The end of a token (RFC 7009).
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

/// A request, announced (RFC 9126).
///
/// # Errors
/// RFC 9126 §2.3.
pub async fn par(
    EndpointRequest { context, request }: EndpointRequest,
) -> Result<HttpResponse, OAuthProblem> {
    let work = par::push(context.app.clone(), request, context.now());
    let name = context.app.run_to_completion(work).await.map_err(|stop| render(&context, stop))?;
    let body = json!({ "request_uri": name, "expires_in": par::LIFE.secs() });
    Ok(answer(HttpResponse::Created(), &body))
}

/// A code for a device (RFC 8628 §3.1).
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

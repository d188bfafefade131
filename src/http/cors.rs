//! Scripts of other origins (Fetch, CORS protocol).
//!
//! Owns which origins are allowed: at the endpoints that clients and their users call, those of registered clients.
//! Never with credentials: cookies are not used there. Pages allow no other origin. The metadata that verifiers
//! fetch is open to all origins; `well_known` sets that header itself.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

use crate::app::App;

use super::path_kinds::is_for_gateways;

/// Endpoints below `/oauth2` that scripts call.
const OAUTH: &[&str] = &[
    "/oauth2/token",
    "/oauth2/revoke",
    "/oauth2/userinfo",
    "/oauth2/par",
    "/oauth2/device_authorization",
];

/// The origin of a request, if it may read the response: a registered client's, at an endpoint for clients. A
/// preflight names no client, so the origins of all clients are accepted.
pub fn origin(request: &ServiceRequest, app: &App) -> Option<HeaderValue> {
    let path = request.path();
    // Answering a preflight here would let a request pass a gateway without a token.
    let is_for_scripts = path.starts_with("/v1/") && !is_for_gateways(path);
    if !OAUTH.contains(&path) && !is_for_scripts {
        return None;
    }
    let origin = request.headers().get(header::ORIGIN)?;
    app.is_client_origin(origin.to_str().ok()?).then(|| origin.clone())
}

/// Whether this is a preflight request of a browser.
pub fn is_preflight(request: &ServiceRequest) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The response to a preflight request.
pub fn preflight() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, PATCH, DELETE"))
        .insert_header((
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Content-Type, DPoP, X-Request-Id, X-Requested-With, traceparent, \
             tracestate",
        ))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, "7200"))
        .finish()
}

/// Allows scripts of this origin to read the response.
pub fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("WWW-Authenticate, Retry-After, X-Request-Id"),
    );
}

//! What verifiers and client libraries fetch: keys, metadata, the description of the API.
//!
//! Constant bytes with an entity tag. Open to every origin: nothing here depends on who asks.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpRequest, HttpResponse};

use crate::crypto::keyring::Document;
use crate::oauth::metadata;

use super::context::Context;

/// Five minutes, as long as no key change is due sooner; the last good set for a day when we are
/// down. Never `no-store`: verifiers would come every second.
const CACHE: &str = "public, max-age=300, stale-while-revalidate=60, stale-if-error=86400";

/// The public keys (RFC 7517 §5).
pub async fn jwks(context: Context, request: HttpRequest) -> HttpResponse {
    answer(&request, &context.app.keyring().jwks)
}

/// The metadata, the same document at both paths (OpenID Connect Discovery §4, RFC 8414 §3).
pub async fn discovery(context: Context, request: HttpRequest) -> HttpResponse {
    let document = metadata::document(context.app.issuer());
    answer(&request, &Document::new(document.to_string().into_bytes()))
}

/// The description of the HTTP API (OpenAPI 3.1).
pub async fn openapi(context: Context, request: HttpRequest) -> HttpResponse {
    let text = include_str!("../../assets/openapi.json");
    let text = text.replace("http://localhost:8484", context.app.issuer());
    answer(&request, &Document::new(text.into_bytes()))
}

/// The answer to a browser that asks before it fetches.
pub async fn preflight() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, "*"))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, "7200"))
        .finish()
}

fn answer(request: &HttpRequest, document: &Document) -> HttpResponse {
    let known = request.headers().get_all(header::IF_NONE_MATCH).any(|value| {
        value.to_str().is_ok_and(|tags| {
            tags.split(',').map(str::trim).any(|tag| {
                // A weak comparison is what this header asks for (RFC 9110 §13.1.2).
                tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == document.etag
            })
        })
    });
    let status = if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let mut answer = HttpResponse::build(status);
    answer
        .insert_header((header::ETAG, document.etag.as_str()))
        .insert_header((header::CACHE_CONTROL, CACHE))
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"));
    if known {
        return answer.finish();
    }
    answer.content_type("application/json").body(document.body.clone())
}

//! Entity tags: whether the caller already has the content.

use actix_web::HttpRequest;
use actix_web::http::header;

/// Whether `If-None-Match` names this tag (RFC 9110 §13.1.2).
pub fn is_known(request: &HttpRequest, etag: &str) -> bool {
    request.headers().get_all(header::IF_NONE_MATCH).any(|value| {
        value.to_str().is_ok_and(|tags| {
            tags.split(',').map(str::trim).any(|tag| {
                // This header requires the weak comparison (RFC 9110 §13.1.2).
                tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
            })
        })
    })
}

//! The stylesheet, compiled in.

use actix_web::HttpResponse;
use actix_web::http::header;

/// The one stylesheet.
pub async fn css() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .body(include_str!("../../../assets/signet.css"))
}

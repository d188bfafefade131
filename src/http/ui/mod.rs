//! Pages for people: plain HTML that works without a script, under a strict policy.
//!
//! Owns the templates and their headers. A page is one file here and one template.

pub mod assets;
pub mod home;
pub mod setup;

use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder};
use askama::Template;

use super::error::Problem;

/// What a page may load and where its forms may go: this origin, and no script at all.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    hint: &'a str,
    request_id: &'a str,
}

/// Renders a template into an answer.
fn page(mut answer: HttpResponseBuilder, template: &impl Template) -> HttpResponse {
    match template.render() {
        Ok(html) => answer
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
            .content_type("text/html; charset=utf-8")
            .body(html),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            HttpResponse::InternalServerError().finish()
        }
    }
}

/// A problem as a page.
pub fn error_page(problem: &Problem) -> HttpResponse {
    let template = ErrorPage { hint: problem.hint(), request_id: problem.request_id() };
    page(problem.head(), &template)
}

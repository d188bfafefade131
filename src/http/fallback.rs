//! The responses to requests without a route, in the format of the path: problem+json for the API, RFC 6749 errors
//! below `/oauth2`, otherwise a page.

use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use serde_json::json;

use crate::domain::outcome::{Code, Refusal};

use super::context::Context;
use super::error::Problem;
use super::path_kinds;
use super::ui;

/// The response to a path that does not exist.
pub async fn not_found(context: Context, request: HttpRequest) -> HttpResponse {
    let refusal = Refusal::new(Code::NotFound, "This address does not exist.");
    let problem = context.problem(refusal.into());
    match request.path().starts_with("/admin/") {
        true => ui::console::not_found(&context, &problem).await,
        false => speak(&context, &request, &problem),
    }
}

/// The response to an existing path with an unsupported method.
pub fn method_not_allowed(
    (context, request): (Context, HttpRequest),
    methods: &[&str],
) -> impl Future<Output = HttpResponse> + use<> {
    let mut allow = methods.join(", ");
    if methods.contains(&"GET") {
        allow.push_str(", HEAD");
    }
    let refusal =
        Refusal::new(Code::MethodNotAllowed, "This address does not support this method.");
    let problem = context.problem(refusal.into()).allowing(allow);
    std::future::ready(speak(&context, &request, &problem))
}

/// The response to a request that is refused before it is routed.
pub fn refused(context: &Context, request: &HttpRequest, refusal: Refusal) -> HttpResponse {
    speak(context, request, &context.problem(refusal.into()))
}

/// Renders a problem outside of handlers, in the format of the path.
fn speak(context: &Context, request: &HttpRequest, problem: &Problem) -> HttpResponse {
    let path = request.path();
    if path_kinds::is_flow(path) {
        // Reloading an address that only takes forms ends here.
        return ui::reloaded(context, request, problem);
    }
    if path.starts_with("/oauth2/") || path == "/oauth2" {
        let body = json!({ "error": "invalid_request", "error_description": problem.message() });
        return problem.head().json(body);
    }
    let for_machines = path.starts_with("/v1")
        || path.starts_with("/.well-known")
        || path == "/health"
        || path == "/ready"
        || path == "/ready/read";
    if for_machines { problem.error_response() } else { ui::error_page(context, problem) }
}

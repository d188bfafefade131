//! The processing of every request and response, independent of the route.
//!
//! Owns request ids, the peer's address, security headers, the log line and the request metrics.

use std::net::IpAddr;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::uri::PathAndQuery;
use actix_web::http::{Method, Uri};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, ResponseError as _, web};

use crate::app::App;
use crate::domain::base_path::BasePath;
use crate::domain::outcome::{Code, Refusal};
use crate::domain::path_spelling;
use crate::metrics::RouteMetrics;
#[cfg(feature = "otlp")]
use crate::spans::RequestSpan;

use super::body::Kept;
use super::client_ip;
use super::context::{CallerIds, Context, Facts};
use super::cors;
use super::error::{ErrorCode, Problem};
use super::fallback;
use super::path_kinds;
use super::request_ids::{REQUEST_ID, request_id, trace};
use super::ui::{OwnAccount, open_to_application};

/// The longest path and query, in bytes.
const MAX_URI: usize = 16 * 1024;

/// Wraps every request.
///
/// # Errors
/// Only errors of inner services, passed on unchanged.
pub async fn handle(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = Instant::now();
    let Some(app) = request.app_data::<web::Data<App>>().map(|app| app.get_ref().clone()) else {
        return Err(Problem::misrouted().into());
    };
    let _in_flight = app.metrics.begin_request();
    let facts = Facts {
        request_id: request_id(request.headers(), &app),
        trace: trace(&request, &app),
        address: client_address(&request, &app),
        now: app.now(),
    };
    request.extensions_mut().insert(facts.clone());
    let body = Kept::of(&mut request);
    let refused = refuse_uri(request.uri(), &app.base_path);
    // From here on the path is relative to the path of the issuer.
    let outside = !to_route(&mut request, &app.base_path);

    let origin = cors::origin(&request, &app);
    let preflight =
        origin.is_some() && cors::is_preflight(&request) && refused.is_none() && !outside;
    let mut response = if preflight {
        request.into_response(cors::preflight()).map_into_right_body()
    } else if let Some(refusal) = refused {
        let answer = match Context::of(request.request()) {
            Some(context) => fallback::refused(&context, request.request(), refusal),
            None => Problem::misrouted().error_response(),
        };
        request.into_response(answer).map_into_right_body()
    } else if outside {
        let answer = match Context::of(request.request()) {
            Some(context) => fallback::not_found(context, request.request().clone()).await,
            None => Problem::misrouted().error_response(),
        };
        request.into_response(answer).map_into_right_body()
    } else {
        next.call(request).await?.map_into_left_body()
    };

    if let Some(origin) = origin {
        cors::allow(response.headers_mut(), origin);
    }
    add_headers(response.headers_mut(), &facts.request_id, app.issuer());
    let own = response.response().extensions().contains::<OwnAccount>();
    if !own && path_kinds::is_flow(response.request().path()) {
        open_to_application(response.headers_mut());
    }
    if app.is_draining() {
        // The next request then goes to another process, not to a socket that is about to close.
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    observe(&app, &response, &facts, started);
    if let Some(body) = body {
        body.answered();
    }
    Ok(response)
}

/// Removes the path of the issuer from a request's path. Returns false if the request is outside of it.
fn to_route(request: &mut ServiceRequest, base: &BasePath) -> bool {
    let uri = request.uri();
    let Some(route) = base.route(uri.path()) else { return false };
    if route.len() == uri.path().len() {
        return true;
    }
    let path_and_query = match uri.query() {
        Some(query) => format!("{route}?{query}"),
        None => route.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(path_and_query).ok();
    let Ok(uri) = Uri::from_parts(parts) else { return false };
    request.match_info_mut().get_mut().update(&uri);
    request.head_mut().uri = uri;
    true
}

/// The reason why a request is refused before routing: its address is too long, or its path is not in normal form.
fn refuse_uri(uri: &Uri, base: &BasePath) -> Option<Refusal> {
    if uri.path_and_query().is_some_and(|path| path.as_str().len() > MAX_URI) {
        return Some(Refusal::new(Code::UriTooLong, "The address is longer than 16 KiB."));
    }
    let is_name = |segments: &[&str]| {
        let served = base.served("");
        let own: Vec<&str> = served.split('/').skip(1).collect();
        segments.strip_prefix(own.as_slice()).is_some_and(path_kinds::ends_in_name)
    };
    let path = uri.path();
    let own = base.served("").len();
    let rest = path.get(own..).and_then(path_kinds::client_part).map_or(path.len(), |at| own + at);
    let (fixed, rest) = path.split_at(rest);
    let checked =
        path_spelling::check(fixed, is_name).and_then(|()| path_spelling::check_free_rest(rest));
    checked.err().map(|error| Refusal::new(Code::MalformedRequest, error.message()))
}

/// The address of the client. Health checks that a proxy sends itself have no forwarding header; that is not a
/// finding.
fn client_address(request: &ServiceRequest, app: &App) -> Option<IpAddr> {
    let config = &app.config;
    let found = client_ip::client_address(
        request.peer_addr(),
        request.headers(),
        &config.trusted_proxies,
        &config.proxy_header,
    );
    let asks_about_health = app
        .base_path
        .route(request.path())
        .is_some_and(|path| matches!(path, "/health" | "/ready" | "/ready/read"));
    if let Some(finding) = found.finding.filter(|_| !asks_about_health) {
        app.note_proxy(finding);
    }
    found.address
}

/// Sets the default headers of every response, unless its handler has set them.
fn add_headers(headers: &mut HeaderMap, request_id: &str, issuer: &str) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, value);
    }
    let mut default = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    default(header::CACHE_CONTROL, "no-store");
    default(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(header::REFERRER_POLICY, "no-referrer");
    default(header::X_FRAME_OPTIONS, "DENY");
    default(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    default(header::CROSS_ORIGIN_OPENER_POLICY, "same-origin");
    default(header::PERMISSIONS_POLICY, "camera=(), microphone=(), geolocation=()");
    if issuer.starts_with("https://") {
        default(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}

/// One log line and the metrics. The route's pattern is used instead of the path: paths contain secrets
/// (`/setup/{token}`) and arbitrary input.
fn observe<B>(app: &App, response: &ServiceResponse<B>, facts: &Facts, started: Instant) {
    let elapsed = started.elapsed();
    let request = response.request();
    let method = known_method(request.method());
    let status = response.status().as_u16();
    let unmatched = RouteMetrics::new("unmatched");
    let matched = request.app_data::<web::Data<RouteMetrics>>();
    let seen = matched.map_or(&unmatched, |seen| seen.get_ref());
    seen.observe(&app.metrics, method, status, elapsed);
    let route = seen.route();
    // Three digits are enough, and keep the lines readable.
    let duration_ms = elapsed.as_micros() as f64 / 1000.0;
    let requested = request.extensions();
    let caller = requested.get::<CallerIds>();
    let answered = response.response().extensions();
    let code = answered.get::<ErrorCode>().map(|code| code.0);
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                target: "signet::access",
                request_id = %facts.request_id,
                trace_id = %facts.trace.trace_id(),
                span_id = %facts.trace.span_id(),
                parent_id = facts.trace.parent_id().map(tracing::field::display),
                method,
                route,
                status,
                duration_ms,
                address = facts.address.map(tracing::field::display),
                user_id = caller.map(|caller| tracing::field::display(caller.user_id)),
                client_id = caller.map(|caller| &*caller.client_id),
                code,
                "request"
            )
        };
    }
    #[cfg(feature = "otlp")]
    if let Some(spans) = app.spans.get() {
        spans.send(&RequestSpan {
            trace: facts.trace,
            started: facts.now,
            elapsed,
            request_id: &facts.request_id,
            method,
            route,
            status,
            address: facts.address,
            user_id: caller.map(|caller| caller.user_id),
            client_id: caller.map(|caller| &*caller.client_id),
            code,
        });
    }
    // Verifiers and load balancers call these routes every second, and nothing changes; fetches of the keys are
    // counted elsewhere.
    if status < 400 && path_kinds::is_constant(route) { line!(debug) } else { line!(info) }
}

fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::PUT => "PUT",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

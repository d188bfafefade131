//! The documents for verifiers and client libraries: keys, metadata, the description of the API.
//!
//! Constant bytes with an entity tag. Open to every origin: no response depends on the caller.

use std::sync::{Arc, OnceLock};

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use arc_swap::ArcSwapOption;
use serde_json::json;

use crate::base::TimeSpan;
use crate::crypto::keyring::Document;
use crate::domain::key_rotation;
use crate::domain::outcome::{Code, Refusal};
use crate::domain::signing_key::SigningAlg;
use crate::oauth::metadata;
use crate::tokens::revocation_feed;

use super::context::Context;
use super::error::Problem;
use super::etag::is_known;
use super::extract::Params;
use super::fallback;
use super::openapi;
use super::ui::{Locale, inspect};

/// The metadata and the description change with a new version only.
const METADATA_AGE: TimeSpan = TimeSpan::from_mins(5);
/// How long caches may delay a revocation.
const FEED_AGE: TimeSpan = TimeSpan::from_secs(5);
/// The first second that is not a valid time: the year 10000.
const END: i64 = 253_402_300_800;

/// The public keys (RFC 7517 §5). A resource server that fetches them is counted under the name that it sends as
/// `?rs=NAME`; every other parameter is ignored. The token inspector is a page of this server and not counted.
pub async fn jwks(context: Context, request: HttpRequest) -> HttpResponse {
    let keyring = context.app.keyring();
    if request.method() != Method::HEAD {
        let name = url::form_urlencoded::parse(request.query_string().as_bytes())
            .find_map(|(name, value)| (name == "rs" && !value.is_empty()).then_some(value));
        if name.as_deref() != Some(inspect::FETCHER) {
            context.app.count_jwks_fetch(context.fetcher(name.as_deref()), context.now());
        }
    }
    let age = key_rotation::max_age(context.now(), keyring.next_change);
    let response = answer(&request, &keyring.jwks, age);
    context.app.metrics.count_jwks(response.status() != StatusCode::NOT_MODIFIED);
    response
}

/// The metadata, the same document at both paths (OpenID Connect Discovery §4, RFC 8414 §3).
pub async fn discovery(
    context: Context,
    rendered: web::Data<Rendered>,
    request: HttpRequest,
) -> HttpResponse {
    let in_use = context.app.keyring().algorithms();
    let known = rendered.discovery.load();
    if let Some(known) = known.as_ref().filter(|known| known.0 == in_use) {
        return answer(&request, &known.1, METADATA_AGE);
    }
    let languages: Vec<&str> = Locale::all().map(Locale::lang).collect();
    let brand = &context.app.config.brand;
    let pages = metadata::Pages {
        sign_up: context.app.config.registration.takes_anyone(),
        languages: &languages,
        policy_uri: brand.privacy_url.as_deref(),
        tos_uri: brand.terms_url.as_deref(),
        revocation_feed: context.app.config.revocation_feed,
        client_documents: !context.app.config.client_documents.is_off(),
    };
    let document = metadata::document(context.app.issuer(), &in_use, &pages);
    let document = Document::new(document.to_string().into_bytes());
    let response = answer(&request, &document, METADATA_AGE);
    rendered.discovery.store(Some(Arc::new((in_use, document))));
    response
}

/// The origins besides the issuer's whose pages may use the passkeys (WebAuthn §5.11.1). Not found if there are
/// none: browsers then allow no other origin.
pub async fn webauthn(context: Context, request: HttpRequest) -> HttpResponse {
    let is_page = |origin: &&String| origin.starts_with("https://");
    let related = context.app.config.passkeys.origins.iter().any(|origin| is_page(&origin));
    let Some(party) = context.app.relying_party.as_ref().filter(|_| related) else {
        return fallback::not_found(context, request).await;
    };
    let origins: Vec<&String> = party.origins.iter().filter(is_page).collect();
    let document = json!({ "origins": origins }).to_string().into_bytes();
    answer(&request, &Document::new(document), METADATA_AGE)
}

/// The metadata of an API as a protected resource (RFC 9728 §2).
///
/// # Errors
/// `validation_failed` without `audience`, `not_found` if it is not a registered API.
pub async fn resource_metadata(
    context: Context,
    params: Params,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let audience = params.get("audience").filter(|audience| !audience.is_empty());
    let missing = || Refusal::field("audience", "missing", "Send the API: audience=IDENTIFIER.");
    let audience = context.check(audience.ok_or_else(missing))?;
    let found = context.app.audience_or_reload(Some(audience)).await;
    let found = found.map_err(|fault| context.problem(fault.into()))?;
    let unknown = || Refusal::new(Code::NotFound, "There is no API with this identifier.");
    let found = context.check(found.ok_or_else(unknown))?;
    let document = metadata::resource(context.app.issuer(), &found.target);
    Ok(answer(&request, &Document::new(document.to_string().into_bytes()), METADATA_AGE))
}

/// The revocations of unexpired tokens, for services that verify tokens offline.
///
/// # Errors
/// `not_found` if the feed is disabled; `validation_failed` for an invalid `since`; `unavailable` if it
/// cannot be read.
pub async fn revocations(
    context: Context,
    params: Params,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    if !context.app.config.revocation_feed {
        let refusal = Refusal::new(Code::NotFound, "This address does not exist.");
        return Err(context.problem(refusal.into()));
    }
    let since =
        params.get("since").map(|text| text.parse().ok().filter(|secs| (0..END).contains(secs)));
    let wrong = || Refusal::field("since", "not_a_time", "Send the iat of a feed, in seconds.");
    let since = match since {
        None => None,
        Some(since) => Some(context.check(since.ok_or_else(wrong))?),
    };
    let feed = revocation_feed::current(&context.app, since, context.now()).await;
    let feed = feed.map_err(|fault| context.problem(fault.into()))?;
    let caching = format!("public, max-age={}", FEED_AGE.secs());
    let gzip = feed.gzip.as_ref().filter(|_| takes_gzip(&request));
    let mut response = answer_as("application/jwt", caching, &request, gzip.unwrap_or(&feed.plain));
    let headers = response.headers_mut();
    if feed.gzip.is_some() {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if gzip.is_some() && response.status() == StatusCode::OK {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// Whether the response may be in gzip (RFC 9110 §12.5.3). `*` is ignored, because no verifier sends it.
fn takes_gzip(request: &HttpRequest) -> bool {
    let refuses = |weight: &str| {
        let weight = weight.trim().strip_prefix("q=").map(str::parse);
        weight.is_some_and(|weight| weight.is_ok_and(|weight: f32| weight <= 0.0))
    };
    let values = request.headers().get_all(header::ACCEPT_ENCODING);
    let codings = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    codings.into_iter().any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("gzip") && !refuses(weight)
    })
}

/// The description of the HTTP API (OpenAPI 3.1).
pub async fn openapi(
    context: Context,
    rendered: web::Data<Rendered>,
    request: HttpRequest,
) -> HttpResponse {
    let document = rendered.openapi.get_or_init(|| {
        Document::new(openapi::document(context.app.issuer()).to_string().into_bytes())
    });
    answer(&request, document, METADATA_AGE)
}

/// The last rendered form of documents that change rarely, shared by all workers.
#[derive(Default)]
pub struct Rendered {
    /// With the algorithms that it names.
    discovery: ArcSwapOption<(Vec<SigningAlg>, Document)>,
    openapi: OnceLock<Document>,
}

/// The response to a preflight request.
pub async fn preflight() -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, "*"))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, "7200"))
        .finish()
}

/// Never `no-store`: verifiers would fetch it every second. Caches may use the last good response for a day while
/// Signet is down.
fn answer(request: &HttpRequest, document: &Document, age: TimeSpan) -> HttpResponse {
    let caching =
        format!("public, max-age={}, stale-while-revalidate=60, stale-if-error=86400", age.secs());
    answer_as("application/json", caching, request, document)
}

fn answer_as(
    media: &'static str,
    caching: String,
    request: &HttpRequest,
    document: &Document,
) -> HttpResponse {
    let known = is_known(request, &document.etag);
    let status = if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let mut answer = HttpResponse::build(status);
    answer
        .insert_header((header::ETAG, document.etag.as_str()))
        .insert_header((header::CACHE_CONTROL, caching))
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"));
    if known {
        return answer.finish();
    }
    answer.content_type(media).body(document.body.clone())
}

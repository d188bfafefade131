//! The files that pages load: the stylesheet, the brand's colours and logo, the logos of clients, small scripts.
//!
//! Owns their headers. All of them are small. Browsers revalidate them after five minutes, with the hash of the
//! content as the tag, so a new version or a new brand shows soon.

use actix_web::http::header;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};

use crate::admin::client_logo;
use crate::config::{Accent, Brand, LogoType};
use crate::crypto::keyring::Document;
use crate::http::context::Context;
use crate::http::etag::is_known;
use crate::http::fallback;

use super::page_error::{OrErrorPage as _, PageResult};

/// How long a browser uses its copy without revalidation.
const CACHING: &str = "public, max-age=300";

/// An SVG that is opened directly is a document. It must not run scripts, load resources, or belong to this origin.
const SVG_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// An image that is opened directly loads nothing.
const PICTURE_POLICY: &str = "default-src 'none'; sandbox";

/// The parts of the script of the token inspector, in the order of their dependencies.
const INSPECTOR: &str = concat!(
    "\"use strict\";\n{\n",
    include_str!("../../../assets/inspect/token.js"),
    "\n",
    include_str!("../../../assets/inspect/texts.js"),
    "\n",
    include_str!("../../../assets/inspect/checks.js"),
    "\n",
    include_str!("../../../assets/inspect/page.js"),
    "}\n"
);

/// The one stylesheet.
pub async fn css(request: HttpRequest) -> HttpResponse {
    answer(&request, "text/css; charset=utf-8", include_str!("../../../assets/signet.css"))
}

/// The additional stylesheet of the console.
pub async fn console_css(request: HttpRequest) -> HttpResponse {
    answer(&request, "text/css; charset=utf-8", include_str!("../../../assets/console.css"))
}

/// The additional stylesheet of the token inspector.
pub async fn inspect_css(request: HttpRequest) -> HttpResponse {
    answer(&request, "text/css; charset=utf-8", include_str!("../../../assets/inspect.css"))
}

/// The brand's colours, as variables that the stylesheet uses.
pub async fn brand_css(context: Context, request: HttpRequest) -> HttpResponse {
    answer(&request, "text/css; charset=utf-8", variables(&context.app.config.brand))
}

/// The script of the log-in page.
pub async fn login_js(request: HttpRequest) -> HttpResponse {
    answer(&request, "text/javascript; charset=utf-8", include_str!("../../../assets/login.js"))
}

/// The script of pages with passkeys.
pub async fn passkey_js(request: HttpRequest) -> HttpResponse {
    answer(&request, "text/javascript; charset=utf-8", include_str!("../../../assets/passkey.js"))
}

/// The script of the page that sends itself.
pub async fn submit_js(request: HttpRequest) -> HttpResponse {
    answer(&request, "text/javascript; charset=utf-8", include_str!("../../../assets/submit.js"))
}

/// The script of the token inspector. One block of one classic script, because browsers load no modules from a page that
/// was saved to disk.
pub async fn inspect_js(request: HttpRequest) -> HttpResponse {
    answer(&request, "text/javascript; charset=utf-8", INSPECTOR)
}

/// The brand's logo, if there is one.
pub async fn logo(context: Context, request: HttpRequest) -> HttpResponse {
    let Some(logo) = &context.app.config.brand.logo else {
        return fallback::not_found(context, request).await;
    };
    let mut answer = answer(&request, logo.kind.media_type(), logo.bytes.to_vec());
    if logo.kind == LogoType::Svg {
        let policy = header::HeaderValue::from_static(SVG_POLICY);
        answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    answer
}

/// The logo of a client. Its address contains the hash of the content, so that a browser never revalidates it.
pub async fn client_logo(context: Context, request: HttpRequest, hash: Path<String>) -> PageResult {
    let picture = client_logo::picture(context.app.clone(), hash.into_inner());
    let Some((kind, bytes)) = context.run(picture).await.or_error_page(&context)? else {
        return Ok(fallback::not_found(context, request).await);
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((header::CONTENT_SECURITY_POLICY, PICTURE_POLICY))
        .content_type(kind.as_str())
        .body(bytes))
}

/// The icon that browsers request by themselves: the logo, or an empty response rather than an error.
pub async fn favicon(context: Context, request: HttpRequest) -> HttpResponse {
    if context.app.config.brand.logo.is_some() {
        return logo(context, request).await;
    }
    HttpResponse::NoContent().insert_header((header::CACHE_CONTROL, CACHING)).finish()
}

fn answer(request: &HttpRequest, kind: &'static str, body: impl Into<Vec<u8>>) -> HttpResponse {
    let Document { body, etag } = Document::new(body.into());
    let known = is_known(request, &etag);
    let mut answer = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer.insert_header((header::CACHE_CONTROL, CACHING)).insert_header((header::ETAG, etag));
    if known { answer.finish() } else { answer.content_type(kind).body(body) }
}

/// The stylesheet of a brand: variables and nothing else.
fn variables(brand: &Brand) -> String {
    let scheme = |Accent { color, ink }: Accent| format!("--accent: {color}; --on-accent: {ink};");
    format!(
        ":root {{ {} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {} }} }}\n",
        scheme(brand.light),
        scheme(brand.dark)
    )
}

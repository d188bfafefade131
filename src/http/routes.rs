//! Every route, grouped by who uses it.
//!
//! Owns the table: the router, the answers to a wrong method, the metrics' labels and the tests that
//! walk all routes read the same list. A new route is one line here and one function.

use actix_web::guard::{self, Guard};
use actix_web::web::{self, PayloadConfig, ServiceConfig};

use crate::metrics::RouteMetrics;

use super::{api, fallback, health, oauth, ui, well_known};

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Anyone,
    /// Whoever holds an access token for the issuer.
    Bearer,
    /// Whoever holds one with the scope `signet:admin` and has the role `admin`.
    Admin,
}

/// One route.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The method.
    pub method: &'static str,
    /// The path pattern.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
}

/// The largest body, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

macro_rules! routes {
    ($($path:literal { $($method:ident $access:ident $handler:path),+ $(,)? })+) => {
        /// Every route there is.
        pub const TABLE: &[Route] = &[$($(
            Route { method: stringify!($method), path: $path, access: Access::$access }
        ),+),+];

        /// Registers every route.
        pub fn configure(config: &mut ServiceConfig) {
            config.app_data(web::Data::new(well_known::Rendered::default()));
            $(config.service(
                web::resource($path)
                    .app_data(web::Data::new(RouteMetrics::new($path)))
                    $(.route(web::route().guard(method(stringify!($method))).to($handler)))+
                    .default_service(web::to(|context| {
                        fallback::method_not_allowed(context, &[$(stringify!($method)),+])
                    })),
            );)+
            config.default_service(web::to(fallback::not_found));
        }
    };
}

// The router tries them in this order, and a pattern with a variable costs it a regular expression:
// what is asked for most stands first.
routes! {
    // What verifiers and client libraries fetch.
    "/v1/openapi.json" { GET Anyone well_known::openapi }
    "/.well-known/jwks.json" { GET Anyone well_known::jwks, OPTIONS Anyone well_known::preflight }
    "/.well-known/openid-configuration" {
        GET Anyone well_known::discovery,
        OPTIONS Anyone well_known::preflight,
    }
    "/.well-known/oauth-authorization-server" {
        GET Anyone well_known::discovery,
        OPTIONS Anyone well_known::preflight,
    }

    // What clients call.
    "/oauth2/token" { POST Anyone oauth::token }
    "/oauth2/introspect" { POST Anyone oauth::introspect }
    "/oauth2/revoke" { POST Anyone oauth::revoke }
    "/oauth2/userinfo" { GET Anyone oauth::userinfo, POST Anyone oauth::userinfo }
    "/oauth2/par" { POST Anyone oauth::par }
    "/oauth2/device_authorization" { POST Anyone oauth::device_authorization }

    // Log in and stay logged in.
    "/v1/register" { POST Anyone api::register::post }
    "/v1/login" { POST Anyone api::login::post }
    "/v1/refresh" { POST Anyone api::refresh::post }
    "/v1/logout" { POST Anyone api::logout::post }

    // Where clients send people.
    "/oauth2/authorize" { GET Anyone ui::authorize::get, POST Anyone ui::authorize::post }
    "/oauth2/logout" { GET Anyone ui::logout::get, POST Anyone ui::logout::post }

    // What operators and load balancers ask.
    "/health" { GET Anyone health::health }
    "/ready" { GET Anyone health::ready }

    // Pages.
    "/" { GET Anyone ui::home::get }
    "/login" { GET Anyone ui::login::get, POST Anyone ui::login::post }
    "/login/switch" { POST Anyone ui::login::switch }
    "/consent" { POST Anyone ui::consent::post }
    "/device" { GET Anyone ui::device::get, POST Anyone ui::device::post }
    "/logout" { POST Anyone ui::logout::own }
    "/.well-known/change-password" { GET Anyone ui::account::change_password }
    "/account" { GET Anyone ui::account::get }
    "/account/profile" { POST Anyone ui::account::post_profile }
    "/account/password" { POST Anyone ui::account::post_password }
    "/account/sessions/end" { POST Anyone ui::account::post_end }
    "/account/sessions/end-others" { POST Anyone ui::account::post_end_others }
    "/account/apps/remove" { POST Anyone ui::account::post_remove }
    "/setup/{token}" { GET Anyone ui::setup::get, POST Anyone ui::setup::post }
    "/assets/signet.css" { GET Anyone ui::assets::css }
    "/assets/brand.css" { GET Anyone ui::assets::brand_css }
    "/assets/logo" { GET Anyone ui::assets::logo }
    "/favicon.ico" { GET Anyone ui::assets::favicon }
    "/assets/login.js" { GET Anyone ui::assets::login_js }
    "/assets/submit.js" { GET Anyone ui::assets::submit_js }

    // One's own account.
    "/v1/me" { GET Bearer api::me::get, PATCH Bearer api::me::patch }
    "/v1/password" { POST Bearer api::password::post }
    "/v1/sessions" { GET Bearer api::sessions::list, DELETE Bearer api::sessions::delete_many }
    "/v1/sessions/{id}" { DELETE Bearer api::sessions::delete_one }

    // Administration.
    "/v1/admin/users" { GET Admin api::admin_users::list, POST Admin api::admin_users::create }
    "/v1/admin/users/{id}" {
        GET Admin api::admin_users::show,
        PATCH Admin api::admin_users::update,
        DELETE Admin api::admin_users::delete,
    }
    "/v1/admin/users/{id}/disable" { POST Admin api::admin_users::disable }
    "/v1/admin/users/{id}/enable" { POST Admin api::admin_users::enable }
    "/v1/admin/users/{id}/password" { POST Admin api::admin_users::set_password }
    "/v1/admin/users/{id}/token-preview" { GET Admin api::admin_users::token_preview }
    "/v1/admin/apis" { GET Admin api::admin_apis::list, POST Admin api::admin_apis::create }
    "/v1/admin/apis/{id}" {
        GET Admin api::admin_apis::show,
        PATCH Admin api::admin_apis::update,
        DELETE Admin api::admin_apis::delete,
    }
    "/v1/admin/clients" {
        GET Admin api::admin_clients::list,
        POST Admin api::admin_clients::create,
    }
    "/v1/admin/clients/{client_id}" {
        GET Admin api::admin_clients::show,
        PATCH Admin api::admin_clients::update,
        DELETE Admin api::admin_clients::delete,
    }
    "/v1/admin/clients/{client_id}/disable" { POST Admin api::admin_clients::disable }
    "/v1/admin/clients/{client_id}/enable" { POST Admin api::admin_clients::enable }
    "/v1/admin/clients/{client_id}/rotate-secret" { POST Admin api::admin_clients::rotate_secret }
    "/v1/admin/keys" { GET Admin api::admin_keys::list }
    "/v1/admin/keys/rotate" { POST Admin api::admin_keys::rotate }
    "/v1/admin/keys/{kid}/retire" { POST Admin api::admin_keys::retire }
    "/v1/admin/sessions" {
        GET Admin api::admin_sessions::list,
        DELETE Admin api::admin_sessions::delete_of_user,
    }
    "/v1/admin/sessions/{id}" { DELETE Admin api::admin_sessions::delete }
    "/v1/admin/tokens/why" { POST Admin api::admin_token_why::post }
    "/v1/admin/audit" { GET Admin api::admin_audit::list }
}

/// Whether a route gives everybody the same and changes nothing.
#[must_use]
pub fn is_constant(route: &str) -> bool {
    const CONSTANT: &[&str] = &[
        "/.well-known/jwks.json",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/v1/openapi.json",
        "/health",
        "/ready",
        "/favicon.ico",
    ];
    CONSTANT.contains(&route) || route.starts_with("/assets/")
}

/// The limits of the body readers.
#[must_use]
pub fn limits() -> PayloadConfig {
    PayloadConfig::new(MAX_BODY)
}

/// A guard for a method; whoever may GET may also HEAD (RFC 9110 §9.3.2).
fn method(name: &'static str) -> impl Guard {
    guard::fn_guard(move |context| {
        let asked = context.head().method.as_str();
        asked == name || (asked == "HEAD" && name == "GET")
    })
}

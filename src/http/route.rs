//! The definition of a route, and the macro that builds the table of all routes.
//!
//! Owns the expansion of each line of the table in `routes`: the entry of the list, the resource of the router,
//! and the route data for its extractors.

use actix_web::guard::{self, Guard};

use super::openapi::{Access, Operation};

/// One route.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The method; `ANY` for all of them.
    pub method: &'static str,
    /// The path pattern.
    pub path: &'static str,
    /// The required access.
    pub access: Access,
    /// The description of the operation; pages have none.
    pub operation: Option<&'static Operation>,
    /// Whether it belongs to an authorization, device or log-out request.
    pub is_flow: bool,
}

impl Route {
    /// Method and path for OpenAPI, which describes a route for all methods once, and cannot express that a variable is
    /// the rest of the path.
    #[must_use]
    pub fn described(&self) -> (&'static str, String) {
        let method = if self.method == ANY { "GET" } else { self.method };
        (method, self.path.replace(":.*}", "}"))
    }
}

/// The description after the arrow of a route. A page has none.
macro_rules! described {
    (page) => {
        None
    };
    (flow) => {
        None
    };
    ($area:ident :: $operation:ident) => {
        Some(&operations::$area::$operation)
    };
}

/// Whether the word after the arrow marks a route that belongs to a pending request.
macro_rules! is_flow {
    (flow) => {
        true
    };
    ($($other:tt)+) => {
        false
    };
}

macro_rules! routes {
    ($($path:literal {
        $($method:ident $access:ident $(($action:ident))? $handler:path => $area:ident $(:: $operation:ident)?),+ $(,)?
    })+) => {
        /// All routes.
        pub const TABLE: &[Route] = &[$($(
            Route {
                method: stringify!($method),
                path: $path,
                access: Access::$access $((Action::$action))?,
                operation: described!($area $(:: $operation)?),
                is_flow: is_flow!($area $(:: $operation)?),
            }
        ),+),+];

        /// Registers every route.
        pub fn configure(config: &mut ServiceConfig) {
            $(config.service(
                web::resource($path)
                    .app_data(web::Data::new(RouteMetrics::new($path)))
                    .app_data(Operations::new($path, [$(
                        (stringify!($method), described!($area $(:: $operation)?))
                    ),+]))
                    .app_data(Actions::new([$(
                        (stringify!($method), Access::$access $((Action::$action))?)
                    ),+]))
                    .wrap(from_fn(accepted::check))
                    $(.route(web::route().guard(method(stringify!($method))).to($handler)))+
                    .default_service(web::to(|context| {
                        fallback::method_not_allowed(context, &[$(stringify!($method)),+])
                    })),
            );)+
            config.default_service(web::to(fallback::not_found));
        }
    };
}

pub(super) use {described, is_flow, routes};

/// The method of a route for all methods.
pub const ANY: &str = "ANY";

/// A guard for a method; GET also admits HEAD (RFC 9110 §9.3.2).
pub(super) fn method(name: &'static str) -> impl Guard {
    guard::fn_guard(move |context| {
        let asked = context.head().method.as_str();
        asked == name || name == ANY || (asked == "HEAD" && name == "GET")
    })
}

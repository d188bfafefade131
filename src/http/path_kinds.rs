//! The kind of a request's path, for code that runs before routing or without the route.
//!
//! Owns which paths the middleware treats specially.

use super::routes::TABLE;

/// The prefix below which gateways append the path of their clients.
const EXT_AUTHZ: &str = "/v1/ext-authz/";

/// Whether an authorization, device or log-out request passes through this path. Every response there, even one
/// that no handler created, lacks the headers that would interrupt the request; see
/// [`open_to_application`](super::ui::open_to_application).
#[must_use]
pub fn is_flow(path: &str) -> bool {
    TABLE.iter().any(|route| route.is_flow && route.path == path)
}

/// The offset of the path of a gateway's own client in this path, after the API and the scopes. `None` if there is
/// none.
#[must_use]
pub fn client_part(path: &str) -> Option<usize> {
    let mut slashes = path.strip_prefix(EXT_AUTHZ)?.match_indices('/').map(|(at, _)| at);
    slashes.nth(1).map(|at| EXT_AUTHZ.len() + at)
}

/// Whether a gateway sends a decision request to this path, possibly with the headers of its own client.
#[must_use]
pub fn is_for_gateways(path: &str) -> bool {
    // Includes misspelt paths: a gateway treats every 2xx as permission.
    path.starts_with("/v1/forward-auth") || path.starts_with("/v1/ext-authz")
}

/// Whether one of these segments of a path is the name of a client or an API, which may contain slashes.
/// All other variables are ids.
#[must_use]
pub fn ends_in_name(segments: &[&str]) -> bool {
    matches!(
        segments,
        ["v1", "admin", "clients" | "apis", _]
            | ["admin", "clients", _, ..]
            | ["v1", "ext-authz", _, _]
    )
}

/// Whether a route returns the same to every caller and changes nothing.
#[must_use]
pub fn is_constant(route: &str) -> bool {
    const CONSTANT: &[&str] = &[
        "/.well-known/jwks.json",
        "/.well-known/openid-configuration",
        "/.well-known/revocations",
        "/.well-known/oauth-authorization-server",
        "/v1/openapi.json",
        "/health",
        "/ready",
        "/ready/read",
        "/favicon.ico",
    ];
    CONSTANT.contains(&route) || route.starts_with("/assets/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_client_begins_behind_api_and_scopes() {
        let part = |path: &'static str| client_part(path).map(|at| path.split_at(at));
        for (path, parts) in [
            ("/v1/ext-authz/7/-/orders/8", Some(("/v1/ext-authz/7/-", "/orders/8"))),
            ("/v1/ext-authz/7/-/", Some(("/v1/ext-authz/7/-", "/"))),
            ("/v1/ext-authz/7/-", None),
            ("/v1/ext-authz/7", None),
            ("/v1/ext-authzx/7/-/orders", None),
            ("/v1/admin/users", None),
        ] {
            assert_eq!(part(path), parts, "{path}");
        }
    }
}

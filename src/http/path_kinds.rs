//! What kind of path a request has, before it is routed and where its route is no longer known.
//!
//! Owns which paths are treated in their own way by what happens to every request.

use super::routes::TABLE;

/// What the paths begin with below which gateways pass the path of their clients on.
const EXT_AUTHZ: &str = "/v1/ext-authz/";

/// Whether an authorization, device or log-out request passes through this path. Every response there, also
/// one that no handler of the route has made, goes without the headers that would cut it off; see
/// [`open_to_application`](super::ui::open_to_application).
#[must_use]
pub fn is_flow(path: &str) -> bool {
    TABLE.iter().any(|route| route.is_flow && route.path == path)
}

/// Where the path of a gateway's own clients begins in this path: behind the API and the scopes. None where it has no
/// such part.
#[must_use]
pub fn client_part(path: &str) -> Option<usize> {
    let mut slashes = path.strip_prefix(EXT_AUTHZ)?.match_indices('/').map(|(at, _)| at);
    slashes.nth(1).map(|at| EXT_AUTHZ.len() + at)
}

/// Whether a gateway asks here about a request of its own client, whose headers may have come with it.
#[must_use]
pub fn is_for_gateways(path: &str) -> bool {
    // Also what an operator misspelt: a gateway takes every 2xx for a permission.
    path.starts_with("/v1/forward-auth") || path.starts_with("/v1/ext-authz")
}

/// Whether one of these segments of a path is the name of a client or an API, which may hold slashes.
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

/// Whether a route gives every caller the same and changes nothing.
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

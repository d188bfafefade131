//! Tests of the path of an issuer: which requests reach a route, and what links look like.

use super::BasePath;

#[test]
fn the_path_is_what_follows_the_authority() {
    for (issuer, path) in [
        ("https://id.example.com", ""),
        ("https://id.example.com/auth", "/auth"),
        ("http://[::1]:8484/a/b", "/a/b"),
    ] {
        assert_eq!(BasePath::of(issuer, false).as_str(), path);
        assert_eq!(BasePath::of(issuer, true).link("/login").as_str(), format!("{path}/login"));
    }
}

#[test]
fn a_route_answers_with_the_path_or_without_it_and_never_both() {
    let well_known = "/.well-known/openid-configuration";
    for (stripped, asked, wanted) in [
        (false, "/auth/login", Some("/login")),
        (false, "/auth", Some("/")),
        (false, "/auth/", Some("/")),
        (false, "/login", None),
        (false, "/", None),
        (false, "/authority/login", None),
        (false, "/AUTH/login", None),
        (false, "//auth/login", None),
        (false, "/auth/auth/login", Some("/auth/login")),
        (false, well_known, None),
        (false, "/auth/health", Some("/health")),
        (true, "/login", Some("/login")),
        (true, "/auth/login", Some("/auth/login")),
        (true, well_known, Some(well_known)),
    ] {
        let base = BasePath::of("https://host/auth", stripped);
        assert_eq!(base.route(asked), wanted, "{stripped} {asked}");
    }
    for stripped in [false, true] {
        let base = BasePath::of("https://host/auth", stripped);
        assert_eq!(base.route("/health"), Some("/health"));
        assert_eq!(base.route("/ready/read"), Some("/ready/read"));
        assert_eq!(base.route(&format!("{well_known}/auth")), Some(well_known));
    }
    let root = BasePath::of("https://host", true);
    for asked in ["/", "/login", "/auth/login", "/.well-known/openid-configuration/auth"] {
        assert_eq!(root.route(asked), Some(asked));
    }
}

#[test]
fn the_own_address_of_a_route_is_the_one_that_reaches_it() {
    for stripped in [false, true] {
        let base = BasePath::of("https://host/auth", stripped);
        assert_eq!(base.route(&base.served("/v1/login")), Some("/v1/login"));
    }
}

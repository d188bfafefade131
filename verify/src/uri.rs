//! Comparison of the URI in a proof with that of a request (RFC 9449 §4.3, RFC 3986 §6.2).

/// Whether two URIs are equal except for query and fragment, regardless of case in scheme and host, and with or
/// without the default port.
pub(crate) fn is_same(one: &str, two: &str) -> bool {
    matches!((read(one), read(two)), (Some(one), Some(two)) if one == two)
}

fn read(text: &str) -> Option<(String, String, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let rest = rest.split(['?', '#']).next()?;
    let at = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    let default = match &*scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let authority = authority.to_ascii_lowercase();
    let authority = authority.strip_suffix(default).unwrap_or(&authority).to_owned();
    if authority.is_empty() || authority.contains('@') {
        return None;
    }
    Some((scheme, authority, if path.is_empty() { "/" } else { path }))
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn query_case_and_default_port_do_not_count() {
        for (one, two, same) in [
            ("https://a/b", "HTTPS://A:443/b?c#d", true),
            ("https://a", "https://a/", true),
            ("http://a:80/", "http://a/", true),
            ("https://a/b", "http://a/b", false),
            ("https://a/b", "https://a/B", false),
            ("https://a/b", "https://a/b/", false),
            ("https://a/b", "https://a:8443/b", false),
            ("https://a/b", "https://x@a/b", false),
            ("/b", "/b", false),
        ] {
            assert_eq!(is_same(one, two), same, "{one} {two}");
        }
    }
}

//! The Content-Security-Policy of a page.
//!
//! Owns the header's text: this origin alone, no inline style or script, never in a frame.

/// What every page starts from.
const BASE: &str = "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; \
                    base-uri 'none'";

/// The policy of a page whose forms go to this origin and may then be sent on to `form_action`, and
/// which runs one of our own script files if `script` says so.
///
/// Chromium and Safari hold `form-action` against every redirect that follows a submission: the page
/// before an answer to a client has to name the origin of its validated redirect URI
/// (`https://app.example.com`), or its scheme (`com.example.app:`). What is neither is left out.
#[must_use]
pub fn policy(form_action: &[&str], script: bool) -> String {
    let mut text = format!("{BASE}; form-action 'self'");
    for source in form_action.iter().filter(|source| is_source(source)) {
        text.push(' ');
        text.push_str(source);
    }
    if script {
        text.push_str("; script-src 'self'");
    }
    text
}

/// Whether a text is an origin or a scheme, and nothing that could end the directive or widen it.
fn is_source(text: &str) -> bool {
    let scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    };
    let host = |host: &str| {
        !host.is_empty()
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b))
    };
    match text.split_once("://") {
        Some((before, after)) => scheme(before) && host(after),
        None => text.strip_suffix(':').is_some_and(scheme),
    }
}

#[cfg(test)]
mod tests {
    use super::policy;

    #[test]
    fn a_page_may_use_this_origin_and_nothing_else() {
        assert_eq!(
            policy(&[], false),
            "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; \
             base-uri 'none'; form-action 'self'"
        );
        let more = policy(&["https://app.example.com:8443", "com.example.app:"], true);
        assert!(more.ends_with(
            "; form-action 'self' https://app.example.com:8443 com.example.app:; script-src 'self'"
        ));
        assert!(policy(&["http://[::1]:3000"], false).ends_with("'self' http://[::1]:3000"));
    }

    #[test]
    fn what_is_no_source_is_left_out() {
        for bad in [
            "",
            "*",
            ":",
            "https:// ",
            "https://*",
            "https://a.example; script-src *",
            "https://a.example,https://b.example",
            "https://a.example/path",
            "'unsafe-inline'",
            "app: https:",
            "1app:",
            "app:\r\nX-Evil: 1",
        ] {
            assert_eq!(policy(&[bad], false), policy(&[], false), "{bad}");
        }
    }
}

//! The Content-Security-Policy of a page, and the differences while a request of a client is pending.
//!
//! Owns the text of the header: only this origin, no inline style or script, never in a frame.

use actix_web::HttpResponse;
use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, CROSS_ORIGIN_OPENER_POLICY, HeaderMap, HeaderValue,
};

/// The common part of all policies.
const BASE: &str = "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; \
                    base-uri 'none'";
/// The restriction of forms to this origin.
const FORMS_STAY: &str = "; form-action 'self'";

/// The policy of a page. With `script` it allows one of Signet's own script files.
#[must_use]
pub fn policy(script: bool) -> String {
    format!("{BASE}{}{FORMS_STAY}", if script { "; script-src 'self'" } else { "" })
}

/// The policy of such a page while a request of a client is pending.
#[cfg(feature = "test-support")]
#[must_use]
pub fn policy_pending_page(script: bool) -> String {
    policy(script).replace(FORMS_STAY, "")
}

/// Marks a response at a path of a flow that belongs to the user's own account instead.
pub struct OwnAccount;

/// A response in a sign-in that no application has begun.
#[must_use]
pub fn own_account(mut response: HttpResponse) -> HttpResponse {
    response.extensions_mut().insert(OwnAccount);
    response
}

/// The headers of a response while an authorization, device or sign-out request is pending, whether page, redirect
/// or error: it has neither `form-action` nor `Cross-Origin-Opener-Policy`.
///
/// Chromium applies `form-action` to every redirect that follows a submission, including those that the application
/// adds after its callback, which Signet cannot know. `Cross-Origin-Opener-Policy` would separate a pop-up from the
/// application that opened it. The rest of the policy protects these pages; they contain no markup of users or
/// clients.
pub fn open_to_application(headers: &mut HeaderMap) {
    headers.remove(CROSS_ORIGIN_OPENER_POLICY);
    let policy = headers.get(CONTENT_SECURITY_POLICY).and_then(|policy| policy.to_str().ok());
    let without = policy.map(|policy| policy.replace(FORMS_STAY, ""));
    if let Some(value) = without.and_then(|text| HeaderValue::try_from(text).ok()) {
        headers.insert(CONTENT_SECURITY_POLICY, value);
    }
}

#[cfg(test)]
mod tests {
    use super::{policy, policy_pending_page};

    #[test]
    fn a_page_may_use_this_origin_and_nothing_else() {
        let base = "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; \
                    base-uri 'none'";
        assert_eq!(policy(false), format!("{base}; form-action 'self'"));
        assert_eq!(policy(true), format!("{base}; script-src 'self'; form-action 'self'"));
        assert_eq!(policy_pending_page(false), base);
        assert_eq!(policy_pending_page(true), format!("{base}; script-src 'self'"));
    }
}

//! The pages that contain a response to an application for which a redirect is not possible.

use askama::Template;

use crate::http::ui::Frame;

/// A form that sends itself (OAuth 2.0 Form Post Response Mode). Its policy needs a script, and the
/// origin of `action`; without scripts the button does it.
#[derive(Template)]
#[template(path = "form_post.html")]
pub struct FormPostPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The redirect URI.
    pub action: &'a str,
    /// Names and values of the response.
    pub fields: Vec<(String, String)>,
}

/// A page that continues automatically, for responses to URIs with a custom scheme: Chromium would apply the
/// form's policy to a redirect there.
#[derive(Template)]
#[template(path = "continue.html")]
pub struct ContinuePage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The redirect URI with the response.
    pub uri: &'a str,
    /// Its host or scheme, for display.
    pub destination: &'a str,
}

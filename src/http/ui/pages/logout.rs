//! Signing out (OpenID Connect RP-Initiated Logout §2).

use askama::Template;

use crate::http::ui::Frame;
use crate::oauth::restart::RestartOptions;

/// The confirmation of a sign-out that an application requests without proof of the session.
#[derive(Template)]
#[template(path = "logout.html")]
pub struct LogoutConfirmPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The sealed request, returned in the field `flow`.
    pub flow: &'a str,
    /// The login of the user.
    pub login: Option<&'a str>,
    /// The requesting application.
    pub client_name: Option<&'a str>,
    /// The error of the decision, in the language of the page.
    pub error: Option<&'a str>,
    /// The links to restart.
    pub restart: &'a RestartOptions,
}

/// The last page of a sign-out.
#[derive(Template)]
#[template(path = "logged_out.html")]
pub struct LoggedOutPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The link back to the application.
    pub back: Option<BackLink<'a>>,
}

/// A link to an application.
pub struct BackLink<'a> {
    /// A registered URI of it.
    pub location: &'a str,
    /// The name of the application.
    pub client_name: &'a str,
}

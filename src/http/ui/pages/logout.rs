//! Signing out (OpenID Connect RP-Initiated Logout §2).

use askama::Template;

use crate::http::ui::Frame;
use crate::oauth::restart::RestartOptions;

/// The question, for when an application asks and cannot prove that it may.
#[derive(Template)]
#[template(path = "logout.html")]
pub struct LogoutConfirmPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// What the request is known by; comes back as the field `flow`.
    pub flow: &'a str,
    /// Who is signed in.
    pub login: Option<&'a str>,
    /// The application that asks.
    pub client_name: Option<&'a str>,
    /// What is wrong with the decision, in the language of the page.
    pub error: Option<&'a str>,
    /// How to begin again.
    pub restart: &'a RestartOptions,
}

/// The end of it.
#[derive(Template)]
#[template(path = "logged_out.html")]
pub struct LoggedOutPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The way back to the application.
    pub back: Option<BackLink<'a>>,
}

/// A link to an application.
pub struct BackLink<'a> {
    /// A registered address of it.
    pub location: &'a str,
    /// What it is called.
    pub client_name: &'a str,
}

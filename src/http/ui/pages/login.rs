//! Signing in: one form for login and password.

use askama::Template;

use crate::http::ui::Frame;
use crate::oauth::restart::RestartOptions;

/// The form. Its policy needs a script, which adds the button that shows the password.
#[derive(Template)]
#[template(path = "login.html")]
pub struct LoginPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// What the request is known by; comes back as the field `flow`.
    pub flow: &'a str,
    /// The login to begin with; empty for none.
    pub login: &'a str,
    /// The application that asked, by its name.
    pub client_name: Option<&'a str>,
    /// Why the last try did not work, in the language of the page.
    pub error: Option<&'a str>,
    /// How to begin again.
    pub restart: &'a RestartOptions,
}

//! Signing in: a form for login and password, one for the code of a second factor, and one for a new password.

use askama::Template;

use crate::domain::base_path::Link;
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
    /// The form for a passkey, where there are any.
    pub passkey: Option<PasskeyForm>,
    /// Why the last try did not work, in the language of the page.
    pub error: Option<&'a str>,
    /// How to begin again.
    pub restart: &'a RestartOptions,
}

/// A form that a script shows, runs a ceremony for and sends.
pub struct PasskeyForm {
    /// The sealed challenge; comes back as the field `challenge`.
    pub challenge: String,
    /// The options of the ceremony in JSON.
    pub options: String,
}

/// The form for a new password, which the user chooses before the sign-in goes on. Its policy needs the same
/// script.
#[derive(Template)]
#[template(path = "new_password.html")]
pub struct NewPasswordPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// What the request is known by; comes back as the field `flow`.
    pub flow: &'a str,
    /// What the sign-in is known by; comes back as the field `challenge`.
    pub challenge: &'a str,
    /// The application that asked, by its name.
    pub client_name: Option<&'a str>,
    /// Why the last try did not work, in the language of the page.
    pub error: Option<&'a str>,
    /// How to begin again.
    pub restart: &'a RestartOptions,
}

/// The forms for a second factor: a code, a passkey.
#[derive(Template)]
#[template(path = "verify.html")]
pub struct VerifyPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// What the request is known by; comes back as the field `flow`.
    pub flow: &'a str,
    /// What the sign-in is known by; comes back as the field `challenge`.
    pub challenge: &'a str,
    /// The application that asked, by its name.
    pub client_name: Option<&'a str>,
    /// The kind of code; comes back as the field `method`.
    pub method: &'a str,
    /// Whether it is a recovery code.
    pub is_recovery: bool,
    /// Whether the account has a code of this kind, so that there is a form for it.
    pub has_code: bool,
    /// The page for the other kind of code, where the account has both.
    pub other: Option<Link>,
    /// The form for a passkey, where the account has one.
    pub passkey: Option<PasskeyForm>,
    /// Why the last code was refused, in the language of the page.
    pub error: Option<&'a str>,
    /// How to begin again.
    pub restart: &'a RestartOptions,
}

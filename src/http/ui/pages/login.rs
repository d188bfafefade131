//! Signing in: a form for login and password, one for the code of a second factor, one for a new password, and
//! the enrolment of a second factor.

use askama::Template;

use crate::domain::base_path::Link;
use crate::http::ui::Frame;
use crate::http::ui::qr::QrImage;
use crate::oauth::restart::RestartOptions;

/// The form. Its policy needs a script, which adds the button that shows the password.
#[derive(Template)]
#[template(path = "login.html")]
pub struct LoginPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The sealed request, returned in the field `flow`.
    pub flow: &'a str,
    /// The initial value of the login, or an empty text.
    pub login: &'a str,
    /// The name of the requesting application.
    pub client_name: Option<&'a str>,
    /// Its logo.
    pub client_logo: Option<&'a Link>,
    /// The form for a passkey, if passkeys are available.
    pub passkey: Option<PasskeyForm>,
    /// The error of the last attempt, in the language of the page.
    pub error: Option<&'a str>,
    /// The notice about the previous step, in the language of the page.
    pub notice: Option<&'a str>,
    /// Whether "stay signed in" is ticked; `None` if the user has no choice.
    pub stay: Option<bool>,
    /// The link to reset a forgotten password; `None` if mail is disabled.
    pub recover: Option<Link>,
    /// The link to sign up; `None` if users cannot sign up.
    pub sign_up: Option<Link>,
    /// The links to restart.
    pub restart: &'a RestartOptions,
}

/// A form that a script shows, runs a ceremony for and sends.
pub struct PasskeyForm {
    /// The sealed challenge, returned in the field `challenge`.
    pub challenge: String,
    /// The options of the ceremony in JSON.
    pub options: String,
}

/// The form for a new password, which the user chooses before the sign-in continues. Its policy needs the same
/// script.
#[derive(Template)]
#[template(path = "new_password.html")]
pub struct NewPasswordPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The sealed request, returned in the field `flow`.
    pub flow: &'a str,
    /// The sealed sign-in, returned in the field `challenge`.
    pub challenge: &'a str,
    /// The name of the requesting application.
    pub client_name: Option<&'a str>,
    /// The login of the user.
    pub login: Option<&'a str>,
    /// The error of the last attempt, in the language of the page.
    pub error: Option<&'a str>,
    /// The links to restart.
    pub restart: &'a RestartOptions,
}

/// The page on which a user who needs a second factor adds an authenticator app.
#[derive(Template)]
#[template(path = "enrol.html")]
pub struct EnrolPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The sealed request, returned in the field `flow`.
    pub flow: &'a str,
    /// The sealed sign-in, returned in the field `challenge`.
    pub challenge: &'a str,
    /// The name of the requesting application.
    pub client_name: Option<&'a str>,
    /// The sealed secret.
    pub setup: &'a str,
    /// The secret in groups of four.
    pub secret: String,
    /// The URI for the app.
    pub otpauth_uri: &'a str,
    /// The same as a QR code; `None` if it is too long for one.
    pub qr: Option<QrImage>,
    /// The entered name.
    pub name: &'a str,
    /// Whether the user may postpone it.
    pub may_skip: bool,
    /// The error of the last attempt, if it concerns no field.
    pub error: Option<&'a str>,
    /// The error of the code.
    pub code_error: Option<&'a str>,
    /// The error of the name.
    pub name_error: Option<&'a str>,
    /// The links to restart.
    pub restart: &'a RestartOptions,
}

/// The forms for a second factor: a code, a passkey.
#[derive(Template)]
#[template(path = "verify.html")]
pub struct VerifyPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The sealed request, returned in the field `flow`.
    pub flow: &'a str,
    /// The sealed sign-in, returned in the field `challenge`.
    pub challenge: &'a str,
    /// The name of the requesting application.
    pub client_name: Option<&'a str>,
    /// The login of the user.
    pub login: Option<&'a str>,
    /// The kind of code, returned in the field `method`.
    pub method: &'a str,
    /// Whether it is a recovery code.
    pub is_recovery: bool,
    /// Whether the account has a code of this kind, and the form is shown.
    pub has_code: bool,
    /// The page for the other kind of code, if the account has both.
    pub other: Option<Link>,
    /// The form for a passkey, if the account has one.
    pub passkey: Option<PasskeyForm>,
    /// Why the last code was refused, in the language of the page.
    pub error: Option<&'a str>,
    /// The links to restart.
    pub restart: &'a RestartOptions,
}

/// The form for the code that is mailed before an enrolment.
#[derive(Template)]
#[template(path = "mailed_code.html")]
pub struct MailedCodePage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The sealed request, returned in the field `flow`.
    pub flow: &'a str,
    /// The sealed sign-in, returned in the field `challenge`.
    pub challenge: &'a str,
    /// The name of the requesting application.
    pub client_name: Option<&'a str>,
    /// The login of the user.
    pub login: Option<&'a str>,
    /// Whether a code was sent.
    pub is_sent: bool,
    /// The notice about the previous step, in the language of the page.
    pub notice: Option<&'a str>,
    /// Why the last code was refused, in the language of the page.
    pub error: Option<&'a str>,
    /// The links to restart.
    pub restart: &'a RestartOptions,
}

impl VerifyPage<'_> {
    /// The heading, which names the expected code.
    fn title(&self) -> &'static str {
        match (&self.passkey, self.has_code) {
            (None, _) => self.frame.t("verify.title"),
            (Some(_), true) => self.frame.t("verify.title_either"),
            (Some(_), false) => self.frame.t("verify.title_passkey"),
        }
    }
}

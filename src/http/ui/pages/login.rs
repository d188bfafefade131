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
    /// What the request is known by; comes back as the field `flow`.
    pub flow: &'a str,
    /// The login to begin with; empty for none.
    pub login: &'a str,
    /// The application that asked, by its name.
    pub client_name: Option<&'a str>,
    /// Its logo.
    pub client_logo: Option<&'a Link>,
    /// The form for a passkey, where there are any.
    pub passkey: Option<PasskeyForm>,
    /// Why the last try did not work, in the language of the page.
    pub error: Option<&'a str>,
    /// What was done before, in the language of the page.
    pub notice: Option<&'a str>,
    /// Whether "stay signed in" is ticked; none where the user has no choice.
    pub stay: Option<bool>,
    /// Where a user goes who has forgotten the password; none where mail is off.
    pub recover: Option<Link>,
    /// Where a user without an account goes; none where users cannot sign up.
    pub sign_up: Option<Link>,
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
    /// Who is signing in.
    pub login: Option<&'a str>,
    /// Why the last try did not work, in the language of the page.
    pub error: Option<&'a str>,
    /// How to begin again.
    pub restart: &'a RestartOptions,
}

/// The page on which a user who needs a second factor adds an authenticator app.
#[derive(Template)]
#[template(path = "enrol.html")]
pub struct EnrolPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// What the request is known by; comes back as the field `flow`.
    pub flow: &'a str,
    /// What the sign-in is known by; comes back as the field `challenge`.
    pub challenge: &'a str,
    /// The application that asked, by its name.
    pub client_name: Option<&'a str>,
    /// The sealed secret.
    pub setup: &'a str,
    /// The secret in groups of four.
    pub secret: String,
    /// The URI for the app.
    pub otpauth_uri: &'a str,
    /// The same as a QR code; none where it is too long for one.
    pub qr: Option<QrImage>,
    /// The name that was typed.
    pub name: &'a str,
    /// Whether the user may put it off.
    pub may_skip: bool,
    /// Why the last try did not work, where that is no field's fault.
    pub error: Option<&'a str>,
    /// What is wrong with the code.
    pub code_error: Option<&'a str>,
    /// What is wrong with the name.
    pub name_error: Option<&'a str>,
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
    /// Who is signing in.
    pub login: Option<&'a str>,
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

/// The form for the code that is mailed before an enrolment.
#[derive(Template)]
#[template(path = "mailed_code.html")]
pub struct MailedCodePage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// What the request is known by; comes back as the field `flow`.
    pub flow: &'a str,
    /// What the sign-in is known by; comes back as the field `challenge`.
    pub challenge: &'a str,
    /// The application that asked, by its name.
    pub client_name: Option<&'a str>,
    /// Who is signing in.
    pub login: Option<&'a str>,
    /// Whether a code was sent.
    pub is_sent: bool,
    /// What was done, in the language of the page.
    pub notice: Option<&'a str>,
    /// Why the last code was refused, in the language of the page.
    pub error: Option<&'a str>,
    /// How to begin again.
    pub restart: &'a RestartOptions,
}

impl VerifyPage<'_> {
    /// What the page asks for.
    fn title(&self) -> &'static str {
        match (&self.passkey, self.has_code) {
            (None, _) => self.frame.t("verify.title"),
            (Some(_), true) => self.frame.t("verify.title_either"),
            (Some(_), false) => self.frame.t("verify.title_passkey"),
        }
    }
}

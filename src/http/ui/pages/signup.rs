//! Signing up: the address, the mailed code, the account.

use std::borrow::Cow;

use askama::Template;

use crate::domain::base_path::Link;
use crate::http::ui::Frame;
use crate::oauth::restart::RestartOptions;

/// The form for the address.
#[derive(Template)]
#[template(path = "signup_email.html")]
pub struct SignupEmailPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The sealed request, returned in the field `flow`.
    pub flow: &'a str,
    /// The name of the requesting application.
    pub client_name: Option<&'a str>,
    /// The initial value of the address, or an empty text.
    pub email: &'a str,
    /// The error of the last attempt, in the language of the page.
    pub error: Option<&'a str>,
    /// The link for users who have an account.
    pub sign_in: Link,
}

/// The form for the mailed code.
#[derive(Template)]
#[template(path = "signup_code.html")]
pub struct SignupCodePage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The sealed request, returned in the field `flow`.
    pub flow: &'a str,
    /// The sealed sign-up, returned in the field `challenge`.
    pub challenge: &'a str,
    /// The name of the requesting application.
    pub client_name: Option<&'a str>,
    /// The address of the mail.
    pub address: &'a str,
    /// Why the last code was refused, in the language of the page.
    pub error: Option<&'a str>,
    /// The link to request another mail.
    pub again: Link,
}

/// The form for the account. Its policy needs the script that shows the password.
#[derive(Template)]
#[template(path = "signup_account.html")]
pub struct SignupAccountPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The name of the requesting application.
    pub client_name: Option<&'a str>,
    /// The address that the form is sent to, so that reloading the next page loses nothing.
    pub action: Link,
    /// The hidden fields: names and values.
    pub hidden: Vec<(&'static str, &'a str)>,
    /// The verified address; `None` if none is required.
    pub address: Option<&'a str>,
    /// Whether the login has to be an e-mail address.
    pub is_address_required: bool,
    /// The initial value of the login name.
    pub login: &'a str,
    /// The initial value of the name.
    pub name: &'a str,
    /// The terms of service, if there are any.
    pub terms_url: Option<&'a str>,
    /// Whether the terms are accepted.
    pub accepts_terms: bool,
    /// The errors.
    pub errors: AccountErrors<'a>,
    /// The link for users who have an account.
    pub sign_in: Link,
    /// The links to restart.
    pub restart: &'a RestartOptions,
}

/// The errors of the form of an account, in the language of the page.
#[derive(Default)]
pub struct AccountErrors<'a> {
    /// The error of the login name.
    pub login: Option<&'a str>,
    /// The error of the password.
    pub password: Option<&'a str>,
    /// The error of the name.
    pub name: Option<&'a str>,
    /// The error of the terms.
    pub terms: Option<&'a str>,
    /// An error that concerns no field.
    pub other: Option<Cow<'a, str>>,
}

impl AccountErrors<'_> {
    /// Whether a field has an error.
    const fn is_of_a_field(&self) -> bool {
        self.login.is_some()
            || self.password.is_some()
            || self.name.is_some()
            || self.terms.is_some()
    }

    /// The field that has the focus: the first with an error, else the first empty one.
    const fn focus(&self, login: &str) -> &'static str {
        match self {
            Self { login: Some(_), .. } => "login",
            Self { password: Some(_), .. } => "password",
            Self { name: Some(_), .. } => "name",
            Self { terms: Some(_), .. } => "terms",
            _ if login.is_empty() => "login",
            _ => "password",
        }
    }
}

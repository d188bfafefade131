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
    /// What the request is known by; comes back as the field `flow`.
    pub flow: &'a str,
    /// The application that asked, by its name.
    pub client_name: Option<&'a str>,
    /// The address to begin with; empty for none.
    pub email: &'a str,
    /// Why the last try did not work, in the language of the page.
    pub error: Option<&'a str>,
    /// For users who have an account.
    pub sign_in: Link,
}

/// The form for the mailed code.
#[derive(Template)]
#[template(path = "signup_code.html")]
pub struct SignupCodePage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// What the request is known by; comes back as the field `flow`.
    pub flow: &'a str,
    /// What the sign-up is known by; comes back as the field `challenge`.
    pub challenge: &'a str,
    /// The application that asked, by its name.
    pub client_name: Option<&'a str>,
    /// Where the mail went.
    pub address: &'a str,
    /// Why the last code was refused, in the language of the page.
    pub error: Option<&'a str>,
    /// Where another mail is asked for.
    pub again: Link,
}

/// The form for the account. Its policy needs the script that shows the password.
#[derive(Template)]
#[template(path = "signup_account.html")]
pub struct SignupAccountPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The application that asked, by its name.
    pub client_name: Option<&'a str>,
    /// Where the form is sent, so that loading the next page again loses nothing.
    pub action: Link,
    /// Names and values that come back with it.
    pub hidden: Vec<(&'static str, &'a str)>,
    /// The proven address; none where none is asked for.
    pub address: Option<&'a str>,
    /// Whether the login has to be an e-mail address.
    pub is_address_required: bool,
    /// The login to begin with.
    pub login: &'a str,
    /// The name to begin with.
    pub name: &'a str,
    /// The terms of service, if there are any.
    pub terms_url: Option<&'a str>,
    /// Whether the user has ticked that they are accepted.
    pub accepts_terms: bool,
    /// What is wrong.
    pub errors: AccountErrors<'a>,
    /// For users who have an account.
    pub sign_in: Link,
    /// How to begin again.
    pub restart: &'a RestartOptions,
}

/// What is wrong with the form of an account, in the language of the page.
#[derive(Default)]
pub struct AccountErrors<'a> {
    /// With the login.
    pub login: Option<&'a str>,
    /// With the password.
    pub password: Option<&'a str>,
    /// With the name.
    pub name: Option<&'a str>,
    /// With the box.
    pub terms: Option<&'a str>,
    /// With none of the fields.
    pub other: Option<Cow<'a, str>>,
}

impl AccountErrors<'_> {
    /// Whether a field is marked.
    const fn is_of_a_field(&self) -> bool {
        self.login.is_some()
            || self.password.is_some()
            || self.name.is_some()
            || self.terms.is_some()
    }

    /// The field that has the focus: the first that is wrong, else the first that is empty.
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

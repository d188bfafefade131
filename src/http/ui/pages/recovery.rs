//! A new password without the old one: the pages for the address, the mailed code and the password. The last also
//! serves mailed links.

use askama::Template;

use crate::domain::base_path::Link;
use crate::http::ui::Frame;
use crate::oauth::restart::RestartOptions;

/// The form for the address.
#[derive(Template)]
#[template(path = "recover.html")]
pub struct RecoverPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The sealed request, returned in the field `flow`.
    pub flow: &'a str,
    /// The initial value of the address, or an empty text.
    pub email: &'a str,
    /// The error of the last attempt, in the language of the page.
    pub error: Option<&'a str>,
    /// The link back to the sign-in.
    pub back: Link,
}

/// The form for the mailed code.
#[derive(Template)]
#[template(path = "recover_code.html")]
pub struct RecoverCodePage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The sealed request, returned in the field `flow`.
    pub flow: &'a str,
    /// The sealed recovery, returned in the field `challenge`.
    pub challenge: &'a str,
    /// The entered address.
    pub address: Option<&'a str>,
    /// Why the last code was refused, in the language of the page.
    pub error: Option<&'a str>,
    /// The link to request another mail.
    pub again: Link,
}

/// The form for a new password, and a code of the second factor if the account has one. Its policy needs the
/// script that shows the password.
#[derive(Template)]
#[template(path = "choose_password.html")]
pub struct ChoosePasswordPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The heading.
    pub title: &'a str,
    /// The introduction of the form.
    pub intro: &'a str,
    /// The address that the form is sent to, so that reloading the next page loses nothing.
    pub action: Link,
    /// The hidden fields: names and values.
    pub hidden: Vec<(&'static str, &'a str)>,
    /// The login name of the account.
    pub login: Option<&'a str>,
    /// Whether a code of the second factor is required.
    pub asks_code: bool,
    /// The error of the last attempt, in the language of the page.
    pub error: Option<&'a str>,
    /// Whether the error concerns the code, not the password.
    pub is_code_wrong: bool,
    /// The links to restart.
    pub restart: &'a RestartOptions,
}

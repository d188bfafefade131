//! Choosing a new password without the old one: the address, the mailed code, the password; the last one also for
//! mailed links.

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
    /// What the request is known by; comes back as the field `flow`.
    pub flow: &'a str,
    /// The address to begin with; empty for none.
    pub email: &'a str,
    /// Why the last try did not work, in the language of the page.
    pub error: Option<&'a str>,
    /// Back to the sign-in.
    pub back: Link,
}

/// The form for the mailed code.
#[derive(Template)]
#[template(path = "recover_code.html")]
pub struct RecoverCodePage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// What the request is known by; comes back as the field `flow`.
    pub flow: &'a str,
    /// What the recovery is known by; comes back as the field `challenge`.
    pub challenge: &'a str,
    /// The address that was typed.
    pub address: Option<&'a str>,
    /// Why the last code was refused, in the language of the page.
    pub error: Option<&'a str>,
    /// Where another mail is asked for.
    pub again: Link,
}

/// The form for a new password, and a code of the second factor where the account has one. Its policy needs the
/// script that shows the password.
#[derive(Template)]
#[template(path = "choose_password.html")]
pub struct ChoosePasswordPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The heading.
    pub title: &'a str,
    /// What the form is for.
    pub intro: &'a str,
    /// Where it is sent, so that loading the next page again loses nothing.
    pub action: Link,
    /// Names and values that come back with it.
    pub hidden: Vec<(&'static str, &'a str)>,
    /// The login name of the account.
    pub login: Option<&'a str>,
    /// Whether a code of the second factor is asked for.
    pub asks_code: bool,
    /// Why the last try did not work, in the language of the page.
    pub error: Option<&'a str>,
    /// Whether that is about the code, not about the password.
    pub is_code_wrong: bool,
    /// How to begin again.
    pub restart: &'a RestartOptions,
}

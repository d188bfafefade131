//! The e-mail address of one's own account: verifying and changing it.

use askama::Template;

use crate::http::ui::Frame;

/// The address of an account. Every form carries `csrf`.
#[derive(Template)]
#[template(path = "email.html")]
pub struct EmailPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The value of the hidden field `csrf`.
    pub csrf: &'a str,
    /// What has just been done, in the language of the page.
    pub notice: Option<&'a str>,
    /// The address, if there is one.
    pub address: Option<&'a str>,
    /// Whether it is verified.
    pub is_verified: bool,
    /// The address that waits for its confirmation.
    pub pending: Option<&'a str>,
    /// Whether the server sends mail; without, nothing can be confirmed.
    pub has_mail: bool,
    /// Whether the sign-in is fresh enough to change anything.
    pub is_fresh: bool,
    /// The address that was typed.
    pub typed: &'a str,
    /// What is wrong with the address that was typed.
    pub address_error: Option<&'a str>,
    /// What is wrong with the code that was typed.
    pub code_error: Option<&'a str>,
}

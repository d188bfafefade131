//! The e-mail address of the user's account: verifying and changing it, and the mailed links.

use askama::Template;

use crate::domain::base_path::Link;
use crate::http::ui::Frame;

/// The address of an account. Every form carries `csrf`.
#[derive(Template)]
#[template(path = "email.html")]
pub struct EmailPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The value of the hidden field `csrf`.
    pub csrf: &'a str,
    /// The notice about the last change, in the language of the page.
    pub notice: Option<&'a str>,
    /// The address, if there is one.
    pub address: Option<&'a str>,
    /// Whether it is verified.
    pub is_verified: bool,
    /// The address that waits for its confirmation.
    pub pending: Option<&'a str>,
    /// Whether the server sends mail; otherwise no address can be confirmed.
    pub has_mail: bool,
    /// Whether the sign-in is fresh enough to change anything.
    pub is_fresh: bool,
    /// The entered address.
    pub typed: &'a str,
    /// The error of the entered address.
    pub address_error: Option<&'a str>,
    /// The error of the entered code.
    pub code_error: Option<&'a str>,
}

/// The page of a mailed link about an address, with the button that redeems it.
#[derive(Template)]
#[template(path = "email_link.html")]
pub struct EmailLinkPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The heading.
    pub title: &'a str,
    /// The explanation of the button.
    pub text: String,
    /// Why the form had no effect.
    pub error: Option<&'a str>,
    /// The button.
    pub button: &'a str,
    /// Where the form is sent.
    pub action: Link,
    /// The value of the hidden field `csrf`.
    pub csrf: &'a str,
}

/// The result of a mailed link about an address.
#[derive(Template)]
#[template(path = "email_link_done.html")]
pub struct EmailLinkDonePage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The heading.
    pub title: &'a str,
    /// The result, as text.
    pub text: String,
    /// The link to continue.
    pub next: Link,
    /// The text of that link.
    pub next_text: &'a str,
}

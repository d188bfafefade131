//! API keys of one's own account: the list, the forms of a new one, and a key that was made.

use askama::Template;

use crate::domain::base_path::Link;
use crate::http::ui::Frame;

/// A key on the page of the account. Points in time are texts.
pub struct ApiKeyRow {
    /// Its id, which comes back as the field `id`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The API that it is for.
    pub audience: String,
    /// Its scopes.
    pub scopes: String,
    /// When it was made and used, and when it expires.
    pub facts: String,
    /// Why it does not count any more; none while it does.
    pub ended: Option<&'static str>,
}

/// The forms of a new key, one for each API that takes keys.
#[derive(Template)]
#[template(path = "api_keys.html")]
pub struct NewApiKeyPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The value of the hidden field `csrf`.
    pub csrf: &'a str,
    /// Whether the sign-in is fresh enough to make one.
    pub is_fresh: bool,
    /// Why none was made, where that is no field's fault.
    pub error: Option<&'a str>,
    /// The forms.
    pub forms: Vec<ApiKeyForm<'a>>,
}

/// The form of a new key for one API.
pub struct ApiKeyForm<'a> {
    /// The identifier of the API.
    pub audience: &'a str,
    /// Whether the form is seen without being opened.
    pub is_open: bool,
    /// The name that was typed.
    pub name: &'a str,
    /// What is wrong with it.
    pub name_error: Option<&'a str>,
    /// The scopes that a key may have.
    pub scopes: Vec<KeyScope<'a>>,
    /// What is wrong with those that were chosen.
    pub scopes_error: Option<&'a str>,
    /// How long a key may live.
    pub days: Vec<KeyLife>,
}

/// How long a key may live.
pub struct KeyLife {
    /// In days.
    pub days: i64,
    /// The same as a text.
    pub text: String,
    /// Whether it was chosen.
    pub is_chosen: bool,
}

/// A scope that a key may have.
pub struct KeyScope<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it means.
    pub description: Option<&'a str>,
    /// Whether it was chosen.
    pub is_chosen: bool,
}

/// A key, this once.
#[derive(Template)]
#[template(path = "api_key.html")]
pub struct ApiKeyPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// Its name.
    pub name: &'a str,
    /// The key.
    pub key: &'a str,
    /// When it expires.
    pub expires: String,
    /// The next page.
    pub onwards: Link,
}

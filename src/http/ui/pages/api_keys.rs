//! API keys of the user's own account: the list, the forms of a new one, and a key that was created.

use askama::Template;

use crate::domain::base_path::Link;
use crate::http::ui::Frame;

/// A key on the page of the account. Times are texts.
pub struct ApiKeyRow {
    /// Its id, returned in the field `id`.
    pub id: String,
    /// The name that the user chose.
    pub name: String,
    /// The API that it is for.
    pub audience: String,
    /// The scopes, separated by spaces.
    pub scopes: String,
    /// When it was created and used, and when it expires.
    pub facts: String,
    /// Why it is no longer active; `None` if it is.
    pub ended: Option<&'static str>,
}

/// The forms of a new key, one for each API that accepts keys.
#[derive(Template)]
#[template(path = "api_keys.html")]
pub struct NewApiKeyPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The value of the hidden field `csrf`.
    pub csrf: &'a str,
    /// Whether the sign-in is fresh enough to create one.
    pub is_fresh: bool,
    /// Why none was created, if not because of a field.
    pub error: Option<&'a str>,
    /// The forms.
    pub forms: Vec<ApiKeyForm<'a>>,
}

/// The form of a new key for one API.
pub struct ApiKeyForm<'a> {
    /// The identifier of the API.
    pub audience: &'a str,
    /// Whether the form is open.
    pub is_open: bool,
    /// The entered name.
    pub name: &'a str,
    /// The error of the name.
    pub name_error: Option<&'a str>,
    /// The scopes that a key may have.
    pub scopes: Vec<KeyScope<'a>>,
    /// The error of the selected scopes.
    pub scopes_error: Option<&'a str>,
    /// The possible lifetimes.
    pub days: Vec<KeyLife>,
}

/// A possible lifetime.
pub struct KeyLife {
    /// The number of days.
    pub days: i64,
    /// The text of the choice.
    pub text: String,
    /// Whether it is selected.
    pub is_chosen: bool,
}

/// A scope that a key may have.
pub struct KeyScope<'a> {
    /// The scope.
    pub name: &'a str,
    /// The description that the API has registered, if any.
    pub description: Option<&'a str>,
    /// Whether it is selected.
    pub is_chosen: bool,
}

/// A key that is shown once.
#[derive(Template)]
#[template(path = "api_key.html")]
pub struct ApiKeyPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The name that the user chose.
    pub name: &'a str,
    /// The key in the clear, which cannot be shown again.
    pub key: &'a str,
    /// When it expires.
    pub expires: String,
    /// The next page.
    pub onwards: Link,
}

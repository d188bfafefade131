//! The pages about a user's own data: sign-ins, the login name, the export and the deletion.

use askama::Template;

use crate::domain::base_path::Link;
use crate::http::ui::Frame;

/// The sign-ins to an account, newest first.
#[derive(Template)]
#[template(path = "history.html")]
pub struct HistoryPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The sign-ins, newest first.
    pub rows: Vec<HistoryRow>,
    /// The link to older ones, if there are more.
    pub older: Option<Link>,
    /// Whether newer ones than these were left out.
    pub newest: bool,
}

/// A sign-in, or an attempt. Times are texts.
pub struct HistoryRow {
    /// The outcome, in words.
    pub title: &'static str,
    /// Whether it failed.
    pub is_failure: bool,
    /// The number of times, if more than one.
    pub times: Option<String>,
    /// The browser, the address and the application, as far as they are known.
    pub place: String,
    /// The time and the methods.
    pub when: String,
}

/// The login name of an account.
#[derive(Template)]
#[template(path = "own_login.html")]
pub struct OwnLoginPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The value of the hidden field `csrf`.
    pub csrf: &'a str,
    /// The notice about the last change, in the language of the page.
    pub notice: Option<&'a str>,
    /// The login name.
    pub login: &'a str,
    /// Whether the sign-in is fresh enough to change it.
    pub is_fresh: bool,
    /// The entered name.
    pub typed: &'a str,
    /// The error.
    pub error: Option<&'a str>,
}

/// The export of a user's data.
#[derive(Template)]
#[template(path = "export.html")]
pub struct ExportPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The value of the hidden field `csrf`.
    pub csrf: &'a str,
    /// Whether the sign-in is fresh enough.
    pub is_fresh: bool,
}

/// The confirmation before the account is deleted.
#[derive(Template)]
#[template(path = "delete_account.html")]
pub struct DeleteAccountPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The value of the hidden field `csrf`.
    pub csrf: &'a str,
    /// The login name, which is typed to confirm.
    pub login: &'a str,
    /// Whether the sign-in is fresh enough.
    pub is_fresh: bool,
    /// The error of the entry, or the reason why the account cannot be deleted.
    pub error: Option<&'a str>,
}

/// The page after the account was deleted.
#[derive(Template)]
#[template(path = "account_deleted.html")]
pub struct AccountDeletedPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
}

//! The user's account: sessions, applications, name, password.

use askama::Template;

use crate::domain::base_path::Link;
use crate::http::ui::{Frame, Locale};
use crate::text_enum;

use super::ApiKeyRow;

/// The whole account on one page. Every form carries `csrf`.
#[derive(Template)]
#[template(path = "account.html")]
pub struct AccountPage<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The value of the hidden field `csrf`.
    pub csrf: &'a str,
    /// The login name of the account.
    pub login: &'a str,
    /// The name that applications receive.
    pub name: Option<&'a str>,
    /// The e-mail address, if there is one.
    pub email: Option<&'a str>,
    /// Whether it is verified.
    pub email_is_verified: bool,
    /// The number of unused recovery codes, if a second factor is enrolled.
    pub recovery_codes: Option<String>,
    /// The notice about the last change, in the language of the page; see [`Done`].
    pub notice: Option<&'a str>,
    /// The error of the name.
    pub name_error: Option<&'a str>,
    /// The error of a password: the field (`current_password` or `new_password`) and the text.
    pub password_error: Option<(&'a str, &'a str)>,
    /// The sessions of the user, including the current one.
    pub sessions: Vec<SessionRow>,
    /// The link to older sessions, if there are more.
    pub older: Option<Link>,
    /// Whether newer sessions than these were left out.
    pub newest: bool,
    /// The applications that have access.
    pub apps: Vec<AppRow>,
    /// Whether the login name can be changed.
    pub may_change_login: bool,
    /// Whether the web console is open to the user.
    pub has_console: bool,
    /// The API keys; `None` if no API accepts any and there are none.
    pub keys: Option<Vec<ApiKeyRow>>,
}

/// A session of a user. Times are texts, such as those of `Locale::ago`.
pub struct SessionRow {
    /// Its id, returned in the field `id`.
    pub id: String,
    /// The application, or that it is a browser.
    pub title: String,
    /// The description of the device, such as browser and system.
    pub device: String,
    /// The address it was opened from; empty when unknown.
    pub address: String,
    /// When it was last used.
    pub last_seen: String,
    /// When it was opened.
    pub created: String,
    /// Whether this page belongs to it.
    pub current: bool,
}

/// An application that has access.
pub struct AppRow {
    /// Its id, returned in the field `client_id`.
    pub client_id: String,
    /// Its name.
    pub name: String,
    /// Its logo.
    pub logo: Option<Link>,
    /// Its home page.
    pub home: Option<String>,
    /// Its scopes, as texts.
    pub scopes: Vec<String>,
    /// When the access was allowed.
    pub since: String,
}

text_enum! {
    /// The last change of an account. Its word is put in the address, so that the page after a form can be
    /// reloaded.
    pub enum Done {
        /// The name was changed.
        Profile = "profile",
        /// The password was changed.
        Password = "password",
        /// One session was ended.
        Session = "session",
        /// All sessions but this one were ended.
        Others = "others",
        /// An application lost its access.
        Apps = "apps",
        /// A second factor was added.
        FactorAdded = "factor-added",
        /// A second factor was removed.
        FactorRemoved = "factor-removed",
        /// A code was sent to an address.
        EmailSent = "email-sent",
        /// An address was confirmed.
        EmailVerified = "email-verified",
        /// A change of address was cancelled.
        EmailCancelled = "email-cancelled",
        /// A factor got another name.
        FactorRenamed = "factor-renamed",
        /// The name was refused.
        NameRefused = "name-refused",
        /// A passkey was added.
        PasskeyAdded = "passkey-added",
        /// A passkey was not added.
        PasskeyRefused = "passkey-refused",
        /// The login name was changed.
        LoginChanged = "login-changed",
        /// An API key was revoked.
        KeyRevoked = "key-revoked",
    }
}

impl Done {
    /// The text of the notice.
    #[must_use]
    pub fn text(self, locale: Locale) -> &'static str {
        match self {
            Self::Profile => locale.t("account.done_profile"),
            Self::Password => locale.t("account.done_password"),
            Self::Session => locale.t("account.done_session"),
            Self::Others => locale.t("account.done_others"),
            Self::Apps => locale.t("account.done_apps"),
            Self::FactorAdded => locale.t("security.done_added"),
            Self::FactorRemoved => locale.t("security.done_removed"),
            Self::EmailSent => locale.t("email.done_sent"),
            Self::EmailVerified => locale.t("email.done_verified"),
            Self::EmailCancelled => locale.t("email.done_cancelled"),
            Self::FactorRenamed => locale.t("passkey.done_renamed"),
            Self::NameRefused => locale.t("totp.name_error"),
            Self::PasskeyAdded => locale.t("passkey.done_added"),
            Self::PasskeyRefused => locale.t("passkey.refused"),
            Self::LoginChanged => locale.t("own_login.done"),
            Self::KeyRevoked => locale.t("api_keys.done_revoked"),
        }
    }
}

impl AccountPage<'_> {
    fn has_other_sessions(&self) -> bool {
        self.newest || self.older.is_some() || self.sessions.iter().any(|session| !session.current)
    }

    fn current_error(&self) -> Option<&str> {
        self.password_error.filter(|(field, _)| *field == "current_password").map(|(_, text)| text)
    }

    /// Every error that does not concern the current password is shown at the new one, so that none is lost.
    fn new_error(&self) -> Option<&str> {
        self.password_error.filter(|(field, _)| *field != "current_password").map(|(_, text)| text)
    }
}

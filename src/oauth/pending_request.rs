//! A pending request in one browser: of a client, of a device, or for the user's own account.
//!
//! Owns its content and its destination. `sealed_request` seals it for the browser.

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::base::Timestamp;
use crate::base::entropy::random;
use crate::base::id::UserId;
use crate::domain::authn::{AssuranceLevel, Demand};
use crate::domain::authorization::Request;
use crate::domain::outcome::{Code, Refusal};
use crate::domain::refusal_reason::Reason;
use crate::text_enum;

/// A pending request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PendingRequest {
    /// Its unique id.
    pub id: [u8; 16],
    /// When it was begun.
    pub begun_at: Timestamp,
    /// Its destination.
    #[serde(rename = "aim")]
    pub destination: Destination,
    /// The user who was asked, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<UserId>,
    /// The fingerprint of the client's document when the user was asked, if the client describes itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// The account page that requires the sign-in; `None` for the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<AccountSection>,
    /// The console page that requires it, as a path with a query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
}

text_enum! {
    /// An account page that can require a new sign-in and is shown again afterwards.
    pub enum AccountSection {
        /// Two-step sign-in.
        Security = "security",
        /// The e-mail address.
        Email = "email",
        /// The sign-in history.
        History = "history",
        /// The login name.
        Login = "login",
        /// The download of all stored data.
        Export = "export",
        /// Deleting the account.
        Delete = "delete",
        /// Creating an API key.
        Keys = "keys",
        /// The web console of administrators.
        Console = "console",
    }
}

/// The longest address of a console page that a sign-in returns to: it can contain a hundred user ids.
const MAX_CONSOLE_PAGE: usize = 3_072;

/// Whether `page` is the path of a page of the console, with or without a query.
fn is_console_page(page: &str) -> bool {
    let rest = page.strip_prefix("/admin");
    let path = page.split('?').next().unwrap_or_default().to_ascii_lowercase().replace("%2e", ".");
    page.len() <= MAX_CONSOLE_PAGE
        // Browsers resolve dot segments, and another application may share the origin.
        && !path.split('/').any(|segment| matches!(segment, "." | ".."))
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
        && page.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>#".contains(&byte))
}

/// The destination of a pending request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Destination {
    /// A client.
    Authorize(Box<Request>),
    /// A device with this user code; `None` until the user has typed it.
    Device(Option<String>),
    /// The user's account.
    Account,
    /// Logging out.
    Logout(Box<LogoutDestination>),
}

/// The return address after logging out.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LogoutDestination {
    /// The client that sent the user.
    pub client_id: Option<String>,
    /// The requested languages.
    pub ui_locales: Option<String>,
    /// The registered return address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_uri: Option<String>,
    /// The value that is returned to the client unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// The refusal of a form that belongs to another request.
#[must_use]
pub fn of_another_kind() -> Refusal {
    Refusal::because(Code::Forbidden, Reason::OtherRequest)
}

impl PendingRequest {
    /// Begins a new request.
    #[must_use]
    pub fn begin(app: &App, destination: Destination, now: Timestamp) -> Self {
        Self {
            id: random(&*app.entropy),
            begun_at: now,
            destination,
            asked: None,
            document: None,
            section: None,
            console: None,
        }
    }

    /// The same, with a console page as its destination; an invalid address leads to the first page.
    #[must_use]
    pub fn with_console(self, page: Option<&str>) -> Self {
        let page = page.filter(|page| is_console_page(page));
        Self { console: page.map(str::to_owned), ..self }
    }

    /// The same, with an account page as its destination.
    #[must_use]
    pub fn with_section(self, section: Option<AccountSection>) -> Self {
        Self { section, ..self }
    }

    /// The requirements on its sign-in besides those of the account. Those of a client are met by a step-up afterwards.
    #[must_use]
    pub fn demand(&self) -> Demand {
        let changes_factors = self.section == Some(AccountSection::Security);
        Demand { wished: changes_factors.then_some(AssuranceLevel::Multi), ..Demand::default() }
    }

    /// The authorization request, if it is one.
    #[must_use]
    pub fn authorization(&self) -> Option<&Request> {
        match &self.destination {
            Destination::Authorize(request) => Some(request),
            Destination::Device(_) | Destination::Account | Destination::Logout(_) => None,
        }
    }

    /// The requested languages.
    #[must_use]
    pub fn ui_locales(&self) -> Option<&str> {
        self.authorization()?.ui_locales.as_deref()
    }

    /// Whether its destination is the user's own account.
    #[must_use]
    pub const fn is_own_account(&self) -> bool {
        matches!(self.destination, Destination::Account)
    }

    /// Whether its destination is a device, with or without a user code.
    #[must_use]
    pub const fn is_device(&self) -> bool {
        matches!(self.destination, Destination::Device(_))
    }

    /// Whether it is for a client or a device.
    #[must_use]
    pub const fn is_asked_for(&self) -> bool {
        matches!(self.destination, Destination::Authorize(_) | Destination::Device(_))
    }

    /// Whether it requires a signed-in user.
    #[must_use]
    pub const fn needs_sign_in(&self) -> bool {
        !matches!(self.destination, Destination::Logout(_))
    }
}

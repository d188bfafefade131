//! A request that is under way in one browser: of a client, of a device, or for the user's own account.
//!
//! Owns what it says and where it leads. How a browser keeps it is `sealed_request`'s.

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::base::Timestamp;
use crate::base::entropy::random;
use crate::base::id::UserId;
use crate::domain::authorization::Request;
use crate::domain::outcome::{Code, Refusal};
use crate::domain::refusal_reason::Reason;
use crate::text_enum;

/// A request that is under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PendingRequest {
    /// Tells it from every other.
    pub id: [u8; 16],
    /// When it was begun.
    pub begun_at: Timestamp,
    /// Where it leads.
    pub aim: Destination,
    /// The user who was asked, once one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<UserId>,
    /// What the document of the client said when the user was asked, by its hash, where it describes itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// The page of the account that asked for the sign-in; none for its first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<AccountSection>,
    /// The page of the console that asked for it, as a path with a query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
}

text_enum! {
    /// A page of the user's own account that can ask for a new sign-in and is shown again after it.
    pub enum AccountSection {
        /// Two-step sign-in.
        Security = "security",
        /// The e-mail address.
        Email = "email",
        /// The sign-ins of the last months.
        History = "history",
        /// The login name.
        Login = "login",
        /// Everything that is stored, to be downloaded.
        Export = "export",
        /// Deleting the account.
        Delete = "delete",
        /// The web console of administrators.
        Console = "console",
    }
}

/// The longest address of a page of the console that a sign-in returns to: it can name a hundred users.
const MAX_CONSOLE_PAGE: usize = 3_072;

/// Whether `page` is the path of a page of the console, with or without a query.
fn is_console_page(page: &str) -> bool {
    let rest = page.strip_prefix("/admin");
    let path = page.split('?').next().unwrap_or_default().to_ascii_lowercase().replace("%2e", ".");
    page.len() <= MAX_CONSOLE_PAGE
        // Browsers resolve these, and another application may be beside the console.
        && !path.split('/').any(|segment| matches!(segment, "." | ".."))
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
        && page.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>#".contains(&byte))
}

/// Where it leads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Destination {
    /// Back to a client.
    Authorize(Box<Request>),
    /// To a device that shows this code; none before a user has typed it.
    Device(Option<String>),
    /// To one's own account.
    Account,
    /// Out.
    Logout(Box<LogoutDestination>),
}

/// Where a person goes after logging out.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LogoutDestination {
    /// The client that sent the person here.
    pub client_id: Option<String>,
    /// The languages the client named.
    pub ui_locales: Option<String>,
    /// The registered address the client wants the user back at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_uri: Option<String>,
    /// What the client gets back unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// The refusal of a form that came with a request it cannot answer.
#[must_use]
pub fn of_another_kind() -> Refusal {
    Refusal::because(Code::Forbidden, Reason::OtherRequest)
}

impl PendingRequest {
    /// A new one.
    #[must_use]
    pub fn begin(app: &App, aim: Destination, now: Timestamp) -> Self {
        Self {
            id: random(&*app.entropy),
            begun_at: now,
            aim,
            asked: None,
            document: None,
            section: None,
            console: None,
        }
    }

    /// The same, leading to a page of the console. What is not the address of one is its first page.
    #[must_use]
    pub fn with_console(self, page: Option<&str>) -> Self {
        let page = page.filter(|page| is_console_page(page));
        Self { console: page.map(str::to_owned), ..self }
    }

    /// The same, leading to a page of the account.
    #[must_use]
    pub fn with_section(self, section: Option<AccountSection>) -> Self {
        Self { section, ..self }
    }

    /// The authorization request that it is, if it is one.
    #[must_use]
    pub fn authorization(&self) -> Option<&Request> {
        match &self.aim {
            Destination::Authorize(request) => Some(request),
            Destination::Device(_) | Destination::Account | Destination::Logout(_) => None,
        }
    }

    /// The languages that the client named.
    #[must_use]
    pub fn ui_locales(&self) -> Option<&str> {
        self.authorization()?.ui_locales.as_deref()
    }

    /// Whether it leads to the user's own account.
    #[must_use]
    pub const fn is_own_account(&self) -> bool {
        matches!(self.aim, Destination::Account)
    }

    /// Whether it leads to a device, of which a user has typed the code or is to type it.
    #[must_use]
    pub const fn is_device(&self) -> bool {
        matches!(self.aim, Destination::Device(_))
    }

    /// Whether a client or a device asks for it.
    #[must_use]
    pub const fn is_asked_for(&self) -> bool {
        matches!(self.aim, Destination::Authorize(_) | Destination::Device(_))
    }

    /// Whether a user signs in for it.
    #[must_use]
    pub const fn needs_sign_in(&self) -> bool {
        !matches!(self.aim, Destination::Logout(_))
    }
}

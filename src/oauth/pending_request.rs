//! A request that is under way in one browser, sealed and handed to that browser.
//!
//! Owns the sealing: the text can be used only together with the cookie of the browser it was made for, so
//! a request cannot be finished in another browser, forged or altered, and nothing is stored for clients
//! and users that have not authenticated. That it is finished once is guarded where it is finished.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::app::sealed_state::{seal, unseal};
use crate::base::entropy::random;
use crate::base::id::UserId;
use crate::base::{TimeSpan, Timestamp};
use crate::crypto::digest::{constant_time_eq, sha256_base64url};
use crate::domain::authorization::Request;
use crate::domain::outcome::{Code, Fault, Refusal};
use crate::domain::validity::has_expired;
use crate::identity::current_login::BrowserCookies;
use crate::text_enum;

/// Said where a page cannot be finished any more.
pub const STALE: &str = "This page is too old, or was opened in another browser. Go back to where you came \
                         from and begin again.";

/// How long a user may take.
const LIFE: TimeSpan = TimeSpan::from_mins(60);

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

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Sealed<F> {
    /// The hash of the browser's cookie.
    browser: String,
    flow: F,
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
    Refusal::new(Code::Forbidden, "This form belongs to a different sign-in. Start again.")
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

    /// The text for this browser.
    ///
    /// # Errors
    /// Only when the crypto library fails.
    pub fn seal(&self, app: &App, visitor: &BrowserCookies) -> Result<String, Fault> {
        let sealed = seal(app, PURPOSE, &Sealed { browser: hash(visitor), flow: self }, 1)?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens a text that was made for this browser.
    ///
    /// # Errors
    /// `forbidden` when it was not, was altered, or is too old: nothing may be done on its word.
    pub fn open(
        app: &App,
        sealed: &str,
        visitor: &BrowserCookies,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let refused = || Refusal::new(Code::Forbidden, STALE);
        if visitor.browser.is_empty() {
            return Err(refused());
        }
        let here = hash(visitor);
        let flow = match read::<Sealed<Self>>(app, sealed, PURPOSE) {
            Some(Sealed { browser, flow }) => {
                Some(flow).filter(|_| constant_time_eq(browser.as_bytes(), here.as_bytes()))
            }
            None => read(app, sealed, &format!("{OLD_PURPOSE}{here}")),
        };
        let flow = flow.ok_or_else(refused)?;
        if has_expired(flow.begun_at + LIFE, LIFE, now) { Err(refused()) } else { Ok(flow) }
    }

    /// What a text says, whichever browser it was made for and however old it is. Only for telling a user
    /// how to begin again: nothing may be done on its word.
    pub(super) fn peek(app: &App, sealed: &str) -> Option<Self> {
        read::<Sealed<Self>>(app, sealed, PURPOSE).map(|sealed| sealed.flow)
    }
}

const PURPOSE: &str = "flow/v2";

/// With the hash of the browser's cookie behind it, the purpose until version 0.1.0. A process of that
/// version may still serve the same users.
const OLD_PURPOSE: &str = "flow/v1/";

fn read<T: DeserializeOwned>(app: &App, text: &str, purpose: &str) -> Option<T> {
    unseal(app, purpose, &URL_SAFE_NO_PAD.decode(text).ok()?)
}

fn hash(visitor: &BrowserCookies) -> String {
    sha256_base64url(visitor.browser.as_bytes())
}

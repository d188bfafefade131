//! Something a person has begun in one browser, sealed and handed to that browser.
//!
//! Owns the sealing: the text can be opened only together with the cookie of the browser it was made
//! for, so it cannot be finished elsewhere, forged or altered, and nothing is stored for strangers.
//! That it is finished once is guarded where it is finished.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::base::entropy::random;
use crate::base::id::UserId;
use crate::base::{TimeSpan, Timestamp};
use crate::crypto::digest::sha256_base64url;
use crate::domain::authorization::Request;
use crate::domain::outcome::{Code, Fault, Refusal};
use crate::identity::browser_login::BrowserCookies;

/// How long a person may take.
const LIFE: TimeSpan = TimeSpan::from_mins(60);

/// What was begun.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PendingRequest {
    /// Tells it from every other.
    pub id: [u8; 16],
    /// When it was begun.
    pub begun_at: Timestamp,
    /// Where it leads.
    pub aim: Destination,
    /// Who was asked, once somebody was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<UserId>,
}

/// Where it leads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Destination {
    /// Back to a client.
    Authorize(Box<Request>),
    /// To a device that shows this code; none while nobody has typed it.
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

impl PendingRequest {
    /// A new one.
    #[must_use]
    pub fn begin(app: &App, aim: Destination, now: Timestamp) -> Self {
        Self { id: random(&*app.entropy), begun_at: now, aim, asked: None }
    }

    /// The text for this browser.
    ///
    /// # Errors
    /// Only when the crypto library fails.
    pub fn seal(&self, app: &App, visitor: &BrowserCookies) -> Result<String, Fault> {
        let plain = serde_json::to_vec(self)
            .map_err(|error| Fault::internal("writing a flow").with_source(error))?;
        let sealed = app.seal.newest().seal(&purpose(visitor), &plain)?;
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
        let message = "This page is too old, or was opened in another browser. Go back to where you \
                    came from and begin again.";
        let refused = || Refusal::new(Code::Forbidden, message);
        if visitor.browser.is_empty() {
            return Err(refused());
        }
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| refused())?;
        let plain = app.seal.open(&purpose(visitor), &sealed).map_err(|_| refused())?;
        let flow: Self = serde_json::from_slice(&plain).map_err(|_| refused())?;
        let over = now >= flow.begun_at + LIFE || now < flow.begun_at - LIFE;
        if over { Err(refused()) } else { Ok(flow) }
    }
}

fn purpose(visitor: &BrowserCookies) -> String {
    format!("flow/v1/{}", sha256_base64url(visitor.browser.as_bytes()))
}

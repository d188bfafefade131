//! A pending request, sealed and sent to its browser.
//!
//! The text is only valid with the cookie of its browser, so a request cannot be completed in another browser,
//! forged or altered, and nothing is stored for unauthenticated clients and users. Single use is enforced where a
//! request is completed. A text is opened once per HTTP request and passed on as a [`SealedRequest`].

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::app::sealed_state::{seal, unseal};
use crate::base::{TimeSpan, Timestamp};
use crate::crypto::digest::{constant_time_eq, sha256_base64url};
use crate::domain::outcome::{Code, Fault, Refusal};
use crate::domain::refusal_reason::Reason;
use crate::domain::validity::has_expired;
use crate::identity::current_login::BrowserCookies;

use super::pending_request::{PendingRequest, of_another_kind};

/// The lifetime of a pending request.
const LIFE: TimeSpan = TimeSpan::from_mins(60);

const PURPOSE: &str = "flow/v2";

/// The purpose until version 0.1.0, followed by the hash of the browser's cookie. A process of that version may
/// still serve the same users.
const OLD_PURPOSE: &str = "flow/v1/";

/// A pending request of this browser, and its sealed text.
#[derive(Debug, Clone)]
pub struct SealedRequest {
    /// The request.
    pub request: PendingRequest,
    /// The text, for forms and URLs.
    pub text: String,
}

/// A text that cannot be used: altered, expired, of another browser or of another kind.
#[derive(Debug)]
pub struct UnusableRequest(Box<Unusable>);

#[derive(Debug)]
struct Unusable {
    refusal: Refusal,
    /// The content, if it can be read. Untrusted, and used only to tell the user how to start again.
    request: Option<PendingRequest>,
}

/// The sealed value.
#[derive(Serialize, Deserialize)]
struct Envelope<F> {
    /// The hash of the browser's cookie.
    browser: String,
    flow: F,
}

impl SealedRequest {
    /// Seals a request for this browser.
    ///
    /// # Errors
    /// If the crypto library fails.
    pub fn seal(
        app: &App,
        request: PendingRequest,
        cookies: &BrowserCookies,
    ) -> Result<Self, Fault> {
        let sealed = seal(app, PURPOSE, &Envelope { browser: hash(cookies), flow: &request }, 1)?;
        Ok(Self { request, text: URL_SAFE_NO_PAD.encode(sealed) })
    }

    /// Opens a text that was sealed for this browser.
    ///
    /// # Errors
    /// `forbidden` if it was sealed for another browser, altered, or has expired.
    pub fn open(
        app: &App,
        text: String,
        cookies: &BrowserCookies,
        now: Timestamp,
    ) -> Result<Self, UnusableRequest> {
        let here = hash(cookies);
        let (request, is_here) = match read::<Envelope<PendingRequest>>(app, &text, PURPOSE) {
            Some(Envelope { browser, flow }) => {
                (Some(flow), constant_time_eq(browser.as_bytes(), here.as_bytes()))
            }
            None => (read(app, &text, &format!("{OLD_PURPOSE}{here}")), true),
        };
        let is_here = is_here && !cookies.browser.is_empty();
        match request {
            Some(request) if is_here && !has_expired(request.begun_at + LIFE, LIFE, now) => {
                Ok(Self { request, text })
            }
            request => Err(UnusableRequest::new(
                Refusal::because(Code::Forbidden, Reason::StaleRequest),
                request,
            )),
        }
    }

    /// The same request, if it is of the kind that the form expects.
    ///
    /// # Errors
    /// `forbidden` if it is of another kind.
    pub fn require(
        self,
        fits: impl FnOnce(&PendingRequest) -> bool,
    ) -> Result<Self, UnusableRequest> {
        if fits(&self.request) {
            return Ok(self);
        }
        Err(UnusableRequest::new(of_another_kind(), Some(self.request)))
    }
}

impl UnusableRequest {
    fn new(refusal: Refusal, request: Option<PendingRequest>) -> Self {
        Self(Box::new(Unusable { refusal, request }))
    }

    /// The refusal, and the untrusted content.
    pub(super) fn parts(self) -> (Refusal, Option<PendingRequest>) {
        (self.0.refusal, self.0.request)
    }
}

fn read<T: DeserializeOwned>(app: &App, text: &str, purpose: &str) -> Option<T> {
    unseal(app, purpose, &URL_SAFE_NO_PAD.decode(text).ok()?)
}

fn hash(cookies: &BrowserCookies) -> String {
    sha256_base64url(cookies.browser.as_bytes())
}

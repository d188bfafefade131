//! The page steps before a response, shared by authorization requests and devices.
//!
//! Owns the data of each page; `domain::interaction` decides the step.

use std::sync::Arc;

use crate::app::App;
use crate::base::Timestamp;
use crate::domain::authn::Demand;
use crate::domain::client::Client;
use crate::domain::interaction::CheckedLogin;
use crate::domain::outcome::Failure;
use crate::domain::scope::Scopes;
use crate::domain::user::User;
use crate::identity::authentication::{IssuedChallenge, unmet_requirements};
use crate::identity::browser_step_up::{self, Lacking};
use crate::identity::current_login::{BrowserCookies, CurrentLogin};

use super::authorize::response::Answer;
use super::pending_request::PendingRequest;
use super::sealed_request::SealedRequest;

/// The next step.
pub enum PageStep {
    /// The user authenticates.
    Login(Box<SealedRequest>),
    /// The user completes missing factors.
    StepUp(Box<StepUpView>),
    /// The user is asked for consent.
    Consent(Box<ConsentView>),
    /// The client gets its response.
    Answer(Box<Answer>),
    /// The user has decided on a device.
    DeviceDecided {
        /// Whether the user allowed the request.
        allowed: bool,
        /// The client on the device.
        client: Arc<Client>,
    },
}

/// The data of a step-up page.
pub struct StepUpView {
    /// The pending request, sealed into the page.
    pub sealed: SealedRequest,
    /// The challenge of the next step.
    pub challenge: IssuedChallenge,
}

/// The data of the consent page.
pub struct ConsentView {
    /// The pending request, sealed into the page.
    pub sealed: SealedRequest,
    /// The client that requests access.
    pub client: Arc<Client>,
    /// The user who is asked.
    pub user: User,
    /// The scopes that need consent, including those of individual claims.
    pub scopes: Scopes,
    /// The API that they belong to.
    pub audience: Option<String>,
    /// The destination of the response.
    pub answer_to: AnswerTo,
}

impl ConsentView {
    /// Whether the response goes to a loopback or private-use URI, where any program on the machine may receive it.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(&self.answer_to, AnswerTo::Client(place) if !place.starts_with("https://"))
    }
}

/// The destination of a response.
pub enum AnswerTo {
    /// A client, at this URI.
    Client(String),
    /// A device that shows this code.
    Device(String),
}

impl PageStep {
    /// The request of a step, if the address of its page contains nothing but the request.
    #[must_use]
    pub fn request(&self) -> Option<&SealedRequest> {
        match self {
            Self::Login(sealed) => Some(sealed),
            Self::Consent(view) => Some(&view.sealed),
            // The page of the step has its own address.
            Self::StepUp(_) | Self::Answer(_) | Self::DeviceDecided { .. } => None,
        }
    }
}

/// The sign-in in this browser, and the steps that it lacks for a request.
pub(super) struct AssessedLogin {
    pub(super) login: CurrentLogin,
    pub(super) lacking: Lacking,
}

impl AssessedLogin {
    /// Compares a sign-in with the requirements of a request.
    pub(super) async fn of(
        app: &App,
        login: Option<CurrentLogin>,
        demand: Demand,
        cookies: &BrowserCookies,
        now: Timestamp,
    ) -> Result<Option<Self>, Failure> {
        let Some(login) = login else { return Ok(None) };
        let lacking = browser_step_up::lacking(app, &login, demand, cookies, now).await?;
        Ok(Some(Self { login, lacking }))
    }

    pub(super) const fn is_enough(&self) -> bool {
        matches!(self.lacking, Lacking::Nothing)
    }

    /// The sign-in as input of `domain::interaction`.
    pub(super) fn checked(&self, consented: bool) -> CheckedLogin {
        CheckedLogin {
            sub: self.login.user.id.to_string(),
            auth_time: self.login.browser.auth_time,
            is_enough: self.is_enough(),
            consented,
        }
    }

    /// The step that completes the missing factors.
    ///
    /// # Errors
    /// `insufficient_user_authentication` if no factor of the account is sufficient; faults.
    pub(super) fn step_up(
        self,
        app: &App,
        request: PendingRequest,
        cookies: &BrowserCookies,
    ) -> Result<PageStep, Failure> {
        match self.lacking {
            Lacking::Step(challenge) => {
                let sealed = SealedRequest::seal(app, request, cookies)?;
                Ok(PageStep::StepUp(Box::new(StepUpView { sealed, challenge })))
            }
            Lacking::SignIn => log_in(app, request, cookies),
            Lacking::Nothing | Lacking::Unmet => Err(unmet_requirements().into()),
        }
    }
}

/// The sign-in step.
///
/// # Errors
/// Only faults.
pub(super) fn log_in(
    app: &App,
    request: PendingRequest,
    cookies: &BrowserCookies,
) -> Result<PageStep, Failure> {
    Ok(PageStep::Login(Box::new(SealedRequest::seal(app, request, cookies)?)))
}

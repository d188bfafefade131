//! How a user begins again from a page that is too old, or was opened in another browser.
//!
//! Owns the two ways: the same request from its beginning, where Signet knows it; the home page of the
//! application, where only the application can begin again. Both are offered, and neither is a redirect. A
//! repeated request passes every check again, from whichever browser it comes.

use crate::app::App;
use crate::domain::client::Client;
use crate::domain::outcome::Refusal;

use super::authorize::request::MAX_UI_LOCALES;
use super::params::Params;
use super::pending_request::{Destination, PendingRequest};
use super::repeated_request::{authorization_request, log_out};
use super::sealed_request::UnusableRequest;

/// How a user can begin again from a page; neither way where there is only the user's own account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestartOptions {
    /// The same request once more.
    pub start_again: Option<StartAgain>,
    /// The application that sent the user.
    pub application: Option<Application>,
    /// The languages that the application named, for the page that offers this.
    pub ui_locales: Option<String>,
    /// Whether the page offers the sign-in as well: what it refuses may have been done before.
    pub sign_in: bool,
}

/// A request as a form that is sent with GET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartAgain {
    /// Where it is sent.
    pub path: &'static str,
    /// What it says.
    pub params: Vec<(&'static str, String)>,
}

/// A registered client with a home page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// The home page, `client_uri`.
    pub uri: String,
    /// What the client is called.
    pub name: String,
}

/// What is kept of an authorization request until it is known whether it is refused.
pub struct RefusedRequest {
    client_id: Option<String>,
    ui_locales: Option<String>,
}

impl RefusedRequest {
    /// What `params` say. A client that is named twice is not known.
    #[must_use]
    pub fn of(params: &Params) -> Self {
        let once = |name: &str| params.text(name).filter(|_| !params.is_repeated(name));
        Self {
            client_id: once("client_id"),
            ui_locales: once("ui_locales").filter(|tags| tags.len() <= MAX_UI_LOCALES),
        }
    }
}

impl RestartOptions {
    /// From a page of `flow`.
    #[must_use]
    pub fn of(app: &App, flow: &PendingRequest) -> Self {
        match &flow.aim {
            Destination::Authorize(request) => {
                let client = app.client(&request.client_id);
                let client = client.filter(|client| client.owned_name_at(flow.begun_at));
                // A pushed request ends with its name, and a client that pushed it may have had to.
                let repeatable = client.is_some() && !request.pushed;
                Self {
                    start_again: repeatable.then(|| StartAgain {
                        path: "/oauth2/authorize",
                        params: authorization_request(request),
                    }),
                    application: client.and_then(|client| Application::of(&client)),
                    ui_locales: request.ui_locales.clone(),
                    sign_in: false,
                }
            }
            Destination::Logout(request) => Self {
                ui_locales: request.ui_locales.clone(),
                ..Self::repeating("/oauth2/logout", log_out(request))
            },
            Destination::Device(_) => Self::repeating("/device", Vec::new()),
            // The page of the account asks for the sign-in.
            Destination::Account => Self::default(),
        }
    }

    /// From a sealed request that cannot be used, with its refusal. None of the ways where it cannot be read.
    #[must_use]
    pub fn of_unusable(app: &App, unusable: UnusableRequest) -> (Refusal, Self) {
        let (refusal, request) = unusable.parts();
        (refusal, request.map(|request| Self::of(app, &request)).unwrap_or_default())
    }

    /// From a request that was refused before it was known where its answer goes: the home page of the client,
    /// which is registered. The request itself would be refused again.
    #[must_use]
    pub fn of_refused(app: &App, request: RefusedRequest) -> Self {
        let RefusedRequest { client_id, ui_locales } = request;
        let client = client_id.and_then(|client_id| app.client(&client_id));
        let application = client.and_then(|client| Application::of(&client));
        Self { application, ui_locales, ..Self::default() }
    }

    /// A request to `path` once more.
    #[must_use]
    pub const fn repeating(path: &'static str, params: Vec<(&'static str, String)>) -> Self {
        let start_again = Some(StartAgain { path, params });
        Self { start_again, application: None, ui_locales: None, sign_in: false }
    }

    /// What is offered on a page that can still be finished: one way, and the nearest.
    #[must_use]
    pub fn nearest(self) -> Self {
        match self.start_again {
            Some(_) => Self { application: None, ..self },
            None => self,
        }
    }

    /// Whether neither way is known.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        self.start_again.is_none() && self.application.is_none()
    }
}

impl Application {
    fn of(client: &Client) -> Option<Self> {
        let uri = client.metadata.client_uri.clone()?;
        Some(Self { uri, name: client.metadata.name.clone() })
    }
}

//! How a user can start again from a page that is too old, or was opened in another browser.
//!
//! There are two ways, offered as links and never as redirects: the same request from its beginning, if Signet
//! knows it, and the home page of the application. A repeated request passes every check again, in any browser.

use crate::app::App;
use crate::domain::client::Client;
use crate::domain::outcome::Refusal;

use super::authorize::request::MAX_UI_LOCALES;
use super::params::Params;
use super::pending_request::{Destination, PendingRequest};
use super::repeated_request::{authorization_request, log_out};
use super::sealed_request::UnusableRequest;

/// The ways to start again from a page; none for the user's own account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestartOptions {
    /// The same request again.
    pub start_again: Option<StartAgain>,
    /// The application that sent the user.
    pub application: Option<Application>,
    /// The requested languages, for the page with these options.
    pub ui_locales: Option<String>,
    /// Whether the page also offers the sign-in, because the refused action may already have succeeded.
    pub sign_in: bool,
}

/// A request in the form of a GET form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartAgain {
    /// The path of its action.
    pub path: &'static str,
    /// Its parameters.
    pub params: Vec<(&'static str, String)>,
}

/// A registered client with a home page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// The home page, `client_uri`.
    pub uri: String,
    /// The name of the client.
    pub name: String,
}

/// The data of an authorization request that may be refused.
pub struct RefusedRequest {
    client_id: Option<String>,
    ui_locales: Option<String>,
}

impl RefusedRequest {
    /// The data in `params`. A client that is named twice is ignored.
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
        match &flow.destination {
            Destination::Authorize(request) => {
                let client = app.client(&request.client_id);
                let client = client.filter(|client| client.owned_name_at(flow.begun_at));
                // A pushed request cannot be repeated: its `request_uri` is single-use, and the client may be
                // required to push.
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
            // The account page requires the sign-in.
            Destination::Account => Self::default(),
        }
    }

    /// From an unusable sealed request, with its refusal. Empty if it cannot be read.
    #[must_use]
    pub fn of_unusable(app: &App, unusable: UnusableRequest) -> (Refusal, Self) {
        let (refusal, request) = unusable.parts();
        (refusal, request.map(|request| Self::of(app, &request)).unwrap_or_default())
    }

    /// From a request that was refused before its redirect URI was validated: the registered home page of the
    /// client. Repeating the request would be refused again.
    #[must_use]
    pub fn of_refused(app: &App, request: RefusedRequest) -> Self {
        let RefusedRequest { client_id, ui_locales } = request;
        let client = client_id.and_then(|client_id| app.client(&client_id));
        let application = client.and_then(|client| Application::of(&client));
        Self { application, ui_locales, ..Self::default() }
    }

    /// Another request to `path`.
    #[must_use]
    pub const fn repeating(path: &'static str, params: Vec<(&'static str, String)>) -> Self {
        let start_again = Some(StartAgain { path, params });
        Self { start_again, application: None, ui_locales: None, sign_in: false }
    }

    /// The single best way, for a page that can still be completed.
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

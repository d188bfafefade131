//! The response to an authorization request: its redirect URI, mode and parameters (RFC 6749 §4.1.2).
//!
//! Only an [`Addressed`] request has a response, so none can be sent to an unregistered URI. Every response names
//! the issuer (RFC 9207).

use crate::domain::interaction::ResponseMode;
use crate::domain::oauth_error::OAuthError;
use crate::domain::redirect::RegisteredRedirect;

use super::request::Addressed;

/// A response to a client.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The redirect URI.
    pub redirect: RegisteredRedirect,
    /// The response mode.
    pub mode: ResponseMode,
    /// Its parameters.
    pub params: Vec<(&'static str, String)>,
    /// The languages of a page that contains it.
    pub ui_locales: Option<String>,
}

impl Answer {
    pub(super) fn code(issuer: &str, to: &Addressed, code: String) -> Self {
        Self::new(issuer, to, vec![("code", code)])
    }

    pub(super) fn refused(
        issuer: &str,
        to: &Addressed,
        error: OAuthError,
        message: impl Into<String>,
    ) -> Self {
        let said =
            vec![("error", error.as_str().to_owned()), ("error_description", message.into())];
        Self::new(issuer, to, said)
    }

    fn new(issuer: &str, to: &Addressed, mut params: Vec<(&'static str, String)>) -> Self {
        params.extend(to.state.clone().map(|state| ("state", state)));
        params.push(("iss", issuer.to_owned()));
        let (redirect, ui_locales) = (to.redirect.clone(), to.ui_locales.clone());
        Self { redirect, mode: to.mode, params, ui_locales }
    }

    /// The URL of the redirect, for the modes that have one.
    #[must_use]
    pub fn location(&self) -> String {
        let uri = self.redirect.as_str();
        let said = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.params.iter().map(|(name, value)| (*name, value.as_str())))
            .finish();
        match self.mode {
            ResponseMode::Fragment => format!("{uri}#{said}"),
            ResponseMode::Query | ResponseMode::FormPost if uri.contains('?') => {
                format!("{uri}&{said}")
            }
            ResponseMode::Query | ResponseMode::FormPost => format!("{uri}?{said}"),
        }
    }
}

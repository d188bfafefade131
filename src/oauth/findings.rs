//! Records refused requests of registered clients for `signet client why`.
//!
//! Normal events are not findings, such as a user who denies a request or a device that polls. No text of a request
//! is recorded.

use std::borrow::Cow;

use crate::app::App;
use crate::domain::client::Client;
use crate::domain::client_finding::{FindingCode, FindingKey, MAX_DETAILS};
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Failure, Refusal};

/// The text in place of a message that quotes the request.
const QUOTES_THE_REQUEST: &str = "See the error_description of the response.";

/// Records the refusal of a request of `client`, if it is a finding.
pub(super) fn note_refusal<T>(
    app: &App,
    client: &Client,
    endpoint: &'static str,
    outcome: &Result<T, Failure>,
) {
    if let Err(Failure::Refused(refusal)) = outcome
        && let Some(error) = refusal.oauth.filter(|error| is_finding(*error))
    {
        let most = usize::try_from(MAX_DETAILS).unwrap_or(usize::MAX);
        for finding in refusal.finding.iter().take(most) {
            note(app, client, endpoint, (error.as_str(), finding));
        }
        if refusal.finding.is_empty() {
            note(app, client, endpoint, (error.as_str(), detail(error, refusal)));
        }
    }
}

/// Records a finding with its own code and a detail.
pub(super) fn note_code(
    app: &App,
    client: &Client,
    endpoint: &'static str,
    (code, detail): (FindingCode, &str),
) {
    note(app, client, endpoint, (code.as_str(), detail));
}

fn note(app: &App, client: &Client, endpoint: &'static str, (code, detail): (&str, &str)) {
    // There may be thousands of clients that describe themselves, created by unauthenticated callers.
    if client.document.is_some() {
        return;
    }
    let key = FindingKey::new(&client.client_id, endpoint, code, detail);
    app.client_findings.note(key, app.now());
}

/// The error description that the client received.
fn detail(error: OAuthError, refusal: &Refusal) -> &str {
    match &refusal.message {
        Cow::Borrowed(message) => message,
        // The message contains registered values only.
        Cow::Owned(message) if error == OAuthError::UnauthorizedClient => message,
        Cow::Owned(_) => QUOTES_THE_REQUEST,
    }
}

const fn is_finding(error: OAuthError) -> bool {
    match error {
        OAuthError::AccessDenied
        | OAuthError::AuthorizationPending
        | OAuthError::SlowDown
        | OAuthError::ExpiredToken
        | OAuthError::LoginRequired
        | OAuthError::ConsentRequired
        | OAuthError::InsufficientAuthorization
        | OAuthError::InvalidSession
        | OAuthError::RedirectToWeb
        | OAuthError::ServerError
        | OAuthError::TemporarilyUnavailable
        | OAuthError::InvalidToken
        | OAuthError::InsufficientScope
        // A failed authentication has a more specific code.
        | OAuthError::InvalidClient => false,
        OAuthError::InvalidRequest
        | OAuthError::InvalidGrant
        | OAuthError::UnauthorizedClient
        | OAuthError::UnsupportedGrantType
        | OAuthError::UnsupportedResponseType
        | OAuthError::InvalidScope
        | OAuthError::InvalidTarget
        | OAuthError::RequestNotSupported
        | OAuthError::RequestUriNotSupported
        | OAuthError::RegistrationNotSupported
        | OAuthError::InvalidRequestUri
        | OAuthError::UnmetAuthenticationRequirements
        | OAuthError::InvalidDpopProof => true,
    }
}

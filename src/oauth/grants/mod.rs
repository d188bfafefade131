//! The grants there are, one file each.
//!
//! Owns the list: the token endpoint, discovery, the settings of clients and the labels of metrics
//! read it. A new grant is a file and a line here.

mod authorization_code;
mod client_credentials;
mod device_code;
mod refresh_token;
mod token_exchange;

use crate::app::App;
use crate::base::Timestamp;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Failure, Refusal};

use super::token::{ClientRequest, Grant, handle};
use crate::tokens::issue::Tokens;

macro_rules! grants {
    ($($grant:ty),+ $(,)?) => {
        /// Their names on the wire.
        pub const NAMES: &[&str] = &[$(<$grant as Grant>::NAME),+];

        /// Sends a request through the pipeline of the grant it names.
        async fn dispatch(
            name: &str,
            app: &App,
            request: ClientRequest,
            now: Timestamp,
        ) -> Result<Tokens, Failure> {
            $(if name == <$grant as Grant>::NAME {
                return handle::<$grant>(app, request, now).await;
            })+
            let message = "There is no such grant here; discovery lists those there are.";
            Err(Refusal::oauth(OAuthError::UnsupportedGrantType, message).into())
        }
    };
}

grants! {
    authorization_code::AuthorizationCode,
    refresh_token::RefreshToken,
    client_credentials::ClientCredentials,
    device_code::DeviceCode,
    token_exchange::TokenExchange,
}

/// Answers a token request.
///
/// # Errors
/// RFC 6749 §5.2, RFC 8628 §3.5, RFC 8693 §2.2.2, RFC 9449 §5; faults.
pub async fn token(app: App, request: ClientRequest, now: Timestamp) -> Result<Tokens, Failure> {
    request.params.once()?;
    let message = "grant_type is missing.";
    let name = request.params.required("grant_type", message)?.to_owned();
    let outcome = dispatch(&name, &app, request, now).await;
    let label = label(&name);
    app.metrics.count_token(label, if outcome.is_ok() { "ok" } else { "refused" });
    outcome
}

/// The grant people begin at the authorization endpoint.
pub const AUTHORIZATION_CODE: &str = authorization_code::AuthorizationCode::NAME;
/// The grant of devices without a keyboard.
pub const DEVICE_CODE: &str = device_code::DeviceCode::NAME;

/// A grant's name as a label: never what a stranger typed.
#[must_use]
pub fn label(name: &str) -> &'static str {
    NAMES.iter().copied().find(|known| *known == name).unwrap_or("unknown")
}

//! `client_credentials`: a client asks for a token in its own name (RFC 6749 §4.4).
//!
//! Asks the database for nothing: whoever verifies the token needs its signature only. There is no
//! session, no refresh token and no ID token.

use crate::domain::outcome::{Failure, Refusal};
use crate::oauth::narrow::{Speaker, narrow};
use crate::oauth::params::Params;
use crate::oauth::token::{Exchange, Grant, Outcome};

/// Nothing but the client itself.
pub struct ClientCredentials;

impl Grant for ClientCredentials {
    const NAME: &'static str = "client_credentials";

    fn parse(_: &Params) -> Result<Self, Refusal> {
        Ok(Self)
    }

    async fn authorize(self, exchange: &mut Exchange<'_>) -> Result<Outcome, Failure> {
        let narrowed =
            narrow(exchange.app, exchange.client(), exchange.params, Speaker::Client).await?;
        Ok(Outcome::Client(narrowed))
    }
}

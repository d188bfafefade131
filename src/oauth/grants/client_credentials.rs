//! `client_credentials`: a client requests a token for itself (RFC 6749 §4.4).
//!
//! It uses no database. There is no session, no refresh token and no ID token.

use crate::domain::client::ClientType;
use crate::domain::grant_type::GrantInfo;
use crate::domain::outcome::{Failure, Refusal};
use crate::oauth::grant::{Grant, GrantContext, GrantOutcome};
use crate::oauth::params::Params;
use crate::oauth::scope_narrowing::narrow_for_client;

/// The grant has no parameters of its own.
#[derive(Clone)]
pub struct ClientCredentials;

impl Grant for ClientCredentials {
    const INFO: GrantInfo = GrantInfo {
        name: "client_credentials",
        public_clients: false,
        redirects_user: false,
        default_for: &[ClientType::Service],
    };

    fn parse(_: &Params) -> Result<Self, Refusal> {
        Ok(Self)
    }

    async fn authorize(self, context: &mut GrantContext<'_>) -> Result<GrantOutcome, Failure> {
        let narrowed = narrow_for_client(context.app, context.client(), context.params).await?;
        Ok(GrantOutcome::Client(narrowed))
    }
}

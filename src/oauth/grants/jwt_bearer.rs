//! `urn:ietf:params:oauth:grant-type:jwt-bearer`: a workload requests a token of the client that it authenticates as
//! (RFC 7523 §2.1).
//!
//! There is no other client authentication: the assertion identifies the client. The token is the same as for
//! `client_credentials`, but expires no later than the assertion.

use crate::domain::grant_type::GrantInfo;
use crate::domain::outcome::{Failure, Refusal};
use crate::oauth::grant::{Grant, GrantContext, GrantOutcome, Identification};
use crate::oauth::params::Params;
use crate::oauth::scope_narrowing::narrow_for_client;

/// The token of another issuer.
#[derive(Clone)]
pub struct JwtBearer {
    assertion: String,
}

impl Grant for JwtBearer {
    const INFO: GrantInfo = GrantInfo {
        name: "urn:ietf:params:oauth:grant-type:jwt-bearer",
        public_clients: false,
        redirects_user: false,
        default_for: &[],
    };

    fn parse(params: &Params) -> Result<Self, Refusal> {
        let assertion = params.required("assertion", "assertion is missing.")?.to_owned();
        Ok(Self { assertion })
    }

    fn identification(&self, _: &Params, _: Option<&str>) -> Identification {
        Identification::Assertion(self.assertion.clone())
    }

    async fn authorize(self, context: &mut GrantContext<'_>) -> Result<GrantOutcome, Failure> {
        let narrowed = narrow_for_client(context.app, context.client(), context.params).await?;
        Ok(GrantOutcome::Client(narrowed))
    }
}

//! The pipeline of the token endpoint: the shared phases, around the grant.
//!
//! Owns the order of the phases. The interface of grants is in `grant`, the response in `token_response`.

use std::sync::Arc;

use tokio::time::Instant;

use crate::app::{App, Runs};
use crate::base::Timestamp;
use crate::domain::audit::Origin;
use crate::domain::client::{BUILT_IN, Client};
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::rate_limit::RateLimit;
use crate::domain::request_info::RequestInfo;
use crate::domain::user_agent::Device;

use super::client_auth::{self, AuthenticatedClient, Call};
use super::dpop::{self, Endpoint, Purpose};
use super::findings::note_refusal;
use super::grant::{Authenticated, Grant, GrantContext, GrantVisitor, Identification};
use super::params::Params;
use super::{grants, rate_limits, security_profile, token_response, workload};
use crate::tokens::issue::Tokens;

/// A request to the token endpoint.
pub struct ClientRequest {
    /// The parameters of the body.
    pub params: Params,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `DPoP` header.
    pub proof: Option<String>,
    /// The origin of the request.
    pub origin: Origin,
    /// The device of the request.
    pub device: Device,
}

/// Handles a token request.
///
/// # Errors
/// RFC 6749 §5.2, RFC 8628 §3.5, RFC 8693 §2.2.2, RFC 9449 §5; faults.
pub async fn token_endpoint(
    app: App,
    request: ClientRequest,
    now: Timestamp,
) -> Result<Tokens, Failure> {
    let named = request.params.once();
    let named =
        named.and_then(|()| request.params.required("grant_type", "grant_type is missing."));
    let named = named.map(str::to_owned);
    let grant = grants::label(named.as_deref().unwrap_or_default());
    let outcome = match named {
        Ok(name) => {
            let pipeline = Pipeline { app: &app, request, now };
            grants::visit(&name, pipeline).await.unwrap_or_else(|| {
                let message = "This grant is not supported; see grant_types_supported in the discovery document.";
                Err(Refusal::oauth(OAuthError::UnsupportedGrantType, message).into())
            })
        }
        Err(refusal) => Err(refusal.into()),
    };
    count(&app, grant, &outcome);
    outcome
}

fn count(app: &App, grant: &'static str, outcome: &Result<Tokens, Failure>) {
    match outcome {
        Ok(tokens) => {
            app.metrics.count_token(grant, "ok");
            app.metrics.count_issued(grant, tokens.alg());
        }
        Err(failure) => {
            app.metrics.count_token(grant, "refused");
            app.metrics.count_denied(grant, OAuthError::of(failure));
        }
    }
}

/// A request before its grant is run.
struct Pipeline<'a> {
    app: &'a App,
    request: ClientRequest,
    now: Timestamp,
}

impl GrantVisitor for Pipeline<'_> {
    type Output = Result<Tokens, Failure>;

    fn visit<G: Grant>(self) -> impl Future<Output = Self::Output> + Send {
        handle::<G>(self.app, self.request, self.now)
    }
}

/// Runs one grant through every phase.
///
/// # Errors
/// As [`token_endpoint`].
async fn handle<G: Grant>(
    app: &App,
    request: ClientRequest,
    now: Timestamp,
) -> Result<Tokens, Failure> {
    // 1. Parse the grant's own parameters.
    let grant = G::parse(&request.params)?;

    // 2. Authenticate the client.
    let authorization = request.authorization.as_deref();
    let client = match grant.identification(&request.params, authorization) {
        Identification::Authentication => {
            let call = Call { path: PATH, authorization };
            let (params, origin) = (&request.params, &request.origin);
            client_auth::authenticate_client(app, call, params, origin, now).await?
        }
        Identification::Assertion(assertion) => {
            let (asked, by) = ((&*assertion, PATH), (authorization, &request.params));
            workload::identify(app, asked, by, &request.origin, now).await?
        }
        Identification::UserKey => AuthenticatedClient::built_in(app, G::INFO),
    };
    let asking = Arc::clone(client.client());
    let outcome = authenticated(app, grant, client, request, now).await;
    // The built-in client has no registration, so it gets no findings.
    if asking.client_id != BUILT_IN {
        note_refusal(app, &asking, PATH, &outcome);
    }
    outcome
}

/// The phases after client authentication.
async fn authenticated<G: Grant>(
    app: &App,
    grant: G,
    client: AuthenticatedClient,
    request: ClientRequest,
    now: Timestamp,
) -> Result<Tokens, Failure> {
    let ClientRequest { params, proof, origin, device, .. } = request;

    // 3. Is the client registered for this grant?
    if !client.client().may_use(G::INFO.name) {
        return Err(grant_not_allowed(client.client(), G::INFO.name).into());
    }

    // 4. Verify the DPoP proof. An attacker can name a public client and make the server store the ids of proofs,
    //    so proofs in refused requests are limited by network.
    if proof.is_some() {
        rate_limits::throttle_public(app, client.client(), RateLimit::Proof, &origin)?;
    }
    let proved = match &proof {
        Some(proof) => Some(dpop::prove(app, proof, DPOP_PURPOSE, now).await?),
        None => None,
    };
    security_profile::check_proof(client.client(), proved.as_ref())?;

    // 5. Run the grant.
    // 6. Settle: a refusal commits what it recorded, a fault rolls back. After a serialization failure or a
    //    deadlock, both run again; the assertion and the proof of earlier phases stay consumed.
    let info = RequestInfo::new(origin, device, now);
    let deadline = Instant::now() + app.db.deadlines().write();
    let of = Authenticated { client, proved, deadline };
    let mut runs = Runs::until(deadline);
    let (context, outcome) = loop {
        let mut context = GrantContext::new(app, &params, info.clone(), of.clone());
        let outcome = grant.clone().authorize(&mut context).await;
        let settled = context.settle(outcome).await;
        if !runs.again(&settled) {
            break settled?;
        }
    };
    if proof.is_some() {
        rate_limits::give_back(app, context.client(), RateLimit::Proof, &context.origin);
    }

    // 7. Issue the tokens, after the commit.
    token_response::issue(&context, outcome)
}

/// The refusal of a grant that `client` is not registered for, with its registered grants and the command
/// that changes them.
pub(super) fn grant_not_allowed(client: &Client, grant: &str) -> Refusal {
    let message = format!(
        "The client may not use this grant; it is registered for {}. To change that: signet client update \
         {} --grant with the whole list.",
        client.metadata.grant_types.join(" "),
        client.client_id
    );
    Refusal::oauth(OAuthError::UnauthorizedClient, "").with_message(message).with_finding([grant])
}

const DPOP_PURPOSE: Purpose<'static> =
    Purpose { method: "POST", endpoint: Endpoint::Own(PATH), access_token: None };

/// The path of the endpoint.
const PATH: &str = "/oauth2/token";

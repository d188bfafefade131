//! The token endpoint's pipeline: every shared phase in one place, a grant fills in its own.
//!
//! Owns the entry and the order of the phases. A grant gets a [`GrantContext`] and gives back a
//! [`GrantOutcome`]: it cannot skip a phase, sign, or commit. What becomes of the outcome is
//! `token_response`.

use serde_json::Value;

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::SessionId;
use crate::domain::attributes::Subject;
use crate::domain::audit::Origin;
use crate::domain::authorization::SessionTerms;
use crate::domain::client::Client;
use crate::domain::grant_type::GrantInfo;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Failure, Fault, Refusal};
use crate::domain::scope::Scopes;
use crate::domain::session::{Lifetimes, Session};
use crate::domain::user::User;
use crate::domain::user_agent::Device;
use crate::store::{Tx, commit_unless_failed};

use super::client_auth::{self, AuthenticatedClient};
use super::dpop::{self, Purpose, Thumbprint};
use super::params::Params;
use super::scope_narrowing::Narrowed;
use super::{grants, rate_limits, token_response};
use crate::tokens::issue::Tokens;

/// A request to the token endpoint, as it came.
pub struct ClientRequest {
    /// The parameters of the body.
    pub params: Params,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `DPoP` header.
    pub proof: Option<String>,
    /// Where it came from.
    pub origin: Origin,
    /// The device it came from.
    pub device: Device,
}

/// A grant: what a client presents, and what it is worth.
pub trait Grant: Sized + Send {
    /// Its name on the wire, and which clients may use it.
    const INFO: GrantInfo;

    /// Reads its own parameters.
    ///
    /// # Errors
    /// `invalid_request` when one is missing.
    fn parse(params: &Params) -> Result<Self, Refusal>;

    /// Says what the client is given for it. Refusals commit what was recorded, faults take it back.
    ///
    /// # Errors
    /// When it is given nothing.
    fn authorize(
        self,
        context: &mut GrantContext<'_>,
    ) -> impl Future<Output = Result<GrantOutcome, Failure>> + Send;
}

/// What a grant works with.
pub struct GrantContext<'a> {
    /// The application.
    pub app: &'a App,
    /// The parameters, for the grants that narrow what they give.
    pub params: &'a Params,
    /// Where the request came from.
    pub origin: Origin,
    /// The device it came from.
    pub device: Device,
    /// When it came.
    pub now: Timestamp,
    client: AuthenticatedClient,
    proved: Option<Thumbprint>,
    tx: Option<Tx>,
}

/// What a client is given.
pub enum GrantOutcome {
    /// A new session.
    Opened {
        /// The session, stored.
        session: Box<Session>,
        /// Its user, where tokens say anything about one.
        user: Option<Box<User>>,
        /// What the client sent with its request.
        nonce: Option<String>,
    },
    /// A session that goes on.
    Continued {
        /// The session.
        session: Box<Session>,
        /// What tokens may say about its user.
        subject: Subject,
        /// Its user, where the ID token says anything about one.
        user: Option<Box<User>>,
        /// Fewer scopes than were granted, for this access token.
        narrowed: Option<Scopes>,
    },
    /// A token in the client's own name.
    Client(Narrowed),
    /// A token for the user of a session, held by this client.
    Delegated(Box<Delegation>),
}

/// The result of a token exchange (RFC 8693).
pub struct Delegation {
    /// The session that vouches for the subject, if one does.
    pub session: Option<Session>,
    /// Who the token is about.
    pub sub: String,
    /// What tokens may say about the user.
    pub subject: Option<Subject>,
    /// API and scopes.
    pub narrowed: Narrowed,
    /// When the token ends in any case: with the one it came from.
    pub not_after: Timestamp,
    /// Who acts in the subject's name.
    pub act: Option<Value>,
    /// The id of the token it came from.
    pub parent: String,
    /// The kind of token that was issued.
    pub issued: &'static str,
}

impl GrantContext<'_> {
    /// The client, which has authenticated and may use the grant.
    #[must_use]
    pub fn client(&self) -> &Client {
        self.client.client()
    }

    /// The key the client proved to hold, if it did.
    #[must_use]
    pub fn jkt(&self) -> Option<String> {
        self.proved.as_ref().map(|proved| proved.as_str().to_owned())
    }

    /// The terms of a new session of this client. Its refresh tokens are bound to the proved key only
    /// where nothing else proves who holds them: a client that authenticates may change its key
    /// (RFC 9449 §5).
    #[must_use]
    pub fn session_terms<'a>(&self, id: SessionId, grant_type: &'a str) -> SessionTerms<'a> {
        let dpop_jkt = self.jkt().filter(|_| self.client().is_public());
        SessionTerms { id, grant_type, dpop_jkt, lifetimes: self.lifetimes() }
    }

    /// How long this client's sessions live.
    #[must_use]
    pub fn lifetimes(&self) -> Lifetimes {
        lifetimes(self.app, self.client())
    }

    /// Refuses a request that names another API than `given`, the one that was asked for when what
    /// is presented now was given (RFC 8707 §2.2). To ignore it would give a token for an API the
    /// client did not mean.
    ///
    /// # Errors
    /// `invalid_target`.
    pub fn require_same_target(&self, given: Option<&str>) -> Result<(), Refusal> {
        if self.params.targets().all(|asked| Some(asked) == given) {
            return Ok(());
        }
        let message = "What is presented was given for another API, or for none.";
        Err(Refusal::oauth(OAuthError::InvalidTarget, message))
    }

    /// The unit of work; begun when it is first asked for, so that a grant that needs none costs the
    /// database nothing.
    ///
    /// # Errors
    /// When it cannot be begun.
    pub async fn tx(&mut self) -> Result<&mut Tx, Fault> {
        let begun = match self.tx.take() {
            Some(tx) => tx,
            None => self.app.db.begin().await?,
        };
        Ok(self.tx.insert(begun))
    }
}

/// How long the sessions of a client live.
#[must_use]
pub fn lifetimes(app: &App, client: &Client) -> Lifetimes {
    let (server, settings) = (app.lifetimes, &client.metadata);
    let max = settings.refresh_max_ttl.unwrap_or(server.max);
    let idle = settings.refresh_idle_ttl.unwrap_or(server.idle).min(max);
    Lifetimes { idle, max, ..server }
}

/// Answers a token request.
///
/// # Errors
/// RFC 6749 §5.2, RFC 8628 §3.5, RFC 8693 §2.2.2, RFC 9449 §5; faults.
pub async fn token_endpoint(
    app: App,
    request: ClientRequest,
    now: Timestamp,
) -> Result<Tokens, Failure> {
    request.params.once()?;
    let name = request.params.required("grant_type", "grant_type is missing.")?.to_owned();
    let outcome = grants::dispatch(&name, &app, request, now).await;
    let result = if outcome.is_ok() { "ok" } else { "refused" };
    app.metrics.count_token(grants::label(&name), result);
    outcome
}

/// One grant through every phase.
///
/// # Errors
/// As [`token_endpoint`].
pub(super) async fn handle<G: Grant>(
    app: &App,
    request: ClientRequest,
    now: Timestamp,
) -> Result<Tokens, Failure> {
    let ClientRequest { params, authorization, proof, origin, device } = request;

    // 1. Parse the grant's own parameters.
    let grant = G::parse(&params)?;

    // 2. Authenticate the client.
    let client =
        client_auth::authenticate_client(app, authorization.as_deref(), &params, &origin, now)
            .await?;

    // 3. Is the client registered for this grant?
    if !client.client().may_use(G::INFO.name) {
        let message = "The client may not use this grant.";
        return Err(Refusal::oauth(OAuthError::UnauthorizedClient, message).into());
    }

    // 4. Verify the DPoP proof. An attacker can name a public client and make the server store the
    // ids of proofs, so addresses whose proofs led to nothing are limited.
    let limited = proof.is_some() && client.client().is_public();
    if limited {
        rate_limits::may_prove(app, &origin, now)?;
    }
    let proved = match &proof {
        Some(proof) => Some(dpop::prove(app, proof, DPOP_PURPOSE, now).await?),
        None => None,
    };

    // 5. Decide what the client is given.
    let mut context =
        GrantContext { app, params: &params, origin, device, now, client, proved, tx: None };
    let outcome = grant.authorize(&mut context).await;
    if limited && outcome.as_ref().is_err_and(is_invalid_grant) {
        rate_limits::proved_for_nothing(app, &context.origin, now);
    }

    // 6. Settle: a refusal commits what it recorded, a fault rolls back.
    let outcome = match context.tx.take() {
        Some(tx) => commit_unless_failed(tx, outcome).await?,
        None => outcome?,
    };

    // 7. Issue the tokens, after the commit.
    token_response::issue(&context, outcome)
}

const DPOP_PURPOSE: Purpose<'static> =
    Purpose { method: "POST", path: "/oauth2/token", access_token: None };

fn is_invalid_grant(failure: &Failure) -> bool {
    match failure {
        Failure::Refused(refusal) => refusal.oauth == Some(OAuthError::InvalidGrant),
        Failure::Failed(_) => false,
    }
}

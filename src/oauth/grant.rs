//! The interface of a grant: a type that parses its parameters and decides what the client gets.
//!
//! A grant gets a [`GrantContext`] and returns a [`GrantOutcome`]: it cannot skip a phase of the token endpoint,
//! sign, or commit.

use serde_json::Value;
use tokio::time::Instant;

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::{ApiKeyId, SessionId};
use crate::domain::attributes::Subject;
use crate::domain::audit::Origin;
use crate::domain::authorization::SessionTerms;
use crate::domain::claims::SessionClaims;
use crate::domain::client::Client;
use crate::domain::grant_type::GrantInfo;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Failure, Fault, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::domain::scope::Scopes;
use crate::domain::session::{Lifetimes, Session};
use crate::domain::user::User;
use crate::domain::user_agent::Device;
use crate::identity::open_session::{Opened, Opening, open_session};
use crate::store::sessions::end::{EndContext, Ending, end_session};
use crate::store::{Tx, commit_unless_failed};

use super::client_auth::AuthenticatedClient;
use super::dpop::Thumbprint;
use super::params::Params;
use super::scope_narrowing::Narrowed;
use super::target;

/// A grant. It is `Clone` because it may run again after a serialization failure or a deadlock.
pub trait Grant: Sized + Send + Clone {
    /// Its name on the wire, and which clients may use it.
    const INFO: GrantInfo;

    /// Reads its own parameters.
    ///
    /// # Errors
    /// `invalid_request` when one is missing.
    fn parse(params: &Params) -> Result<Self, Refusal>;

    /// How the client of the request is identified.
    fn identification(&self, _: &Params, _: Option<&str>) -> Identification {
        Identification::Authentication
    }

    /// Decides what the client gets. Refusals commit what was recorded, faults roll back. Anything done outside of
    /// the context's transaction may be repeated.
    ///
    /// # Errors
    /// When the grant is refused.
    fn authorize(
        self,
        context: &mut GrantContext<'_>,
    ) -> impl Future<Output = Result<GrantOutcome, Failure>> + Send;
}

/// How the client of a token request is identified.
pub enum Identification {
    /// By client authentication; a public client by its `client_id`.
    Authentication,
    /// By this workload token: the rules of the clients tell which client it is (RFC 7523 §2.1).
    Assertion(String),
    /// Without an application: a user's own key is presented, and the built-in client is used.
    UserKey,
}

/// The context of a grant.
pub struct GrantContext<'a> {
    /// The application.
    pub app: &'a App,
    /// The parameters, for grants that narrow scopes.
    pub params: &'a Params,
    /// The origin of the request.
    pub origin: Origin,
    /// The device of the request.
    pub device: Device,
    /// The time of the request.
    pub now: Timestamp,
    client: AuthenticatedClient,
    proved: Option<Thumbprint>,
    deadline: Instant,
    tx: Option<Tx>,
    replaced_branches: u64,
}

/// The results of the phases before a grant, which are not repeated.
#[derive(Clone)]
pub(super) struct Authenticated {
    /// The client that has authenticated, or was identified.
    pub client: AuthenticatedClient,
    /// The key that the client has proved to hold, if any.
    pub proved: Option<Thumbprint>,
    /// The deadline of all runs.
    pub deadline: Instant,
}

/// The result for a client.
pub enum GrantOutcome {
    /// A new session.
    Opened {
        /// The session, stored.
        session: Box<Session>,
        /// Its user, if tokens contain data about one.
        user: Option<Box<User>>,
        /// The `nonce` of the request.
        nonce: Option<String>,
    },
    /// A session that continues.
    Continued {
        /// The session.
        session: Box<Session>,
        /// The data about its user that tokens may contain.
        subject: Subject,
        /// Its user, if the ID token contains data about one.
        user: Option<Box<User>>,
        /// Fewer scopes than were granted, for this access token.
        narrowed: Option<Scopes>,
    },
    /// A token in the client's own name.
    Client(Narrowed),
    /// A token for the user of a session or an API key, held by this client.
    Delegated(Box<Delegation>),
}

/// The result of a token exchange (RFC 8693).
pub struct Delegation {
    /// The session that vouches for the subject, if one does.
    pub session: Option<Session>,
    /// The session claims of the subject token, which the new token inherits.
    pub session_claims: Option<SessionClaims>,
    /// The subject of the token.
    pub sub: String,
    /// The data about the user that tokens may contain.
    pub subject: Option<Subject>,
    /// The API and the scopes.
    pub narrowed: Narrowed,
    /// The latest expiry: that of the subject token.
    pub not_after: Timestamp,
    /// The acting party (RFC 8693 §4.1).
    pub act: Option<Value>,
    /// The id of the subject token.
    pub parent: String,
    /// The kind of token that was issued.
    pub issued: &'static str,
    /// The API key that vouches for the subject, if one does.
    pub api_key: Option<ApiKeyId>,
}

impl<'a> GrantContext<'a> {
    /// The context of an authenticated client, with its proved key.
    pub(super) fn new(
        app: &'a App,
        params: &'a Params,
        info: RequestInfo,
        of: Authenticated,
    ) -> Self {
        let RequestInfo { origin, device, now, .. } = info;
        let Authenticated { client, proved, deadline } = of;
        let (tx, replaced_branches) = (None, 0);
        Self { app, params, origin, device, now, client, proved, deadline, tx, replaced_branches }
    }

    /// Ends the transaction, if one was begun: a refusal commits what it recorded, a fault rolls back.
    ///
    /// By value, so that a grant, which borrows its context, cannot call it.
    ///
    /// # Errors
    /// The error in `outcome`, or the fault of the commit.
    pub(super) async fn settle(
        mut self,
        outcome: Result<GrantOutcome, Failure>,
    ) -> Result<(Self, GrantOutcome), Failure> {
        let outcome = match self.tx.take() {
            Some(tx) => commit_unless_failed(tx, outcome).await?,
            None => outcome?,
        };
        if self.replaced_branches > 0 {
            self.app.metrics.replaced_branches.inc_by(self.replaced_branches);
            tracing::info!(
                client_id = %self.client().client_id, replaced = self.replaced_branches,
                "a refresh token made room for a ninth of its session; its client may get it refused"
            );
        }
        Ok((self, outcome))
    }
}

impl GrantContext<'_> {
    /// The client, which has authenticated and may use the grant.
    #[must_use]
    pub fn client(&self) -> &Client {
        self.client.client()
    }

    /// The latest expiry of a token that the client gets in its own name.
    #[must_use]
    pub const fn not_after(&self) -> Option<Timestamp> {
        self.client.not_after()
    }

    /// The key that the client has proved to hold, if any.
    #[must_use]
    pub fn jkt(&self) -> Option<String> {
        self.proved.as_ref().map(|proved| proved.as_str().to_owned())
    }

    /// The terms of a new session of this client. Refresh tokens of public clients, and those that do not rotate,
    /// are bound to the proved key. Any other client authenticates, and may change its key (RFC 9449 §5).
    #[must_use]
    pub fn session_terms<'a>(&self, id: SessionId, grant_type: &'a str) -> SessionTerms<'a> {
        let client = self.client();
        let dpop_jkt = self.jkt().filter(|_| client.is_public() || client.metadata.is_fapi2());
        SessionTerms { id, grant_type, dpop_jkt, lifetimes: self.lifetimes() }
    }

    /// The lifetimes of this client's sessions.
    #[must_use]
    pub fn lifetimes(&self) -> Lifetimes {
        lifetimes(self.app, self.client())
    }

    /// Refuses a request whose target is not `given`, the originally requested one (RFC 8707 §2.2). Ignoring
    /// the difference would issue a token for an API that the client did not request.
    ///
    /// # Errors
    /// `invalid_target`.
    pub fn require_same_target(&self, given: Option<&str>) -> Result<(), Refusal> {
        if target::names_only(self.app, self.params, given) {
            return Ok(());
        }
        let message = "The code or token was issued for another API, or for none.";
        Err(Refusal::oauth(OAuthError::InvalidTarget, message))
    }

    /// Opens a session of this client. `None` if its user or browser session has ended since.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn open_session(&mut self, session: Session) -> Result<Option<Session>, Fault> {
        let (app, device, origin) = (self.app, self.device.clone(), self.origin.clone());
        let name_since = self.client().name_since;
        let opening = Opening { session, device: &device, origin: &origin, name_since };
        let opened = open_session(app, self.tx().await?, opening).await?;
        Ok(opened.map(|Opened { session, replaced }| {
            self.replaced_branches += replaced;
            session
        }))
    }

    /// Ends a session with all its branches, if it is not ended yet.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn end_session(&mut self, id: SessionId, ending: Ending) -> Result<(), Fault> {
        let (app, now, origin) = (self.app, self.now, self.origin.clone());
        let context = EndContext {
            origin: &origin,
            now,
            entropy: &*app.entropy,
            longest_access_ttl: app.longest_access_ttl(),
        };
        end_session(self.tx().await?, id, ending, &context).await.map(drop)
    }

    /// The transaction, begun at the first call, so that a grant without one costs the database nothing.
    ///
    /// # Errors
    /// When it cannot be begun.
    pub async fn tx(&mut self) -> Result<&mut Tx, Fault> {
        let begun = match self.tx.take() {
            Some(tx) => tx,
            None => self.app.db.begin_until(self.deadline).await?,
        };
        Ok(self.tx.insert(begun))
    }

    /// Rolls back what was written so far, for a refusal that must not consume anything.
    pub async fn roll_back(&mut self) {
        if let Some(tx) = self.tx.take() {
            tx.rollback().await;
        }
    }
}

/// The lifetimes of a client's sessions.
#[must_use]
pub fn lifetimes(app: &App, client: &Client) -> Lifetimes {
    let (server, settings) = (app.lifetimes, &client.metadata);
    let max = settings.refresh_max_ttl.unwrap_or(server.max);
    let idle = settings.refresh_idle_ttl.unwrap_or(server.idle).min(max);
    Lifetimes { idle, max, ..server }
}

/// A generic operation on the type of the grant that a request names.
pub trait GrantVisitor {
    /// The result.
    type Output;

    /// Performs the operation.
    fn visit<G: Grant>(self) -> impl Future<Output = Self::Output> + Send;
}

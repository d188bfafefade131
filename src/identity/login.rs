//! Logging in with login and password.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::app::cache::Audience;
use crate::app::{App, AuditedTx};
use crate::base::Timestamp;
use crate::base::id::{BranchId, SessionId};
use crate::domain::api::Target;
use crate::domain::audit::{Event, EventKind};
use crate::domain::authn::{Authentication, Demand};
use crate::domain::client::{self, Client, ClientType};
use crate::domain::grant::{self, GrantedScopes};
use crate::domain::oidc::RequestedClaims;
use crate::domain::outcome::{Code, Failure, Refusal, quotable};
use crate::domain::password::Password;
use crate::domain::request_info::RequestInfo;
use crate::domain::scope::{self, Scopes};
use crate::domain::session::Chain;
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::tokens::issue;

use super::admission;
use super::authenticate::authenticate_user;
use super::authentication::{Begun, Channel, Completed, Entry, IssuedChallenge, challenge_invalid};
use super::continue_login::{ApiPurpose, LoginTokens, Pending, log_in};
use super::open_session::{Opened, Opening, open_session};
use super::second_factor::TypedCode;

/// A log-in request.
pub struct LoginRequest {
    /// The login as typed.
    pub login: String,
    /// The password, in plain text.
    pub password: Password,
    /// A code of the second factor, if it was sent with the password.
    pub code: Option<TypedCode>,
    /// The requested tokens.
    pub asked: RequestedAccess,
}

/// The requested tokens.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RequestedAccess {
    /// The API that they are for.
    pub audience: Option<String>,
    /// The requested scopes, separated by spaces.
    pub scope: Option<String>,
    /// The `client_id`; `None` means the built-in client.
    pub client_id: Option<String>,
}

/// The requested tokens, checked as far as possible before the user has authenticated.
///
/// Only [`request`] creates one, for log-ins and for previews of them.
pub struct CheckedLoginRequest {
    client_id: String,
    audience: Arc<Audience>,
    scopes: Scopes,
}

impl CheckedLoginRequest {
    /// The client's requirements.
    pub(super) fn demand(&self, app: &App) -> Demand {
        let client = app.client(&self.client_id);
        let client = client.and_then(|client| client.metadata.min_acr);
        Demand { client, ..Demand::default() }
    }
}

/// The outcome of a log-in.
pub enum LoginOutcome {
    /// A session is open.
    Tokens(LoginTokens),
    /// Another step is required.
    Pending(IssuedChallenge),
    /// The password is right but the code is not. The log-in can be continued.
    WrongCode(IssuedChallenge, Refusal),
}

/// Checks the password and opens a session, unless another step is missing.
///
/// # Errors
/// The documented refusals; unavailable when hashing or storage cannot keep up.
pub async fn login(
    app: App,
    attempt: LoginRequest,
    info: RequestInfo,
) -> Result<LoginOutcome, Failure> {
    let now = info.now;
    let request = request(&app, &attempt.asked).await?;
    let info = info.for_client(Some(request.client_id.clone()));
    let admission = admission::of(&app, info.address(), now).await?;
    let authenticated =
        authenticate_user(&app, admission, &attempt.login, attempt.password, &info).await?;
    match authenticated.proceed(&app, &request.demand(&app), &info).await? {
        Begun::Completed(completed) => open(&app, &completed, &request, &info).await,
        Begun::Pending(first) => {
            app.transaction(&info, async |tx| {
                // Checked before the next step is requested.
                if let Err(refusal) = request.session(&tx.app(), first.user(), now) {
                    first.refused(tx, "invalid_scope").await?;
                    return Err(refusal.into());
                }
                Ok(first.record(tx, None).await?)
            })
            .await?;
            let purpose = ApiPurpose::LogIn(attempt.asked);
            let pending = Pending::begin(&app, first.progress, purpose, now);
            match (attempt.code, &first.step) {
                (Some(code), step) if step.is_code() => {
                    let outcome = log_in(&app, pending.clone(), &request, Entry::Code(code), &info);
                    let outcome = outcome.await;
                    match outcome {
                        Err(Failure::Refused(refusal)) if refusal.code == Code::MfaFailed => {
                            let challenge = pending.seal(&app, Channel::Api, first.step, now)?;
                            Ok(LoginOutcome::WrongCode(challenge, refusal))
                        }
                        outcome => outcome,
                    }
                }
                _ => {
                    let challenge = pending.issue(&app, Channel::Api, first.step, &info).await?;
                    Ok(LoginOutcome::Pending(challenge))
                }
            }
        }
    }
}

/// Opens the session that a completed log-in is for.
pub(super) async fn open(
    app: &App,
    completed: &Completed,
    request: &CheckedLoginRequest,
    info: &RequestInfo,
) -> Result<LoginOutcome, Failure> {
    let session = app.transaction(info, async |tx| accept(tx, completed, request).await).await?;
    app.count_login("ok");
    let tokens = issue::tokens(app, &session, || Ok(completed.user.subject()), info.now)?;
    app.metrics.count_issued("login", tokens.alg());
    Ok(LoginOutcome::Tokens(LoginTokens::new(tokens, completed)))
}

/// Checks the requested tokens: everything must be within the audiences and scopes of the client.
///
/// # Errors
/// `invalid_client`, `invalid_target`, `invalid_scope`; faults when it has to be looked up.
pub async fn request(app: &App, asked: &RequestedAccess) -> Result<CheckedLoginRequest, Failure> {
    let client = first_party(app, asked.client_id.as_deref()).await?;
    let audience = match &asked.audience {
        None => app.audience_or_reload(None).await?,
        // A request for the issuer names no audience.
        Some(named) => app
            .audience_named_or_reload(named)
            .await?
            .filter(|known| known.target != Target::Issuer),
    };
    let audience = audience.ok_or_else(issue::invalid_target)?;
    // The registered identifier, because the request may spell it in another way.
    let target = audience.target.audience();
    if let Some(client) = client.as_deref().filter(|client| !client.may_target(target)) {
        let message = format!(
            "This client may not get tokens for this API. To replace its APIs (repeat the option for each): \
             signet client update {} --audience IDENTIFIER.",
            client.client_id
        );
        return Err(Refusal::new(Code::InvalidTarget, "").with_message(message).into());
    }
    let scopes = Scopes::parse(asked.scope.as_deref().unwrap_or_default())
        .map_err(|_| Refusal::new(Code::InvalidScope, "The scope is not a list of scopes."))?;
    if let Some(client) = client.as_deref() {
        let within = grant::within_client(client, &scopes);
        if let Some(scope) = scopes.iter().find(|scope| !within.contains(scope)) {
            return Err(invalid_scope(scope, &beyond_client(client, scope)).into());
        }
    }
    let not_offered = |scope: &&str| {
        Scopes::parse(scope).is_ok_and(|one| !grant::offered(&audience.target, &one))
    };
    if let Some(scope) = scopes.iter().find(not_offered) {
        return Err(invalid_scope(scope, &not_offered_by(target)).into());
    }
    let client_id = match &client {
        None => client::BUILT_IN.to_owned(),
        Some(client) => client.client_id.clone(),
    };
    Ok(CheckedLoginRequest { client_id, audience, scopes })
}

impl CheckedLoginRequest {
    /// A request of the built-in client for every scope of an API.
    #[must_use]
    pub fn of_everything(audience: Arc<Audience>) -> Self {
        let scopes = match &audience.target {
            Target::Issuer => Scopes::default(),
            Target::Api(api) => api.scopes.clone(),
        };
        Self { client_id: client::BUILT_IN.to_owned(), audience, scopes }
    }

    /// The client that the log-in is for.
    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Checks that the client and the API are the same as at `begun_at`, when the password was checked.
    pub(super) fn check_names(&self, app: &App, begun_at: Timestamp) -> Result<(), Refusal> {
        let audience = self.audience.target.audience();
        if app.audience_given_at(audience, begun_at).is_none() {
            return Err(issue::invalid_target());
        }
        let client = app.client(&self.client_id);
        if client.is_some_and(|client| !client.owned_name_at(begun_at)) {
            return Err(challenge_invalid());
        }
        Ok(())
    }

    /// The session that `user` gets, bound to the session epoch that was read with the password hash.
    ///
    /// # Errors
    /// `invalid_scope` when the user may not have a scope.
    pub fn session(&self, app: &App, user: &User, now: Timestamp) -> Result<Session, Refusal> {
        let target = &self.audience.target;
        let granted = grant::grant(target, self.scopes.clone(), user.role).ok_or_else(|| {
            let all = self.scopes.to_string();
            invalid_scope(&all, "may not be granted to this user.")
        })?;
        let access = GrantedAccess { client_id: &self.client_id, target, granted: &granted };
        Ok(new_session(app, user, access, now))
    }
}

/// The client of a log-in at `/v1`; `None` is the built-in one. It sees the user's password, so an administrator
/// must have marked it as first-party. A confidential client cannot authenticate here, and a request that only
/// names it could come from any caller.
async fn first_party(app: &App, client_id: Option<&str>) -> Result<Option<Arc<Client>>, Failure> {
    let asked = match client_id {
        None | Some(client::BUILT_IN) => return Ok(None),
        Some(asked) => asked,
    };
    let refused = |message| Failure::from(Refusal::new(Code::InvalidClient, message));
    match app.client_or_reload(asked).await? {
        Some(client) if !client.is_public() => Err(refused(
            "This client has to authenticate, which is not possible here: it logs users in at /oauth2/authorize. An \
             application that collects passwords itself is registered as a client of the type native \
             with first_party.",
        )),
        Some(client) if client.metadata.first_party => Ok(Some(client)),
        Some(client) if client.metadata.client_type == ClientType::Spa => {
            Err(refused("A client of the type spa logs users in at /oauth2/authorize."))
        }
        Some(client) => {
            let message = format!(
                "This client is not first-party: it logs users in at /oauth2/authorize. If it may \
                 see their passwords: signet client update {} --first-party true.",
                client.client_id
            );
            Err(Refusal::new(Code::InvalidClient, "").with_message(message).into())
        }
        None => Err(refused("There is no client with this client_id.")),
    }
}

/// The refusal of a scope, with the reason.
fn invalid_scope(scope: &str, why: &str) -> Refusal {
    let message = format!("The scope {} {why}", quotable(scope));
    Refusal::new(Code::InvalidScope, "").with_message(message)
}

/// Why a registered client is refused a scope, even one that the issuer itself offers.
fn beyond_client(client: &Client, scope: &str) -> String {
    if scope::is_reserved(scope) {
        return "is granted at /v1/login without a client_id only: to Signet's built-in client."
            .to_owned();
    }
    format!("is not among the scopes that the client {} may request.", client.client_id)
}

fn not_offered_by(target: Option<&str>) -> String {
    match target {
        Some(api) => format!("is not offered by the API {}.", quotable(api)),
        None => "is not offered by Signet itself. A scope of an API needs its audience.".to_owned(),
    }
}

async fn accept(
    tx: &mut AuditedTx,
    completed: &Completed,
    request: &CheckedLoginRequest,
) -> Result<Session, Failure> {
    let (app, info) = (tx.app(), tx.info());
    let Authentication { auth_time, factors } = completed.authentication;
    let session = match request.session(&app, &completed.user, info.now) {
        Ok(session) => session,
        Err(refusal) => {
            completed.refused(tx, "invalid_scope").await?;
            return Err(refusal.into());
        }
    };
    let user = completed.enter(tx).await?;
    let session = Session { auth_time, factors, user_epoch: user.session_epoch, ..session };
    let opening = Opening {
        session,
        device: &info.device,
        origin: &info.origin,
        name_since: Timestamp::from_millis(0),
    };
    let Some(Opened { session, .. }) = open_session(&app, tx, opening).await? else {
        // Disabled, deleted or given a new password while the hash was computed.
        return Err(completed.refuse(tx, "account_changed").await);
    };
    let event = Event::new(EventKind::LoginSucceeded).about(user.id).in_session(session.id);
    let event = event.for_client(&*session.client_id);
    completed.settle(tx, &event).await?;
    Ok(session)
}

/// The access that a user was granted at a log-in.
pub(super) struct GrantedAccess<'a> {
    /// The client that gets it.
    pub client_id: &'a str,
    /// The API it is for.
    pub target: &'a Target,
    /// The scopes that client, API and role allow.
    pub granted: &'a GrantedScopes,
}

/// A session of `user`, bound to the epoch that was read with the password hash.
pub(super) fn new_session(
    app: &App,
    user: &User,
    access: GrantedAccess<'_>,
    now: Timestamp,
) -> Session {
    let GrantedAccess { client_id, target, granted } = access;
    let expires_at = now + app.lifetimes.max;
    let id = SessionId::new(now, &*app.entropy);
    Session {
        id,
        branch: BranchId::from_uuid(id.uuid()),
        user_id: user.id,
        client_id: client_id.to_owned(),
        audience: target.audience().map(str::to_owned),
        scopes: granted.scopes().clone(),
        chain: Chain::opened(now),
        created_at: now,
        idle_expires_at: (now + app.lifetimes.idle).min(expires_at),
        expires_at,
        revoked: None,
        user_epoch: user.session_epoch,
        grant_type: None,
        auth_time: now,
        factors: None,
        browser: None,
        asked_claims: RequestedClaims::default(),
        dpop_jkt: None,
        requested_scopes: None,
    }
}

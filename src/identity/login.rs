//! Logging in with login and password.

use std::sync::Arc;

use crate::app::{App, Audience};
use crate::base::Timestamp;
use crate::base::id::SessionId;
use crate::domain::api::Target;
use crate::domain::attributes::Subject;
use crate::domain::audit::{Event, EventKind, Origin};
use crate::domain::client;
use crate::domain::device::Device;
use crate::domain::grant::{self, GrantedScopes};
use crate::domain::login::Login;
use crate::domain::oidc::AskedClaims;
use crate::domain::password::{Account, Password, Verdict, decide};
use crate::domain::scope::Scopes;
use crate::domain::session::Chain;
use crate::domain::session::Session;
use crate::domain::stop::{Code, Refusal, Stop};
use crate::domain::user::User;
use crate::metrics::Metrics;
use crate::oauth::issue::{self, Tokens};
use crate::store::users::{self, Credential};
use crate::store::{Tx, audit, sessions, settle};

use super::throttle::{self, Counted};

/// What somebody who wants to log in says.
pub struct Attempt {
    /// The login as typed.
    pub login: String,
    /// The password.
    pub password: Password,
    /// The tokens wanted.
    pub asked: Asked,
}

/// What tokens somebody asks for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The API they shall be for.
    pub audience: Option<String>,
    /// The scopes.
    pub scope: Option<String>,
    /// The client.
    pub client_id: Option<String>,
}

/// The one answer to a wrong login, a wrong password and a disabled user.
#[must_use]
pub fn invalid_credentials() -> Refusal {
    Refusal::new(Code::InvalidCredentials, "The login or the password is not right.")
}

/// What was asked for, checked as far as it can be before anybody has authenticated.
///
/// Only [`request`] makes one, for log-ins and for previews of them.
pub struct Request {
    client_id: String,
    audience: Arc<Audience>,
    scopes: Scopes,
}

/// Checks the password and opens a session.
///
/// # Errors
/// Refused as the contract says; unavailable when hashing or storage cannot keep up.
pub async fn login(
    app: App,
    attempt: Attempt,
    origin: Origin,
    device: Device,
    now: Timestamp,
) -> Result<Tokens, Stop> {
    let request = request(&app, &attempt.asked).await?;
    let login = Login::parse(&attempt.login).ok();
    // What is no login at all goes the same way as one that nobody has.
    let key = login.as_ref().map_or(attempt.login.as_str(), Login::key).to_owned();
    let counted = match throttle::count(&app, &key, origin.address, now).await {
        Ok(counted) => counted,
        Err(stop) => {
            Metrics::count(&app.metrics.logins, "throttled");
            return Err(stop);
        }
    };

    let credential = {
        let mut reader = app.db.reader().await?;
        users::credential(&mut reader, &key).await?
    };
    let stored = credential.as_ref().and_then(|found| found.password_hash.clone());
    // No connection is held from here to the transaction below: hashing takes its time.
    let verified = app.hasher.verify(attempt.password.clone(), stored.clone()).await?;
    let verdict = decide(credential.as_ref().map(account), verified.check, verified.outdated);
    let rehashed = match verdict {
        // A new cost is no reason to fail a log-in; the next one will try again.
        Verdict::Accept { rehash: true } => app.hasher.hash(attempt.password).await.ok(),
        _ => None,
    };

    let mut tx = app.db.begin().await?;
    let outcome = match (verdict, credential) {
        (Verdict::Accept { .. }, Some(found)) => {
            let accepted =
                Accepted { user: &found.user, request, device: &device, counted: &counted };
            let outcome = accept(&app, &mut tx, accepted, &origin, now).await;
            if let (Ok(_), Some(old), Some(new)) = (&outcome, &stored, &rehashed) {
                users::rehash(&mut tx, found.user.id, old, new).await.map(|()| outcome)?
            } else {
                outcome
            }
        }
        _ => refuse(&app, &mut tx, &key, &origin, now).await,
    };
    let (session, subject) = settle(tx, outcome).await?;
    counted.forgive_address(&app);
    Metrics::count(&app.metrics.logins, "ok");
    issue::tokens(&app, &session, || Ok(subject), now)
}

/// What [`decide`] wants to know about a stored credential.
pub(super) fn account(found: &Credential) -> Account {
    Account {
        enabled: found.user.disabled_at.is_none(),
        has_password: found.password_hash.is_some(),
    }
}

/// Checks what is asked for.
///
/// # Errors
/// `invalid_client`, `invalid_target`, `invalid_scope`; faults when it has to be looked up.
pub async fn request(app: &App, asked: &Asked) -> Result<Request, Stop> {
    let client_id = first_party(app, asked.client_id.as_deref()).await?;
    let audience =
        app.audience_now(asked.audience.as_deref()).await?.ok_or_else(issue::invalid_target)?;
    let scopes = Scopes::parse(asked.scope.as_deref().unwrap_or_default())
        .map_err(|_| Refusal::new(Code::InvalidScope, "The scope is not a list of scopes."))?;
    if !grant::offered(&audience.target, &scopes) {
        return Err(invalid_scope().into());
    }
    Ok(Request { client_id, audience, scopes })
}

impl Request {
    /// The session `user` gets for it, bound to the epoch that was read with the password hash.
    ///
    /// # Errors
    /// `invalid_scope` when the user may not have a scope.
    pub fn session(self, app: &App, user: &User, now: Timestamp) -> Result<Session, Refusal> {
        let target = &self.audience.target;
        let granted = grant::grant(target, self.scopes, user.role).ok_or_else(invalid_scope)?;
        Ok(new_session(app, user, &self.client_id, target, &granted, now))
    }
}

/// The client a log-in at `/v1` is for. One that authenticates has no business here: whoever can
/// type its name is not it.
async fn first_party(app: &App, client_id: Option<&str>) -> Result<String, Stop> {
    let asked = match client_id {
        None | Some(client::BUILT_IN) => return Ok(client::BUILT_IN.to_owned()),
        Some(asked) => asked,
    };
    let refused = |hint| Stop::from(Refusal::new(Code::InvalidClient, hint));
    match app.client_now(asked).await? {
        Some(client) if client.is_public() => Ok(client.client_id.clone()),
        Some(_) => Err(refused("This client authenticates; it logs people in at /oauth2.")),
        None => Err(refused("There is no client of this client_id.")),
    }
}

fn invalid_scope() -> Refusal {
    Refusal::new(Code::InvalidScope, "A scope does not exist there or may not be granted.")
}

struct Accepted<'a> {
    user: &'a User,
    request: Request,
    device: &'a Device,
    counted: &'a Counted,
}

async fn accept(
    app: &App,
    tx: &mut Tx,
    accepted: Accepted<'_>,
    origin: &Origin,
    now: Timestamp,
) -> Result<(Session, Subject), Stop> {
    let Accepted { user, request, device, counted } = accepted;
    counted.forgive(tx, now).await?;
    let session = request.session(app, user, now)?;
    if !sessions::open(tx, &session, device).await? {
        // Disabled, deleted or given a new password while the hash was computed.
        return Err(invalid_credentials().into());
    }
    let event = Event::new(EventKind::LoginSucceeded).about(user.id).in_session(session.id);
    audit::record(tx, &event, origin, now, &*app.entropy).await?;
    Ok((session, user.subject()))
}

/// A session of `user`, bound to the epoch that was read with the password hash.
pub(super) fn new_session(
    app: &App,
    user: &User,
    client_id: &str,
    target: &Target,
    granted: &GrantedScopes,
    now: Timestamp,
) -> Session {
    let expires_at = now + app.lifetimes.max;
    Session {
        id: SessionId::new(now, &*app.entropy),
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
        browser: None,
        asked_claims: AskedClaims::default(),
        dpop_jkt: None,
    }
}

/// Records a failure: one row a minute for each login and network, and the same one for a login
/// that exists and one that does not, so that nobody can fill the disk or read the difference.
async fn refuse<T>(
    app: &App,
    tx: &mut Tx,
    key: &str,
    origin: &Origin,
    now: Timestamp,
) -> Result<T, Stop> {
    Metrics::count(&app.metrics.logins, "failed");
    let minute = now.secs().div_euclid(60).to_be_bytes();
    let address = origin.address.map_or_else(String::new, |address| address.to_string());
    let parts: [&[u8]; 3] = [key.as_bytes(), address.as_bytes(), &minute];
    let fold = app.pseudonyms.of("audit/login.failed", &parts);
    let event = Event::new(EventKind::LoginFailed);
    audit::record_folded(tx, &event, origin, now, &*app.entropy, &fold).await?;
    Err(invalid_credentials().into())
}

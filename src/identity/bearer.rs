//! Who is calling: a Bearer token of the issuer's own, checked against the session as it is now.

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::SessionId;
use crate::domain::authn::{AssuranceLevel, Factors};
use crate::domain::claims::{SessionClaims, VerifiedClaims};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::scope::{self, Scopes};
use crate::domain::session::Session;
use crate::domain::user::{Role, User};
use crate::tokens::validate::{self, NotActive};

/// A caller whose token, session and user were all good a moment ago.
///
/// Only [`require_caller`] makes one.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user as stored now.
    pub user: User,
    /// The session the token belongs to.
    pub session: Session,
    /// What the token is worth: less than its session where that was stepped up after the token was issued.
    worth: SessionClaims,
    scopes: Scopes,
}

impl Caller {
    /// The factors that the token stands for.
    #[must_use]
    pub fn factors(&self) -> Factors {
        self.worth.factors(&self.session)
    }

    /// Refuses a token that is worth less than its session by now: its holder may not be who has authenticated since.
    ///
    /// # Errors
    /// `invalid_token`.
    pub fn require_current(&self) -> Result<(), Refusal> {
        let message = "The session was stepped up after this access token was issued. Use a newer one, or refresh.";
        let is_current = self.worth.is_worth(&self.session);
        is_current.then_some(()).ok_or_else(|| Refusal::new(Code::InvalidToken, message))
    }
}

/// An administrator: has the role now and a token that was made for administration.
///
/// Only [`administrator`] makes one.
#[derive(Debug, Clone)]
pub struct Administrator(Caller);

impl Administrator {
    /// The caller.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.0
    }
}

/// The refusal of a token that is not good here.
#[must_use]
pub fn invalid_token() -> Refusal {
    Refusal::new(Code::InvalidToken, "The access token is not valid here.")
}

/// Checks a Bearer token against its signature, the clock, its session and its user. A token for an
/// API is refused: its audience is not the issuer.
///
/// # Errors
/// Refused when anything is wrong, with one text for all of it but expiry.
pub async fn require_caller(app: App, token: String, now: Timestamp) -> Result<Caller, Failure> {
    let active = validate::require_active_at_issuer(&app, &token, now).await;
    let active = active.map_err(|problem| match problem {
        NotActive::Failed(fault) => Failure::from(fault),
        NotActive::Invalid => invalid_token().into(),
        NotActive::Expired => {
            Refusal::new(Code::InvalidToken, "The access token has expired.").into()
        }
    })?;
    let is_exchanged = active.claims().act.is_some();
    let scopes = Scopes::parse(&active.claims().scope).map_err(|_| invalid_token())?;
    let worth = active.session_claims().ok_or_else(invalid_token)?;
    let (session, user) = active.into_inner().into_session().ok_or_else(invalid_token)?;
    // What a client got at /oauth2 is for userinfo and APIs; it cannot act as its user here.
    if session.audience.is_some() || session.grant_type.is_some() || is_exchanged {
        return Err(invalid_token().into());
    }
    Ok(Caller { user, session, worth, scopes })
}

/// The caller as an administrator.
///
/// # Errors
/// `insufficient_scope` when the token was not made for it, `forbidden` when the role is gone,
/// `insufficient_user_authentication` when the server's policy requires a second factor of administrators and
/// the token does not say so.
pub fn administrator(app: &App, caller: Caller, now: Timestamp) -> Result<Administrator, Refusal> {
    if !caller.scopes.contains(scope::ADMIN) {
        return Err(Refusal::new(
            Code::InsufficientScope,
            "This needs a token with the scope signet:admin; ask for it at log-in.",
        ));
    }
    if caller.user.role != Role::Admin {
        return Err(Refusal::new(Code::Forbidden, "This needs the role admin."));
    }
    if app.config.second_factor.is_required(caller.user.role, now)
        && caller.worth.acr < AssuranceLevel::Multi
    {
        let message = "Administration needs a sign-in with a second factor. Step the session up at \
                       /v1/step-up, or sign in again.";
        return Err(Refusal::new(Code::InsufficientUserAuthentication, message));
    }
    Ok(Administrator(caller))
}

/// The session a genuine token names.
pub(super) fn session_of(claims: &VerifiedClaims) -> Option<SessionId> {
    claims.sid.as_ref()?.parse().ok()
}

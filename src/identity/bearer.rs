//! Bearer tokens at Signet's own endpoints, checked against the current session.

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::SessionId;
use crate::domain::authn::{AssuranceLevel, Factors};
use crate::domain::claims::{SessionClaims, VerifiedClaims};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::scope::Scopes;
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::tokens::validate::{self, NotActive};

/// A caller with a valid token and an active session and user.
///
/// Only [`require_caller`] makes one.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user as stored now.
    pub user: User,
    /// The session the token belongs to.
    pub session: Session,
    /// The level of the token, which is lower than that of its session if the session was stepped up later.
    worth: SessionClaims,
    scopes: Scopes,
}

impl Caller {
    /// The factors that the token stands for.
    #[must_use]
    pub fn factors(&self) -> Factors {
        self.worth.factors(&self.session)
    }

    /// The assurance level that the token stands for.
    #[must_use]
    pub const fn acr(&self) -> AssuranceLevel {
        self.worth.acr
    }

    /// The scopes of the token.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// The user's epoch that the session belongs to.
    #[must_use]
    pub const fn epoch(&self) -> i64 {
        self.session.user_epoch
    }

    /// Refuses a token below the current level of its session: its holder may not be the user who has authenticated
    /// since.
    ///
    /// # Errors
    /// `invalid_token`.
    pub fn require_current(&self) -> Result<(), Refusal> {
        let message = "The session was stepped up after this access token was issued. Use a newer one, or refresh.";
        let is_current = self.worth.is_worth(&self.session);
        is_current.then_some(()).ok_or_else(|| Refusal::new(Code::InvalidToken, message))
    }
}

/// The refusal of an invalid token.
#[must_use]
pub fn invalid_token() -> Refusal {
    Refusal::new(Code::InvalidToken, "The access token is not valid here.")
}

/// The holder of an access token for the issuer.
pub(super) enum Bearer {
    /// A user.
    User(Box<Caller>),
    /// A client, in its own name.
    Client {
        /// Its `client_id`.
        client_id: String,
        /// The scopes of the token.
        scopes: Scopes,
    },
}

/// Checks a Bearer token: its signature, its times, its session and its user. A token for an API is refused:
/// its audience is not the issuer.
///
/// # Errors
/// One refusal for all reasons except expiry.
pub async fn require_caller(app: App, token: String, now: Timestamp) -> Result<Caller, Failure> {
    match authenticate(&app, &token, now).await? {
        Bearer::User(caller) => Ok(*caller),
        Bearer::Client { .. } => Err(invalid_token().into()),
    }
}

/// The same for users and for clients that act for themselves.
pub(super) async fn authenticate(
    app: &App,
    token: &str,
    now: Timestamp,
) -> Result<Bearer, Failure> {
    let active = validate::require_active_at_issuer(app, token, now).await;
    let active = active.map_err(|problem| match problem {
        NotActive::Failed(fault) => Failure::from(fault),
        NotActive::Invalid => invalid_token().into(),
        NotActive::Expired => {
            Refusal::new(Code::InvalidToken, "The access token has expired.").into()
        }
    })?;
    let claims = active.claims();
    let is_exchanged = claims.act.is_some();
    let scopes = Scopes::parse(&claims.scope).map_err(|_| invalid_token())?;
    let Some(worth) = active.session_claims() else {
        let is_own = claims.sub == claims.client_id && !is_exchanged;
        if is_own && claims.cnf.is_some() {
            // Otherwise an attacker could simply omit the proof (RFC 9449 §7.1).
            let message = "The access token is bound to a key (DPoP), which is not supported here. Request one \
                           without a proof.";
            return Err(Refusal::new(Code::InvalidToken, message).into());
        }
        let client_id = claims.client_id.clone();
        return if is_own {
            Ok(Bearer::Client { client_id, scopes })
        } else {
            Err(invalid_token().into())
        };
    };
    let (session, user) = active.into_inner().into_session().ok_or_else(invalid_token)?;
    // Tokens from `/oauth2` are for userinfo and APIs. A client cannot act as its user here.
    if session.audience.is_some() || session.grant_type.is_some() || is_exchanged {
        return Err(invalid_token().into());
    }
    Ok(Bearer::User(Box::new(Caller { user, session, worth, scopes })))
}

/// The session a genuine token names.
pub(super) fn session_of(claims: &VerifiedClaims) -> Option<SessionId> {
    claims.sid.as_ref()?.parse().ok()
}

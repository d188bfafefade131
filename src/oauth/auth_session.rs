//! A request at the authorization challenge endpoint whose user has not completed all factors: sealed into
//! `auth_session`, bound to the client and to the DPoP key of the first request. Nothing is stored.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::App;
use crate::app::sealed_state::{seal, unseal};
use crate::base::opaque_token::{self, AUTH_SESSION};
use crate::base::{TimeSpan, Timestamp};
use crate::domain::authn::Method;
use crate::domain::authorization::Request;
use crate::domain::client::Client;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::validity::has_expired;
use crate::identity::authentication::Progress;

use super::challenge_steps::passkey_options;

/// The lifetime of an `auth_session`.
pub(super) const LIFE: TimeSpan = TimeSpan::from_mins(5);

/// Sealed values are padded to a multiple of this, in bytes.
const PADDED_TO: usize = 256;

/// The sealing purpose.
const PURPOSE: &str = "auth_session/v1";

/// A request whose user has not completed all factors.
pub struct Challenge {
    /// The sealed request.
    pub auth_session: String,
    /// Seconds until it expires.
    pub expires_in: i64,
    /// The possible next factors.
    pub methods: Vec<Method>,
    /// The options for a passkey, if one is possible.
    pub public_key: Option<Value>,
}

/// The content of an `auth_session`.
#[derive(Serialize, Deserialize)]
pub(super) struct AuthSession {
    pub(super) id: [u8; 16],
    pub(super) begun_at: Timestamp,
    pub(super) request: Request,
    /// The completed factors, and the possible next ones.
    pub(super) progress: Option<(Progress, Vec<Method>)>,
    /// The DPoP key of the first request, if it had a proof.
    pub(super) bound_to: Option<String>,
    /// The DPoP key of this request, if it has a proof.
    #[serde(skip)]
    pub(super) proved: Option<String>,
}

/// The refusal of an `auth_session` that is unknown, expired, altered, or was issued to another client or key.
pub(super) fn invalid_session() -> Refusal {
    let message = "auth_session is unknown, expired or used, or was issued to another client or for another DPoP \
                   key. Start again without it.";
    Refusal::oauth(OAuthError::InvalidSession, message)
}

impl AuthSession {
    /// The session, if it was sealed by this server and has not expired.
    pub(super) fn open(app: &App, text: &str, now: Timestamp) -> Option<Self> {
        let sealed = opaque_token::parse_any(AUTH_SESSION, text)?;
        let session: Self = unseal(app, PURPOSE, &sealed)?;
        (!has_expired(session.begun_at + LIFE, LIFE, now)).then_some(session)
    }

    /// Whether the session was issued to this client, not to an earlier one of the same name, and the proof
    /// is by the key of the first request, if that had one.
    pub(super) fn is_of(&self, client: &Client, jkt: Option<&str>) -> bool {
        self.request.client_id == client.client_id
            && client.owned_name_at(self.begun_at)
            && (self.bound_to.is_none() || self.bound_to.as_deref() == jkt)
    }

    /// The response to the client: the sealed request, and the possible next factors.
    pub(super) async fn challenge(&self, app: &App, now: Timestamp) -> Result<Challenge, Failure> {
        let sealed = seal(app, PURPOSE, self, PADDED_TO)?;
        let mut methods = match &self.progress {
            Some((_, methods)) => methods.clone(),
            None => vec![Method::Password],
        };
        let progress = self.progress.as_ref().map(|(progress, _)| progress);
        let public_key = passkey_options(app, &self.id, progress, now).await?;
        if progress.is_none() && public_key.is_some() {
            methods.push(Method::Passkey);
        }
        Ok(Challenge {
            auth_session: opaque_token::encode(AUTH_SESSION, &sealed),
            expires_in: (self.begun_at + LIFE - now).secs(),
            methods,
            public_key,
        })
    }
}

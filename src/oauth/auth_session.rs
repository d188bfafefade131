//! A request at the authorization challenge endpoint that waits for its user: sealed into `auth_session`, bound to the
//! client and to the DPoP key of the first request, and stored nowhere.

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

/// How long a user may take.
pub(super) const LIFE: TimeSpan = TimeSpan::from_mins(5);

/// Sealed values are padded to a multiple of this, in bytes.
const PADDED_TO: usize = 256;

/// The sealing purpose.
const PURPOSE: &str = "auth_session/v1";

/// A request that waits for its user.
pub struct Challenge {
    /// The sealed request.
    pub auth_session: String,
    /// Seconds until it ends.
    pub expires_in: i64,
    /// The factors of which one is next.
    pub methods: Vec<Method>,
    /// The options for a passkey, where one is among them.
    pub public_key: Option<Value>,
}

/// A request under way.
#[derive(Serialize, Deserialize)]
pub(super) struct AuthSession {
    pub(super) id: [u8; 16],
    pub(super) begun_at: Timestamp,
    pub(super) request: Request,
    /// The completed factors, and the possible next ones.
    pub(super) progress: Option<(Progress, Vec<Method>)>,
    /// The key that was proved with the first request.
    pub(super) bound_to: Option<String>,
    /// The key that was proved with this request.
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
    /// The session, if it was sealed here and is not too old.
    pub(super) fn open(app: &App, text: &str, now: Timestamp) -> Option<Self> {
        let sealed = opaque_token::parse_any(AUTH_SESSION, text)?;
        let session: Self = unseal(app, PURPOSE, &sealed)?;
        (!has_expired(session.begun_at + LIFE, LIFE, now)).then_some(session)
    }

    /// Whether it is a request of this client, and not of one that had the name before, with the key that
    /// was proved with the first request, if one was.
    pub(super) fn is_of(&self, client: &Client, jkt: Option<&str>) -> bool {
        self.request.client_id == client.client_id
            && client.owned_name_at(self.begun_at)
            && (self.bound_to.is_none() || self.bound_to.as_deref() == jkt)
    }

    /// The answer to the client: the sealed request, and the possible next factors.
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

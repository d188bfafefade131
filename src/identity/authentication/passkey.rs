//! A sign-in that begins with a passkey, without a typed login.
//!
//! Its challenge is sealed like that of any other sign-in, contains no user and is not stored.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::App;
use crate::app::sealed_state::{seal, unseal};
use crate::base::Timestamp;
use crate::base::entropy::random;
use crate::base::opaque_token::{self, AUTH_SESSION};
use crate::crypto::webauthn::AssertionResponse;
use crate::domain::authn::Demand;
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::domain::validity::has_expired;
use crate::identity::passkey::Assertion;
use crate::identity::passkey_options::{challenge_of, options_of_anyone};

use super::challenge::{PADDED_TO, single_use};
use super::first_passkey::begin_with_passkey;
use super::{Advanced, Channel, Continuation, PendingAuthentication, challenge_invalid};

/// A pending sign-in with a passkey. `A` is its purpose.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PasskeySignIn<A> {
    id: [u8; 16],
    /// When it was begun.
    pub begun_at: Timestamp,
    /// Its purpose.
    #[serde(rename = "aim")]
    pub purpose: A,
}

/// A challenge for an authenticator.
pub struct PasskeyChallenge {
    /// The sealed sign-in, which the caller returns with the response.
    pub challenge: String,
    /// Seconds until it expires.
    pub expires_in: i64,
    /// The options for the browser or application.
    pub public_key: Value,
}

impl<A: Serialize> PasskeySignIn<A> {
    /// Begins a sign-in, with its challenge for the caller.
    ///
    /// # Errors
    /// `feature_disabled` if passkeys are off; faults of the crypto library.
    pub fn begin(
        app: &App,
        channel: Channel<'_>,
        purpose: A,
        now: Timestamp,
    ) -> Result<PasskeyChallenge, Failure> {
        let pending = Self { id: random(&*app.entropy), begun_at: now, purpose };
        let public_key = options_of_anyone(app, &challenge_of(&pending.id))?;
        let sealed = seal(app, &sealing_purpose(channel), &pending, PADDED_TO)?;
        let challenge = opaque_token::encode(AUTH_SESSION, &sealed);
        Ok(PasskeyChallenge { challenge, expires_in: channel.life().secs(), public_key })
    }

    /// Checks the response of the authenticator, for a sign-in with the requirements `demand`.
    ///
    /// # Errors
    /// See [`begin_with_passkey`].
    pub async fn advance(
        self,
        app: &App,
        channel: Channel<'_>,
        (response, demand): (AssertionResponse, &Demand),
        info: &RequestInfo,
    ) -> Result<Continuation, Failure> {
        let Self { id, begun_at, purpose } = self;
        let single_use = Some(single_use(&id, begun_at, channel.life()));
        let assertion = Assertion { challenge: challenge_of(&id), response };
        match begin_with_passkey(app, &assertion, single_use, demand, info).await? {
            Advanced::Completed(completed) => Ok(Continuation::Completed(completed)),
            Advanced::Pending(progress, step) => {
                let next = PendingAuthentication::resume(id, begun_at, progress, purpose);
                Ok(Continuation::Pending(next.issue(app, channel, step, info).await?))
            }
        }
    }
}

impl<A: DeserializeOwned> PasskeySignIn<A> {
    /// The sign-in behind a challenge.
    ///
    /// # Errors
    /// `challenge_invalid`, the same for every reason.
    pub fn open(
        app: &App,
        challenge: &str,
        channel: Channel<'_>,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        opaque_token::parse_any(AUTH_SESSION, challenge)
            .and_then(|sealed| unseal::<Self>(app, &sealing_purpose(channel), &sealed))
            .filter(|pending| !has_expired(pending.begun_at + channel.life(), channel.life(), now))
            .ok_or_else(challenge_invalid)
    }
}

fn sealing_purpose(channel: Channel<'_>) -> String {
    format!("passkey/{}", channel.purpose())
}

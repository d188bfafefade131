//! A sign-in that begins with a passkey: of a user who has typed nothing.
//!
//! Owns its challenge, which is sealed like that of any other sign-in and holds no user: it is the same for everyone
//! and stored nowhere.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::App;
use crate::app::sealed_state::{seal, unseal};
use crate::base::Timestamp;
use crate::base::entropy::random;
use crate::base::opaque_token::{self, AUTH_SESSION};
use crate::crypto::webauthn::AssertionResponse;
use crate::domain::audit::{Event, EventKind};
use crate::domain::authn::{Method, NextStep};
use crate::domain::liveness::inactive_user;
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::domain::validity::has_expired;
use crate::identity::authenticate::account_state;
use crate::identity::lockout;
use crate::identity::passkey::{self, Assertion, challenge_of, options_of_anyone, options_of_user};

use super::challenge::{PADDED_TO, single_use};
use super::{
    Advanced, Channel, Continuation, PendingAuthentication, Progress, SingleUse, challenge_invalid,
    conclude, counted, read_anew,
};

/// A sign-in with a passkey under way. `A` is what it is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PasskeySignIn<A> {
    id: [u8; 16],
    /// When it was begun.
    pub begun_at: Timestamp,
    /// What it is for.
    pub aim: A,
}

/// A challenge for an authenticator.
pub struct PasskeyChallenge {
    /// The sealed sign-in, which comes back with the response.
    pub challenge: String,
    /// Seconds until it ends.
    pub expires_in: i64,
    /// The options for the browser or application.
    pub public_key: Value,
}

impl<A: Serialize> PasskeySignIn<A> {
    /// A new one, with its challenge for the caller.
    ///
    /// # Errors
    /// `feature_disabled` where there are no passkeys; faults of the crypto library.
    pub fn begin(
        app: &App,
        channel: Channel<'_>,
        aim: A,
        now: Timestamp,
    ) -> Result<PasskeyChallenge, Failure> {
        let pending = Self { id: random(&*app.entropy), begun_at: now, aim };
        let public_key = options_of_anyone(app, &challenge_of(&pending.id))?;
        let sealed = seal(app, &purpose(channel), &pending, PADDED_TO)?;
        let challenge = opaque_token::encode(AUTH_SESSION, &sealed);
        Ok(PasskeyChallenge { challenge, expires_in: channel.life().secs(), public_key })
    }

    /// Checks the response of the authenticator.
    ///
    /// # Errors
    /// See [`begin_with_passkey`].
    pub async fn advance(
        self,
        app: &App,
        channel: Channel<'_>,
        response: AssertionResponse,
        info: &RequestInfo,
    ) -> Result<Continuation, Failure> {
        let Self { id, begun_at, aim } = self;
        let single_use = Some(single_use(&id, begun_at, channel));
        let assertion = Assertion { challenge: challenge_of(&id), response };
        match begin_with_passkey(app, &assertion, single_use, info).await? {
            Advanced::Completed(completed) => Ok(Continuation::Completed(completed)),
            Advanced::Pending(progress, step) => {
                let next = PendingAuthentication::resume(id, begun_at, progress, aim);
                Ok(Continuation::Pending(next.seal(app, channel, step, info.now)?))
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
            .and_then(|sealed| unseal::<Self>(app, &purpose(channel), &sealed))
            .filter(|pending| !has_expired(pending.begun_at + channel.life(), channel.life(), now))
            .ok_or_else(challenge_invalid)
    }
}

fn purpose(channel: Channel<'_>) -> String {
    format!("passkey/{}", channel.purpose())
}

/// Takes the first step of a sign-in with a passkey, which is the last one unless the account asks for more. What
/// that changes is written in the transaction that opens something.
///
/// # Errors
/// `mfa_failed`, the same for an unknown credential, a disabled user and a wrong signature; `challenge_invalid`
/// when the challenge was used before; `feature_disabled`; too many attempts.
pub async fn begin_with_passkey(
    app: &App,
    assertion: &Assertion,
    single_use: Option<SingleUse>,
    info: &RequestInfo,
) -> Result<Advanced, Failure> {
    let now = info.now;
    lockout::check_network(app, info.address())?;
    let mut reader = app.db.reader().await?;
    let judged = passkey::judge(app, &mut reader, assertion, None).await?;
    let account = passkey::account_of(&mut reader, &judged).await?;
    drop(reader);
    let state = account.as_ref().map(account_state);
    let may_count = state.is_some_and(|state| inactive_user(state.user, None).next().is_none());
    let checked = app.transaction(info, async |tx| judged.settle(tx, may_count).await).await;
    checked.map_err(|failure| counted(app, info, failure))?;
    let credential = account.ok_or_else(challenge_invalid)?;
    let progress = Progress::of_passkey(&credential.user, now);
    let advanced = conclude(progress, credential, (single_use, None), now)?;
    if let Advanced::Pending(progress, _) = &advanced {
        let event = Event::new(EventKind::LoginFirstFactor).about(progress.user);
        let event = event.detail(Method::Passkey.as_str());
        app.transaction(info, async |tx| Ok(tx.record(&event).await?)).await?;
    }
    Ok(advanced)
}

/// What an authentication waits for.
pub struct Waiting {
    /// The factors of which one is next; none where no factor is.
    pub methods: Vec<Method>,
    /// The options for a passkey, where one is among them.
    pub public_key: Option<Value>,
}

/// What an authentication waits for, with the options for a passkey, whose challenge is `challenge`. The account is
/// read anew.
///
/// # Errors
/// `challenge_invalid` when there is no such user any more; faults.
pub async fn waiting(
    app: &App,
    progress: &Progress,
    challenge: &str,
    now: Timestamp,
) -> Result<Waiting, Failure> {
    let credential = read_anew(app, progress, None).await?;
    let methods = match progress.next_step(&account_state(&credential), now) {
        NextStep::Authenticate(methods) => methods,
        _ => Vec::new(),
    };
    let mut public_key = None;
    if methods.contains(&Method::Passkey) && app.relying_party.is_some() {
        let mut reader = app.db.reader().await?;
        public_key = Some(options_of_user(app, &mut reader, progress.user, challenge).await?);
    }
    Ok(Waiting { methods, public_key })
}

impl<A> PendingAuthentication<A> {
    /// What this authentication waits for.
    ///
    /// # Errors
    /// See [`waiting`].
    pub async fn waiting(&self, app: &App, now: Timestamp) -> Result<Waiting, Failure> {
        waiting(app, self.progress(), &challenge_of(self.id()), now).await
    }
}

//! The challenge of a pending authentication: sealed and sent to the caller, not stored.
//!
//! Owns its form, its lifetime and its binding. An older copy of a challenge cannot undo a step: failures are
//! counted for the account, and the id is single-use.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::app::sealed_state::{seal, unseal};
use crate::base::entropy::random;
use crate::base::opaque_token::{self, AUTH_SESSION};
use crate::base::{TimeSpan, Timestamp};
use crate::crypto::digest::{sha256_base64url, token_hash};
use crate::domain::mailed_code::CodePurpose;
use crate::domain::outcome::{Failure, Fault, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::domain::validity::has_expired;
use crate::identity::passkey_options::challenge_of;

use super::{
    Advanced, Completed, Entry, Progress, RemainingStep, SingleUse, Step, Waiting, advance,
    challenge_invalid, mailbox, waiting,
};

/// Sealed values are padded to a multiple of this, in bytes.
pub(super) const PADDED_TO: usize = 256;

/// How long after its expiry the id of an authentication is kept, so that a used challenge stays used when the
/// clock is set back.
const KEPT_LONGER: TimeSpan = TimeSpan::from_mins(60);

/// Where an authentication takes place. Its challenge is only valid there.
#[derive(Debug, Clone, Copy)]
pub enum Channel<'a> {
    /// At `/v1`: the challenge itself is the secret of the client instance.
    Api,
    /// At Signet's pages, in the browser with this cookie.
    Browser(&'a str),
}

impl Channel<'_> {
    /// The sealing purpose of a challenge.
    pub(super) fn purpose(self) -> String {
        match self {
            Self::Api => "authentication/v1/api".to_owned(),
            Self::Browser(cookie) => {
                format!("authentication/v1/browser/{}", sha256_base64url(cookie.as_bytes()))
            }
        }
    }

    /// The lifetime of a challenge.
    pub(super) const fn life(self) -> TimeSpan {
        match self {
            Self::Api => TimeSpan::from_mins(5),
            Self::Browser(_) => TimeSpan::from_mins(10),
        }
    }
}

/// A pending authentication. `A` is its purpose.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PendingAuthentication<A> {
    id: [u8; 16],
    /// When its first factor was checked.
    pub begun_at: Timestamp,
    pub(super) progress: Progress,
    /// Its purpose.
    #[serde(rename = "aim")]
    pub purpose: A,
    /// Whether one of its steps is a mailed code, which needs more time.
    #[serde(default)]
    by_mail: bool,
}

/// A challenge for the caller.
pub struct IssuedChallenge {
    /// The text.
    pub challenge: String,
    /// Seconds until it expires.
    pub expires_in: i64,
    /// Its next step.
    pub step: RemainingStep,
}

impl std::fmt::Debug for IssuedChallenge {
    // Without the text, because debug output may end up in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedChallenge").field("step", &self.step).finish_non_exhaustive()
    }
}

/// The result of a step.
pub enum Continuation {
    /// The user is authenticated.
    Completed(Box<Completed>),
    /// Another step is missing.
    Pending(IssuedChallenge),
}

/// The single-use id of the authentication.
pub(super) fn single_use(id: &[u8; 16], begun_at: Timestamp, life: TimeSpan) -> SingleUse {
    let id = token_hash(&format!("authentication/{}", URL_SAFE_NO_PAD.encode(id)));
    SingleUse { id, kept_until: begun_at + life + KEPT_LONGER }
}

impl<A> PendingAuthentication<A> {
    /// Continues an authentication that began in another way, under its id.
    pub(super) const fn resume(
        id: [u8; 16],
        begun_at: Timestamp,
        progress: Progress,
        purpose: A,
    ) -> Self {
        Self { id, begun_at, progress, purpose, by_mail: false }
    }

    pub(super) fn single_use(&self, channel: Channel<'_>) -> SingleUse {
        single_use(&self.id, self.begun_at, self.life(channel))
    }

    fn life(&self, channel: Channel<'_>) -> TimeSpan {
        let life = channel.life();
        if self.by_mail { life.max(CodePurpose::Enrol.life()) } else { life }
    }

    /// Seconds until it expires.
    pub(in crate::identity) fn expires_in(&self, channel: Channel<'_>, now: Timestamp) -> i64 {
        (self.begun_at + self.life(channel) - now).secs()
    }

    /// The next step of this authentication.
    ///
    /// # Errors
    /// See [`waiting`].
    pub async fn waiting(
        &self,
        app: &App,
        channel: Channel<'_>,
        now: Timestamp,
    ) -> Result<Waiting, Failure> {
        let single_use = self.single_use(channel);
        waiting(app, &self.progress, (&challenge_of(&self.id), Some(&single_use)), now).await
    }
}

impl<A: Serialize> PendingAuthentication<A> {
    /// Begins a new authentication.
    #[must_use]
    pub fn begin(app: &App, progress: Progress, purpose: A, now: Timestamp) -> Self {
        Self { id: random(&*app.entropy), begun_at: now, progress, purpose, by_mail: false }
    }

    /// The challenge for the caller, whose next step is `step`. If that is a mailed code, it is sent.
    ///
    /// # Errors
    /// Of the mail: `too_many_attempts`; `challenge_invalid` when the account has changed; unavailable
    /// when too many mails wait.
    pub async fn issue(
        self,
        app: &App,
        channel: Channel<'_>,
        step: RemainingStep,
        info: &RequestInfo,
    ) -> Result<IssuedChallenge, Failure> {
        let by_mail = self.by_mail || step.is_mailed_code();
        let pending = Self { by_mail, ..self };
        if step.is_mailed_code() {
            mailbox::send(app, &pending.progress, &pending.single_use(channel), info).await?;
        }
        Ok(pending.seal(app, channel, step, info.now)?)
    }

    /// The challenge for the caller, whose next step is `step`. Sends no mail.
    ///
    /// # Errors
    /// If the crypto library fails.
    pub fn seal(
        &self,
        app: &App,
        channel: Channel<'_>,
        step: RemainingStep,
        now: Timestamp,
    ) -> Result<IssuedChallenge, Fault> {
        let sealed = seal(app, &channel.purpose(), self, PADDED_TO)?;
        let expires_in = self.expires_in(channel, now);
        let challenge = opaque_token::encode(AUTH_SESSION, &sealed);
        Ok(IssuedChallenge { challenge, expires_in, step })
    }

    /// Takes the next step.
    ///
    /// # Errors
    /// See [`advance`].
    pub async fn advance(
        self,
        app: &App,
        channel: Channel<'_>,
        entry: Entry,
        info: &RequestInfo,
    ) -> Result<Continuation, Failure> {
        let single_use = Some(self.single_use(channel));
        let passkey_challenge = challenge_of(&self.id);
        let step = Step { progress: self.progress, entry, single_use, passkey_challenge };
        match advance(app, step, info).await? {
            Advanced::Completed(completed) => Ok(Continuation::Completed(completed)),
            Advanced::Pending(progress, step) => {
                let next = Self { progress, ..self };
                Ok(Continuation::Pending(next.issue(app, channel, step, info).await?))
            }
        }
    }
}

impl<A: DeserializeOwned> PendingAuthentication<A> {
    /// Opens a challenge. Whether its step has already been taken is checked later.
    ///
    /// # Errors
    /// `challenge_invalid`, the same for every reason.
    pub fn open(
        app: &App,
        challenge: &str,
        channel: Channel<'_>,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let sealed = opaque_token::parse_any(AUTH_SESSION, challenge);
        sealed
            .and_then(|sealed| unseal::<Self>(app, &channel.purpose(), &sealed))
            .filter(|pending| {
                let life = pending.life(channel);
                !has_expired(pending.begun_at + life, life, now)
            })
            .ok_or_else(challenge_invalid)
    }
}

//! A pending sign-up: sealed and handed to the caller, not stored.
//!
//! Every address gives a challenge of the same length.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::app::sealed_state::{seal, unseal};
use crate::base::entropy::random;
use crate::base::opaque_token::{self, AUTH_SESSION, TokenHash};
use crate::base::{TimeSpan, Timestamp};
use crate::crypto::digest::sha256_base64url;
use crate::domain::authn::Method;
use crate::domain::mailed_code::CodePurpose;
use crate::domain::outcome::{Fault, Refusal};
use crate::domain::user_email::NewEmail;
use crate::domain::validity::has_expired;
use crate::identity::authentication::{Channel, IssuedChallenge, RemainingStep, challenge_invalid};
use crate::identity::mailed_codes;

/// The length of sealed values, in bytes: enough for the longest address.
const PADDED_TO: usize = 768;

/// How long a sign-up may take: the lifetime of its code, plus time for the account.
const LIFE: TimeSpan = TimeSpan::from_mins(30);

/// A sign-up in progress.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct PendingSignUp {
    /// The flow in which the code works.
    id: String,
    begun_at: Timestamp,
    subject: String,
    /// The address as typed.
    pub(super) address: String,
    /// The hash of the link that belongs to the code, after the code was right: both are consumed together.
    link: Option<String>,
}

impl PendingSignUp {
    pub(super) fn begin(app: &App, subject: &[u8], email: &NewEmail, now: Timestamp) -> Self {
        Self {
            id: URL_SAFE_NO_PAD.encode(random::<16>(&*app.entropy)),
            begun_at: now,
            subject: URL_SAFE_NO_PAD.encode(subject),
            address: email.address.clone(),
            link: None,
        }
    }

    /// The same after the right code.
    pub(super) fn proven_by(self, link: TokenHash) -> Self {
        Self { link: Some(URL_SAFE_NO_PAD.encode(link.digest())), ..self }
    }

    pub(super) const fn is_proven(&self) -> bool {
        self.link.is_some()
    }

    /// The link that belongs to the code, if the code was right.
    pub(super) fn link(&self) -> Option<TokenHash> {
        let digest = URL_SAFE_NO_PAD.decode(self.link.as_ref()?).ok()?;
        Some(TokenHash::from_digest(digest.try_into().ok()?))
    }

    pub(super) fn email(&self) -> Result<NewEmail, Fault> {
        NewEmail::parse(&self.address)
            .map_err(|_| Fault::internal("a sealed sign-up has an invalid address"))
    }

    pub(super) fn subject(&self) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(&self.subject).unwrap_or_default()
    }

    pub(super) fn flow(&self) -> TokenHash {
        mailed_codes::flow(&self.id)
    }

    pub(super) fn seal(
        &self,
        app: &App,
        channel: Channel<'_>,
        now: Timestamp,
    ) -> Result<IssuedChallenge, Fault> {
        let sealed = seal(app, &bound_to(channel), self, PADDED_TO)?;
        let challenge = opaque_token::encode(AUTH_SESSION, &sealed);
        let (life, step) = match self.link {
            None => (CodePurpose::Signup.life(), RemainingStep::Factor(vec![Method::MailedCode])),
            Some(_) => (self.begun_at + LIFE - now, RemainingStep::NewPassword),
        };
        Ok(IssuedChallenge { challenge, expires_in: life.secs(), step })
    }

    pub(super) fn open(
        app: &App,
        challenge: &str,
        channel: Channel<'_>,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let sealed = opaque_token::parse_any(AUTH_SESSION, challenge);
        sealed
            .and_then(|sealed| unseal::<Self>(app, &bound_to(channel), &sealed))
            .filter(|pending| !has_expired(pending.begun_at + LIFE, LIFE, now))
            .ok_or_else(challenge_invalid)
    }
}

/// The sealing purpose of a challenge.
fn bound_to(channel: Channel<'_>) -> String {
    match channel {
        Channel::Api => "sign-up/v1/api".to_owned(),
        Channel::Browser(cookie) => {
            format!("sign-up/v1/browser/{}", sha256_base64url(cookie.as_bytes()))
        }
    }
}

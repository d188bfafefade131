//! `/v1/login/continue`: the next step of a log-in or of a step-up.
//!
//! Owns the purposes of challenges at `/v1`. One that was issued to raise a session cannot open one.

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::base::id::SessionId;
use crate::domain::outcome::Failure;
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::request_info::RequestInfo;
use crate::tokens::issue::Tokens;

use super::authentication::{Channel, Completed, Continuation, Entry, PendingAuthentication};
use super::login::{CheckedLoginRequest, LoginOutcome, RequestedAccess, open, request};
use super::passkey_login;
use super::step_up;
use super::totp_enrolment::TotpSetup;

/// The tokens of a log-in, or the access token of a step-up.
#[derive(Serialize)]
pub struct LoginTokens {
    #[serde(flatten)]
    tokens: Tokens,
    /// New recovery codes, if the user has enrolled the first factor in this log-in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    recovery_codes: Vec<String>,
}

impl LoginTokens {
    pub(super) fn new(tokens: Tokens, completed: &Completed) -> Self {
        let codes = completed.recovery_codes.iter().map(RecoveryCode::text);
        Self { tokens, recovery_codes: codes.collect() }
    }

    pub(super) const fn plain(tokens: Tokens) -> Self {
        Self { tokens, recovery_codes: Vec::new() }
    }
}

/// The purpose of an authentication at `/v1`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum ApiPurpose {
    /// To raise a session.
    StepUp {
        /// The session.
        session: SessionId,
    },
    /// To open one.
    LogIn(RequestedAccess),
}

/// A pending authentication at `/v1`.
pub(super) type Pending = PendingAuthentication<ApiPurpose>;

/// Performs the next step of a log-in or a step-up; the last one opens or raises a session.
///
/// # Errors
/// As [`login`](super::login::login); `challenge_invalid`, and errors of the entry.
pub async fn continue_login(
    app: App,
    challenge: String,
    entry: Entry,
    info: RequestInfo,
) -> Result<LoginOutcome, Failure> {
    let pending = match Pending::open(&app, &challenge, Channel::Api, info.now) {
        Ok(pending) => pending,
        Err(refusal) => {
            let Entry::Passkey(response) = entry else { return Err(refusal.into()) };
            return passkey_login::proceed(&app, &challenge, response, &info).await;
        }
    };
    match pending.purpose.clone() {
        ApiPurpose::StepUp { session } => {
            match pending.advance(&app, Channel::Api, entry, &info).await? {
                Continuation::Completed(completed) => {
                    let tokens = step_up::raise(&app, &completed, session, &info).await?;
                    Ok(LoginOutcome::Tokens(tokens))
                }
                Continuation::Pending(challenge) => Ok(LoginOutcome::Pending(challenge)),
            }
        }
        ApiPurpose::LogIn(asked) => {
            let request = request(&app, &asked).await?;
            let info = info.for_client(Some(request.client_id().to_owned()));
            log_in(&app, pending, &request, entry, &info).await
        }
    }
}

pub(super) async fn log_in(
    app: &App,
    pending: Pending,
    request: &CheckedLoginRequest,
    entry: Entry,
    info: &RequestInfo,
) -> Result<LoginOutcome, Failure> {
    request.check_names(app, pending.begun_at)?;
    match pending.advance(app, Channel::Api, entry, info).await? {
        Continuation::Completed(completed) => open(app, &completed, request, info).await,
        Continuation::Pending(challenge) => Ok(LoginOutcome::Pending(challenge)),
    }
}

/// A TOTP secret for the enrolment for which a challenge was issued. Nothing is stored.
///
/// # Errors
/// `challenge_invalid`; `validation_failed` when the next step is another one; faults.
pub async fn begin_enrolment(
    app: App,
    challenge: String,
    info: RequestInfo,
) -> Result<TotpSetup, Failure> {
    let pending = Pending::open(&app, &challenge, Channel::Api, info.now)?;
    pending.begin_totp(&app, &info).await
}

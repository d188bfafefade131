//! Logging in at `/v1` with a passkey.

use crate::app::App;
use crate::base::Timestamp;
use crate::crypto::webauthn::AssertionResponse;
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::request_info::RequestInfo;

use super::authentication::{
    Channel, Continuation, PasskeyChallenge, PasskeySignIn, Waiting, challenge_invalid,
};
use super::continue_login::{ApiPurpose, Pending};
use super::login::{LoginOutcome, RequestedAccess, open, request};

/// Begins a log-in with a passkey. The options contain no user, and nothing is stored.
///
/// # Errors
/// `feature_disabled`; errors of the requested tokens.
pub async fn begin_with_passkey(
    app: App,
    asked: RequestedAccess,
    now: Timestamp,
) -> Result<PasskeyChallenge, Failure> {
    request(&app, &asked).await?;
    PasskeySignIn::begin(&app, Channel::Api, ApiPurpose::LogIn(asked), now)
}

/// The options for the passkeys of a user whose log-in has reached that step.
///
/// # Errors
/// `challenge_invalid`; `validation_failed` when the next step is another one.
pub async fn passkey_options(
    app: App,
    challenge: String,
    now: Timestamp,
) -> Result<PasskeyChallenge, Failure> {
    let pending = Pending::open(&app, &challenge, Channel::Api, now)?;
    let Waiting { public_key, .. } = pending.waiting(&app, Channel::Api, now).await?;
    let public_key = public_key.ok_or_else(|| {
        let message = "This log-in does not expect a passkey, or the account has none.";
        Refusal::field("challenge", "invalid", message)
    })?;
    let expires_in = pending.expires_in(Channel::Api, now);
    Ok(PasskeyChallenge { challenge, expires_in, public_key })
}

/// Checks the response of the authenticator, and opens a session unless another step is missing.
///
/// # Errors
/// `challenge_invalid`; as [`PasskeySignIn::advance`], and errors of the requested tokens.
pub(super) async fn proceed(
    app: &App,
    challenge: &str,
    response: AssertionResponse,
    info: &RequestInfo,
) -> Result<LoginOutcome, Failure> {
    let pending = PasskeySignIn::open(app, challenge, Channel::Api, info.now)?;
    let ApiPurpose::LogIn(asked) = &pending.purpose else { return Err(challenge_invalid().into()) };
    let request = request(app, asked).await?;
    request.check_names(app, pending.begun_at)?;
    let asserted = (response, &request.demand(app));
    match pending.advance(app, Channel::Api, asserted, info).await? {
        Continuation::Completed(completed) => open(app, &completed, &request, info).await,
        Continuation::Pending(challenge) => Ok(LoginOutcome::Pending(challenge)),
    }
}

//! The steps of a sign-in at the authorization challenge endpoint: their parameters and results.
//! `identity::authentication` decides the next step.

use serde_json::Value;

use crate::app::App;
use crate::base::Timestamp;
use crate::crypto::webauthn::AssertionResponse;
use crate::domain::authn::{Demand, Method};
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::password::Password;
use crate::domain::request_info::RequestInfo;
use crate::identity::admission;
use crate::identity::authenticate::authenticate_user;
use crate::identity::authentication::{
    Advanced, Begun, Completed, Entry, FirstFactor, Progress, RemainingStep, Step, advance,
    begin_with_passkey, waiting,
};
use crate::identity::passkey::Assertion;
use crate::identity::passkey_options::{challenge_of, options_of_anyone};
use crate::identity::second_factor::{CodeMethod, TypedCode};

use super::params::{Params, invalid};

/// The data that the user entered, if any.
pub(super) struct Typed {
    /// Login name and password.
    pub(super) credentials: Option<(String, Password)>,
    /// A code of a second factor.
    pub(super) code: Option<TypedCode>,
    /// The response of a passkey.
    pub(super) credential: Option<AssertionResponse>,
}

/// The state of a sign-in after a step.
pub(super) enum Taken {
    Completed(Box<Completed>),
    /// Another step is needed. A first factor has not been recorded yet.
    Pending(Progress, RemainingStep, Option<Box<FirstFactor>>),
}

/// Parses the data that the user entered.
///
/// # Errors
/// `invalid_request`.
pub(super) fn typed(params: &Params) -> Result<Typed, Refusal> {
    let method = match params.get("method") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| unknown_method())?),
    };
    let code = match (params.text("code"), method) {
        (None, Some(Method::Totp | Method::RecoveryCode)) => {
            return Err(invalid("code is missing."));
        }
        (None, _) => None,
        (Some(code), None | Some(Method::Password)) => Some(TypedCode::guess(code)),
        (Some(code), Some(Method::Totp)) => Some(TypedCode::new(CodeMethod::Totp, code)),
        (Some(code), Some(Method::RecoveryCode)) => {
            Some(TypedCode::new(CodeMethod::RecoveryCode, code))
        }
        (Some(_), Some(_)) => return Err(unknown_method()),
    };
    let credential = match (params.get("credential"), method) {
        (None, Some(Method::Passkey)) => return Err(invalid("credential is missing.")),
        (None, Some(Method::MailedCode)) => return Err(unknown_method()),
        (None, _) => None,
        (Some(json), None | Some(Method::Passkey)) => Some(credential(json)?),
        (Some(_), Some(_)) => return Err(invalid("credential belongs to the method passkey.")),
    };
    let credentials = match (params.text("login"), params.get("password")) {
        (None, None) => None,
        (Some(login), Some(password)) => {
            let password =
                Password::for_verification(password).map_err(|error| invalid(error.message()))?;
            Some((login, password))
        }
        (None, Some(_)) => return Err(invalid("login is missing.")),
        (Some(_), None) => return Err(invalid("password is missing.")),
    };
    if credential.is_some() && (credentials.is_some() || code.is_some()) {
        return Err(invalid("credential must be sent alone: without login, password and code."));
    }
    Ok(Typed { credentials, code, credential })
}

fn unknown_method() -> Refusal {
    invalid("method must be password, passkey, totp or recovery_code.")
}

fn credential(json: &str) -> Result<AssertionResponse, Refusal> {
    let value = serde_json::from_str(json).ok();
    value.as_ref().and_then(AssertionResponse::read).ok_or_else(|| {
        invalid(
            "credential is not the JSON of an assertion (WebAuthn, AuthenticationResponseJSON).",
        )
    })
}

/// Checks a password.
///
/// # Errors
/// As `authenticate_user`.
pub(super) async fn first_factor(
    app: &App,
    (login, password): (String, Password),
    demand: &Demand,
    info: &RequestInfo,
) -> Result<Taken, Failure> {
    let admission = admission::of(app, info.address(), info.now).await?;
    let user = authenticate_user(app, admission, &login, password, info).await?;
    Ok(match user.proceed(app, demand, info).await? {
        Begun::Completed(completed) => Taken::Completed(completed),
        Begun::Pending(first) => Taken::Pending(first.progress, first.step.clone(), Some(first)),
    })
}

/// Checks a passkey before the user is known. The session is single-use, as below.
///
/// # Errors
/// As `begin_with_passkey`.
pub(super) async fn first_passkey(
    app: &App,
    (session, response): (&[u8; 16], AssertionResponse),
    demand: &Demand,
    info: &RequestInfo,
) -> Result<Taken, Failure> {
    let assertion = Assertion { challenge: challenge_of(session), response };
    Ok(taken(begin_with_passkey(app, &assertion, None, demand, info).await?))
}

/// Checks a second factor; a passkey signs the challenge of the session with this id. The session is single-use,
/// because only one authorization code can be issued for it.
///
/// # Errors
/// As `advance`.
pub(super) async fn second_factor(
    app: &App,
    progress: Progress,
    (session, entry): (&[u8; 16], Entry),
    info: &RequestInfo,
) -> Result<Taken, Failure> {
    let passkey_challenge = challenge_of(session);
    let step = Step { progress, entry, single_use: None, passkey_challenge };
    Ok(taken(advance(app, step, info).await?))
}

/// The options for a passkey, which signs the challenge of the session with this id: for the user's passkeys if
/// one may follow the completed factors, or for any passkey at the beginning.
///
/// # Errors
/// As `waiting`.
pub(super) async fn passkey_options(
    app: &App,
    session: &[u8; 16],
    progress: Option<&Progress>,
    now: Timestamp,
) -> Result<Option<Value>, Failure> {
    let challenge = challenge_of(session);
    match progress {
        Some(progress) => Ok(waiting(app, progress, (&challenge, None), now).await?.public_key),
        None => Ok(options_of_anyone(app, &challenge).ok()),
    }
}

fn taken(advanced: Advanced) -> Taken {
    match advanced {
        Advanced::Completed(completed) => Taken::Completed(completed),
        Advanced::Pending(progress, step) => Taken::Pending(progress, step, None),
    }
}

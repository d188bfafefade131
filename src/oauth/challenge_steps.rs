//! The steps of a sign-in at the authorization challenge endpoint: what a client sends of them, and where each
//! leads. Which step is next is `identity::authentication`'s.

use crate::app::App;
use crate::domain::authn::{Demand, Method};
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::password::Password;
use crate::domain::request_info::RequestInfo;
use crate::identity::admission;
use crate::identity::authenticate::authenticate_user;
use crate::identity::authentication::{
    Advanced, Begun, Completed, Entry, FirstFactor, Progress, RemainingStep, Step, advance,
};
use crate::identity::second_factor::{CodeMethod, TypedCode};

use super::params::{Params, invalid};

/// What a user typed, if anything.
pub(super) struct Typed {
    /// Login name and password.
    pub(super) credentials: Option<(String, Password)>,
    /// A code of the second factor.
    pub(super) code: Option<TypedCode>,
}

/// Where a sign-in stands after a step.
pub(super) enum Taken {
    Completed(Box<Completed>),
    /// Another step is missing. A first factor has not been recorded yet.
    Pending(Progress, RemainingStep, Option<Box<FirstFactor>>),
}

/// What the user typed.
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
    if matches!(method, Some(Method::Passkey | Method::MailedCode)) {
        return Err(unknown_method());
    }
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
    Ok(Typed { credentials, code })
}

fn unknown_method() -> Refusal {
    invalid("method must be password, totp or recovery_code.")
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

/// Checks a code of the second factor. That the session counts once is guarded by the authorization code that is
/// issued for it.
///
/// # Errors
/// As `advance`.
pub(super) async fn second_factor(
    app: &App,
    progress: Progress,
    code: TypedCode,
    info: &RequestInfo,
) -> Result<Taken, Failure> {
    let step = Step { progress, entry: Entry::Code(code), single_use: None };
    Ok(match advance(app, step, info).await? {
        Advanced::Completed(completed) => Taken::Completed(completed),
        Advanced::Pending(progress, step) => Taken::Pending(progress, step, None),
    })
}

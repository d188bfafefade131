//! Registration if it is open to the public, and the rules for login names and passwords of all new accounts.
//!
//! For sign-up with a verified address, see `sign_up`.

use crate::app::App;
use crate::config::Registration;
use crate::domain::login_name::LoginName;
use crate::domain::outcome::{Code, Failure, FieldError, Refusal};
use crate::domain::password::Password;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;

use super::sign_up::{self, AccountForm, NewAccount};

/// Parses the login name of a new account.
///
/// # Errors
/// `validation_failed`, naming the field.
pub fn parse_login(raw: &str) -> Result<LoginName, Refusal> {
    LoginName::parse(raw).map_err(|error| Refusal::field("login", error.code(), error.message()))
}

/// Parses a new password by the rules of the server, naming its field. Every way to set a password uses this check.
///
/// # Errors
/// `weak_password`, naming the field.
pub fn parse_password(
    app: &App,
    field: &'static str,
    raw: &str,
    login: &LoginName,
) -> Result<Password, Refusal> {
    let policy = &app.config.password_policy;
    policy.accept(raw, login).map_err(|error| {
        let message = "This password is not allowed.";
        let fields = vec![FieldError { field, code: error.code(), message: policy.message(error) }];
        Refusal { fields, ..Refusal::new(Code::WeakPassword, message) }
    })
}

/// Parses a new password of `user` in the same way. It may be neither the login name nor the verified address, which
/// signs in as well.
///
/// # Errors
/// `weak_password`, naming the field; faults.
pub fn parse_password_of(
    app: &App,
    field: &'static str,
    raw: &str,
    user: &User,
) -> Result<Password, Failure> {
    let login = user.login_name()?;
    if let Some(address) = user.verified_email().and_then(|email| LoginName::parse(email).ok()) {
        parse_password(app, field, raw, &address)?;
    }
    Ok(parse_password(app, field, raw, &login)?)
}

/// The refusal of a login name that exists, or looks like one that does.
#[must_use]
pub fn login_taken() -> Refusal {
    let message = "This login already exists, or looks like an existing one.";
    let fields = vec![FieldError { field: "login", code: "taken", message }];
    Refusal { fields, ..Refusal::new(Code::LoginTaken, message) }
}

/// Creates an account without a verified address.
///
/// # Errors
/// Refused when this is not allowed, the login is taken or invalid, or the password is weak.
pub async fn register(app: App, form: AccountForm, info: RequestInfo) -> Result<User, Failure> {
    sign_up::require(&app, Registration::Open)?;
    sign_up::throttle(&app, &info)?;
    let account = NewAccount::unverified(&app, form)?;
    let hash = account.hash(&app, &info).await?;
    app.transaction_or_nothing(&info, async |tx| sign_up::insert(tx, &account, &hash).await).await
}

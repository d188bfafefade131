//! Registering, where it is open.

use crate::app::App;
use crate::app::limits::Subject;
use crate::base::id::UserId;
use crate::config::Registration;
use crate::domain::attributes::Attributes;
use crate::domain::audit::{Event, EventKind};
use crate::domain::login_name::LoginName;
use crate::domain::outcome::{Code, Failure, FieldError, Refusal};
use crate::domain::password::Password;
use crate::domain::rate_limit::RateLimit;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::{Role, User};
use crate::store::email_owners;
use crate::store::users::{self, NewUser};

use super::admission::{self, Admission};
use super::lockout::too_many;

/// Parses a login for a new account.
///
/// # Errors
/// `validation_failed`, naming the field.
pub fn parse_login(raw: &str) -> Result<LoginName, Refusal> {
    LoginName::parse(raw).map_err(|error| Refusal::field("login", error.code(), error.message()))
}

/// Parses a password for storage by the rules of the server, naming the field it came in: the one check of every
/// way in which a password is set.
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
        let message = "This password is not acceptable.";
        let fields = vec![FieldError { field, code: error.code(), message: policy.message(error) }];
        Refusal { fields, ..Refusal::new(Code::WeakPassword, message) }
    })
}

/// The refusal of a login that exists, or looks like one that does.
#[must_use]
pub fn login_taken() -> Refusal {
    let message = "This login exists already, or looks like one that does.";
    let fields = vec![FieldError { field: "login", code: "taken", message }];
    Refusal { fields, ..Refusal::new(Code::LoginTaken, message) }
}

/// Makes an account.
///
/// # Errors
/// Refused when registration is closed, the login is taken or not one, or the password is weak.
pub async fn register(
    app: App,
    login: String,
    password: String,
    info: RequestInfo,
) -> Result<User, Failure> {
    let now = info.now;
    if app.config.registration != Registration::Open {
        return Err(Refusal::new(Code::RegistrationClosed, "Registration is closed.").into());
    }
    if app.config.rate_limits {
        // The one answer that tells whether a login name exists: few attempts for each network.
        let purpose = RateLimit::Registration;
        app.address_limiter
            .take(Subject::new(purpose, info.address()))
            .map_err(|wait| too_many(&app, wait, purpose.as_str()))?;
    }
    let login = parse_login(&login)?;
    let password = parse_password(&app, "password", &password, &login)?;
    let Admission { lane, who } = admission::of(&app, info.address(), now).await?;
    let slot = app.reserve_hash_slot(lane, who)?;
    let hash = app.hash_password(slot, password).await?;
    let id = UserId::new(now, &*app.entropy);
    let new = NewUser {
        id,
        login: &login,
        name: None,
        role: Role::User,
        attributes: &Attributes::default(),
        password_hash: Some(&hash),
    };
    app.transaction(&info, async |tx| {
        // A login that is spelt like a verified address would keep its owner from signing in by it.
        let is_address = email_owners::owner_of(&mut **tx, login.key()).await?.is_some();
        if is_address || !users::insert(tx, &new, now).await? {
            return Err(login_taken().into());
        }
        tx.record(&Event::new(EventKind::UserCreated).about(id).detail("registered")).await?;
        Ok(())
    })
    .await?;
    Ok(User {
        id,
        login: login.raw().to_owned(),
        name: None,
        role: Role::User,
        attributes: Attributes::default(),
        email: None,
        disabled_at: None,
        created_at: now,
        updated_at: now,
        session_epoch: 0,
        must_change_password: false,
    })
}

//! The account of a sign-up, with or without a verified address.
//!
//! Owns its entries, their rules and the writes.

use crate::app::{App, AuditedTx};
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::attributes::Attributes;
use crate::domain::audit::{Event, EventKind};
use crate::domain::email_address::EmailAddress;
use crate::domain::login_name::LoginName;
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::password::Password;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::{Role, User};
use crate::domain::user_email::{NewEmail, UserEmail};
use crate::identity::admission;
use crate::identity::email::set_email;
use crate::identity::profile::check_name;
use crate::identity::register::{login_taken, parse_login, parse_password};
use crate::store::users::{self, NewUser};

use super::require_domain;

/// Whether the terms of service were accepted, if there are any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terms {
    /// The user accepted them.
    Accepted,
    /// The user did not.
    Refused,
    /// The application obtains the consent itself.
    NotAsked,
}

impl Terms {
    /// The value for a tick box.
    #[must_use]
    pub const fn of(is_ticked: bool) -> Self {
        if is_ticked { Self::Accepted } else { Self::Refused }
    }
}

/// The entries for an account.
#[derive(Clone)]
pub struct AccountForm {
    /// The login; `None` for the address.
    pub login: Option<String>,
    /// The password.
    pub password: String,
    /// The name to show.
    pub name: Option<String>,
    /// Whether the terms were accepted.
    pub terms: Terms,
}

/// An account with valid entries.
pub(in crate::identity) struct NewAccount {
    login: LoginName,
    password: Password,
    name: Option<String>,
    /// The address of the terms that were accepted.
    terms: Option<String>,
    /// The proven address.
    email: Option<NewEmail>,
}

impl NewAccount {
    /// An account with a verified address.
    ///
    /// # Errors
    /// Invalid fields.
    pub(super) fn verified(app: &App, form: AccountForm, email: NewEmail) -> Result<Self, Refusal> {
        let login = form.login.as_deref().unwrap_or(&email.address);
        let login = parse_login(login)?;
        if login.is_email() && login.key() != email.key {
            let message =
                "A login that is an e-mail address must be the address that you confirmed.";
            return Err(Refusal::field("login", "not_verified", message));
        }
        Self::of(app, (login, form), Some(email))
    }

    /// An account without an address. If only some domains can sign up, the login must be an address of one of
    /// them.
    ///
    /// # Errors
    /// Invalid fields.
    pub(in crate::identity) fn unverified(app: &App, form: AccountForm) -> Result<Self, Refusal> {
        let login = parse_login(form.login.as_deref().unwrap_or_default())?;
        if !app.config.registration_domains.is_empty() {
            let address = EmailAddress::parse(login.raw()).map_err(|_| {
                let message = "Here the login must be an e-mail address.";
                Refusal::field("login", "not_an_address", message)
            })?;
            require_domain(app, "login", &address)?;
        }
        Self::of(app, (login, form), None)
    }

    fn of(
        app: &App,
        (login, form): (LoginName, AccountForm),
        email: Option<NewEmail>,
    ) -> Result<Self, Refusal> {
        check_name(form.name.as_deref())?;
        if let Some(email) = &email {
            // The address can be used to sign in as well.
            parse_password(app, "password", &form.password, &parse_login(&email.address)?)?;
        }
        let password = parse_password(app, "password", &form.password, &login)?;
        let terms = app.config.brand.terms_url.as_ref();
        let terms = match (terms, form.terms) {
            (Some(_), Terms::Refused) => {
                let message = "To create an account, accept the terms of service.";
                return Err(Refusal::field("terms_accepted", "not_accepted", message));
            }
            (Some(url), Terms::Accepted) => Some(url.clone()),
            (None, _) | (_, Terms::NotAsked) => None,
        };
        Ok(Self { login, password, name: form.name, terms, email })
    }

    /// The hash of the password.
    ///
    /// # Errors
    /// Unavailable when hashing cannot keep up.
    pub(in crate::identity) async fn hash(
        &self,
        app: &App,
        info: &RequestInfo,
    ) -> Result<String, Failure> {
        let slot = admission::of(app, info.address(), info.now).await?.reserve(app)?;
        Ok(app.hash_password(slot, self.password.clone()).await?)
    }

    fn user(&self, id: UserId, now: Timestamp) -> User {
        let email = self.email.as_ref();
        User {
            id,
            login: self.login.raw().to_owned(),
            name: self.name.clone(),
            role: Role::User,
            attributes: Attributes::default(),
            email: email
                .map(|email| UserEmail { address: email.address.clone(), verified_at: Some(now) }),
            disabled_at: None,
            created_at: now,
            updated_at: now,
            session_epoch: 0,
            must_change_password: false,
        }
    }
}

/// Writes the account. Run it in a transaction that a refusal rolls back.
///
/// # Errors
/// `login_taken`; `email_taken` when another user has verified the address meanwhile.
pub(in crate::identity) async fn insert(
    tx: &mut AuditedTx,
    account: &NewAccount,
    hash: &str,
) -> Result<User, Failure> {
    let (app, now) = (tx.app(), tx.info().now);
    let id = UserId::new(now, &*app.entropy);
    let new = NewUser {
        id,
        login: &account.login,
        name: account.name.as_deref(),
        role: Role::User,
        attributes: &Attributes::default(),
        password_hash: Some(hash),
    };
    // Login names and addresses are two namespaces: refusing a login name because it is the verified address of
    // another user would reveal to callers without an account which addresses have one.
    if !users::insert(tx, &new, now).await? {
        return Err(login_taken().into());
    }
    tx.record(&Event::new(EventKind::UserCreated).about(id).detail("registered")).await?;
    if let Some(terms) = &account.terms {
        tx.record(&Event::new(EventKind::TermsAccepted).about(id).detail(terms)).await?;
    }
    if let Some(email) = &account.email {
        let verified = NewEmail { verified_at: Some(now), ..email.clone() };
        set_email(tx, id, Some(&verified)).await?;
    }
    Ok(account.user(id, now))
}

//! Managing users.

use serde_json::{Map, Value};

use crate::app::{App, AuditedTx};
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::crypto::password::{Lane, Requester};
use crate::domain::attributes::{Attributes, ClaimsPatch, is_own_role, is_reserved_claim};
use crate::domain::audit::EventKind;
use crate::domain::outcome::{Code, Failure, FieldError, Refusal};
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::permission::{Action, TargetKind};
use crate::domain::request_info::RequestInfo;
use crate::domain::user::{Role, User};
use crate::domain::user_email::{EmailChange, EmailChangeError};
use crate::identity::deletion;
use crate::identity::last_administrator::keep_an_administrator;
use crate::identity::profile::check_name;
use crate::identity::register::{parse_login, parse_password};
use crate::store::setup_links;
use crate::store::users::{self, NewUser};

use super::authorization::{authorize, authorize_on_user};
use super::client_patch::once_each;
use super::managed;
use super::unlocking;
use super::user_writes::{change_in, must_change_event, store_new, store_update};

/// A user to be created.
pub struct Create {
    /// The login as typed.
    pub login: String,
    /// The password; a user without one cannot log in with a password until one is set.
    pub password: Option<String>,
    /// The display name.
    pub name: Option<String>,
    /// The e-mail address, and whether it is verified.
    pub email: EmailChange,
    /// The user's role in Signet itself.
    pub role: Role,
    /// The attributes of the user from the organisation.
    pub attributes: Attributes,
    /// Whether the first sign-in requires a new password.
    pub must_change_password: bool,
}

/// A change; `None` keeps the present value.
#[derive(Clone, Default)]
pub struct Update {
    /// The display name; the inner `None` removes it.
    pub name: Option<Option<String>>,
    /// The e-mail address, and whether it is verified.
    pub email: EmailChange,
    /// The user's role in Signet itself.
    pub role: Option<Role>,
    /// All application roles.
    pub roles: Option<Vec<String>>,
    /// All groups.
    pub groups: Option<Vec<String>>,
    /// Some custom claims.
    pub claims: Option<ClaimsPatch>,
    /// Whether the user must choose a new password at the next sign-in.
    pub must_change_password: Option<bool>,
}

impl Update {
    /// Whether the change is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.email.is_empty() && self.keeps_profile()
    }

    /// Whether only the e-mail address is to be changed.
    pub(super) const fn keeps_profile(&self) -> bool {
        self.name.is_none()
            && self.role.is_none()
            && self.roles.is_none()
            && self.groups.is_none()
            && self.claims.is_none()
            && self.must_change_password.is_none()
    }

    /// The change without the fields that equal the stored value. See `client_unchanged`.
    pub(super) fn without_unchanged(mut self, user: &User) -> Self {
        let Attributes { roles, groups, claims } = &user.attributes;
        self.name = self.name.filter(|name| *name != user.name);
        self.email = self.email.without_unchanged(user.email.as_ref());
        self.role = self.role.filter(|role| *role != user.role);
        self.roles = self.roles.filter(|chosen| chosen != roles);
        self.groups = self.groups.filter(|chosen| chosen != groups);
        self.must_change_password =
            self.must_change_password.filter(|must| *must != user.must_change_password);
        self.claims =
            self.claims.filter(|patch| patch.clone().applied_to(claims.clone()) != *claims);
        self
    }

    /// `user` with the change applied. Only changed fields are checked.
    pub(super) fn applied_to(self, user: User) -> Result<User, Refusal> {
        if let Some(name) = &self.name {
            check_name(name.as_deref())?;
        }
        let before = user.attributes;
        let changes = check_attributes(Attributes {
            roles: roles_to_check(self.roles.clone().unwrap_or_default(), &before.roles),
            groups: self.groups.clone().unwrap_or_default(),
            claims: match self.claims.clone() {
                None => Map::new(),
                Some(patch) => to_check(patch.applied_to(before.claims.clone()), &before.claims),
            },
        })?;
        let attributes = Attributes {
            roles: self.roles.map_or(before.roles, |chosen| once_each(&chosen)),
            groups: self.groups.map_or(before.groups, |_| changes.groups),
            claims: match self.claims {
                None => before.claims,
                Some(patch) => patch.applied_to(before.claims),
            },
        };
        Ok(User {
            name: self.name.unwrap_or(user.name),
            role: self.role.unwrap_or(user.role),
            attributes,
            ..user
        })
    }
}

/// The claims that a change has to check: all but those whose name was reserved after they were set. Tokens do
/// not contain them, and they must not block another change.
fn to_check(mut claims: Map<String, Value>, before: &Map<String, Value>) -> Map<String, Value> {
    claims.retain(|name, value| !is_reserved_claim(name) || before.get(name) != Some(value));
    claims
}

/// The roles that a change has to check: all but those whose name was reserved after they were granted.
fn roles_to_check(mut roles: Vec<String>, before: &[String]) -> Vec<String> {
    roles.retain(|role| !is_own_role(role) || !before.contains(role));
    roles
}

/// Applies the rules for attributes.
pub(super) fn check_attributes(attributes: Attributes) -> Result<Attributes, Refusal> {
    attributes
        .checked()
        .map_err(|error| Refusal::field(error.field(), error.code(), error.message()))
}

pub(super) fn invalid_email(error: EmailChangeError) -> Refusal {
    Refusal::field(error.field(), error.code(), error.message())
}

pub(super) fn not_found() -> Refusal {
    Refusal::new(Code::NotFound, "There is no such user.")
}

/// A page of users, oldest first.
///
/// # Errors
/// Only faults.
pub async fn list(app: App, request: PageRequest) -> Result<Page<User>, Failure> {
    Ok(users::page(&mut app.db.reader().await?, request).await?)
}

/// One user.
///
/// # Errors
/// `not_found`.
pub async fn show(app: App, id: UserId) -> Result<User, Failure> {
    let found = users::find(&mut app.db.reader().await?, id).await?;
    Ok(found.ok_or_else(not_found)?)
}

/// All invalid fields of a new user that can be found without the database and the password; [`create`] refuses the
/// first.
#[must_use]
pub fn mistakes(create: &Create, now: Timestamp) -> Vec<FieldError> {
    let checks = [
        parse_login(&create.login).map(drop),
        check_name(create.name.as_deref()),
        create.email.applied_to(None, now).map(drop).map_err(invalid_email),
        check_attributes(create.attributes.clone()).map(drop),
    ];
    checks.into_iter().filter_map(Result::err).flat_map(|refusal| refusal.fields).collect()
}

/// Creates a user. The first administrator closes set-up permanently.
///
/// # Errors
/// Refused when the login is invalid or taken, the password weak, or an attribute invalid; `email_taken` when
/// another user has verified the address.
pub async fn create(app: App, create: Create, info: RequestInfo) -> Result<User, Failure> {
    let now = info.now;
    let kind = TargetKind::of_user(create.role);
    // Checked before the slow hash.
    info.authority.require_on(Action::CreateUser, [kind]).map_err(Refusal::from)?;
    check_name(create.name.as_deref())?;
    let attributes = check_attributes(create.attributes)?;
    let login = parse_login(&create.login)?;
    let email = create.email.applied_to(None, now).map_err(invalid_email)?;
    let hash = match &create.password {
        None => None,
        Some(raw) => {
            let password = parse_password(&app, "password", raw, &login)?;
            let slot = app.reserve_hash_slot(Lane::Known, requester(&info))?;
            Some(app.hash_password(slot, password).await?)
        }
    };
    let id = UserId::new(now, &*app.entropy);
    let new = NewUser {
        id,
        login: &login,
        name: create.name.as_deref(),
        role: create.role,
        attributes: &attributes,
        password_hash: hash.as_deref(),
    };
    app.transaction_or_nothing(&info, async |tx| {
        authorize(tx, Action::CreateUser, &[kind]).await?;
        store_new(tx, &new, email.as_ref()).await?;
        if create.must_change_password {
            users::require_password_change(tx, id, true, now).await?;
            tx.record(&must_change_event(id, true)).await?;
        }
        Ok(())
    })
    .await?;
    show(app, id).await
}

/// Changes name, e-mail address, role, attributes or whether the password must be changed. Fields that equal the
/// stored value are ignored. If none is left, nothing is written. Withdrawing one of Signet's own roles ends every
/// session of the user. Attributes appear in tokens from the next log-in or refresh on.
///
/// # Errors
/// `not_found`; refused when a value is invalid; `email_taken` when another user has verified the address;
/// `last_administrator` when no administrator would be left.
pub async fn update(
    app: App,
    id: UserId,
    update: Update,
    info: RequestInfo,
) -> Result<User, Failure> {
    let seen = show(app.clone(), id).await?;
    if update.clone().without_unchanged(&seen).is_empty() {
        return Ok(seen);
    }
    change(&app, Action::UpdateUser, id, &info, async |tx, user| {
        let update = update.clone().without_unchanged(&user);
        if update.is_empty() {
            return Ok(None);
        }
        managed::guard(tx, id.uuid()).await?;
        store_update(tx, user, update).await
    })
    .await?;
    show(app, id).await
}

/// Disables a user and ends all sessions at once. Idempotent.
///
/// # Errors
/// `not_found`; `last_administrator`.
pub async fn disable(app: App, id: UserId, info: RequestInfo) -> Result<User, Failure> {
    let now = info.now;
    change(&app, Action::DisableUser, id, &info, async |tx, user| {
        if user.disabled_at.is_none() {
            managed::guard(tx, id.uuid()).await?;
        }
        if user.role == Role::Admin {
            keep_an_administrator(tx, id).await?;
        }
        let changed = users::disable(tx, id, now).await?;
        Ok(changed.then_some((EventKind::UserDisabled, "")))
    })
    .await?;
    show(app, id).await
}

/// Enables a user again and clears the counters of failed attempts. Idempotent.
///
/// # Errors
/// `not_found`.
pub async fn enable(app: App, id: UserId, info: RequestInfo) -> Result<User, Failure> {
    let now = info.now;
    change(&app, Action::EnableUser, id, &info, async |tx, user| {
        if user.disabled_at.is_some() {
            managed::guard(tx, id.uuid()).await?;
        }
        let changed = users::enable(tx, id, now).await?;
        unlocking::clear(tx, &user).await?;
        Ok(changed.then_some((EventKind::UserEnabled, "")))
    })
    .await?;
    show(app, id).await
}

/// Deletes a user and everything that belongs to it. A user who is created later with the same login is a different
/// one.
///
/// # Errors
/// `not_found`; `last_administrator`.
pub async fn delete(app: App, id: UserId, info: RequestInfo) -> Result<(), Failure> {
    app.transaction_or_nothing(&info, async |tx| {
        setup_links::hold_administrators(tx).await?;
        let user = users::find(tx, id).await?.ok_or_else(not_found)?;
        authorize_on_user(tx, Action::DeleteUser, &user).await?;
        managed::guard(tx, id.uuid()).await?;
        Ok(deletion::delete(tx, &user).await?.ok_or_else(not_found)?)
    })
    .await
}

/// The queue identity under which an administrator's request waits for a hash.
pub(super) fn requester(info: &RequestInfo) -> Requester {
    let by_address = || info.address().map_or(Requester::Unknown, Requester::Address);
    info.origin.actor.map_or_else(by_address, |actor| Requester::Account(actor.uuid()))
}

/// One guarded change of a user with its audit event. A refusal rolls everything back: a taken address is found
/// only after the previous one was released.
pub(super) async fn change(
    app: &App,
    action: Action,
    id: UserId,
    info: &RequestInfo,
    work: impl AsyncFnOnce(&mut AuditedTx, User) -> Result<Option<(EventKind, &'static str)>, Failure>
    + Clone,
) -> Result<bool, Failure> {
    app.transaction_or_nothing(info, async |tx| {
        setup_links::hold_administrators(tx).await?;
        change_in(tx, action, id, work.clone()).await
    })
    .await
}

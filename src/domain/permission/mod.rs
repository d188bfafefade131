//! Permissions of administration: roles, scopes and protected targets.
//!
//! Owns the decision whether an action is allowed. Routes, use cases and pages call it and never compare roles or
//! scopes themselves. The table is in `action`.

mod action;

use super::attributes::Role;
use super::authn::Factors;
use super::client::ClientMetadata;
use super::outcome::{Code, Refusal};
use super::refusal_reason::Reason;
use super::scope::{self, Scopes};
use crate::text_enum;

pub use action::{Action, Object};

text_enum! {
    /// The scopes of administration. A token has them only for the issuer itself.
    pub enum AdminScope {
        /// Everything that the role of the user allows; for a client, everything.
        Admin = "signet:admin",
        /// Read users, sessions, clients, APIs and keys, and explain tokens; not the audit trail.
        Read = "signet:read",
        /// Read and export the audit trail.
        Audit = "signet:audit",
        /// Manage users and their sessions.
        Users = "signet:users",
        /// Manage clients and APIs.
        Clients = "signet:clients",
        /// Manage signing keys.
        Keys = "signet:keys",
    }
}

/// The message for unknown administration scopes.
pub const SCOPE_RULE: &str = "An administration scope is signet:admin, signet:read, signet:audit, signet:users, \
                              signet:clients or signet:keys.";

/// Whether `scope` is a scope of administration.
#[must_use]
pub fn is_admin_scope(scope: &str) -> bool {
    scope.parse::<AdminScope>().is_ok()
}

/// The scopes that a user with this role may be granted.
#[must_use]
pub const fn scopes_of(role: Role) -> &'static [AdminScope] {
    match role {
        Role::User => &[],
        Role::Admin => AdminScope::ALL,
        Role::Auditor => &[AdminScope::Read, AdminScope::Audit],
        Role::Helpdesk => &[AdminScope::Read, AdminScope::Users],
    }
}

/// Whether a user with this role may be granted every scope of the issuer that is in `scopes`.
#[must_use]
pub fn may_hold_all(role: Role, scopes: &Scopes) -> bool {
    let own = scopes.iter().filter(|scope| scope::is_reserved(scope));
    own.map(str::parse).all(|scope| scope.is_ok_and(|scope| scopes_of(role).contains(&scope)))
}

/// The right by which a request administers.
#[derive(Debug, Clone)]
pub enum Authority {
    /// No authority: the request does not administer.
    None,
    /// The command line on the machine itself, or Signet.
    Machine,
    /// A user, with the present role from the database.
    User {
        /// The role.
        role: Role,
        /// The scopes of the access token.
        scopes: Scopes,
        /// The session epoch of the user's session.
        epoch: i64,
        /// The factors of the access token.
        factors: Factors,
    },
    /// A service client.
    Client {
        /// The scopes of the access token or key that the client still has.
        scopes: Scopes,
    },
}

text_enum! {
    /// The kind of a target, as far as it affects permissions.
    pub enum TargetKind {
        /// Anything that is not protected.
        Ordinary = "ordinary",
        /// A user with one of Signet's own roles, including one that the action grants or withdraws.
        SignetUser = "signet_user",
        /// A service client with administration scopes, or one of its keys.
        AdminClient = "admin_client",
        /// A client that may log users in with their passwords.
        FirstPartyClient = "first_party_client",
    }
}

impl TargetKind {
    /// Users of any role, so that some may have one of Signet's own.
    pub const ANY_USER: Self = Self::SignetUser;

    /// The kind of a user with this role.
    #[must_use]
    pub const fn of_user(role: Role) -> Self {
        if role.is_signets_own() { Self::SignetUser } else { Self::Ordinary }
    }

    /// The kind of a client with this metadata.
    #[must_use]
    pub fn of_client(metadata: &ClientMetadata) -> Self {
        if !metadata.admin_scopes.is_empty() {
            Self::AdminClient
        } else if metadata.first_party {
            Self::FirstPartyClient
        } else {
            Self::Ordinary
        }
    }

    /// The kinds of an object.
    #[must_use]
    pub const fn of_object(object: Object) -> &'static [Self] {
        match object {
            Object::None => &[Self::Ordinary],
            Object::User => &[Self::Ordinary, Self::SignetUser],
            Object::Client => &[Self::Ordinary, Self::AdminClient, Self::FirstPartyClient],
        }
    }

    /// Why only callers with the full right may change it.
    const fn protection(self) -> Reason {
        match self {
            Self::Ordinary => Reason::ForAdministrators,
            Self::SignetUser => Reason::ProtectedUser,
            Self::AdminClient => Reason::AdminClient,
            Self::FirstPartyClient => Reason::FirstPartyClient,
        }
    }
}

/// Why an action is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The token has none of the scopes.
    Scope(Action),
    /// The user has none of the roles.
    Role(Action),
    /// The target is protected.
    Target(TargetKind),
    /// Only users can do it.
    Client(Action),
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Scope(action) => {
                let scopes = list(action.permission().all_scopes().map(AdminScope::as_str));
                Self::new(Code::InsufficientScope, "").with_message(format!(
                    "This needs a token with the scope {scopes}; request it when you log in."
                ))
            }
            Denied::Role(action) => {
                let roles = list(action.permission().all_roles().map(Role::as_str));
                Self::new(Code::Forbidden, "").with_message(format!("This needs the role {roles}."))
            }
            Denied::Target(kind) => Self::because(Code::Forbidden, kind.protection()),
            Denied::Client(_) => Self::because(Code::Forbidden, Reason::UserRequired),
        }
    }
}

/// `a`, `a or b`, `a, b or c`.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        _ => names.concat(),
    }
}

impl Authority {
    /// Whether this may change protected targets.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::None => false,
            Self::Machine => true,
            Self::User { role, scopes, .. } => {
                *role == Role::Admin && has(scopes, AdminScope::Admin)
            }
            Self::Client { scopes } => has(scopes, AdminScope::Admin),
        }
    }

    /// Whether this is a user with the role `signet:helpdesk`.
    #[must_use]
    pub const fn is_helpdesk(&self) -> bool {
        matches!(self, Self::User { role: Role::Helpdesk, .. })
    }

    /// Whether the action is allowed at all: by scope and, for a user, by role.
    ///
    /// # Errors
    /// The missing right.
    pub fn require(&self, action: Action) -> Result<(), Denied> {
        let permission = action.permission();
        let by_scope = |scopes: &Scopes| permission.all_scopes().any(|scope| has(scopes, scope));
        match self {
            Self::Machine => Ok(()),
            Self::None => Err(Denied::Scope(action)),
            Self::User { scopes, .. } | Self::Client { scopes } if !by_scope(scopes) => {
                Err(Denied::Scope(action))
            }
            Self::User { role, .. } if !permission.allows_role(*role) => Err(Denied::Role(action)),
            Self::Client { .. } if permission.needs_fresh_user => Err(Denied::Client(action)),
            Self::User { .. } | Self::Client { .. } => Ok(()),
        }
    }

    /// Whether the action is allowed for targets of these kinds.
    ///
    /// # Errors
    /// The missing right, or the protected kind.
    pub fn require_on(
        &self,
        action: Action,
        kinds: impl IntoIterator<Item = TargetKind>,
    ) -> Result<(), Denied> {
        self.require(action)?;
        let mut protected = kinds.into_iter().filter(|kind| *kind != TargetKind::Ordinary);
        match protected.next() {
            Some(kind) if !self.is_full() => Err(Denied::Target(kind)),
            _ => Ok(()),
        }
    }
}

fn has(scopes: &Scopes, scope: AdminScope) -> bool {
    scopes.contains(scope.as_str())
}

#[cfg(test)]
mod tests;

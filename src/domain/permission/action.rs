//! The permission table: the actions of administration, and which roles and scopes allow them.
//!
//! Routes name an action of this table, and use cases check it again; `docs/permissions.md` and `signet admin
//! permissions` show it. A new action is one variant and one line of [`Action::permission`].

use crate::domain::attributes::Role;
use crate::text_enum;

use super::AdminScope;

text_enum! {
    /// An action at `/v1/admin` or on the command line.
    pub enum Action {
        /// Find and show users, and their second factors.
        ReadUsers = "users.read",
        /// Create a user.
        CreateUser = "users.create",
        /// Change the profile, the role or the attributes of a user.
        UpdateUser = "users.update",
        /// Disable a user.
        DisableUser = "users.disable",
        /// Enable a user.
        EnableUser = "users.enable",
        /// Delete a user.
        DeleteUser = "users.delete",
        /// Set the password of a user.
        SetPassword = "users.set_password",
        /// Invite a user to choose the first password.
        InviteUser = "users.invite",
        /// Send a user a link to choose a new password.
        SendRecovery = "users.send_recovery",
        /// Clear the counters of failed attempts of a user.
        UnlockUser = "users.unlock",
        /// Remove second factors of a user.
        ResetFactors = "users.reset_factors",
        /// Revoke an API key of a user.
        RevokeApiKey = "api_keys.revoke",
        /// Preview an access token of a user.
        PreviewToken = "users.preview_token",
        /// List sessions and sign-ins.
        ReadSessions = "sessions.read",
        /// End sessions of users.
        EndSessions = "sessions.end",
        /// List and show clients, and explain their refusals.
        ReadClients = "clients.read",
        /// Register a client.
        CreateClient = "clients.create",
        /// Change a client or its logo.
        UpdateClient = "clients.update",
        /// Disable a client.
        DisableClient = "clients.disable",
        /// Enable a client.
        EnableClient = "clients.enable",
        /// Create a new secret of a client.
        RotateSecret = "clients.rotate_secret",
        /// Delete a client.
        DeleteClient = "clients.delete",
        /// Give a service client administration scopes.
        GrantAdminScopes = "clients.grant_admin",
        /// List the administration keys of a service client.
        ReadAdminKeys = "admin_keys.read",
        /// Create an administration key.
        CreateAdminKey = "admin_keys.create",
        /// Revoke an administration key.
        RevokeAdminKey = "admin_keys.revoke",
        /// List and show trusted issuers of workload tokens.
        ReadTrustedIssuers = "trusted_issuers.read",
        /// Add a trusted issuer of workload tokens.
        AddTrustedIssuer = "trusted_issuers.add",
        /// Remove a trusted issuer of workload tokens.
        RemoveTrustedIssuer = "trusted_issuers.remove",
        /// List and show APIs.
        ReadApis = "apis.read",
        /// Register an API.
        CreateApi = "apis.create",
        /// Change an API.
        UpdateApi = "apis.update",
        /// Delete an API.
        DeleteApi = "apis.delete",
        /// List signing keys.
        ReadKeys = "keys.read",
        /// Rotate signing keys.
        RotateKeys = "keys.rotate",
        /// Retire a signing key.
        RetireKey = "keys.retire",
        /// Explain a token.
        ExplainToken = "tokens.explain",
        /// Read the audit trail.
        ReadAudit = "audit.read",
        /// Export the audit trail.
        ExportAudit = "audit.export",
    }
}

text_enum! {
    /// The kind of object that an action changes, which decides the protected targets.
    pub enum Object {
        /// No protected object: the action reads, or changes an API or a signing key.
        None = "none",
        /// A user.
        User = "user",
        /// A client, or a key of one.
        Client = "client",
    }
}

/// The roles and scopes that allow an action. `admin` and `signet:admin` allow every action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// The roles besides `admin`.
    pub roles: &'static [Role],
    /// The scopes besides `signet:admin`.
    pub scopes: &'static [AdminScope],
    /// The kind of object that it changes.
    pub object: Object,
    /// Whether a user must have authenticated within the last minutes, and clients may not perform it. The
    /// command line may.
    pub needs_fresh_user: bool,
}

const fn on(object: Object, roles: &'static [Role], scopes: &'static [AdminScope]) -> Permission {
    Permission { roles, scopes, object, needs_fresh_user: false }
}

impl Action {
    /// The entry of the table.
    #[must_use]
    pub const fn permission(self) -> Permission {
        use AdminScope::{Audit, Clients, Keys, Read, Users};
        use Object::{Client, None, User};
        use Role::{Auditor, Helpdesk};
        match self {
            Self::ReadUsers | Self::ReadSessions => on(None, &[Auditor, Helpdesk], &[Read, Users]),
            Self::PreviewToken => on(None, &[Auditor], &[Read, Users]),
            Self::SendRecovery
            | Self::UnlockUser
            | Self::ResetFactors
            | Self::RevokeApiKey
            | Self::EndSessions => on(User, &[Helpdesk], &[Users]),
            Self::CreateUser
            | Self::UpdateUser
            | Self::DisableUser
            | Self::EnableUser
            | Self::DeleteUser
            | Self::SetPassword
            | Self::InviteUser => on(User, &[], &[Users]),
            Self::ReadClients | Self::ReadApis | Self::ReadAdminKeys | Self::ReadTrustedIssuers => {
                on(None, &[Auditor], &[Read, Clients])
            }
            Self::CreateClient
            | Self::UpdateClient
            | Self::DisableClient
            | Self::EnableClient
            | Self::RotateSecret
            | Self::DeleteClient => on(Client, &[], &[Clients]),
            Self::GrantAdminScopes | Self::CreateAdminKey => {
                Permission { needs_fresh_user: true, ..on(Client, &[], &[]) }
            }
            Self::RevokeAdminKey => on(Client, &[], &[]),
            Self::AddTrustedIssuer => Permission { needs_fresh_user: true, ..on(None, &[], &[]) },
            Self::RemoveTrustedIssuer => on(None, &[], &[]),
            Self::CreateApi | Self::UpdateApi | Self::DeleteApi => on(None, &[], &[Clients]),
            Self::ReadKeys => on(None, &[Auditor], &[Read, Keys]),
            Self::RotateKeys | Self::RetireKey => on(None, &[], &[Keys]),
            Self::ExplainToken => on(None, &[Auditor], &[Read]),
            Self::ReadAudit | Self::ExportAudit => on(None, &[Auditor], &[Audit]),
        }
    }
}

impl Permission {
    /// Whether a user with this role may do it.
    #[must_use]
    pub fn allows_role(&self, role: Role) -> bool {
        role == Role::Admin || self.roles.contains(&role)
    }

    /// Every role that may do it.
    pub fn all_roles(&self) -> impl Iterator<Item = Role> {
        [Role::Admin].into_iter().chain(self.roles.iter().copied())
    }

    /// Every scope that allows it.
    pub fn all_scopes(&self) -> impl Iterator<Item = AdminScope> {
        [AdminScope::Admin].into_iter().chain(self.scopes.iter().copied())
    }
}

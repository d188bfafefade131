//! What a user may do in the console.
//!
//! Owns the one question that menus, buttons and handlers ask.

use crate::domain::user::Role;

/// Something that is shown or done in the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Find and show users.
    ReadUsers,
    /// Change whether a user must choose a new password.
    UpdateUser,
    /// Disable a user.
    DisableUser,
    /// Enable a user.
    EnableUser,
    /// Delete a user.
    DeleteUser,
    /// Send a user a link to choose a new password.
    SendRecovery,
    /// Clear the counters of failed attempts of a user.
    UnlockUser,
    /// Remove second factors of a user.
    ResetFactors,
    /// List sessions.
    ReadSessions,
    /// End sessions.
    EndSessions,
    /// List and show clients.
    ReadClients,
    /// Register a client.
    CreateClient,
    /// Disable a client.
    DisableClient,
    /// Enable a client.
    EnableClient,
    /// Make a new secret of a client.
    RotateSecret,
    /// Delete a client.
    DeleteClient,
    /// List APIs.
    ReadApis,
    /// List signing keys.
    ReadKeys,
    /// Rotate signing keys.
    RotateKeys,
    /// Retire a signing key.
    RetireKey,
    /// Read the audit trail.
    ReadAudit,
    /// Show how the server does and is set up.
    ReadServer,
}

/// Whether a user with this role may do it.
#[must_use]
pub fn may(role: Role, _action: Action) -> bool {
    role == Role::Admin
}

//! What administrators do: users, APIs, clients, keys, sessions, the audit trail.
//!
//! Owns these use cases, called by the HTTP API and the command line alike. Whoever calls has
//! proved to be an administrator (a typed value at the HTTP edge) or sits at the machine itself.

pub mod apis;
pub mod audit;
pub mod client_logo;
mod client_patch;
mod client_unchanged;
pub mod client_why;
mod client_writes;
pub mod clients;
pub mod declarative;
pub mod factors;
pub mod invitations;
pub mod key_import;
pub mod key_rotation;
pub mod keys;
pub mod mail;
mod managed;
pub mod master_key;
pub mod sessions;
pub mod token_diagnosis;
pub mod tokens;
pub mod user_lookup;
mod user_writes;
pub mod users;
pub mod verifiers;

//! Administration: users, APIs, clients, keys, sessions, the audit trail.
//!
//! Owns these use cases, called by the HTTP API and the command line alike. `authorization` checks every change.
//! Reads are guarded by the type of the caller in the HTTP layer.

pub mod activity;
pub mod admin_keys;
mod api_change;
pub mod api_keys;
pub mod apis;
pub mod attention;
pub mod audit;
mod authorization;
pub mod backups;
mod batched_session_ends;
pub mod client_documents;
pub mod client_logo;
mod client_patch;
mod client_unchanged;
pub mod client_why;
mod client_writes;
pub mod clients;
pub mod database_copy;
pub mod declarative;
pub mod factors;
pub mod health;
pub mod invitations;
pub mod key_import;
pub mod key_rotation;
pub mod keys;
pub mod mail;
pub mod managed;
pub mod master_key;
pub mod overview;
pub mod session_ends;
mod session_selection;
mod session_walk;
pub mod sessions;
pub mod time_bound;
pub mod token_diagnosis;
pub mod tokens;
pub mod trusted_issuers;
pub mod unlocking;
pub mod user_lookup;
pub mod user_names;
pub mod user_password;
pub mod user_roles;
pub mod user_search;
mod user_walk;
pub mod user_why;
mod user_writes;
pub mod users;
pub mod verifiers;

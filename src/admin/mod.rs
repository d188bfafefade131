//! What administrators do: users, APIs, clients, keys, sessions, the audit trail.
//!
//! Owns these use cases, called by the HTTP API and the command line alike. Whoever calls has
//! proved to be an administrator (a typed value at the HTTP edge) or sits at the machine itself.

pub mod apis;
pub mod audit;
mod client_change;
pub mod clients;
pub mod custody;
pub mod key_life;
pub mod keys;
pub mod sessions;
pub mod token_why;
pub mod tokens;
pub mod users;

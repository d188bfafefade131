//! Checks of the repository itself: its structure, its documents and its secrets.

mod account_secrets;
pub mod architecture;
mod deploy;
mod docs;
mod interop;
mod named_tests;
mod numbers;
mod openapi;
mod permissions;
mod readme;
mod secrets;

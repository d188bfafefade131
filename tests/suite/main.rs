//! The test suite: mostly black box, on SQLite and on a real PostgreSQL, with injected time.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop where it is"
)]

mod api;
mod backups;
mod cli;
mod declarative;
mod documents;
mod faults;
mod gateways;
mod hostile;
mod interop;
mod keys;
mod mail;
mod oauth;
mod observability;
mod pages;
mod project;
mod snippets;
mod storage;
mod support;

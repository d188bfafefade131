//! The test suite: black box first, on SQLite and on a real PostgreSQL, with time injected.

mod support;

mod interop;
mod login;
mod refresh;
mod sessions;

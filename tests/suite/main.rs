//! The test suite: black box first, on SQLite and on a real PostgreSQL, with time injected.

mod support;

mod architecture;
mod interop;
mod login;
mod pages;
mod refresh;
mod sessions;

//! The test suite: black box first, on SQLite and on a real PostgreSQL, with time injected.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop where it is"
)]

mod support;

mod apis;
mod architecture;
mod attributes;
mod batch;
mod cli;
mod cli_clients;
mod client_libraries;
mod clients_admin;
mod conformance;
mod custody;
mod faults;
mod first_run;
mod hostile;
mod housekeeping;
mod interop;
mod login;
mod migrations;
mod openapi;
mod overload;
mod pages;
mod pages_gallery;
mod plans;
mod provider;
mod races;
mod readme;
mod refresh;
mod replicas;
mod rotation;
mod secrets;
mod sessions;
mod statements;
mod throttle;
mod timing;
mod verifiers;
mod well_known;
mod why;
mod work;

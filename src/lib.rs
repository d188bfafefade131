//! Signet, a standalone token-issuing server.
//!
//! `base` has the words, `domain` the decisions, `store` and `crypto` the mechanisms, `identity`,
//! `admin` and `oauth` the use cases, `http` and `cli` the two ways in. Arrows only point down;
//! `docs/architecture.md` has the map and walks along it.

pub mod admin;
pub mod app;
pub mod base;
pub mod cli;
pub mod config;
pub mod crypto;
pub mod domain;
pub mod http;
pub mod http_client;
pub mod i18n;
pub mod identity;
pub mod jobs;
pub mod metrics;
pub mod oauth;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod tokens;
pub mod view;

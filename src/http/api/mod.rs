//! The JSON API under `/v1`, one file for each resource.
//!
//! A handler parses, calls one use case and renders. Shapes shared by several stand here.

pub mod admin_apis;
pub mod admin_audit;
pub mod admin_clients;
pub mod admin_keys;
pub mod admin_sessions;
pub mod admin_token_why;
pub mod admin_users;
pub mod login;
pub mod logout;
pub mod me;
pub mod password;
pub mod refresh;
pub mod register;
pub mod sessions;
pub mod shapes;
